"""A connection: requests come one after another, and are answered in that order (RFC 9112).

What is a request is said by llhttp, the parser of Node.js, in its strict mode: a length that stands twice or beside
chunks, white space before a colon, or an end of line without its carriage return end the connection.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import Final, Protocol, cast
from urllib.parse import unquote

import httptools

from parapet_serving.http.exchange import Exchange, Gone, Headers
from parapet_serving.http.room import Room

HEADER_BYTES: Final = 32_768
HEADERS: Final = 100
"""Of one request, at most."""
UNFINISHED: Final = HEADER_BYTES + 4096
"""Bytes that may come, beside what one read brings, before headers are there, a part of a body, or its end: the parser
keeps a header, a trailer or what stands beside a chunk's length until it is whole, and tells of none before that."""
LINGERS: Final = 2.0
"""Seconds in which the rest of a body is read and dropped, so that who still sends it can read its answer first."""
NAMES, PATHS = 256, 64
"""Of headers and of requests, that are remembered as texts."""
PIPELINED: Final = 16
"""Requests that may wait while one is being answered; who sends more at once is no client of ours."""
LINES: Final = {each.value: f"HTTP/1.1 {each.value} {each.phrase}\r\n" for each in HTTPStatus}
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class Serves(Protocol):
    """What a connection asks of its server."""

    most: int
    """Bytes of a body."""
    room: Room
    """For all that come."""

    @property
    def begin(self) -> Callable[[Exchange], None]:
        """Goes about answering one."""

    def add(self, connection: "Connection") -> None:
        """It is there from now on."""

    def remove(self, connection: "Connection") -> None:
        """It is gone."""


