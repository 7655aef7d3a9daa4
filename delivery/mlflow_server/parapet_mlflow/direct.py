"""MLflow's Flask application, without the layers around it that are for what FastAPI serves.

Each of them is starlette's BaseHTTPMiddleware, with a task and a queue for each request; then the router tries every
route of FastAPI's before it comes to Flask, and what Flask answers goes through a stream to another task. A request for
a fixed path of Flask's passes all of that by. The layers that judge hosts and origins, and MLflow's own check of
permissions, which is in Flask, are still before it.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import anyio.to_thread
from mlflow.server import auth
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.wsgi import build_environ
from starlette.routing import BaseRoute, Match

from parapet_mlflow.asgi import Application, Headers, Receive, Scope, Send
from parapet_mlflow.gate.routes import Route

Fixed = frozenset[tuple[str, str]]
"""Methods and paths."""


def install(application: Any, flask: Any, routes: Iterable[Route]) -> None:
    """In each worker, before the application's first request."""
    fixed = frozenset(_of_flask(application, routes))
    application.user_middleware = [
        Middleware(_Unless, fixed, each) if each.cls is BaseHTTPMiddleware else each
        for each in application.user_middleware
    ]
    application.router.routes.insert(0, _Flask(fixed, flask))


def _of_flask(application: Any, routes: Iterable[Route]) -> Iterator[tuple[str, str]]:
    """Those for which FastAPI has neither a route, nor a check of permissions."""
    native = auth._native_fastapi_routes(application)
    for route in routes:
        for path in route.paths:
            scope = {"type": "http", "method": route.method, "path": path, "root_path": "", "headers": list[Any]()}
            if not (
                "<" in path
                or any(each.matches(scope)[0] != Match.NONE for each in native)
                or auth._find_fastapi_validator(path, route.method)
            ):
                yield route.method, path


def _is(fixed: Fixed, scope: Scope) -> bool:
    return (scope.get("method", ""), scope.get("path", "")) in fixed


class _Unless:
    """A layer that stands before what is not Flask's alone."""

    def __init__(self, application: Application, fixed: Fixed, layer: Middleware) -> None:
        self._application, self._fixed = application, fixed
        self._layer = layer.cls(application, *layer.args, **layer.kwargs)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (self._application if _is(self._fixed, scope) else self._layer)(scope, receive, send)


class _Flask(BaseRoute):
    """Answers in a thread, at once: what Flask says of a fixed path is whole in its memory anyway."""

    def __init__(self, fixed: Fixed, flask: Any) -> None:
        self._fixed, self._flask = fixed, flask

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        return (Match.FULL if _is(self._fixed, scope) else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, more = bytearray(), True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        status, headers, answer = await anyio.to_thread.run_sync(self._answer, build_environ(scope, bytes(body)))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    def _answer(self, environ: dict[str, Any]) -> tuple[int, Headers, bytes]:
        status, headers = "", list[tuple[str, str]]()

        def start(its: str, own: list[tuple[str, str]], _: object = None) -> None:
            nonlocal status, headers
            status, headers = its, own

        pieces = self._flask(environ, start)
        try:
            body = b"".join(pieces)
        finally:
            if hasattr(pieces, "close"):
                pieces.close()
        return (
            int(status[:3]),
            [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers],
            body,
        )
