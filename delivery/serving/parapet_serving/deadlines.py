"""How long a request may take, looked at now and then.

A timer for each costs a sixth of all that is done for a request; so one timer looks at them all, the oldest first.
"""

import asyncio
import time
from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

EVERY: Final = 0.25
"""Seconds between two looks, and so by how much a request may be late."""


T = TypeVar("T", bound=Hashable)


class Deadlines(Generic[T]):
    """Of one event loop. `late` hears once of each that is over its time."""

    def __init__(self, seconds: float, late: Callable[[T], None]) -> None:
        self._seconds, self._late = seconds, late
        self._until: dict[T, float] = {}
        self._looking = False

    def watch(self, what: T) -> None:
        """From now on."""
        self._until[what] = time.monotonic() + self._seconds
        if not self._looking:
            self._looking = True
            asyncio.get_running_loop().call_later(EVERY, self._look)

    def forget(self, what: T) -> None:
        """It is done."""
        self._until.pop(what, None)

    def _look(self) -> None:
        now = time.monotonic()
        for each, until in list(self._until.items()):
            if until > now:
                break
            del self._until[each]
            self._late(each)
        self._looking = bool(self._until)
        if self._looking:
            asyncio.get_running_loop().call_later(EVERY, self._look)
