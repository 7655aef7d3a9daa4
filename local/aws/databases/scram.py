"""What PostgreSQL stores of a password, made here so that no log of a statement can hold the password itself."""

import base64
import hashlib
import hmac
import os

ROUNDS = 4096  # PostgreSQL's own default, scram_iterations


def verifier(password: str, salt: bytes | None = None) -> str:
    """The SCRAM-SHA-256 verifier of an ASCII password. Source: RFC 5803; PostgreSQL's documentation of `pg_authid`."""
    salt = salt or os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, ROUNDS)
    stored = hashlib.sha256(_keyed(salted, b"Client Key")).digest()
    told = (base64.b64encode(part).decode() for part in (salt, stored, _keyed(salted, b"Server Key")))
    return "SCRAM-SHA-256${}:{}${}:{}".format(ROUNDS, *told)


def _keyed(key: bytes, text: bytes) -> bytes:
    return hmac.digest(key, text, "sha256")
