"""What those see who judge a version: of one caller no more than of all others together.

Else whoever may ask at all says how large a share of the calls fails, how quick the slowest hundredth is and how the
predictions are spread, by asking much: what is wrong for others would be a small part of it.
"""

import time
from collections.abc import Callable, Mapping
from typing import Final

PERIOD: Final = 10.0
"""Seconds in which callers are compared. What one had before is not held against him."""
FLOOR: Final = 10
"""What each may have of a period, however little the others ask: a judge needs some tens."""
MOST: Final = 1_000
"""What who is alone may have of one: enough to judge by, and not much where others come then."""
ALONE: Final = 30.0
"""Seconds after which nobody else is there, and nobody's calls are hidden by his."""
FIRST: Final = 5.0
"""Seconds of that from the start on: then whoever asks has asked."""
CALLERS: Final = 10_000
"""That are told apart in a period."""


class Judged:
    """Of one server, and of one thing that is counted."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ends = clock() + PERIOD
        self._of, self._total = dict[str, list[int]](), 0
        """By caller: what he asked in this period, what of it counts, and what the others asked in the one before."""
        self._before: Mapping[str, list[int]] = {}
        self._total_before = 0
        self._last, self._at = "", clock() - ALONE + FIRST
        self._other = float("-inf")
        """Who asked last and when, and when anybody else did."""

    def take(self, caller: str, much: int = 1) -> int:
        """How much of what he asked is counted."""
        now = self._clock()
        if now >= self._ends:
            self._next(now)
        if (of := self._of.get(caller)) is None:
            if len(self._of) >= CALLERS:
                return 0
            was = self._before.get(caller)
            of = self._of[caller] = [0, 0, self._total_before - (was[0] if was else 0)]
        self._total += much
        of[0] += much
        if self._last != caller:
            self._last, self._other = caller, self._at
        self._at = now
        most = MOST if now - self._other > ALONE else max(self._total - of[0], of[2], FLOOR)
        left = most - of[1]
        if much > left:
            much = max(0, left)
        of[1] += much
        return much

    def _next(self, now: float) -> None:
        late = now >= self._ends + PERIOD
        self._before, self._total_before = (dict[str, list[int]](), 0) if late else (self._of, self._total)
        self._of, self._total = dict[str, list[int]](), 0
        self._ends = now + PERIOD
