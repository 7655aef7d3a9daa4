"""Parts of a reference that a window is better compared with: the rows of its season, and the rows of one group."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import ibis

from delivery.data.engine import number
from delivery.monitoring.limits import CELL, COHORTS, ROWS
from delivery.monitoring.reading import Source
from delivery.monitoring.schema import lacks
from delivery.monitoring.shapes import is_code, says_who
from delivery.registry.refused import Refused

YEAR: Final = 300
"""Days of a reference from which on it knows the seasons."""
SEASON: Final = 300
"""Days of a window up to which it is a part of a year and not all of it."""
AROUND: Final = 15
"""Days before and after the window, of any year, that are of its season."""
WEEKS: Final = 28
"""Days of a reference from which on it knows the days of the week."""


def season(reference: Source, window: Source, moments: Sequence[str]) -> Source | None:
    """The reference's rows of the window's days of the year and of the week, by the column that tells the latest moment
    of both. None where the reference knows no seasons, or has too few of these rows."""
    held = _span(reference, moments)
    seen = _span(window, [name for name in moments if name in held])
    if not seen:
        return None
    name = max(seen, key=lambda each: seen[each][1].isoformat())
    (first, last), (begin, end) = held[name], seen[name]
    known, length = (last - first).days, (end - begin).days
    column = reference.table[name]
    kept: Any = ibis.literal(True)
    parted = False
    if known >= YEAR and length <= SEASON:
        days = (column.day_of_year() - (begin.timetuple().tm_yday - AROUND) + 2 * 366) % 366
        kept, parted = days <= length + 2 * AROUND, True
    if known >= WEEKS and length < 7:
        weekdays = window.table.select(day=window.table[name].day_of_week.index()).distinct().to_pyarrow()["day"]
        of_week = [day for day in weekdays.to_pylist() if day is not None]
        if len(of_week) < 7:
            kept, parted = kept & column.day_of_week.index().isin(of_week), True
    return _kept(reference, kept) if parted else None


def _span(source: Source, moments: Sequence[str]) -> dict[str, tuple[Any, Any]]:
    """The first and last moment of each of these that has any."""
    if not moments:
        return {}
    table = source.table
    asked: dict[str, Any] = {f"f{n}": table[name].min() for n, name in enumerate(moments)}
    asked |= {f"l{n}": table[name].max() for n, name in enumerate(moments)}
    told = table.aggregate(**asked).to_pyarrow().to_pylist()[0]
    return {name: (told[f"f{n}"], told[f"l{n}"]) for n, name in enumerate(moments) if told[f"l{n}"]}


def _kept(source: Source, kept: Any) -> Source | None:
    table = source.table.filter(kept)
    rows = number(table.count())
    return replace(source, table=table, rows=rows, ordered=False) if rows >= ROWS else None


@dataclass(frozen=True)
class Cohort:
    """A group's rows of both sides."""

    name: str
    reference: Source
    window: Source


def cohorts(reference: Source, window: Source, by: str) -> list[Cohort]:
    """The largest groups of which both have enough rows, by their value where that is a code. Raises Refused where
    there is no such column, and for one that says who somebody is or where they live."""
    if by not in reference.types:
        raise lacks("--by", by, list(reference.types))
    if says_who(by):
        raise Refused(
            f"--by {by}: a column of names, addresses, ZIP codes or births is no group that may be told."
            " Give one of codes."
        )
    table = reference.table
    rows = table.filter(table[by].notnull()).select(x=table[by])
    each = rows.group_by("x").aggregate(n=rows.count())
    told = (
        each.filter(each.n >= max(CELL, ROWS)).order_by([ibis.desc("n"), "x"]).limit(COHORTS).to_pyarrow().to_pylist()
    )
    found = []
    for place, row in enumerate(told, start=1):
        value = row["x"]
        sides = [_kept(source, source.table[by] == ibis.literal(value)) for source in (reference, window)]
        if sides[0] and sides[1]:
            word = int(value) if isinstance(value, float) and value.is_integer() else value
            name = f"{by}={word}" if is_code(str(word)) else f"{by} (group {place})"
            found.append(Cohort(name, sides[0], sides[1]))
    return found
