"""The outermost layer of the application: sees every request, whoever answers it, and holds none back."""

import base64
import json
import re
from datetime import UTC, datetime
from typing import Protocol
from uuid import uuid4

from parapet_mlflow.audit import facts
from parapet_mlflow.audit.actions import FILES, Action, Actions
from parapet_mlflow.login.asgi import ADDRESS, SIGNED_IN, USER, Application, Message, Receive, Scope, Send

REFUSED = (401, 403, 429)
GONE = 499
"""The status of a request whose client went before it was answered (nginx's number; HTTP has none)."""
ACCOUNT = re.compile(r"[\w.@-]{1,64}", re.ASCII)
REQUEST = re.compile(r"[0-9a-zA-Z-]{8,64}")


class Sink(Protocol):
    """Where lines go. `write` never waits and never fails."""

    def write(self, line: str) -> None: ...
    def close(self) -> None: ...


class Trail:
    """An ASGI application around another, which writes the audit trail (see this package's docstring).

    Who calls, and from where, the log-in within writes into the scope. Without it a name is a mere claim, which may be
    a password that was typed in the wrong field, and is told as a digest.
    """

    def __init__(self, application: Application, actions: Actions, sinks: list[Sink]) -> None:
        self.application, self.actions, self.sinks = application, actions, sinks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            try:
                await self.application(scope, receive, send)
            finally:
                for sink in self.sinks:
                    sink.close()
            return
        action = self.actions.of(scope.get("method", "GET"), scope["path"])
        if scope["type"] != "http" or action.free:
            await self.application(scope, receive, send)
            return
        seen = _Seen(action, scope["method"], receive, send)
        try:
            await self.application(scope, seen.receive if action.kind else receive, seen.send)
        except BaseException:
            seen.status = seen.status or 500
            raise
        finally:
            if action.kind or seen.status in REFUSED or scope.get(SIGNED_IN):
                self._write(scope, seen)

    def _write(self, scope: Scope, seen: "_Seen") -> None:
        headers = dict(scope["headers"])
        status = seen.status or GONE
        line = {
            "audit": 1,
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "request": _request_id(headers.get(b"x-request-id", b"")),
            **_who(scope, headers.get(b"authorization", b"")),
            **({"from": scope[ADDRESS]} if ADDRESS in scope else {}),
            "method": scope["method"],
            "action": seen.action.name,
            "status": status,
            **facts.of_path(scope["path"]),
            **facts.of_query(scope["query_string"]),
            **(facts.of_request(bytes(seen.asked)) if seen.asked else {}),
            **(facts.of_response(bytes(seen.told)) if seen.told else {}),
        }
        text = json.dumps(line, separators=(",", ":"))
        for sink in self.sinks:
            sink.write(text)


class _Seen:
    """One request's beginning and one answer's, looked at while they pass."""

    def __init__(self, action: Action, method: str, receive: Receive, send: Send) -> None:
        self.action, self.status = action, 0
        self.asked, self.told = bytearray(), bytearray()
        self._looks, self._creates = action.name not in FILES, method == "POST"
        self._receive, self._send = receive, send

    async def receive(self) -> Message:
        message = await self._receive()
        if self._looks and message["type"] == "http.request" and (left := facts.LONGEST - len(self.asked)) > 0:
            self.asked += message.get("body", b"")[:left]
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        elif self._creates and self._looks and (left := facts.LONGEST - len(self.told)) > 0:
            self.told += message.get("body", b"")[:left]
        await self._send(message)


def _who(scope: Scope, authorization: bytes) -> dict[str, str]:
    """The account, or whose name was claimed, or nothing."""
    if name := scope.get(USER):
        return {"user": name if ACCOUNT.fullmatch(name) else facts.digest(name)}
    scheme, _, encoded = authorization.partition(b" ")
    if scheme.lower() != b"basic":
        return {}
    try:
        claimed = base64.b64decode(encoded).decode().partition(":")[0]
    except ValueError:
        return {}
    return {"claimed": facts.digest(claimed)}


def _request_id(header: bytes) -> str:
    """The mesh's own id of the request, so that its log and this one can be laid side by side; else a new one."""
    told = header.decode("latin-1")
    return told if REQUEST.fullmatch(told) else str(uuid4())
