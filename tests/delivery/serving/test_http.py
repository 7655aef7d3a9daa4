"""What comes over a connection is a request of HTTP/1.1 or the connection's end; answers come back in order."""

import asyncio
import contextlib
import tracemalloc
from collections.abc import Awaitable, Callable
from typing import Final

import pytest

from parapet_serving.http import connection
from parapet_serving.http.exchange import Exchange, Gone, TooLong
from parapet_serving.http.room import Crowded, Greedy, Room
from parapet_serving.http.server import Server

pytestmark = pytest.mark.process

MOST = 1000
Ask = Callable[[bytes], Awaitable[bytes]]
"""Sends bytes and gives what comes back until the connection ends, or nothing comes for a moment."""
GET = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"


SMALL: Final = 3 * MOST
"""Of all bodies together."""


class Echo:
    """Answers with what it was asked; `/slow` when it is let."""

    def __init__(self) -> None:
        self.asked = list[Exchange]()
        self.lost = 0
        self._slow: list[Exchange] | None = []

    def begin(self, exchange: Exchange) -> None:
        self.asked.append(exchange)
        if whose := exchange.header("whose"):
            exchange.belongs(whose)
        if exchange.path == "/slow" and self._slow is not None:
            self._slow.append(exchange)
        else:
            self._answer(exchange)

    def let(self) -> None:
        slow, self._slow = self._slow or [], None
        for exchange in slow:
            self._answer(exchange)

    def _answer(self, exchange: Exchange) -> None:
        if exchange.path == "/unread":
            exchange.answer(401, [], b"no")
        else:
            exchange.when_whole(lambda: self._whole(exchange))

    def _whole(self, exchange: Exchange) -> None:
        try:
            told = exchange.method.encode() + b" " + exchange.body()
            exchange.answer(200, [("x-path", exchange.path)], told)
        except TooLong:
            exchange.answer(413, [("connection", "close")], b"long")
        except Crowded:
            exchange.answer(503, [("connection", "close")], b"full")
        except Greedy:
            exchange.answer(429, [("connection", "close")], b"greedy")
        except Gone:
            self.lost += 1


def run(
    work: Callable[[Ask, Echo, Server, int], Awaitable[None]],
    *,
    idle: float = 60.0,
    patience: float = 60.0,
    most: int = MOST,
    together: int = 100 * MOST,
    each: int = 100 * MOST,
) -> None:
    async def main() -> None:
        echo = Echo()
        server = Server(echo.begin, most=most, together=together, each=each, idle=idle, patience=patience)
        await server.start("127.0.0.1", 0)
        assert server._listening
        port = server._listening.sockets[0].getsockname()[1]

        async def ask(sent: bytes) -> bytes:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(sent)
            came = b""
            while part := await nearby(reader):
                came += part
            writer.close()
            return came

        await work(ask, echo, server, port)
        await server.stop(5)
        assert server.room.held == 0, "whatever came of a request, its body is not counted any more"

    asyncio.run(main())


async def nearby(reader: asyncio.StreamReader, seconds: float = 0.1) -> bytes:
    try:
        return await asyncio.wait_for(reader.read(65_536), seconds)
    except (TimeoutError, ConnectionResetError):
        return b""


def post(path: str, body: bytes, *more: str) -> bytes:
    lines = "".join(f"{line}\r\n" for line in ("Host: x", f"Content-Length: {len(body)}", *more))
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + body


def bodies(came: bytes) -> list[bytes]:
    """Of all the answers."""
    found = []
    while came:
        head, _, rest = came.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n"), head
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        found.append(rest[:length])
        came = rest[length:]
    return found


def test_requests_of_one_connection_are_answered_in_order() -> None:
    async def work(ask: Ask, echo: Echo, _server: Server, _port: int) -> None:
        asyncio.get_running_loop().call_later(0.03, echo.let)
        sent = [post("/slow", b"one"), post("/b", b"two"), GET, post("/c", b"three")]
        assert bodies(await ask(b"".join(sent))) == [b"POST one", b"POST two", b"GET ", b"POST three"]

    run(work)


