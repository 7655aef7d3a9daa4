"""What a token says, once it is known to be the provider's, for this server, and of now (RFC 7519, RFC 8725)."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from joserfc import jws, jwt
from joserfc.errors import ClaimError, ExpiredTokenError, JoseError
from joserfc.jwk import Key

from parapet_mlflow.login.oidc.provider import Provider
from parapet_mlflow.login.oidc.settings import SignOn

ALGORITHMS: Final = ("RS256", "ES256")
"""Both with a public key: with a shared secret in this list, the public one would do as that (RFC 8725, 3.1)."""
LEEWAY: Final = 30
"""Seconds by which two clocks may differ."""
LONGEST: Final = 16_384


class _Headers(jws.JWSRegistry):
    """What a header may say: what is not understood is passed over, but for what `crit` names (RFC 7515, 4). Some
    providers put the chain of their key in, which is longer than the library has it."""

    max_header_length = LONGEST


HEADERS: Final = _Headers(algorithms=ALGORITHMS, strict_check_header=False)
NAME: Final = re.compile(r"[a-z0-9][a-z0-9._@-]{2,63}")


class NotTrusted(Exception):
    """Why a token is not taken; the text names claims, never their values."""


@dataclass(frozen=True)
class Person:
    """Who signed on. The subject is never another's (OpenID Connect Core 1.0, 5.7); a name may be, some day."""

    issuer: str
    subject: str
    name: str
    groups: frozenset[str]
    at: int
    """When the provider said so (`iat`), in seconds."""
    since: float = math.inf
    """When the browser's session began, in seconds; a token is of no session."""


def claims(token: str, settings: SignOn, provider: Provider, nonce: str | None = None) -> Mapping[str, Any]:
    """The claims of a token; of an ID token that was asked for with a nonce, only with that one. Raises NotTrusted, and
    Unreachable."""
    if len(token) > LONGEST:
        raise NotTrusted("it is too long")
    try:
        header = jws.extract_compact(token.encode(), registry=HEADERS).headers()
        decoded = jwt.decode(token, _key(header, provider), algorithms=ALGORITHMS, registry=HEADERS)
        jwt.JWTClaimsRegistry(
            leeway=LEEWAY,
            iss={"essential": True, "value": settings.issuer},
            aud={"essential": True, "values": list(settings.audiences)},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
        ).validate(decoded.claims)
        _for_us(decoded.claims, settings)
    except ExpiredTokenError:
        raise NotTrusted("it has expired") from None
    except (ClaimError, JoseError, ValueError) as error:
        what = f"its claim {error.claim}" if isinstance(error, ClaimError) else "its form or its signature"
        raise NotTrusted(f"{what} is not as it must be") from None
    if nonce is not None:
        _for_this_sign_in(decoded.claims, settings, nonce)
    return decoded.claims


def person(told: Mapping[str, Any], settings: SignOn) -> Person:
    """Who it is, by the settings. Raises NotTrusted."""
    name, subject = told.get(settings.name_claim), told.get(settings.subject_claim)
    if not isinstance(name, str) or not NAME.fullmatch(name.lower()):
        raise NotTrusted(
            f"its claim {settings.name_claim} is no name of an account: 3 to 64 letters, digits, dots, hyphens, "
            "underscores and @, from a letter or digit"
        )
    if settings.name_claim == "email" and told.get("email_verified") is not True:
        raise NotTrusted("its claim email is not verified")
    if not isinstance(subject, str) or not 0 < len(subject) <= 255:
        raise NotTrusted(f"its claim {settings.subject_claim} is no text of 1 to 255 characters")
    groups = settings.groups & _groups(told, settings)
    return Person(settings.issuer, subject, name.lower(), groups, int(told["iat"]))


def _groups(told: Mapping[str, Any], settings: SignOn) -> frozenset[str]:
    groups, elsewhere = told.get(settings.groups_claim), told.get("_claim_names")
    # Entra ID leaves out the groups of who has too many and says where to ask for them (OpenID Connect Core 1.0,
    # 5.6.2): taken for none, they would cost him his rights.
    if told.get("hasgroups") or (isinstance(elsewhere, Mapping) and settings.groups_claim in elsewhere):
        raise NotTrusted(
            f"its claim {settings.groups_claim} has too many to be in it. Have the provider put in the groups that are "
            "assigned to this application, or roles of it"
        )
    # AD FS writes a group that is alone as a text.
    listed = groups if isinstance(groups, list) else [groups]
    return frozenset(each for each in listed if isinstance(each, str))


def _key(header: object, provider: Provider) -> Key:
    if not isinstance(header, Mapping):  # any JSON can stand there
        raise NotTrusted("its header is no object")
    kid = header.get("kid")
    if header.get("alg") not in ALGORITHMS or not isinstance(kid, str | None):
        raise NotTrusted(f"its algorithm is none of {', '.join(ALGORITHMS)}, or its key id no text")
    if (key := provider.key(kid)) is None:
        raise NotTrusted("the provider has no such key")
    return key


def _for_us(told: Mapping[str, Any], settings: SignOn) -> None:
    """A token that is for others too was got by a client of ours: any of the others could bring it here as well
    (OpenID Connect Core 1.0, 3.1.3.7; RFC 9068, 2.2 and 5)."""
    audience = told["aud"] if isinstance(told["aud"], list) else [told["aud"]]
    parties = [told[name] for name in ("azp", "client_id") if name in told]
    if all(each in settings.audiences for each in audience):
        return
    if not parties or not all(isinstance(each, str) and each in settings.audiences for each in parties):
        raise NotTrusted("it is for several audiences, and its claim azp or client_id names no client of this server")


def _for_this_sign_in(told: Mapping[str, Any], settings: SignOn, nonce: str) -> None:
    """An ID token is for the client that asked for it, and for once (OpenID Connect Core 1.0, 3.1.3.7)."""
    if told.get("nonce") != nonce:
        raise NotTrusted("its claim nonce is not as it must be")
    audience = told["aud"] if isinstance(told["aud"], list) else [told["aud"]]
    party = told.get("azp", settings.client_id if len(audience) == 1 else None)
    if settings.client_id not in audience or party != settings.client_id:
        raise NotTrusted("it is for another client")
