"""Many connections to one HTTP server, each with one request under way, from one thread: a closed loop."""

import itertools
import re
import select
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)


@dataclass
class Load:
    """What came of it."""

    seconds: float
    taken: list[float] = field(default_factory=list)
    """Seconds of each answer."""

    @property
    def rate(self) -> float:
        return len(self.taken) / self.seconds

    def percentile(self, share: float) -> float:
        return sorted(self.taken)[min(int(len(self.taken) * share), len(self.taken) - 1)]


def request(path: str, body: bytes, headers: dict[str, str]) -> bytes:
    told = {"Host": "127.0.0.1", "Content-Length": str(len(body)), "Content-Type": "application/json", **headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + body


def answer(port: int, sent: bytes, timeout: float = 30) -> bytes:
    """The body of one answer. Raises OSError, and RuntimeError for another status than 200."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
        connection.sendall(sent)
        came = b""
        while not complete(came):
            if not (more := connection.recv(1 << 16)):
                raise OSError("closed")
            came += more
    check(came)
    return came.partition(b"\r\n\r\n")[2]


def run(port: int, sent: Sequence[bytes], seconds: float, clients: int) -> Load:
    """Asks for so long, over so many connections, the requests in turn. Raises RuntimeError for an answer other than
    200."""
    every = itertools.cycle(sent)
    poll = select.epoll()
    connections = {}
    for _ in range(clients):
        connection = socket.create_connection(("127.0.0.1", port), timeout=30)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connections[connection.fileno()] = connection
        poll.register(connection.fileno(), select.EPOLLIN)
    begun = time.perf_counter()
    since, came = dict[int, float](), dict.fromkeys(connections, b"")
    load = Load(seconds)
    for number, connection in connections.items():
        since[number] = time.perf_counter()
        connection.sendall(next(every))
    while (now := time.perf_counter()) - begun < seconds:
        for number, _ in poll.poll(1.0):
            if not (more := connections[number].recv(1 << 16)):
                raise RuntimeError("The server closed a connection.")
            came[number] += more
            if complete(came[number]):
                now = time.perf_counter()
                check(came[number])
                load.taken.append(now - since[number])
                since[number], came[number] = now, b""
                connections[number].sendall(next(every))
    for connection in connections.values():
        connection.close()
    return load


def complete(came: bytes) -> bool:
    head, end, body = came.partition(b"\r\n\r\n")
    if not end:
        return False
    if length := LENGTH.search(head):
        return len(body) >= int(length[1])
    return bool(CHUNKED.search(head)) and body.endswith(b"0\r\n\r\n")


def check(came: bytes) -> None:
    if not came.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"The server answered {came[:300]!r}")
