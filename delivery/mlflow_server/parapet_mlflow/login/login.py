"""The layer that asks who calls, around all that needs to know it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from parapet_mlflow.asgi import (
    ADDRESS,
    CLAIMED,
    REASON,
    USER,
    Answer,
    Application,
    Headers,
    Receive,
    Scope,
    Send,
    refusal,
    values,
)
from parapet_mlflow.login import address, basic
from parapet_mlflow.login.handed import handed
from parapet_mlflow.login.oidc.caller import CHALLENGE, SignedOn
from parapet_mlflow.login.oidc.cookies import SESSION, SIGNING_IN, without
from parapet_mlflow.login.outage import UNKNOWN_FOR_NOW, Outage

ELSEWHERE: Final = b"x-mlflow-authorization"
"""A second place for a password, of a part of MLflow that is not offered."""

_WORDS: Final = (
    "You are not authenticated: there is no account of this name, or the password is another. Give both as "
    "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD."
)
WRONG: Final = refusal(401, "UNAUTHENTICATED", _WORDS, ("www-authenticate", 'Basic realm="mlflow"'))
WRONG_PASSWORD: Final = refusal(
    401, "UNAUTHENTICATED", f"{_WORDS} People have no password here: they sign in with the page.", CHALLENGE
)
DOUBLED: Final = refusal(400, "BAD_REQUEST", "The header Authorization is there more than once. Send it once.")


class Login:
    """An ASGI application around another, which is asked nothing before the caller is known, but what `is_free`.

    The user's name is in the scope as USER, where the request comes from as ADDRESS; MLflow has the user from `handed`.
    """

    def __init__(
        self,
        application: Application,
        is_free: Callable[[str, str], bool],
        passwords: basic.Passwords,
        signed_on: SignedOn | None = None,
        gateway: str = "",
    ) -> None:
        self.application, self._is_free = application, is_free
        self._passwords, self._signed_on = passwords, signed_on
        self._gateway = gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or (scope["type"] == "http" and self._is_free(scope["method"], scope["path"])):
            await self.application(scope, receive, send)
        elif scope["type"] == "http":
            await self._ask(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})  # nothing here speaks it

    async def _ask(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[ADDRESS] = address.of(scope, self._gateway)
        try:
            answer = await self._signed_on.answer(scope) if self._signed_on else None
            found = answer or await self._caller(scope)
        except Outage as outage:
            print(f"log-in: the database of the accounts does not answer: {outage}", flush=True)
            found = UNKNOWN_FOR_NOW
        if isinstance(found, Answer):
            scope[REASON] = found.reason
            await found.send(send)
            return
        # In the same scope, since the layers around this one read it when the request is answered.
        scope[USER], scope["headers"] = found.user.username, found.headers
        with handed(found.user):
            await self.application(scope, receive, send)

    async def _caller(self, scope: Scope) -> "Answer | _Caller":
        given = values(scope["headers"], b"authorization")
        if len(given) > 1:
            return DOUBLED
        scheme, _, rest = given[0].strip().partition(b" ") if given else (b"", b"", b"")
        if self._signed_on and not given:
            found = await self._signed_on.by_session(scope)
        elif self._signed_on and scheme.lower() == b"bearer":
            found = await self._signed_on.by_token(rest.strip().decode("latin-1"), scope)
        else:
            return await self._by_password(scope, given)
        return found if isinstance(found, Answer) else _Caller(found, _others(scope))

    async def _by_password(self, scope: Scope, given: list[bytes]) -> "Answer | _Caller":
        if credentials := basic.credentials(given[0]) if given else None:
            scope[CLAIMED] = credentials.name
        found = await self._passwords.user(credentials, scope[ADDRESS]) if credentials else None
        if isinstance(found, basic.Paused):
            return paused(found.seconds)
        if credentials is None or found is None:
            return WRONG_PASSWORD if self._signed_on else WRONG
        # With sign-on MLflow asks `handed`, and without it looks here by itself.
        own = () if self._signed_on else ((b"authorization", credentials.header),)
        return _Caller(found, [*_others(scope), *own])


def paused(seconds: int) -> Answer:
    return refusal(
        429,
        "REQUEST_LIMIT_EXCEEDED",
        "Too many log-ins failed, with this name from this address or from this address at all. "
        f"The next may come in {seconds} s.",
        ("retry-after", str(seconds)),
    )


@dataclass(frozen=True)
class _Caller:
    user: Any
    headers: Headers
    """What goes on: with the one canonical form of the credentials."""


def _others(scope: Scope) -> Headers:
    """What says nothing of who calls."""
    kept = [each for each in scope["headers"] if each[0] not in (b"authorization", ELSEWHERE)]
    return [(name, without(value, (SESSION, SIGNING_IN)) if name == b"cookie" else value) for name, value in kept]
