"""Whether a noise makes a check deaf as a whole: each statistic of it may be as another hospital's, and all together
say that nothing is ever found.

By the formula of `delivery/monitoring/alerting/noise.py`, which is what a check goes by: of each statistic the distance
that would be usual on each weekday in windows of SIZES. Hospitals of 12 to 6,000 stays a day that hear (drawn as in
`tests/delivery/monitoring/years.py`) have less than half of that in the middle one of their columns, and more than it
in a quarter of them at most.
"""

from collections.abc import Collection, Sequence
from math import cbrt, hypot, sqrt
from typing import Final

from msgspec import Struct

SIZES: Final = (100.0, 300.0, 1_000.0)
"""Rows of a window. Of the largest chance alone explains a tenth of a distance and the calendar the rest; what a noise
says of no day and no season is usual in the smallest alone."""
FEWER: Final = 15.0
"""A noise is taken of no window of so many times fewer rows than it was learnt of
(`delivery/monitoring/alerting/evidence.py`), and not asked there: a large hospital's days make small windows deaf."""
FARTHEST: Final = 0.5
"""Of a share or of two distribution functions: half of all there is."""
FARTHEST_SQUARED: Final = 1.0
"""Of what grows with the square of a change."""
SQUARED: Final = ("psi",)
SPREAD: Final = ("ks_binned", "mann_whitney_binned", "psi", "total_variation")
"""Statistics by which a check by a profile hears that values are spread otherwise."""
BESIDE: Final = ("missing", "infinite", "outliers", "new_categories", "correlation")
"""The others that it makes of data and of answers, and whose chances count: they say nothing of that."""
MADE: Final = (*SPREAD, *BESIDE)
ORDINARY: Final = 2.326
"""Deviations below which it is usual (the normal distribution's quantile of 0.99)."""
UNSURE: Final = 2.0
MOST: Final = 0.5
"""The share of the columns that may be so."""


class Signal(Struct, frozen=True):
    """Of noise.json."""

    name: str
    test: str
    cohort: str | None
    level: float
    weekdays: list[float]
    season: list[float]
    spread: float
    rows: float
    windows: int


def deaf(signals: Sequence[Signal], columns: Collection[str]) -> str:
    """Why the check would find nothing; empty where it would. `columns` are the model's."""
    told = [each for each in signals if each.name in columns and each.cohort is None and each.test in SPREAD]
    for rows in SIZES:
        # A statistic that is quiet proves nothing of what it does not hear, as ranks do not of what went to both sides.
        asked = [each for each in told if rows == max(SIZES) or each.rows <= FEWER * rows]
        silent = {each.name for each in asked if _is_deaf(each, rows)}
        if len(silent) > MOST * len(columns):
            return (
                f"by it {len(silent)} of {len(columns)} columns may have half of their values elsewhere on most days, "
                f"in windows of {rows:,.0f} rows, and that is usual"
            )
    return ""


def _is_deaf(signal: Signal, rows: float) -> bool:
    most = FARTHEST_SQUARED if signal.test in SQUARED else FARTHEST**2
    days = [_usual(signal, weekday, rows) ** 3 / rows for weekday in signal.weekdays]
    return sum(not each < most for each in days) > len(days) / 2


def _usual(signal: Signal, weekday: float, rows: float) -> float:
    """The largest cube root that is usual on such a day."""
    days = len(signal.weekdays) + len(signal.season)
    learnt = max(signal.level + weekday, 0.0)
    quiet = max(signal.level + min(signal.weekdays) + UNSURE * signal.spread * sqrt(days / max(signal.windows, 1)), 0.0)
    there = cbrt(quiet**3 + max(learnt**3 - quiet**3, 0.0) * rows / max(signal.rows, 1.0))
    spread = signal.spread * (max(there / learnt, 1.0) if learnt else 1.0)
    waves = zip(signal.season[::2], signal.season[1::2], strict=False)
    return there + ORDINARY * hypot(spread, sum(hypot(*each) for each in waves))
