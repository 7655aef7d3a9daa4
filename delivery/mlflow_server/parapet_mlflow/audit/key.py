"""Names in the audit trail: the same for the same name, and nobody without the key finds out for which."""

import hmac
from dataclasses import dataclass, field
from hashlib import sha256


@dataclass(frozen=True)
class Key:
    """A key of the audit trail. It is in no `repr`.

    A plain hash of a medical record number is undone by trying them all, which takes seconds.
    """

    secret: str = field(repr=False)

    @property
    def id(self) -> str:
        """Which key it is; nothing of the key is learnt from it."""
        return self._code("the id of this key")[:8]

    def digest(self, name: str) -> str:
        """Such as `hmac:1f00c2ab:` and 32 digits: which key, and the name's HMAC-SHA256 (RFC 2104), cut to 128 bits."""
        return f"hmac:{self.id}:{self._code('name ' + name)[:32]}"

    def _code(self, text: str) -> str:
        # A lone surrogate, as half a character of JSON is one, is a name too.
        return hmac.new(self.secret.encode(), text.encode(errors="surrogatepass"), sha256).hexdigest()
