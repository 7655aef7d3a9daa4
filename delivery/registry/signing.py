"""Signatures: of the platform, by a key that never leaves KMS, and of people, by keys of their own."""

import base64
import binascii
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, TypeGuard

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from delivery.registry.refused import Refused

LARGEST: Final = 4096
"""Bytes that KMS signs without a digest of the caller's (AWS KMS API Reference, Sign, MessageType RAW)."""
Public = EllipticCurvePublicKey | Ed25519PublicKey


@dataclass(frozen=True)
class KmsKey:
    """An asymmetric key of KMS, ECC_NIST_P256 for SIGN_VERIFY."""

    kms: Any
    id: str

    def sign(self, message: bytes) -> bytes:
        """ECDSA over P-256 with SHA-256, in DER."""
        if len(message) > LARGEST:
            raise Refused(f"What is to be signed has {len(message)} bytes; KMS signs at most {LARGEST}.")
        asked = {"Message": message, "MessageType": "RAW", "SigningAlgorithm": "ECDSA_SHA_256"}
        signature: bytes = self.kms.sign(KeyId=self.id, **asked)["Signature"]
        return signature

    def verifies(self, message: bytes, signature: bytes) -> bool:
        return verifies(self.public, message, signature)

    @cached_property
    def public(self) -> Public:
        key = load_der_public_key(self.kms.get_public_key(KeyId=self.id)["PublicKey"])
        if not is_taken(key):
            raise Refused(f"The key {self.id} is of another kind; models are signed by ECC_NIST_P256. Name another.")
        return key  # type: ignore[return-value]


def is_taken(key: object) -> TypeGuard[Public]:
    """P-256 and Ed25519 are."""
    return isinstance(key, Ed25519PublicKey) or (
        isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1)
    )


def verifies(key: Public, message: bytes, signature: bytes) -> bool:
    try:
        if isinstance(key, Ed25519PublicKey):
            key.verify(signature, message)
        else:
            key.verify(signature, message, ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def text(signature: bytes) -> str:
    return base64.b64encode(signature).decode()


def raw(signature: str) -> bytes:
    """Empty where it is no base64: then it verifies nothing."""
    try:
        return base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return b""
