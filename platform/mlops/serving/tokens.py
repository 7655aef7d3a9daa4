"""The identity provider whose tokens callers from outside bring to models, as a stack's settings declare it."""

import json
import re
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, Field

from mlops.identity_provider import HOST, STRICT, Addresses, Authorities, Claim, Issuer, Resolvers, Text
from setting_errors import refusal

MAX_KEYS: Final = 32_768
"""Characters of keys that are given as they are: a pod has them as an annotation, all of which have 256 KiB."""
_ADDRESS: Final = re.compile(rf"https://{HOST}(:443)?/[A-Za-z0-9._~/?&=%-]*")
_PUBLIC: Final = {"EC": ("crv", "x", "y"), "RSA": ("n", "e")}
"""What a public key says, by its kind (RFC 7518, 6.2.1 and 6.3.1)."""
_BESIDES: Final = ("kty", "kid", "use", "alg", "key_ops")
"""What the server asks of it besides (RFC 7517, 4)."""
_PRIVATE: Final = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
"""What only who signs knows, or a secret that both sides know (RFC 7518, 6.2.2, 6.3.2 and 6.4)."""


def _public(text: str) -> str:
    """An address, or public keys with what the server asks of them. What else a key says, as each provider's do, is not
    understood and passed over (RFC 7517, 4); what is private is refused, since it is known by now to who reads this."""
    if _ADDRESS.fullmatch(text):
        return text
    keys: list[dict[str, Any]] = []
    try:
        keys = json.loads(text)["keys"]
        public = bool(keys) and all(
            set(_PUBLIC[each["kty"]]) <= each.keys() and not _PRIVATE & each.keys() for each in keys
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        public = False
    if not public:
        allowed = "an address that begins with https://, or the provider's public keys, EC or RSA, as JSON (RFC 7517)"
        # The text itself is not shown: it may have a private key in it.
        raise refusal("", "something else", allowed)
    kept = [{name: said for name, said in key.items() if name in (*_BESIDES, *_PUBLIC[key["kty"]])} for key in keys]
    return json.dumps({"keys": kept})


def _some(items: tuple[str, ...]) -> tuple[str, ...]:
    if not items:
        raise ValueError
    return items


Scope = Annotated[
    str, Field(pattern=r"^[\x21\x23-\x5b\x5d-\x7e]{1,64}$", description="a scope, such as models.predict")
]
Algorithm = Annotated[Literal["RS256", "PS256", "ES256"], Field(description="RS256, PS256 or ES256")]
Role = Annotated[str, Field(min_length=1, max_length=255, description="a role as the provider's tokens name it")]


class Tokens(BaseModel):
    """Which bearer tokens a published model takes: of this provider, for one of these audiences, with these rights.

    A field's description is what is allowed, as an error message says it.
    """

    model_config = STRICT

    issuer: Issuer
    audiences: tuple[Text, ...] = Field(min_length=1, description="a list of one audience or more")
    keys: Annotated[str, AfterValidator(_public)] = Field(
        max_length=MAX_KEYS, description=f"an address, or keys of at most {MAX_KEYS} characters"
    )
    cidrs: tuple[Addresses, ...] = Field(default=(), description="a list of IPv4 ranges")
    resolvers: Resolvers = ()
    authorities: Authorities = ""
    algorithms: Annotated[tuple[Algorithm, ...], AfterValidator(_some)] = Field(
        default=("RS256", "ES256"), description="a list of RS256, PS256 and ES256, one at least"
    )
    scopes: tuple[Scope, ...] = Field(default=(), description="a list of scopes, all of which a token has")
    roles: tuple[Role, ...] = Field(default=(), description="a list of roles, one of which a token has")
    roles_claim: Claim = "roles"
    longest_seconds: int | None = Field(
        default=None, ge=60, le=604_800, description="a whole number of seconds from 60 to 604800"
    )
    """For how long a token may hold yet; without it, a day (`delivery/serving`)."""

    @property
    def asked(self) -> bool:
        """Whether pods ask the provider for its keys."""
        return self.keys.startswith("https://")

    @property
    def all_hosts(self) -> list[str]:
        """What they ask."""
        return [str(urlsplit(self.keys).hostname)] if self.asked else []

    def declared(self, audiences: Sequence[str], keys: str, authorities: str) -> dict[str, Any]:
        """As a model's server reads it (delivery/serving/README.md), with that model's own audiences, if it has some;
        the two are files in which it finds what is here."""
        return {
            "issuer": self.issuer,
            "audiences": list(audiences or self.audiences),
            "keys": self.keys if self.asked else keys,
            **({"authorities": authorities} if self.authorities else {}),
            "algorithms": list(self.algorithms),
            "scopes": list(self.scopes),
            "roles": list(self.roles),
            "rolesClaim": self.roles_claim,
            **({"longestSeconds": self.longest_seconds} if self.longest_seconds else {}),
        }

    def to_provider(self, namespace: str) -> dict[str, Any]:
        """A ServiceEntry: the provider's keys for the pods of a namespace, by TLS that the server itself begins."""
        return {
            "hosts": self.all_hosts,
            "location": "MESH_EXTERNAL",
            "resolution": "DNS",
            "exportTo": [namespace],
            "ports": [{"number": 443, "name": "tls", "protocol": "TLS"}],
        }
