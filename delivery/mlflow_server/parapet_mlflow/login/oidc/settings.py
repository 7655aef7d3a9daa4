"""The identity provider, as the environment declares it."""

import json
import os
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from parapet_mlflow.refusal import Refused

VARIABLE: Final = "PARAPET_SIGN_ON"
REASSIGNED: Final = (
    "email",
    "family_name",
    "given_name",
    "name",
    "nickname",
    "preferred_username",
    "unique_name",
    "upn",
)
"""Claims that may be another person's some day (OpenID Connect Core 1.0, 5.7): no account is bound to one of them."""
SCOPE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,64}")  # RFC 6749, 3.3
ROLE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
LOOPBACK: Final = ("127.0.0.1", "localhost")
_NEEDED: Final = ("issuer", "clientId", "url")
_DEFAULTS: Final[Mapping[str, Any]] = {
    "audiences": [],
    "scopes": ["profile", "email"],
    "authorities": "",
    "subjectClaim": "sub",
    "nameClaim": "preferred_username",
    "groupsClaim": "groups",
    "roles": {},
    "administrators": "",
}


@dataclass(frozen=True)
class SignOn:
    """A provider and what its tokens mean here."""

    issuer: str
    client_id: str
    url: str
    """Where people's browsers find this server; nothing that a request says is taken for it."""
    audiences: tuple[str, ...]
    """Whom a token must be for, and who may have got one that is for others too; the client's own id is always among
    them."""
    scopes: tuple[str, ...]
    """What is asked for when a browser signs in, besides `openid`."""
    authorities: str
    """The certificates of the provider's authorities, as PEM; empty for those that everybody knows."""
    subject_claim: str
    """Which claim an account is bound to, the same in all tokens of a person."""
    name_claim: str
    groups_claim: str
    roles: Mapping[str, str]
    """The MLflow role of whoever is in a group, by the group."""
    administrators: str
    """The group whose members administer MLflow; nobody's where it is empty."""

    @classmethod
    def declared(cls) -> "SignOn | None":
        """None where none is. Raises Refused."""
        return cls.parse(text) if (text := os.environ.get(VARIABLE, "")) else None

    @classmethod
    def parse(cls, text: str) -> "SignOn":
        """From JSON. Raises Refused."""
        try:
            told = json.loads(text, object_pairs_hook=_once)
        except ValueError:
            told = None
        if not isinstance(told, dict):
            raise Refused(f"{VARIABLE} is no JSON object. README.md of this image's folder says what is in it.")
        if unknown := sorted(set(told) - {*_NEEDED, *_DEFAULTS}):
            raise Refused(f"{VARIABLE} has {unknown[0]}; it may have {', '.join([*_NEEDED, *_DEFAULTS])}.")
        if missing := [name for name in _NEEDED if not told.get(name)]:
            raise Refused(f"{VARIABLE} has no {missing[0]}. Give it.")
        values = {**_DEFAULTS, **told}
        for name, value in values.items():
            if not isinstance(value, kind := type(_DEFAULTS.get(name, ""))):
                raise Refused(f"{VARIABLE} has a {name} that is no {kind.__name__}.")
        if values["subjectClaim"] in REASSIGNED:
            raise Refused(
                f"The subjectClaim of {VARIABLE} is {values['subjectClaim']}, which may be another person's some day. "
                "Name one that never is, such as sub."
            )
        for name in ("issuer", "url"):
            trusted(values[name], f"The {name} of {VARIABLE}")
        return cls(
            issuer=values["issuer"],
            client_id=values["clientId"],
            url=values["url"].rstrip("/"),
            audiences=(values["clientId"], *map(str, values["audiences"])),
            scopes=_scopes(values["scopes"]),
            authorities=_authorities(values["authorities"]),
            subject_claim=values["subjectClaim"],
            name_claim=values["nameClaim"],
            groups_claim=values["groupsClaim"],
            roles=_roles(values["roles"]),
            administrators=values["administrators"],
        )

    @property
    def groups(self) -> frozenset[str]:
        """Those that mean something here; of others nothing is kept."""
        return frozenset((*self.roles, *filter(None, (self.administrators,))))


def trusted(url: object, whose: str) -> str:
    """The address, if it is one over TLS, or of this machine. Raises Refused."""
    if isinstance(url, str):
        place = urlsplit(url)
        if place.hostname and (place.scheme == "https" or (place.scheme == "http" and place.hostname in LOOPBACK)):
            return url
    raise Refused(f"{whose} is no address that begins with https://.")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object. Raises Refused where a name is there twice: which of the two holds is nowhere said."""
    names = [name for name, _ in pairs]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise Refused(f"{VARIABLE} has {twice[0]} twice. Leave one.")
    return dict(pairs)


def _authorities(told: str) -> str:
    if told:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=told)
        except (ssl.SSLError, ValueError):
            raise Refused(f"The authorities of {VARIABLE} are no certificates in PEM.") from None
    return told


def _scopes(told: list[object]) -> tuple[str, ...]:
    scopes = tuple(each for each in told if isinstance(each, str) and SCOPE.fullmatch(each) and each != "openid")
    if len(scopes) != len(told):
        raise Refused(f"The scopes of {VARIABLE} are no list of scopes, such as profile; openid is always asked for.")
    return scopes


def _roles(told: Mapping[str, object]) -> Mapping[str, str]:
    roles = {group: role for group, role in told.items() if isinstance(role, str) and ROLE.fullmatch(role)}
    if wrong := sorted(set(told) - set(roles)):
        raise Refused(
            f"The roles of {VARIABLE} have for {wrong[0]} no name of an MLflow role: 1 to 64 letters, digits, dots, "
            "hyphens and underscores, from a letter or digit."
        )
    return roles
