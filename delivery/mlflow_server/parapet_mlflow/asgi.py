"""The words of ASGI, what the layers tell each other in its scope, and an answer of this program's own."""

import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

# What the layers write into the scope, for those around them and in them.
USER: Final = "parapet.user"
"""The name of the user who was found out."""
CLAIMED: Final = "parapet.claimed"
"""The name that was given with a password, before it is known whether that is right."""
ADDRESS: Final = "parapet.address"
"""Where the request comes from (`address.of`)."""
REQUEST: Final = "parapet.request"
"""The id of the request, which the audit trail has and an error tells."""
REASON: Final = "parapet.reason"
"""Why it was refused, for the audit trail: words of this program, in which no value is."""

Scope: TypeAlias = MutableMapping[str, Any]
Origin: TypeAlias = Mapping[str, str]
"""Which request it was and where it came from, as lines of the audit trail have it."""
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers: TypeAlias = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Answer:
    """A whole answer. It is never kept by a cache on its way."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    type: str = "application/json"
    reason: str = ""
    """What the audit trail is to have as REASON, of an answer that refuses."""

    async def send(self, send: Send) -> None:
        headers = (("content-type", self.type), ("content-length", str(len(self.body))), ("cache-control", "no-store"))
        encoded = [(name.encode(), value.encode("latin-1")) for name, value in (*headers, *self.headers)]
        await send({"type": "http.response.start", "status": self.status, "headers": encoded})
        await send({"type": "http.response.body", "body": self.body})


def origin(scope: Scope) -> Origin:
    named = {"request": REQUEST, "from": ADDRESS}
    return {name: scope[key] for name, key in named.items() if key in scope}


def refusal(status: int, code: str, message: str, *headers: tuple[str, str]) -> Answer:
    """An error in MLflow's own form, so that its clients show the words."""
    return Answer(status, json.dumps({"error_code": code, "message": message}).encode(), headers)


def values(headers: Headers, name: bytes) -> list[bytes]:
    """All of a header's values, one for each time that it was sent."""
    return [value for key, value in headers if key == name]
