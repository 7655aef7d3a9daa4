"""The layer that asks who calls, around all that needs to know it."""

import re
from dataclasses import dataclass
from typing import Any, Final

from parapet_mlflow.login import address, basic
from parapet_mlflow.login.asgi import Answer, Application, Headers, Receive, Scope, Send, refusal, values
from parapet_mlflow.login.handed import handed

USER: Final = "parapet.user"
"""Where the scope has the name of the user who was found out."""
FREE: Final = re.compile(r"/health|/version|/favicon\.ico|/static-files/.*|/(?:ajax-)?api/\d\.0/mlflow/server-info")
"""What is read without an account: that the server lives, what it is, and the files of the page."""
ELSEWHERE: Final = b"x-mlflow-authorization"
"""A second place for a password, of a part of MLflow that is not offered."""

WRONG: Final = refusal(
    401,
    "UNAUTHENTICATED",
    "You are not authenticated: there is no account of this name, or the password is another. Give both as "
    "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD.",
    ("www-authenticate", 'Basic realm="mlflow"'),
)
DOUBLED: Final = refusal(400, "BAD_REQUEST", "The header Authorization is there more than once. Send it once.")


class Login:
    """An ASGI application around another, which is asked nothing before the caller is known.

    The user's name is in `scope["parapet.user"]`, and MLflow has the user from `handed`.
    """

    def __init__(self, application: Application, passwords: basic.Passwords) -> None:
        self.application, self._passwords = application, passwords

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or (scope["type"] == "http" and _free(scope)):
            await self.application(scope, receive, send)
        elif scope["type"] == "http":
            await self._ask(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})  # nothing here speaks it

    async def _ask(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = await self._caller(scope)
        if isinstance(found, Answer):
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
        credentials = basic.credentials(given[0]) if given else None
        if credentials is None:
            return WRONG
        found = await self._passwords.user(credentials, address.of(scope))
        if isinstance(found, basic.Paused):
            return paused(found.seconds)
        if found is None:
            return WRONG
        return _Caller(found, [*_others(scope), (b"authorization", credentials.header)])


def paused(seconds: int) -> Answer:
    return refusal(
        429,
        "REQUEST_LIMIT_EXCEEDED",
        "Too many log-ins failed, with this name from this address or from this address at all. "
        f"The next may come in {seconds} s.",
        ("retry-after", str(seconds)),
    )


def _free(scope: Scope) -> bool:
    return scope["method"] in ("GET", "HEAD") and FREE.fullmatch(scope["path"]) is not None


@dataclass(frozen=True)
class _Caller:
    user: Any
    headers: Headers
    """What goes on: with the one canonical form of the credentials."""


def _others(scope: Scope) -> Headers:
    return [each for each in scope["headers"] if each[0] not in (b"authorization", ELSEWHERE)]
