"""Listens, and closes connections that say nothing."""

import asyncio
import heapq
import time
from collections.abc import Callable
from typing import Final

from parapet_serving.http.connection import Connection
from parapet_serving.http.exchange import Exchange
from parapet_serving.http.room import Room

EVERY: Final = 1.0
"""Seconds between two looks at the connections."""
BACKLOG: Final = 1024
CONNECTIONS: Final = 4096
"""At once, so that there are files left for the rest. For whoever comes then, such as say nothing make room; who comes
while all are being answered is sent away."""


class Server:
    """Of one event loop."""

    def __init__(
        self, begin: Callable[[Exchange], None], *, most: int, together: int, each: int, idle: float, patience: float
    ) -> None:
        """`begin` goes about answering an exchange; it raises nothing. `most`: bytes of a body that are kept;
        `together`: of all bodies; `each`: of all of one who asks. `idle`: seconds that a connection may say nothing
        for; `patience`: that the headers of a request may take."""
        self.most, self.room = most, Room(together, each)
        """Of bodies, of requests that are not answered."""
        self.begin, self._idle, self._patience = begin, idle, patience
        self._connections: set[Connection] = set()
        self._listening: asyncio.Server | None = None
        self._looking: asyncio.TimerHandle | None = None

    async def start(self, host: str, port: int) -> None:
        """Raises OSError where it cannot listen there."""
        self._loop = asyncio.get_running_loop()
        self._listening = await self._loop.create_server(lambda: Connection(self), host, port, backlog=BACKLOG)
        self._look()

    async def stop(self, seconds: float) -> bool:
        """Takes no connection any more, and waits for what is being answered; False where that took too long."""
        assert self._listening
        self._listening.close()
        until = time.monotonic() + seconds
        while self._connections and time.monotonic() < until:
            for connection in list(self._connections):
                connection.close()
            await asyncio.sleep(0.02)
        if self._looking:
            self._looking.cancel()
        return not self._connections

    def add(self, connection: Connection) -> None:
        self._connections.add(connection)
        if len(self._connections) > CONNECTIONS:
            self._make_room(connection)

    def _make_room(self, newest: Connection) -> None:
        """The oldest silent ones go, first of those that never asked: some at once, since all are looked through."""
        silent = [each for each in self._connections if not each.busy and each is not newest]
        some = max(1, CONNECTIONS // 64)
        for each in heapq.nsmallest(some, silent, lambda each: (each.asked, each.quiet_since)) or [newest]:
            each.abort()
            self._connections.discard(each)

    def remove(self, connection: Connection) -> None:
        self._connections.discard(connection)

    def _look(self) -> None:
        now = time.monotonic()
        for connection in list(self._connections):
            half = connection.half_since or now
            if not connection.busy and (now - connection.quiet_since > self._idle or now - half > self._patience):
                connection.abort()
        self._looking = self._loop.call_later(EVERY, self._look)
