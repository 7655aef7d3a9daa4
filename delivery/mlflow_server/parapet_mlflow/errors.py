"""What a caller is told of a failure: that there was one, and by which number it is found in the log.

MLflow hands an exception's text on: SQL with another's values in it, the database's address, a key of the bucket.
What it says of the caller's own request (the statuses below 500) stays, since it tells nobody anything new, once the
database's own text is out of it.
"""

from typing import Final

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from parapet_mlflow import logs
from parapet_mlflow.asgi import REQUEST, Answer, Application, Message, Receive, Scope, Send, refusal
from parapet_mlflow.audit.facts import error_of

LONGEST: Final = 64 * 1024
"""Bytes of an error's body that are looked at for MLflow's word for it."""


def install() -> None:
    """Takes statement, values and the database's words out of what an error of the database says of itself.

    MLflow puts that into its own messages, below 500 too. The type is left, by which it tells a deadlock.
    """
    SQLAlchemyError.__str__ = SQLAlchemyError.__repr__ = _named


def _named(error: SQLAlchemyError) -> str:
    own = error.orig if isinstance(error, DBAPIError) and error.orig else error
    return f"({type(own).__module__}.{type(own).__qualname__})"


class Caught:
    """An ASGI application around another, whose exceptions are answers, and are told in the log as types and places."""

    def __init__(self, application: Application) -> None:
        self.application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.application(scope, receive, send)
            return
        began = False

        async def passed(message: Message) -> None:
            nonlocal began
            began = True
            await send(message)

        try:
            await self.application(scope, receive, passed)
        except Exception as error:
            logs.say(error, f"request {scope.get(REQUEST, '')} failed")
            if began:
                raise
            await failed(scope, 500, "INTERNAL_ERROR").send(send)


class Reworded:
    """An ASGI application around MLflow's, whose failures (500 and above) are told in fixed words."""

    def __init__(self, application: Application) -> None:
        self.application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.application(scope, receive, send)
            return
        status, headers, body = 0, list[tuple[bytes, bytes]](), bytearray()

        async def passed(message: Message) -> None:
            nonlocal status, headers
            if message["type"] == "http.response.start" and message["status"] >= 500:
                status, headers = message["status"], list(message["headers"])
            elif not status:
                await send(message)
            elif message["type"] == "http.response.body":
                body.extend(message.get("body", b"")[: LONGEST - len(body)])
                if not message.get("more_body"):
                    code = error_of(bytes(body)) or "INTERNAL_ERROR"
                    await failed(scope, status, code, *_kept(headers)).send(send)

        await self.application(scope, receive, passed)


def failed(scope: Scope, status: int, code: str, *headers: tuple[str, str]) -> Answer:
    """What is told of a failure, whatever it was."""
    number = scope.get(REQUEST, "")
    words = f"The server could not do this. If it stays so, tell who keeps it the number of this request: {number}"
    return refusal(status, code, words, *headers)


def _kept(headers: list[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    # When to come again.
    return [(name.decode(), value.decode("latin-1")) for name, value in headers if name.lower() == b"retry-after"]
