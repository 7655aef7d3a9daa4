"""What a bearer token says, once it is known to be the provider's, for this server, and of now (RFC 7519, RFC 8725)."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, Final

from joserfc import jws, jwt
from joserfc.errors import BadSignatureError, ClaimError, ExpiredTokenError, JoseError
from joserfc.jwk import Key

from parapet_serving.callers.keys import Keys, Unreachable
from parapet_serving.refusal import Wrong
from parapet_serving.settings import Tokens

TIMES: Final = ("exp", "nbf", "iat")
LATEST: Final = 253_402_300_799
"""The last second of the year 9999 (RFC 3339 has no later one): a number of hundreds of digits is no time."""
LEEWAY: Final = 30
"""Seconds by which two clocks may differ."""
LONGEST: Final = 16_384
TAKEN_FOR: Final = 60.0
"""Seconds for which a token that was verified is taken without another look, and so the time that one whose key was
withdrawn lives on. A signature costs a tenth of a millisecond, more than all else that is done for a request."""
REMEMBERED: Final = 4096
ASKING: Final = 64
"""Tokens that wait at once for the provider's keys, since nobody knows the key that they name."""
CHALLENGE: Final = (("www-authenticate", 'Bearer error="invalid_token"'),)


class _Headers(jws.JWSRegistry):
    """What a header may say: what is not understood is passed over, but for what `crit` names (RFC 7515, 4). Some
    providers put the chain of their key in, which is longer than the library has it."""

    max_header_length = LONGEST


def _not_taken(why: str) -> Wrong:
    return Wrong(401, "token", f"the token is not taken: {why}", headers=CHALLENGE)


class Bearers:
    """Of one event loop."""

    def __init__(self, settings: Tokens, keys: Keys, clock: Callable[[], float] = time.time) -> None:
        self._settings, self._keys, self._clock = settings, keys, clock
        self._asking = 0
        self._taken: OrderedDict[bytes, tuple[str, float]] = OrderedDict()
        self._headers = _Headers(algorithms=list(settings.algorithms), strict_check_header=False)
        self._claims = jwt.JWTClaimsRegistry(
            now=lambda: int(clock()),
            leeway=LEEWAY,
            iss={"essential": True, "value": settings.issuer},
            aud={"essential": True, "values": list(settings.audiences)},
            sub={"essential": True},
            exp={"essential": True},
        )

    def remembered(self, authorization: str) -> str | None:
        """The caller of a header that was verified a moment ago."""
        held = self._taken.get(sha256(authorization.encode("latin-1", "replace")).digest())
        return held[0] if held and held[1] > self._clock() else None

    async def caller(self, authorization: str) -> str:
        """Whose token it is: the provider's `sub`. Raises Wrong (401, 403, 429, 503)."""
        kind, _, token = authorization.partition(" ")
        if kind.lower() != "bearer" or not 0 < len(token) <= LONGEST:
            raise _not_taken("it must come as `Authorization: Bearer TOKEN`")
        claims = self._verified(token, await self._key(token))
        self._allowed(claims)
        caller = str(claims["sub"])
        self._taken[sha256(authorization.encode("latin-1", "replace")).digest()] = (
            caller,
            min(self._clock() + TAKEN_FOR, float(claims["exp"]) + LEEWAY),
        )
        if len(self._taken) > REMEMBERED:
            self._taken.popitem(last=False)
        return caller

    async def _key(self, token: str) -> Key:
        try:
            header: Any = jws.extract_compact(token.encode(), registry=self._headers).headers()
        except (JoseError, ValueError):
            raise _not_taken("it is no token in the form of RFC 7519") from None
        kid = header.get("kid") if isinstance(header, Mapping) else 0
        if not isinstance(kid, str | None) or header.get("alg") not in self._settings.algorithms:
            raise _not_taken(f"its algorithm must be one of {', '.join(self._settings.algorithms)}")
        if key := self._keys.at_hand(kid):
            return key
        if self._asking >= ASKING:
            why = "too many tokens name keys that are not known yet"
            raise Wrong(429, "rate", why, headers=(("retry-after", "1"),))
        self._asking += 1
        try:
            key = await asyncio.to_thread(self._keys.key, kid)
        except Unreachable:
            raise Wrong(503, "keys", "the identity provider's keys are out of reach") from None
        finally:
            self._asking -= 1
        if key is None:
            raise _not_taken("the provider has no such key")
        return key

    def _verified(self, token: str, key: Key) -> Mapping[str, Any]:
        try:
            decoded = jwt.decode(token, key, algorithms=self._headers.allowed, registry=self._headers)
            self._claims.validate(decoded.claims)
        except ExpiredTokenError:
            raise _not_taken("it has expired") from None
        except (ClaimError, JoseError, ValueError, TypeError) as error:
            raise _not_taken(_wrong_with(error)) from None
        if not isinstance(decoded.claims["sub"], str) or not decoded.claims["sub"]:
            raise _not_taken("its claim sub is no text")
        for name in TIMES:
            if name in decoded.claims and not _is_time(decoded.claims[name]):
                raise _not_taken(f"its claim {name} is no time")
        if decoded.claims["exp"] - self._clock() > (longest := self._settings.longest_seconds) + LEEWAY:
            raise _not_taken(f"it holds for longer than {longest} seconds")
        return decoded.claims

    def _allowed(self, claims: Mapping[str, Any]) -> None:
        listed = claims.get("scope", claims.get("scp", []))
        scopes = listed.split() if isinstance(listed, str) else listed
        if not all(isinstance(scopes, list) and scope in scopes for scope in self._settings.scopes):
            raise Wrong(403, "rights", f"the token has not the scopes {' '.join(self._settings.scopes)}")
        roles = claims.get(self._settings.roles_claim, [])
        held = roles if isinstance(roles, list) else [roles]
        if self._settings.roles and not any(role in held for role in self._settings.roles):
            raise Wrong(403, "rights", f"the token has none of the roles {', '.join(self._settings.roles)}")


def _is_time(told: Any) -> bool:
    return isinstance(told, int | float) and not isinstance(told, bool) and 0 <= told <= LATEST  # NaN is neither


def _wrong_with(error: Exception) -> str:
    """A claim's name is one of ours: only those that are asked for are looked at."""
    if isinstance(error, ClaimError):
        return f"its claim {error.claim} is not as it must be"
    return "its signature is wrong" if isinstance(error, BadSignatureError) else "its form is not as it must be"
