"""That a version served before and takes its calls back, as the model's ledger says and the platform's key signed.

`./parapet model rollback` writes both parts into the model's entry of the settings. Such a version is not held against
the answers of the one that it takes the place of, and nobody is waited for; so a setting alone must not say it.
"""

import base64
import json
from hashlib import sha256
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

_HEAD: Final = "parapet-ledger-head/1"
"""What is signed for an entry of the ledger (`delivery/registry/entry.py`, `Head`)."""


class Returning(BaseModel):
    """An entry of the ledger, and its signature."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    entry: str = Field(max_length=16_384, description="an entry of a model's ledger as it was signed")
    signature: str = Field(max_length=200, description="its signature")

    def is_of(self, name: str, environment: str, version: str, digest: str) -> bool:
        """Whether it says that this version was gone back to."""
        said = self._said()
        release = said.get("release")
        if not isinstance(release, dict):
            return False
        decided = {key: said.get(key) for key in ("model", "action", "step", "to")}
        return decided == {"model": name, "action": "rollback", "step": "done", "to": environment} and (
            release.get("version"),
            release.get("manifest"),
        ) == (version, digest)

    def proven(self, key: str) -> bool:
        """Whether the platform's key, in PEM, signed it."""
        # Needed of few models, and never where a command only reads settings.
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.serialization import load_pem_public_key

        public, said = load_pem_public_key(key.encode()), self._said()
        digest = f"sha256:{sha256(self.entry.encode()).hexdigest()}"
        head = {"format": _HEAD, "model": said.get("model"), "sequence": said.get("sequence"), "digest": digest}
        message = json.dumps(head, sort_keys=True, separators=(",", ":")).encode()
        try:
            assert isinstance(public, EllipticCurvePublicKey)
            public.verify(base64.b64decode(self.signature, validate=True), message, ECDSA(SHA256()))
        except (InvalidSignature, ValueError):
            return False
        return True

    def _said(self) -> dict[str, Any]:
        try:
            said = json.loads(self.entry)
        except (ValueError, RecursionError):
            return {}
        return said if isinstance(said, dict) else {}
