"""A statistic on its way to a judgement: what it is, whether it matters, and the chance of it without drift."""

from collections.abc import Callable
from dataclasses import dataclass

from delivery.monitoring.found import ColumnKind


@dataclass(frozen=True)
class Tested:
    """One statistic of one column. `p` is None where it is only told."""

    name: str
    test: str
    kind: ColumnKind
    value: float | None
    threshold: float | None
    """The value from which on it matters, whatever the number of rows."""
    p: float | None
    rows: int
    matters: bool
    """Whether it is beyond the threshold."""
    reach: Callable[[float], float] = lambda _: 0.0
    """What noise makes of the value, at a chance."""
    certain: bool = False
    """What is seen, and no matter of chance: a column that lacks."""
    cohort: str | None = None
    says: str = ""
    """For people: what is other, with counts and without values."""
    weak: bool = False
    """A quality that a change of the predictions explains."""
