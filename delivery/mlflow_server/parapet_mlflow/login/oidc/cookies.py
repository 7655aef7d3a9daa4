"""What a browser keeps for this server: encrypted, so that it tells nothing, and nobody else can make one."""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from hmac import digest
from typing import Any, Final

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from parapet_mlflow.asgi import Headers, values

# The prefix makes browsers take it over TLS alone, from this host alone, for all of its paths (RFC 6265bis, 4.1.3.2).
SESSION: Final = "__Host-parapet-session"
SIGNING_IN: Final = "__Host-parapet-signing-in"
READ_WITH: Final = 3
"""Keys with which a cookie is read: the one in use, the one before, and the next."""
_FORM: Final = {"alg": "dir", "enc": "A256GCM"}


class Cookies:
    """Cookies of one kind: one of another is none of this, whatever is in it.

    They are made with the second of the keys, and read with the first three. Servers do not learn of a new key, which
    is then the first, at one moment: until each has it, all make cookies that all can read, and whoever is signed in
    stays so.
    """

    def __init__(self, name: str, session_keys: Sequence[str], lifetime: int) -> None:
        self._name, self._lifetime = name, lifetime
        self._keys = [
            OctKey.import_key(digest(each.encode(), name.encode(), sha256)) for each in session_keys[:READ_WITH]
        ]
        self._key = self._keys[:2][-1]

    def read(self, headers: Headers) -> Mapping[str, Any] | None:
        """What was put into it, while it lives."""
        text = cookies(headers).get(self._name)
        told = next(filter(None, (_opened(text, key) for key in self._keys)), None) if text else None
        return told if told and told.get("until", 0) > time.time() else None

    def setting(self, told: Mapping[str, Any]) -> tuple[str, str]:
        """The header that has the browser keep it."""
        plain = json.dumps({**told, "until": int(time.time()) + self._lifetime}).encode()
        return self._header(jwe.encrypt_compact(_FORM, plain, self._key, algorithms=["dir", "A256GCM"]), self._lifetime)

    def clearing(self) -> tuple[str, str]:
        return self._header("", 0)

    def _header(self, value: str, age: int) -> tuple[str, str]:
        return "set-cookie", f"{self._name}={value}; Max-Age={age}; Path=/; Secure; HttpOnly; SameSite=Lax"


def _opened(text: str, key: OctKey) -> dict[str, Any] | None:
    try:
        told = json.loads(jwe.decrypt_compact(text, key, algorithms=["dir", "A256GCM"]).plaintext or b"")
    except (JoseError, ValueError):
        return None
    return told if isinstance(told, dict) else None


def cookies(headers: Headers) -> Mapping[str, str]:
    """All that the browser sent. One that is there twice is not there."""
    found: dict[str, str] = {}
    doubled: set[str] = set()
    for header in values(headers, b"cookie"):
        for part in header.decode("latin-1").split(";"):
            name, _, value = part.strip().partition("=")
            doubled.update({name} & set(found))
            found[name] = value
    return {name: value for name, value in found.items() if name not in doubled}


def without(header: bytes, names: Iterable[str]) -> bytes:
    """A Cookie header without those of these names."""
    parts = [part.strip() for part in header.decode("latin-1").split(";")]
    return "; ".join(part for part in parts if part.partition("=")[0] not in names).encode("latin-1")
