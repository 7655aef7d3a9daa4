"""One request, and its answer."""

from collections.abc import Callable, Sequence
from typing import Protocol

from parapet_serving.http.room import Crowded, Greedy, Room

Headers = Sequence[tuple[str, str]]


class Gone(Exception):
    """Who asked is not there any more."""


class TooLong(Exception):
    """The body has more bytes than it may have."""


class Answers(Protocol):
    """Who takes an answer: the request's connection."""

    @property
    def room(self) -> Room:
        """For bodies."""

    def proceed(self, exchange: "Exchange") -> None:
        """The body is wanted; who waits for that word (`Expect: 100-continue`) has it now."""

    def answer(self, exchange: "Exchange", status: int, headers: Headers, body: bytes) -> None:
        """Sends it. Raises Gone."""


class Exchange:
    """Made when the request's headers are there; its body may come later."""

    __slots__ = (
        *("method", "path", "headers", "client", "keep_alive", "expects", "ended", "answered"),
        *("_connection", "_first", "_body", "_size", "_most", "_gone", "_then", "_unkept", "_whose"),
    )

    def __init__(
        self, connection: Answers, method: str, path: str, headers: Headers, client: str, most: int, *, keep_alive: bool
    ) -> None:
        """`headers`: names in lower case, one that stands twice is in it twice. `client`: the address that asks.
        `most`: bytes of a body that are kept."""
        self.method, self.path, self.headers, self.client = method, path, headers, client
        self.keep_alive = keep_alive
        self.expects = False
        self.ended = False
        """Whether the whole body came."""
        self.answered = False
        self._connection = connection
        self._first = dict(reversed(headers))
        self._body: bytes | bytearray = b""
        """What came; of most, one part."""
        self._size, self._most = 0, most
        self._unkept: type[TooLong | Crowded | Greedy] | None = None
        """Why the body is not kept."""
        self._whose: str | None = None
        """Of whose share it is."""
        self._gone = False
        self._then: Callable[[], None] | None = None

    def header(self, name: str) -> str | None:
        """The first of this name."""
        return self._first.get(name)

    def every(self, name: str) -> list[str]:
        """All of this name."""
        return [value for each, value in self.headers if each == name] if name in self._first else []

    def when_whole(self, then: Callable[[], None]) -> None:
        """Calls it once `body` has something to say: at once, or later."""
        if self.ended or self._gone or self._unkept:
            then()
            return
        self._then = then
        if self.expects:
            self._connection.proceed(self)

    def body(self) -> bytes:
        """The whole body. Raises Gone, TooLong, Crowded and Greedy."""
        if self._unkept:
            raise self._unkept
        if self._gone:
            raise Gone
        return bytes(self._body)

    def belongs(self, whose: str) -> bool:
        """What came of the body and what will come is of his share. False where that has more than it may."""
        was, self._whose = self._whose, whose
        return self._connection.room.belong(len(self._body), was, whose)

    def answer(self, status: int, headers: Headers, body: bytes) -> None:
        """Whoever waits for its body is told now: it is of no use any more. Raises Gone."""
        if self._gone:
            raise Gone
        self._drop()
        try:
            self._connection.answer(self, status, headers, body)
        finally:
            self._wake()

    def add(self, part: bytes) -> None:
        """A part of the body came. What nobody will read is dropped."""
        if self.answered or self._unkept:
            return
        self._size += len(part)
        if self._size > self._most:
            self._refuse(TooLong)
        elif why := self._connection.room.hold(len(part), self._whose):
            self._refuse(why)
        elif not self._body:
            self._body = part
        else:
            if isinstance(self._body, bytes):
                self._body = bytearray(self._body)
            self._body += part

    def end(self) -> None:
        """The body's last part came."""
        self.ended = True
        self._wake()

    def lose(self) -> None:
        """The connection is gone."""
        self._gone = True
        self._drop()
        self._wake()

    def _refuse(self, why: type[TooLong | Crowded | Greedy]) -> None:
        self._unkept = why
        self._drop()
        self._wake()

    def _drop(self) -> None:
        if self._body:
            self._connection.room.release(len(self._body), self._whose)
            self._body = b""

    def _wake(self) -> None:
        then, self._then = self._then, None
        if then:
            then()
