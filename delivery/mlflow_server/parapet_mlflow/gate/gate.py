"""The layer before MLflow's own application: reads, checks, asks for permission, and passes on what was read."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Final

from parapet_mlflow.asgi import (
    REASON,
    USER,
    Answer,
    Application,
    Headers,
    Message,
    Receive,
    Scope,
    Send,
    refusal,
    values,
)
from parapet_mlflow.configuration import THREADS
from parapet_mlflow.gate import names, places, reading, room, texts
from parapet_mlflow.gate.reading import Asked
from parapet_mlflow.gate.refusal import Refusal, invalid
from parapet_mlflow.gate.room import Body, Gone, Room
from parapet_mlflow.gate.routes import Route, Routes
from parapet_mlflow.shares import Places

ASKED: Final = "parapet.asked"
"""Where the scope has what was asked for, once that was read."""
ROUTE: Final = "parapet.route"
"""Where the scope has the route, from the moment that there is one."""
PASSED: Final = frozenset(
    (
        b"accept",
        b"accept-encoding",
        b"authorization",
        b"host",
        b"if-modified-since",
        b"if-none-match",
        b"origin",
        b"range",
        b"user-agent",
    )
)
"""Headers that go on. By others MLflow or what it is made of decides something: X-MLFLOW-WORKSPACE, Cookie,
Content-Encoding, X-HTTP-Method-Override, X-Forwarded-*."""
ONCE: Final = frozenset((b"content-length", b"content-type", b"host", b"origin"))
TRACES: Final = ("POST", "/v1/traces")
NO_SPANS: Final = Refusal(
    501,
    "NOT_IMPLEMENTED",
    # MLflow's client looks for these words (tracing/export/mlflow_v3.py), and then puts spans into the trace's file.
    "REST OTLP span logging is not supported here: MLflow's client keeps the spans with the trace.",
)

GONE: Final = {"type": "http.disconnect"}

Allowed = Callable[[str | None, Asked], Awaitable[Refusal | None]]
"""Whether a user, or nobody, may have what is asked for: None where it is so (permissions.py)."""


class Gate:
    """An ASGI application around MLflow's, which is asked for what `routes` offers and nothing else."""

    def __init__(self, application: Application, routes: Routes, allowed: Allowed) -> None:
        self.application, self.routes, self.allowed = application, routes, allowed
        self._room = Room()
        self._turns = Places(THREADS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.application(scope, receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})  # nothing here speaks it
        elif (told := self.routes.answer(scope["method"], scope["path"])) is not None:
            await Answer(200, told).send(send)
        else:
            body = Body(self._room, scope.get(USER) or "")
            try:
                asked = await self._asked(scope, receive, body)
                scope[ASKED] = asked
                await self._permit(scope, asked)
                await self._pass(scope, asked, receive, send)
            except Refusal as why:
                scope[REASON] = why.told(scope[ROUTE].shape if ROUTE in scope else {})
                await refusal(why.status, why.code, why.message).send(send)
            except Gone:
                return
            finally:
                body.end()

    async def _asked(self, scope: Scope, receive: Receive, body: Body) -> Asked:
        route, in_path = self._route(scope["method"], scope["path"])
        scope[ROUTE] = route
        headers: Headers = scope["headers"]
        for name in ONCE:
            if len(values(headers, name)) > 1:
                raise invalid(f"The header {name.decode()} is there more than once. Send it once.")
        types = values(headers, b"content-type")

        def read(whole: bytes) -> Asked:
            asked = places.check(reading.read(route, scope["path"], in_path, scope["query_string"], types, whole))
            asked = texts.check(asked)
            names.check(asked)
            room.check(asked)
            return asked

        if route.name in reading.STREAMED:
            return read(b"")
        return await body.read(headers, receive, read)

    def _route(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        if found := self.routes.of(method, path):
            return found
        if (method, path) == TRACES:
            raise NO_SPANS
        why = self.routes.why(method, path)
        raise Refusal(
            404, "ENDPOINT_NOT_FOUND", f"This is not offered here. {why}" if why else "There is nothing here."
        )

    async def _permit(self, scope: Scope, asked: Asked) -> None:
        if why := await self.allowed(scope.get(USER), asked):
            raise why

    async def _pass(self, scope: Scope, asked: Asked, receive: Receive, send: Send) -> None:
        if (told := asked.empty) is not None:
            await Answer(200, told).send(send)
            return
        canonical = asked.canonical()
        headers = [each for each in scope["headers"] if each[0] in PASSED]
        if canonical.body is None:
            headers += [(name, value) for name, value in scope["headers"] if name == b"content-length"]
        elif canonical.body:
            headers += [
                (b"content-type", reading.JSON.encode()),
                (b"content-length", str(len(canonical.body)).encode()),
            ]
        passed = {
            **scope,
            "path": canonical.path,
            "raw_path": canonical.raw_path,
            "root_path": "",
            "query_string": canonical.query,
            "headers": headers,
        }
        if canonical.body is None:
            await self._stream(scope, passed, asked, receive, send)
        else:
            await self._answered(scope.get(USER) or "", passed, _once(canonical.body, receive), send)

    async def _answered(self, user: str, passed: Scope, receive: Receive, send: Send) -> None:
        """A turn until the answer begins: who reads slowly keeps nobody's."""
        async with AsyncExitStack() as turn:
            await turn.enter_async_context(self._turns.one(user))

            async def begun(message: Message) -> None:
                await turn.aclose()
                await send(message)

            await self.application(passed, receive, begun)

    async def _stream(self, scope: Scope, passed: Scope, asked: Asked, receive: Receive, send: Send) -> None:
        """A file may come for hours: whether it may is asked again at its end, before that is passed on.

        Nothing of it is there before its end. To what is behind, a file that may not come any more is one whose client
        went; raises Refusal then.
        """
        began, why = False, None

        async def told() -> Message:
            nonlocal why
            message = GONE if why else await receive()
            if message["type"] == "http.request" and not message.get("more_body") and not began:
                why = await self.allowed(scope.get(USER), asked)
            return GONE if why else message

        async def answered(message: Message) -> None:
            nonlocal began
            if not why:
                began = True
                await send(message)

        try:
            await self.application(passed, told, answered)
        except Exception:
            if not why:
                raise
        if why:
            raise why


def _once(body: bytes, receive: Receive) -> Receive:
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def told() -> Message:
        return waiting.pop() if waiting else await receive()

    return told
