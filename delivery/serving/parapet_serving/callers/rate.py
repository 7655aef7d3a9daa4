"""How often one caller may ask, and for how much: a bucket that fills with time, for each (token bucket)."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from parapet_serving.refusal import Wrong

REMEMBERED: Final = 10_000
"""Callers. The one who was longest away is forgotten, and begins with a full bucket."""


class Rate:
    """Of one process."""

    def __init__(self, per_second: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._fills, self._holds, self._clock = per_second, burst, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def give(self, caller: str) -> None:
        """One request that was taken is none of those that are counted."""
        self.take(caller, -1.0, -math.inf)

    def work(self, caller: str, much: float, *, begun: bool = False) -> None:
        """What one of his requests turns out to take beyond that one: he may owe it, and waits until it has come in.
        Raises Wrong (429) where he owes already, and nothing was `begun` for it."""
        self.take(caller, much, -math.inf if begun else 0.0)

    def take(self, caller: str, much: float = 1.0, least: float = 1.0) -> None:
        """One request. Raises Wrong (429), which says when to come again."""
        now = self._clock()
        held, since = self._buckets.pop(caller, (self._holds, now))
        held = min(self._holds, held + (now - since) * self._fills)
        self._buckets[caller] = (min(self._holds, held - much) if held >= least else held, now)
        if len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)
        if held < least:
            wait = math.ceil((1 - held) / self._fills)
            raise Wrong(429, "rate", "too many requests of this caller", headers=(("retry-after", str(wait)),))
