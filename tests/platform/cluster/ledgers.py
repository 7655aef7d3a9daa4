"""Entries of a model's ledger, as the registry writes and signs them."""

from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from delivery.registry import signing
from delivery.registry.documents import Environment, canonical, read
from delivery.registry.entry import Entry, Release, Who, message


class Signer:
    """A stack's signing key."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        told = self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        self.pem = told.decode()

    def rollback(self, model: str, to: str, version: str, digest: str) -> dict[str, str]:
        """As `returnsTo` has it."""
        return self._told(model, to, version, digest, action="rollback")

    def promotion(self, model: str, to: str, version: str, digest: str) -> dict[str, str]:
        return self._told(model, to, version, digest, action="promote", began=2)

    def sign(self, entry: str) -> str:
        signed = self._key.sign(message(read(entry.encode(), Entry, "it")), ec.ECDSA(SHA256()))
        return signing.text(signed)

    def _told(self, model: str, to: str, version: str, digest: str, **more: Any) -> dict[str, str]:
        entry = Entry(
            format="parapet-ledger/1",
            model=model,
            sequence=3,
            previous=f"sha256:{'0' * 64}",
            at="2026-11-30T00:00:00Z",
            who=Who("alice", "arn:aws:sts::111122223333:assumed-role/promoter/alice"),
            step="done",
            to=Environment(to),
            why="Its answers were \u00e4rgerlich.",
            release=Release(version, f"sha256:{'1' * 64}", digest),
            **more,
        )
        text = canonical(entry).decode()
        return {"entry": text, "signature": self.sign(text)}
