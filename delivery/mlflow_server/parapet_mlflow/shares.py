"""Who may have how much of what a worker has few of: places for uploads (streaming.py), turns of requests (gate.py)."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio


class Places:
    """So many places.

    An account gets another one only while more are free than it has. Alone it comes to half of them, the next one to
    half of the rest, and so on: of sixteen five accounts together leave none, and no fewer do.
    """

    def __init__(self, number: int) -> None:
        self._free, self._taken = number, Counter[str]()
        self._waiting: dict[anyio.Event, str] = {}

    @asynccontextmanager
    async def one(self, account: str) -> AsyncIterator[None]:
        """Waits for a place, in the order of coming among those who may have one, and keeps it meanwhile."""
        self._waiting[turn := anyio.Event()] = account
        self._let_in()
        try:
            await turn.wait()
            yield
        finally:
            if self._waiting.pop(turn, None) is None:
                self._free += 1
                self._taken -= Counter((account,))
                self._let_in()

    def _let_in(self) -> None:
        for turn, account in list(self._waiting.items()):
            if self._taken[account] < self._free:
                del self._waiting[turn]
                self._free -= 1
                self._taken[account] += 1
                turn.set()
