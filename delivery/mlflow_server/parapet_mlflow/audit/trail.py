"""The outermost layer of the application: sees every request, whoever answers it, and holds none back."""

import re
from collections.abc import Collection
from typing import Any, Final
from uuid import uuid4

from parapet_mlflow.asgi import (
    ADDRESS,
    CLAIMED,
    REASON,
    REQUEST,
    USER,
    Application,
    Message,
    Receive,
    Scope,
    Send,
    values,
)
from parapet_mlflow.audit import facts
from parapet_mlflow.audit.lines import Lines
from parapet_mlflow.gate import places, reading
from parapet_mlflow.gate.gate import ASKED, ROUTE
from parapet_mlflow.gate.refusal import Refusal
from parapet_mlflow.gate.routes import METHODS, Route, Routes

DENIED: Final = (401, 403, 429)
"""Told even of what needs no account."""
GONE: Final = 499
"""The status of a request whose client went before it was answered (nginx's number; HTTP has none)."""
UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
CREATES: Final = ("create", "start")
"""The last words of routes whose answer has an identifier that the request has not."""
GRAPHQL: Final = "GRAPHQL_ERROR"
"""The word for an error of GraphQL, which has none."""
UNKNOWN, NOT_OFFERED = "unknown", "not-offered"
"""Stand for a path that is no route. Nothing of it is told: a part of it may be anything."""


class Trail:
    """An ASGI application around another, which writes the audit trail (see this package's docstring).

    Who calls, from where, for what, and why not, the layers within write into the scope. A name that did not get in is
    a mere claim, which may be a password that was typed in the wrong field. `paths` are the log-in's own.
    """

    def __init__(self, application: Application, routes: Routes, lines: Lines, paths: Collection[str] = ()) -> None:
        self.application, self._routes, self._lines = application, routes, lines
        self._paths = frozenset(paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            try:
                await self.application(scope, receive, send)
            finally:
                self._lines.close()
            return
        if scope["type"] != "http":
            await self.application(scope, receive, send)
            return
        scope[REQUEST] = _request_id(scope)
        answer = _Answer(scope, send)
        try:
            await self.application(scope, receive, answer.send)
        except BaseException:
            answer.status = answer.status or 500
            raise
        finally:
            self._write(scope, answer)

    def _write(self, scope: Scope, answer: "_Answer") -> None:
        # Of GraphQL's documents the one that was read is another route than the path's.
        route: Route | None = scope[ASKED].route if ASKED in scope else scope.get(ROUTE)
        in_path: dict[str, str] = {}
        if ASKED not in scope and (found := self._routes.of(scope["method"], scope["path"])):
            route, in_path = route or found[0], found[1]
        if answer.status not in DENIED and self._is_free(scope, route):
            return
        status = answer.status or GONE
        self._lines.write(
            {
                "request": scope[REQUEST],
                **self._who(scope),
                **({"from": scope[ADDRESS]} if ADDRESS in scope else {}),
                "method": scope["method"] if scope["method"] in METHODS else UNKNOWN,
                "action": self._action(scope, route),
                "status": status,
                **({} if answer.ended or status == GONE else {"complete": False}),
                **({"error": answer.error} if answer.error else {}),
                **({"reason": scope[REASON]} if scope.get(REASON) else {}),
                **self._about(scope, route, in_path),
                **_created(route, answer),
            }
        )

    def _is_free(self, scope: Scope, route: Route | None) -> bool:
        """What needs no account, and the constants for what is not offered, show nobody's data."""
        if route is None:
            return self._routes.answer(scope["method"], scope["path"]) is not None
        return route.is_free

    def _action(self, scope: Scope, route: Route | None) -> str:
        """A route's name. Of a document whose name was not read, what all documents begin with."""
        if route is not None:
            return route.name if ASKED in scope or not route.document else route.name.partition("/")[0]
        if scope["path"] in self._paths:
            return str(scope["path"]).strip("/")
        return NOT_OFFERED if self._routes.why(scope["method"], scope["path"]) else UNKNOWN

    def _who(self, scope: Scope) -> dict[str, str]:
        """The account, or whose name was claimed, or nothing."""
        if name := scope.get(USER):
            return {"user": self._lines.account(name)}
        return {"claimed": self._lines.digest(scope[CLAIMED])} if CLAIMED in scope else {}

    def _about(self, scope: Scope, route: Route | None, in_path: dict[str, str]) -> dict[str, Any]:
        if (asked := scope.get(ASKED)) is None and route is not None and route.method == "GET" and not route.document:
            # Refused by the log-in, which reads nothing; all that it asks for is here, and is read as the gate does.
            try:
                asked = places.check(reading.read(route, scope["path"], in_path, scope["query_string"]))
            except Refusal:
                asked = None
        if asked is not None:
            return facts.of_request(asked, self._lines.digest)
        return facts.of_path(in_path, self._lines.digest)


class _Answer:
    """One answer, looked at while it passes: its status, whether it came to its end, and of its body the beginning."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.status, self.ended = 0, False
        self.body = bytearray()
        self._scope, self._send = scope, send

    @property
    def error(self) -> str:
        """MLflow's word for what went wrong, or this program's."""
        if self.status >= 400:
            return facts.error_of(bytes(self.body))
        return GRAPHQL if self._is_graphql and facts.failed(self.body) else ""

    @property
    def _is_graphql(self) -> bool:
        return ROUTE in self._scope and bool(self._scope[ROUTE].document)

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        elif message["type"] == "http.response.body":
            # What went wrong stands at the end of GraphQL's answers, which MLflow had whole in its memory before.
            left = None if self._is_graphql else max(facts.LONGEST - len(self.body), 0)
            self.body += message.get("body", b"")[:left]
        await self._send(message)
        self.ended = message["type"] == "http.response.body" and not message.get("more_body")


def _created(route: Route | None, answer: _Answer) -> dict[str, str]:
    if route is None or route.method != "POST" or route.name.rpartition("/")[2] not in CREATES:
        return {}
    return facts.of_answer(bytes(answer.body)) if answer.status < 400 else {}


def _request_id(scope: Scope) -> str:
    """The mesh's own id of the request, so that its log and this one can be laid side by side; else a new one."""
    given = values(scope["headers"], b"x-request-id")
    told = given[0].decode("latin-1") if len(given) == 1 else ""
    return told if UUID.fullmatch(told) else str(uuid4())