def test_what_comes_in_pieces_is_whole() -> None:
    async def work(_ask: Ask, _echo: Echo, _server: Server, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        sent = post("/a", b"body") + post("/b", b"other")
        for at in range(len(sent)):
            writer.write(sent[at : at + 1])
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        came = b""
        while part := await nearby(reader):
            came += part
        assert bodies(came) == [b"POST body", b"POST other"]
        writer.close()

    run(work)


CHUNKED = b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


def test_what_stands_behind_chunks_is_no_header() -> None:
    """A caller's name in a trailer would be believed else."""

    async def work(ask: Ask, echo: Echo, _server: Server, _port: int) -> None:
        sent = CHUNKED + b"3\r\nabc\r\n2\r\nde\r\n0\r\nX-Forwarded-Client-Cert: URI=spiffe://x\r\n\r\n"
        assert bodies(await ask(sent + GET)) == [b"POST abcde", b"GET "]
        assert echo.asked[0].header("x-forwarded-client-cert") is None

    run(work)


REFUSED: dict[str, bytes] = {
    "no HTTP": b"hello\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "an unknown method": b"SPOIL /a HTTP/1.1\r\nHost: x\r\n\r\n",
    "two lengths": b"POST /a HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
    "a length and chunks": b"POST /a HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and a length": b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    "another coding than chunks": b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "a length that is none": b"POST /a HTTP/1.1\r\nContent-Length: +3\r\n\r\nabc",
    "white space before a colon": b"GET /a HTTP/1.1\r\nHost : x\r\n\r\n",
    "lines that end in half": b"GET /a HTTP/1.1\nHost: x\n\n",
    "a zero byte in a header": b"GET /a HTTP/1.1\r\nHost: x\x00y\r\n\r\n",
    "a header too many": b"GET /a HTTP/1.1\r\n" + b"A: b\r\n" * (connection.HEADERS + 1) + b"\r\n",
    "a header too long": b"GET /a HTTP/1.1\r\nA: " + b"b" * connection.HEADER_BYTES + b"\r\n\r\n",
    "a path too long": b"GET /" + b"a" * connection.HEADER_BYTES + b" HTTP/1.1\r\n\r\n",
    "a tunnel": b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
    "another protocol, with chunks": CHUNKED.replace(b"Host", b"Upgrade: h2c\r\nConnection: Upgrade\r\nHost")
    + b"0\r\n",
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_request_ends_the_connection(what: str) -> None:
    async def work(ask: Ask, echo: Echo, _server: Server, _port: int) -> None:
        came = await ask(REFUSED[what] + GET)
        assert came.startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert came.count(b"HTTP/1.1") == 1, "and what comes behind it is not answered"
        assert not [each for each in echo.asked if each.answered]

    run(work)


ENDLESS: dict[str, tuple[bytes, bytes]] = {
    # How it begins, and what it goes on with.
    "a path": (b"GET /", b"a"),
    "a header's name": (b"GET /a HTTP/1.1\r\nHost: x\r\nA", b"a"),
    "a header's value": (b"GET /a HTTP/1.1\r\nHost: x\r\nA: ", b"a"),
    "spaces before a value": (b"GET /a HTTP/1.1\r\nHost: x\r\nA:", b" "),
    "headers": (b"GET /a HTTP/1.1\r\nHost: x\r\n", b"A: " + b"b" * 1000 + b"\r\n"),
    "empty lines": (b"", b"\r\n"),
    "a chunk's length": (CHUNKED, b"0"),
    "a chunk's extension": (CHUNKED + b"3;a=", b"a"),
    "a quoted extension": (CHUNKED + b'3;a="', b"a"),
    "a trailer's name": (CHUNKED + b"3\r\nabc\r\n0\r\nA", b"a"),
    "a trailer's value": (CHUNKED + b"3\r\nabc\r\n0\r\nA: ", b"a"),
    "trailers": (CHUNKED + b"0\r\n", b"A: " + b"b" * 1000 + b"\r\n"),
    "behind another": (GET + b"GET /a HTTP/1.1\r\nHost: x\r\nA: ", b"a"),
}


@pytest.mark.parametrize("what", ENDLESS)
def test_what_has_no_end_is_bounded_as_it_comes(what: str) -> None:
    """And not once its end is there: it is kept, and looked through with each part that comes."""

    async def work(_ask: Ask, echo: Echo, _server: Server, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        begins, goes_on = ENDLESS[what]
        writer.write(begins)
        part = goes_on * (4096 // len(goes_on))
        with contextlib.suppress(ConnectionError):
            for _ in range(connection.HEADER_BYTES // len(part) + 4):
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0.002)
            while await asyncio.wait_for(reader.read(65_536), 1):
                pass
        assert not [each for each in echo.asked if each.answered and each.method == "POST"]
        writer.close()

    run(work)


def test_what_is_just_within_the_bounds_is_answered_however_it_comes() -> None:
    async def work(ask: Ask, _echo: Echo, _server: Server, port: int) -> None:
        of_each = connection.HEADER_BYTES // 98
        lines = b"".join(b"A%03d: %s\r\n" % (number, b"b" * (of_each - 4)) for number in range(97))
        sent = b"GET /a HTTP/1.1\r\nHost: x\r\n" + lines + b"\r\n"
        assert bodies(await ask(sent)) == [b"GET "]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for at in range(0, len(sent), 3000):
            writer.write(sent[at : at + 3000])
            await asyncio.sleep(0.002)
        assert bodies(await nearby(reader)) == [b"GET "]
        writer.close()

    run(work)


def test_many_at_once_are_no_client_of_ours() -> None:
    async def work(ask: Ask, echo: Echo, _server: Server, _port: int) -> None:
        came = await ask(post("/slow", b"") + GET * (connection.PIPELINED + 1))
        assert came.startswith(b"HTTP/1.1 400 ")
        assert not echo.asked
        echo.let()
        assert len(bodies(await ask(GET * connection.PIPELINED))) == connection.PIPELINED

    run(work)


def test_a_client_of_java_is_answered_in_what_it_speaks() -> None:
    """Its HTTP client offers HTTP/2 with whatever it sends."""

    async def work(_ask: Ask, _echo: Echo, _server: Server, port: int) -> None:
        offer = ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAEA"]
        for sent in (
            post("/a", b"body", *offer),
            GET.replace(b"\r\n\r\n", b"\r\n" + "\r\n".join(offer).encode() + b"\r\n\r\n"),
        ):
            for parts in ([sent], [sent[:-2], sent[-2:]]):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                for part in parts:
                    writer.write(part)
                    await asyncio.sleep(0.02)
                assert bodies(await asyncio.wait_for(reader.read(), 2)) in ([b"POST body"], [b"GET "])
                writer.close()

    run(work)


def test_a_body_is_sent_once_it_is_wanted() -> None:
    async def work(_ask: Ask, _echo: Echo, _server: Server, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head, body = post("/a", b"body", "Expect: 100-continue")[:-4], b"body"
        writer.write(head)
        assert await nearby(reader) == connection.CONTINUE
        writer.write(body)
        assert bodies(await nearby(reader)) == [b"POST body"]
        writer.write(post("/unread", b"body", "Expect: 100-continue")[:-4])
        assert (await nearby(reader)).startswith(b"HTTP/1.1 401 "), "who is refused need not send it"
        writer.close()

    run(work)


def test_a_body_that_nobody_reads_is_dropped_and_its_answer_read() -> None:
    async def work(_ask: Ask, _echo: Echo, server: Server, port: int) -> None:
        for path, status in (("/unread", b"401"), ("/a", b"413")):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(post(path, b"x" * 5_000_000))
            await writer.drain()
            came = await asyncio.wait_for(reader.read(), 5)
            assert came.startswith(b"HTTP/1.1 " + status)
            assert b"connection: close" in came
            assert server.room.held == 0
            writer.close()

    run(work)


def test_a_body_in_many_parts_takes_no_more_room_than_in_one() -> None:
    async def work(_ask: Ask, echo: Echo, server: Server, port: int) -> None:
        _reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(CHUNKED.replace(b"/a", b"/slow"))
        tracemalloc.start()
        try:
            for _ in range(50):
                writer.write(b"2\r\nab\r\n" * 1000)
                await writer.drain()
                await asyncio.sleep(0)
            while server.room.held < 100_000:
                await asyncio.sleep(0.01)
            assert tracemalloc.get_traced_memory()[0] < 1_000_000
        finally:
            tracemalloc.stop()
        writer.write(b"0\r\n\r\n")
        echo.let()
        assert (await asyncio.wait_for(_reader.read(1000), 2)).startswith(b"HTTP/1.1 200 ")
        writer.close()

    run(work, most=1_000_000, together=1_000_000)


def test_bodies_have_a_bound_together() -> None:
    async def work(ask: Ask, echo: Echo, server: Server, port: int) -> None:
        whole = post("/slow", b"x" * MOST)
        opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        for _, writer in opened:
            writer.write(whole[:-1])
            await asyncio.sleep(0.02)
        assert server.room.held == SMALL - 3
        refused = await ask(post("/a", b"x" * 4))
        assert refused.startswith(b"HTTP/1.1 503 ")
        assert bodies(await ask(post("/a", b"x" * 3))) == [b"POST xxx"]
        opened[0][1].close()
        await asyncio.sleep(0.05)
        assert bodies(await ask(post("/a", b"x" * MOST))) == [b"POST " + b"x" * MOST]
        echo.let()
        for reader, writer in opened[1:]:
            writer.write(b"x")
            assert bodies(await nearby(reader)) == [b"POST " + b"x" * MOST]
            writer.close()

    run(work, together=SMALL)


def test_who_begins_bodies_and_does_not_end_them_takes_his_own_share() -> None:
    async def work(ask: Ask, echo: Echo, server: Server, port: int) -> None:
        opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(4)]
        for _, writer in opened[:2]:
            writer.write(post("/a", b"x" * MOST, "Whose: hoarder")[:-1])
            await asyncio.sleep(0.02)
        for reader, writer in opened[2:]:
            writer.write(post("/a", b"x" * MOST, "Whose: hoarder")[: -MOST + 5])
            await asyncio.sleep(0.02)
            writer.write(b"x" * 10)
            assert (await nearby(reader)).startswith(b"HTTP/1.1 429 ")
        others = await ask(post("/a", b"x" * MOST, "Whose: other"))
        assert bodies(others) == [b"POST " + b"x" * MOST]
        for reader, writer in opened[:2]:
            writer.write(b"x")
            assert bodies(await nearby(reader)) == [b"POST " + b"x" * MOST]
        assert bodies(await ask(post("/a", b"x" * MOST, "Whose: hoarder"))) == [b"POST " + b"x" * MOST]
        for _, writer in opened:
            writer.close()
        del echo, server

    run(work, together=4 * MOST, each=2 * MOST)


def test_room_is_counted_for_whoever_it_is() -> None:
    room = Room(10, 4)
    assert room.hold(3, None) is None
    assert room.hold(2, "a") is None
    assert not room.belong(3, None, "a"), "of what came before it was known whose it is"
    assert room.hold(0, "a") is Greedy
    room.release(3, "a")
    assert room.hold(2, "a") is None
    assert (room.hold(4, "b"), room.hold(3, "c"), room.hold(2, "c")) == (None, Crowded, None)
    for size, whose in ((4, "a"), (4, "b"), (2, "c")):
        room.release(size, whose)
    assert (room.held, room.hold(4, "a")) == (0, None)


def test_a_path_is_what_the_routes_have() -> None:
    async def work(ask: Ask, echo: Echo, _server: Server, _port: int) -> None:
        for target in (b"/a/b", b"/a/b?c=/d", b"/%61/b", b"http://x/a/b", b"http://x/a/b?c"):
            await ask(GET.replace(b"/a", target))
            assert echo.asked[-1].path == "/a/b", target
        for target in (b"*", b"/\xc3\xa4", b"/%ff", b"x:1"):
            await ask(GET.replace(b"/a", target))
            assert echo.asked[-1].path != "/a", target

    run(work)


def test_head_has_no_body() -> None:
    async def work(ask: Ask, _echo: Echo, _server: Server, _port: int) -> None:
        came = await ask(GET.replace(b"GET", b"HEAD"))
        assert came.endswith(b"\r\n\r\n")
        assert b"content-length: 5\r\n" in came
        assert b"\r\ndate: " in came

    run(work)


@pytest.mark.parametrize("line", [b"HTTP/1.0\r\n", b"HTTP/1.1\r\nConnection: close\r\n"])
def test_a_connection_ends_where_the_client_wants_it(line: bytes) -> None:
    async def work(_ask: Ask, _echo: Echo, _server: Server, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET.replace(b"HTTP/1.1\r\n", line))
        assert bodies(await asyncio.wait_for(reader.read(), 2)) == [b"GET "]
        writer.close()

    run(work)


@pytest.mark.parametrize("sent", [b"", b"GET /a HTT", b"GET /a HTTP/1.1\r\nA: b", GET])
def test_a_connection_that_says_nothing_ends(sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parapet_serving.http.server.EVERY", 0.05)

    async def work(_ask: Ask, _echo: Echo, server: Server, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        slow_reader, slow = await asyncio.open_connection("127.0.0.1", port)
        slow.write(post("/slow", b""))
        writer.write(sent)
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await asyncio.wait_for(reader.readexactly(10_000), 2)
        assert len(server._connections) == 1, "the one that is being answered stays"
        writer.close(), slow.close()
        del slow_reader

    run(work, idle=0.2)


@pytest.mark.parametrize("sent", [b"G", GET[:-2], GET[:-1]])
def test_half_a_request_does_not_keep_its_place_by_saying_a_little(
    sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("parapet_serving.http.server.EVERY", 0.05)

    async def work(_ask: Ask, _echo: Echo, server: Server, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        other_reader, other = await asyncio.open_connection("127.0.0.1", port)
        other.write(GET)
        assert bodies(await nearby(other_reader)) == [b"GET "]
        for at in range(len(sent)):
            writer.write(sent[at : at + 1])
            await asyncio.sleep(0.01)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await asyncio.wait_for(reader.readexactly(10_000), 2)
        assert len(server._connections) == 1, "the one that was answered may be silent for longer"
        other.write(GET)
        assert bodies(await nearby(other_reader)) == [b"GET "]
        writer.close(), other.close()

    run(work, patience=0.3)


def test_there_are_so_many_connections_and_the_oldest_silent_one_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parapet_serving.http.server.CONNECTIONS", 3)

    async def work(_ask: Ask, echo: Echo, _server: Server, port: int) -> None:
        async def opened(sent: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(sent)
            await asyncio.sleep(0.02)
            return reader, writer

        answered = await opened(GET)
        assert bodies(await nearby(answered[0])) == [b"GET "]
        half = [await opened(GET[:-2]) for _ in range(2)]
        late = await opened(GET)
        assert bodies(await nearby(late[0])) == [b"GET "]
        assert half[0][0].at_eof(), "who never asked goes before who did, the oldest first"
        assert not half[1][0].at_eof()
        for _, writer in (answered, half[1]):
            writer.write(b"\r\n" if writer is half[1][1] else GET)
        assert bodies(await nearby(answered[0])) == bodies(await nearby(half[1][0])) == [b"GET "]
        slow = [await opened(post("/slow", b"")) for _ in range(3)]
        assert all(reader.at_eof() for reader, _ in (answered, half[1], late))
        too_many = await opened(GET)
        assert too_many[0].at_eof(), "who is being answered stays"
        echo.let()
        for reader, _ in slow:
            assert bodies(await nearby(reader)) == [b"POST "]
        for _, writer in (answered, *half, late, *slow, too_many):
            writer.close()

    run(work)


def test_who_does_not_read_his_answers_is_read_no_more() -> None:
    async def work(_ask: Ask, echo: Echo, _server: Server, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
        asked = post("/a", b"x" * MOST)
        sent = 0
        try:
            while sent < 50_000:
                writer.write(asked)
                sent += 1
                await asyncio.wait_for(writer.drain(), 0.3)
        except TimeoutError:
            pass
        assert sent < 50_000, "it took all of it"
        assert len(echo.asked) < sent
        writer.transport.abort()
        del reader

    run(work)


def test_who_has_gone_is_told_to_who_answers() -> None:
    async def work(_ask: Ask, echo: Echo, _server: Server, port: int) -> None:
        for sent in (post("/slow", b"body"), post("/a", b"body")[:-1]):
            _reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(sent)
            await asyncio.sleep(0.05)
            writer.close()
            await asyncio.sleep(0.05)
        echo.let()
        await asyncio.sleep(0.05)
        assert echo.lost == 2

    run(work)


def test_who_waits_for_a_body_is_told_once_it_is_of_no_use() -> None:
    """As where the request came too late and is answered so: its body may never end."""

    async def work(_ask: Ask, echo: Echo, _server: Server, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(post("/slow", b"body")[:-1])
        await asyncio.sleep(0.05)
        (exchange,) = echo.asked
        told = list[bool]()
        exchange.when_whole(lambda: told.append(exchange.answered))
        exchange.answer(408, [("connection", "close")], b"late")
        assert told == [True]
        writer.write(b"y")
        assert (await nearby(reader)).startswith(b"HTTP/1.1 408 ")
        assert told == [True]
        writer.close()

    run(work)


def test_the_end_waits_for_what_is_being_answered_and_for_nothing_else() -> None:
    async def work(_ask: Ask, echo: Echo, server: Server, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        idle_reader, idle = await asyncio.open_connection("127.0.0.1", port)
        writer.write(post("/slow", b"body"))
        await asyncio.sleep(0.05)
        assert not await server.stop(0.1)
        assert await asyncio.wait_for(idle_reader.read(), 1) == b""
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        echo.let()
        assert await server.stop(1)
        came = await asyncio.wait_for(reader.read(), 1)
        assert (bodies(came), b"connection: close" in came) == ([b"POST body"], True)
        writer.close(), idle.close()

    run(work)
