"""How much of the server one request, and one account, may take.

MLflow takes any filter, makes as many addresses for parts as it is asked for, and waits for a body for ever; a body of
16 MB that is all commas takes 700 MB and twenty seconds to read.
"""

import re
from collections import Counter
from collections.abc import Callable
from typing import Any, Final, TypeVar

import anyio
import anyio.to_thread

from parapet_mlflow.asgi import Headers, Receive, values
from parapet_mlflow.gate.reading import Asked
from parapet_mlflow.gate.refusal import Refusal, field, invalid

LARGEST: Final = 16 * 2**20
"""Bytes of a body that is no file. MLflow takes 1 MB of metrics at once, and any size of records to evaluate with."""
MARKS: Final = 200_000
"""Commas and brackets of a body. MLflow takes 1,000 metrics at once, and a record to evaluate with has a few."""
SMALL: Final = 64 * 2**10
"""Bytes of a body that is read where it comes and counted as nothing."""
SHARE: Final = 64 * 2**20
"""Bytes of larger bodies that a worker holds for one account at once."""
PATIENCE: Final = 60
"""Seconds for a body to come."""
TEXTS: Final = {
    "filter": 20_000,
    "filter_string": 20_000,
    "filter_string1": 20_000,
    "filter_string2": 20_000,
    "base_filter": 20_000,
    "page_token": 20_000,
}
"""Characters of what MLflow takes apart before the database does. A page asks for some hundred runs by their ids."""
COMPARISONS: Final = 30
"""Of a request's filters together: each is a table more to join, and a hundred hold a thread for ten seconds. A list
of values, as of a run's ids, is one."""
QUOTED: Final = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`[^`]*`""")
AND: Final = re.compile(r"\band\b", re.IGNORECASE)
FILTERS: Final = TEXTS.keys() - {"page_token"} | {"filters"}
LISTS: Final = {"order_by": 20, "filters": 20, "dimensions": 20, "aggregations": 20, "datasets": 1_000}
"""Each is a table more to join."""
NUMBERS: Final = {"num_parts": (1, 1_000)}
"""Least and most. S3's clients send parts of 100 MB: 100 GB."""
Read = TypeVar("Read")


class Gone(Exception):
    """The client went while it was asking."""


class Room:
    """What one worker holds of bodies, by account."""

    def __init__(self) -> None:
        self.held: Counter[str] = Counter()
        # One after the other: reading holds the interpreter, and the small ones of others go in between.
        self.reading = anyio.CapacityLimiter(1)


class Body:
    """The body of one request, which takes room until the request is answered."""

    def __init__(self, room: Room, user: str) -> None:
        self._room, self._user, self._body = room, user, bytearray()
        self._counted = 0

    async def read(self, headers: Headers, receive: Receive, read: Callable[[bytes], Read]) -> Read:
        """What is read of the whole of it. Raises Refusal, or Gone."""
        told = values(headers, b"content-length")
        if told and (not told[0].isdigit() or int(told[0]) > LARGEST):
            raise _too_large()
        try:
            with anyio.fail_after(PATIENCE):
                while await self._more(receive):
                    pass
        except TimeoutError:
            raise Refusal(408, "INVALID_PARAMETER_VALUE", f"The body did not come within {PATIENCE} s.") from None
        whole = bytes(self._body)
        self._body.clear()
        if len(whole) <= SMALL:
            return read(whole)
        if sum(whole.count(mark) for mark in (b",", b"[", b"{")) > MARKS:
            raise invalid(f"The body has more than {MARKS} commas and brackets. Send less at once.")
        return await anyio.to_thread.run_sync(read, whole, limiter=self._room.reading)

    def end(self) -> None:
        """Gives the room back."""
        self._room.held[self._user] -= self._counted
        if not self._room.held[self._user]:
            del self._room.held[self._user]

    async def _more(self, receive: Receive) -> bool:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        self._body += message.get("body", b"")
        if (size := len(self._body)) > LARGEST:
            raise _too_large()
        if size > SMALL:
            self._room.held[self._user] += size - self._counted
            self._counted = size
        if self._room.held[self._user] > SHARE:
            raise Refusal(429, "REQUEST_LIMIT_EXCEEDED", "This account sends too much at once. Send it again later.")
        return bool(message.get("more_body", False))


def check(asked: Asked) -> None:
    """Whether what is asked for is of a usual size. Raises Refusal."""
    for name, value in asked.fields.items():
        if (most := TEXTS.get(name)) is not None and isinstance(value, str) and len(value) > most:
            raise field(name, f"has more than {most} characters.")
        if (most := LISTS.get(name)) is not None and isinstance(value, list):
            _list(name, value, most)
        if (bounds := NUMBERS.get(name)) is not None and not bounds[0] <= value <= bounds[1]:
            raise field(name, f"is not between {bounds[0]} and {bounds[1]}.")
    if (name := _compares_too_much(asked)) is not None:
        raise field(name, f"has, with the others, more than {COMPARISONS} comparisons. Ask for less at once.")


def _compares_too_much(asked: Asked) -> str | None:
    number = 0
    for name, value in asked.fields.items():
        if name in FILTERS:
            for text in value if isinstance(value, list) else [value]:
                number += len(AND.findall(QUOTED.sub("", str(text)))) + 1
            if number > COMPARISONS:
                return name
    return None


def _list(name: str, value: list[Any], most: int) -> None:
    if len(value) > most:
        raise field(name, f"has more than {most} entries.")
    if any(isinstance(one, str) and len(one) > TEXTS["filter"] for one in value):
        raise field(name, f"has an entry of more than {TEXTS['filter']} characters.")


def _too_large() -> Refusal:
    return Refusal(413, "INVALID_PARAMETER_VALUE", f"The body has more than {LARGEST} bytes. Send less at once.")
