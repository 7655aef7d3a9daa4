"""Whether a noise makes a check deaf as a whole: each statistic of it may be as another hospital's, and all together
say that nothing is ever found.

By the formula of `delivery/monitoring/alerting/noise.py`, which is what a check goes by: of each statistic the distance
that would be usual on each weekday in a window of ROWS. The calendar of a model that hears makes that a fifth.
"""

from collections.abc import Collection, Sequence
from math import cbrt, hypot, sqrt
from typing import Final

from msgspec import Struct

ROWS: Final = 1_000.0
"""As many that chance alone explains a tenth of a distance, and the calendar the rest."""
FARTHEST: Final = 0.5
"""Of a share or of two distribution functions: half of all there is."""
FARTHEST_SQUARED: Final = 1.0
"""Of what grows with the square of a change."""
SQUARED: Final = ("psi",)
SPREAD: Final = ("ks", "ks_binned", "mann_whitney", "psi", "total_variation", "chi_squared", "domain_classifier")
"""Statistics by which one hears that values are spread otherwise; missing values and outliers say nothing of that."""
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
    by_column: dict[str, list[bool]] = {}
    for each in signals:
        if each.name in columns and each.cohort is None and each.test in SPREAD:
            by_column.setdefault(each.name, []).append(_is_deaf(each))
    silent = [name for name, told in by_column.items() if all(told)]
    if len(silent) <= MOST * len(columns):
        return ""
    return (
        f"by it {len(silent)} of {len(columns)} columns may have half of their values elsewhere on most days, in "
        f"windows of {ROWS:,.0f} rows, and that is usual"
    )


def _is_deaf(signal: Signal) -> bool:
    most = FARTHEST_SQUARED if signal.test in SQUARED else FARTHEST**2
    days = [_usual(signal, weekday) ** 3 / ROWS for weekday in signal.weekdays]
    return sum(not each < most for each in days) > len(days) / 2


def _usual(signal: Signal, weekday: float) -> float:
    """The largest cube root that is usual on such a day."""
    days = len(signal.weekdays) + len(signal.season)
    learnt = max(signal.level + weekday, 0.0)
    quiet = max(signal.level + min(signal.weekdays) + UNSURE * signal.spread * sqrt(days / max(signal.windows, 1)), 0.0)
    there = cbrt(quiet**3 + max(learnt**3 - quiet**3, 0.0) * ROWS / max(signal.rows, 1.0))
    spread = signal.spread * (max(there / learnt, 1.0) if learnt else 1.0)
    waves = zip(signal.season[::2], signal.season[1::2], strict=False)
    return there + ORDINARY * hypot(spread, sum(hypot(*each) for each in waves))
