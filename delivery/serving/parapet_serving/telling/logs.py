"""Lines of JSON on standard output: of this server's own words and numbers, and of nothing that was sent to it.

Its own lines have the fields that are given here, and no others. Of what libraries log, the place and the kind of an
exception are told: their words may hold anything.
"""

import asyncio
import logging
import os
import sys
import threading
import warnings
from collections.abc import MutableMapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, TextIO

import msgspec
import structlog

DEEPEST: Final = 20
"""Places of a traceback that are told."""


def install() -> None:
    """For all that this process writes from now on, by whichever library."""
    structlog.configure(
        processors=[
            structlog.processors.TimeStamper("iso", utc=True, key="at"),
            _rendered,
        ],
        wrapper_class=structlog.BoundLogger,
        logger_factory=structlog.BytesLoggerFactory(),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, handlers=[_Places()], force=True)
    warnings.showwarning = _warn
    # What is too big for a float32 becomes infinite, which no range of a contract has.
    warnings.filterwarnings("ignore", "overflow encountered in cast", RuntimeWarning)
    sys.excepthook = lambda _kind, error, _trace: say("failed", **told(error))
    sys.unraisablehook = lambda ignored: say("ignored", **told(ignored.exc_value))
    threading.excepthook = lambda failed: say("thread failed", **told(failed.exc_value))


def logger() -> Any:
    """Of this server's own lines."""
    return structlog.get_logger()


class Answered(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="event", tag="answered", gc=False):
    """The line of a request."""

    model: str
    version: str
    request: str
    route: str
    status: int
    rows: int
    ms: float
    at: datetime
    kind: str = ""
    """Of error."""
    caller: str = ""
    subject: str = ""
    """Both hashed."""
    sent: str = ""
    """The caller's own id for it, a UUID."""


class Lines:
    """Of requests, on one event loop. They are written as it comes to its next turn, those of one turn together: a line
    by itself costs as much again as what it tells of."""

    def __init__(self) -> None:
        self._encoder = msgspec.json.Encoder()
        self._waiting: list[Answered] = []

    def add(self, line: Answered) -> None:
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self.write)
        self._waiting.append(line)

    def write(self) -> None:
        """Those that wait."""
        waiting = self._waiting.copy()
        self._waiting.clear()
        sys.stdout.buffer.write(self._encoder.encode_lines(waiting))
        sys.stdout.buffer.flush()


def now() -> datetime:
    return datetime.now(UTC)


def say(event: str, **fields: object) -> None:
    """One line that is not of a request."""
    logger().msg(event, **fields)


def told(error: BaseException | None) -> dict[str, object]:
    """An exception's kind and where it was raised, without its words."""
    if error is None:
        return {}
    return {"error": f"{type(error).__module__}.{type(error).__qualname__}", "places": _places(error.__traceback__)}


def _rendered(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> bytes:
    return msgspec.json.encode(event)


def _warn(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    del message, file, line
    say("warning", kind=category.__name__, places=[f"{_place(filename)}:{lineno}"])


class _Places(logging.Handler):
    """Writes where something was logged."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        where = f"{_place(record.pathname)}:{record.lineno}"
        say("library", logger=record.name, level=record.levelname, where=where, **told(error))


def _places(trace: TracebackType | None) -> list[str]:
    found = list[str]()
    while trace:
        found.append(f"{_place(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}")
        trace = trace.tb_next
    return found[-DEEPEST:]


def _place(path: str) -> str:
    """A file of a library from its name on."""
    return path.rpartition(f"site-packages{os.sep}")[2]
