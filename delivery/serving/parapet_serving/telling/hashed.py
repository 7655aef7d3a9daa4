"""Names of people, as they are written anywhere: hashed with a key, so that only who has it can try names."""

import hmac
from typing import Final

LENGTH: Final = 32
"""Hexadecimal digits: 128 bits."""


class Hashed:
    """One key's."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def __call__(self, kind: str, name: str) -> str:
        """The same for the same name of the same kind; of another kind (`caller`, `subject`) another."""
        message = f"{kind}\0{name}".encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, message, "sha256").hex()[:LENGTH]

    @property
    def id(self) -> str:
        """Which key it is, for who has it: a hash by it, of nothing that is anybody's."""
        return self("key", "id")[:8]