class Connection(asyncio.Protocol):
    """One client's. All of it happens on the event loop."""

    def __init__(self, server: Serves) -> None:
        self._server = server
        self._parser = httptools.HttpRequestParser(self)
        self._current: Exchange | None = None
        """What is being answered."""
        self._next: deque[Exchange] = deque()
        """What came before that was."""
        self._reading: Exchange | None = None
        """Whose body is coming."""
        self._url, self._header_bytes = b"", 0
        self._headers: list[tuple[str, str]] = []
        self._unfinished = 0
        """Bytes since something of a request was whole."""
        self._ending = False
        self._full = False
        """Whether answers wait for the client to read them."""
        self._paused = False
        self._raw = 0
        """Bytes of a body that the parser takes for another protocol's: see `_not_upgraded`."""
        self.quiet_since = time.monotonic()
        """Since when nothing of a request is being answered."""
        self.half_since: float | None = None
        """Since when a request comes whose headers are not all there."""
        self.asked = False
        """Whether a request ever came."""

    @property
    def busy(self) -> bool:
        """Whether something is being answered."""
        return self._current is not None

    # What the event loop tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._client = str((transport.get_extra_info("peername") or ("",))[0])
        self._server.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.remove(self)
        for exchange in [self._current, *self._next]:
            if exchange:
                exchange.lose()
        self._next.clear()

    def data_received(self, data: bytes) -> None:
        if self._ending and self._reading is None:
            return
        self._unfinished += len(data)
        try:
            if self._raw:
                self._take(data)
            else:
                self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._take(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self._end_badly()
        if self._unfinished > UNFINISHED:
            self._end_badly()
        self._advance()

    def pause_writing(self) -> None:
        """It does not read its answers, and so may not ask for more."""
        self._full = True
        self._flow()

    def resume_writing(self) -> None:
        self._full = False
        self._flow()

    # What the parser tells.

    def on_message_begin(self) -> None:
        headers: list[tuple[str, str]] = []  # to call `list[...]` takes twenty times as long
        self._url, self._headers, self._header_bytes = b"", headers, 0
        self.half_since = time.monotonic()

    def on_url(self, url: bytes) -> None:
        self._url += url
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value))
        if not self._reading:  # what comes behind chunks is no header of the request
            self._headers.append((_name(name), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        self._unfinished = 0
        self.half_since, self.asked = None, True
        method, upgrade = self._parser.get_method().decode("ascii"), self._parser.should_upgrade()
        keep_alive, path = self._parser.should_keep_alive() and not upgrade, _path(self._url)
        most = self._server.most
        exchange = Exchange(self, method, path, self._headers, self._client, most, keep_alive=keep_alive)
        if upgrade:
            self._not_upgraded(exchange)
        self._reading = exchange
        if len(self._next) > PIPELINED:
            raise ValueError
        self._next.append(exchange)

    def on_body(self, part: bytes) -> None:
        self._unfinished = 0
        if self._reading:
            self._reading.add(part)

    def on_message_complete(self) -> None:
        self._unfinished = 0
        if self._raw:
            return
        exchange, self._reading = self._reading, None
        if exchange:
            exchange.end()
            if exchange.answered:
                self._after(exchange)

    # What is answered.

    @property
    def room(self) -> Room:
        return self._server.room

    def proceed(self, exchange: Exchange) -> None:
        exchange.expects = False
        self._transport.write(CONTINUE)

    def answer(self, exchange: Exchange, status: int, headers: Headers, body: bytes) -> None:
        if self._transport.is_closing():
            raise Gone
        exchange.answered = True
        if ("connection", "close") in headers:
            exchange.keep_alive = False
        elif not (exchange.ended and exchange.keep_alive):
            exchange.keep_alive = False
            headers = [*headers, ("connection", "close")]
        told = "".join([f"{name}: {value}\r\n" for name, value in headers])
        head = f"{LINES[status]}{told}content-length: {len(body)}\r\ndate: {_date()}\r\n\r\n".encode("latin-1")
        self._transport.write(head if exchange.method == "HEAD" else head + body)
        if exchange.ended:
            self._after(exchange)
        else:
            self._rest()
            self._ending = True
            asyncio.get_running_loop().call_later(LINGERS, self._transport.close)

    def close(self) -> None:
        """Once what is being answered has been; at once where there is nothing."""
        if self._current is None:
            self._transport.close()
        else:
            self._current.keep_alive = False

    def abort(self) -> None:
        """Whatever is under way."""
        self._transport.abort()

    def _advance(self) -> None:
        """To what came next, once all that was read with it is here: most bodies are."""
        while self._next and self._current is None and not self._ending:
            exchange = self._current = self._next.popleft()
            exchange.expects = not exchange.ended and (exchange.header("expect") or "").lower() == "100-continue"
            self._server.begin(exchange)
        self._flow()

    def _after(self, exchange: Exchange) -> None:
        self._rest()
        if not exchange.keep_alive:
            self._ending = True
            self._transport.close()
        elif self._next:
            self._advance()

    def _rest(self) -> None:
        self._current = None
        self.quiet_since = time.monotonic()

    def _flow(self) -> None:
        """Reads no more while there is enough to do."""
        paused = self._full or bool(self._next)
        if paused == self._paused or self._transport.is_closing():
            return
        self._paused = paused
        if paused:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def _not_upgraded(self, exchange: Exchange) -> None:
        """Clients of Java ask by themselves for HTTP/2 beside what they want (`Upgrade: h2c`); it is not for us to
        follow, and their request counts (RFC 9110, 7.8). The parser leaves its body to whoever speaks the new protocol.
        """
        if exchange.method == "CONNECT" or exchange.header("transfer-encoding"):
            raise ValueError
        self._raw = int(exchange.header("content-length") or 0)

    def _take(self, data: bytes) -> None:
        """Of such a body. It is the connection's last one."""
        if not self._raw:
            return
        part = data[: self._raw]
        self._raw -= len(part)
        self.on_body(part)
        self.on_message_complete()

    def _count(self, size: int) -> None:
        self._header_bytes += size
        if self._header_bytes > HEADER_BYTES or len(self._headers) >= HEADERS:
            raise ValueError  # the parser makes an error of its own of it

    def _end_badly(self) -> None:
        """It speaks something else, or too much; what is being answered is lost with it."""
        if not self._transport.is_closing():
            if self._current is None and not self._ending:
                self._transport.write(f"{LINES[400]}content-length: 0\r\nconnection: close\r\n\r\n".encode())
            self._ending = True
            self._transport.close()


@lru_cache(NAMES)
def _name(name: bytes) -> str:
    return name.decode("latin-1").lower()


@lru_cache(PATHS)
def _path(url: bytes) -> str:
    """Without the query. Of `http://HOST/PATH`, which proxies may send, the path."""
    if not url.startswith(b"/"):
        try:
            url = httptools.parse_url(url).path or b"/"
        except httptools.HttpParserInvalidURLError:
            return ""
    path = url.partition(b"?")[0].decode("latin-1")
    return unquote(path, errors="replace") if "%" in path else path


_last_date = (0, "")


def _date() -> str:
    """Made once a second."""
    global _last_date
    if (now := int(time.time())) != _last_date[0]:
        _last_date = now, formatdate(now, usegmt=True)
    return _last_date[1]
