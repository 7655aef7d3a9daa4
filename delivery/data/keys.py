"""Keyed hashes, by which records of one person or of one stay are joined without saying whose they are.

HMAC-SHA256, cut to 128 bits. OCR's guidance of 2012 on 164.514 takes a hash without a secret key for an identifier,
since whoever has the numbers can try them; the key is a secret, of which nothing is written, and stays with the covered
entity.
"""

import hmac
from pathlib import Path
from typing import Final

from delivery.data.refused import Refused

SHORTEST: Final = 32
"""Bytes of a key."""
LENGTH: Final = 32
"""Hexadecimal digits of a hash: 128 bits."""


class Key:
    """A secret key. Its text form says nothing of it."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    @classmethod
    def read(cls, path: Path) -> "Key":
        """The bytes of a file, as a mounted secret is one. Raises Refused for one that is not there or too short."""
        try:
            secret = path.read_bytes()
        except OSError as error:
            raise Refused(f"The key file {path} cannot be read: {error.strerror}. {HOW}") from None
        if len(secret) < SHORTEST:
            raise Refused(f"The key file {path} has {len(secret)} bytes, of {SHORTEST} or more. {HOW}")
        return cls(secret)

    def hashed(self, kind: str, name: str | None) -> str | None:
        """Of a name of this kind (`subject`, `record`), as the inference server hashes it too; null for null."""
        return None if name is None else self._one(f"{kind}\0{name}")

    @property
    def id(self) -> str:
        """Which key it was, for who has it: a hash by it, of nothing that is anybody's."""
        return self._one("key\0id")[:8]

    def _one(self, message: str) -> str:
        return hmac.digest(self._secret, message.encode("utf-8", "surrogatepass"), "sha256").hex()[:LENGTH]


HOW: Final = "Make one that only you can read: (umask 077; head -c 32 /dev/urandom > KEYFILE)"
