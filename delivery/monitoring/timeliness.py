"""When a window's rows are of: from which day to which, how old the newest are, whether any is of a time yet to come.

No moment of a row is told: it would be the admission of one person (45 CFR 164.514(b)(2)(i)(C)). Days are told, and
those alone that CELL rows are not before, or not after.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import ibis.expr.types as ir

from delivery.monitoring.limits import CELL
from delivery.monitoring.reading import Source
from delivery.monitoring.tested import Tested
from delivery.registry.documents import written

SKEW: Final = timedelta(minutes=5)
"""What two machines' clocks may differ by."""
LIFETIME: Final = timedelta(days=15 * 365)
"""Days that are further apart are births, and not when a window's rows came."""


@dataclass(frozen=True)
class Span:
    """The rows' time. Empty where no column tells of it."""

    start: str | None
    """The beginning of the first day."""
    end: str | None
    """The beginning of the last one."""
    tests: list[Tested]
    notes: list[str]


def span(source: Source, named: Sequence[str], at: datetime) -> Span:
    """By the one of these columns whose last day is the latest. Moments without a zone are taken for UTC."""
    tests: list[Tested] = []
    notes: list[str] = []
    spans: list[tuple[datetime, datetime]] = []
    for name, (first, last, later) in _days(source, named, at).items():
        if last - first > LIFETIME:
            continue
        hours = (at - last).total_seconds() / 3600
        tests.append(Tested(name, "age_hours", "data", hours, None, None, source.rows, False))
        if later:
            notes.append(f"{name} is later than now in {later:,} of {source.rows:,} rows: a clock may be wrong.")
        spans.append((last, first))
    if not spans:
        return Span(None, None, tests, notes)
    last, first = max(spans)
    return Span(written(first), written(last), tests, notes)


def _days(source: Source, named: Sequence[str], at: datetime) -> dict[str, tuple[datetime, datetime, int]]:
    """The first and last day of each column, and how many rows are later than now."""
    if not named or source.rows < CELL:
        return {}
    limit = (at + SKEW).astimezone(UTC).replace(tzinfo=None)
    found: dict[str, tuple[datetime, datetime, int]] = {}
    for name in named:
        rows = source.table.filter(source.table[name].notnull()).select(x=source.table[name])
        x: Any = rows.x
        first, last = rows.order_by(x).limit(CELL), rows.order_by(x.desc()).limit(CELL)
        told = {
            **_one(first.aggregate(first=first.x.max())),
            **_one(last.aggregate(last=last.x.min(), rows=last.count())),
            **_one(rows.aggregate(later=(x > limit).sum())),
        }
        if told["rows"] == CELL:
            found[name] = (_day(told["first"]), _day(told["last"]), told["later"] or 0)
    return found


def _one(row: ir.Table) -> dict[str, Any]:
    return row.to_pyarrow().to_pylist()[0]


def _day(moment: datetime) -> datetime:
    zoned = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    return zoned.replace(hour=0, minute=0, second=0, microsecond=0)
