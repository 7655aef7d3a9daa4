"""How columns that drifted were spread and are now, in counts that may be told: of no cell so few rows that they are
somebody."""

from collections.abc import Mapping, Sequence
from typing import Any

import ibis

from delivery.data.engine import number
from delivery.monitoring.counting import Counted
from delivery.monitoring.found import OTHERS, Spread
from delivery.monitoring.limits import CELL, DRAWN, DRAWN_CATEGORIES
from delivery.monitoring.profile import Held, Numbers
from delivery.monitoring.reading import Source
from delivery.monitoring.shapes import is_code, says_who

Rows = tuple[int, int]
"""Of the reference and of the window."""


def spreads(
    columns: Sequence[Held], reference: Source | None, window: Source, bins: Mapping[str, Counted]
) -> list[Spread]:
    """Of the first of these columns; of those that have values on both sides to be told."""
    found = (_spread(held, reference, window, bins.get(held.name)) for held in columns[:DRAWN])
    return [each for each in found if each]


def _spread(held: Held, reference: Source | None, window: Source, bins: Counted | None) -> Spread | None:
    if held.numbers and bins is not None:
        return of_number(held.name, held.numbers, [int(rows) for rows in bins.bins])
    if held.role == "category":
        return _of_category(held, reference, window)
    return None


def _may(*rows: int) -> bool:
    return all(each == 0 or each >= CELL for each in rows)


def of_number(name: str, reference: Numbers, window: Sequence[int]) -> Spread | None:
    """Neighbours are put together until each cell may be told."""
    cells: list[tuple[Rows, float]] = []
    a = b = 0
    for one, other, edge in zip(reference.counts, window, [*reference.edges, float("inf")], strict=True):
        a, b = a + one, b + other
        if _may(a, b) and (a or b):
            cells.append(((a, b), edge))
            a = b = 0
    while (a or b) and cells:  # what remains at the end goes to the cells before it
        last, _ = cells.pop()
        a, b = a + last[0], b + last[1]
        if _may(a, b):
            cells.append(((a, b), float("inf")))
            a = b = 0
    if len(cells) < 2:
        return None
    edges = [edge for _, edge in cells[:-1]]
    return Spread(name, edges, [], [rows[0] for rows, _ in cells], [rows[1] for rows, _ in cells])


def _of_category(held: Held, reference: Source | None, window: Source) -> Spread | None:
    before, total_before = _before(held, reference)
    column: Any = window.table[held.name].cast("string")
    rows = window.table.filter(column.notnull())
    named = rows.select(x=ibis.ifelse(column.isin(sorted(before)), column, ibis.literal(OTHERS)))
    each = named.group_by("x").aggregate(n=named.count()).to_pyarrow().to_pylist()
    now = {row["x"]: int(row["n"]) for row in each}
    cells = {name: (rows, now.get(name, 0)) for name, rows in before.items()}
    return of_category(held.name, cells, (total_before, sum(now.values())))


def _before(held: Held, reference: Source | None) -> tuple[dict[str, int], int]:
    """The reference's most frequent categories that have a name, and the rows of all."""
    if reference is None:
        counts, total = (held.categories.counts, held.categories.rows) if held.categories else ({}, 0)
    else:
        column: Any = reference.table[held.name].cast("string")
        rows = reference.table.filter(column.notnull()).select(x=column)
        each = rows.group_by("x").aggregate(n=rows.count())
        often = each.filter(each.n >= CELL).order_by([ibis.desc("n"), "x"]).limit(10 * DRAWN_CATEGORIES)
        counts = {row["x"]: int(row["n"]) for row in often.to_pyarrow().to_pylist()}
        total = number(rows.count())
    may = {} if says_who(held.name) else {name: n for name, n in counts.items() if name and n >= CELL and is_code(name)}
    return dict(sorted(may.items(), key=lambda each: (-each[1], each[0]))[:DRAWN_CATEGORIES]), total


def of_category(name: str, cells: Mapping[str, Rows], total: Rows) -> Spread | None:
    """Categories go to the others until each cell, and those, may be told. `cells` are those that have a name."""
    kept = {each: rows for each, rows in cells.items() if _may(*rows)}

    def others() -> Rows:
        return total[0] - sum(a for a, _ in kept.values()), total[1] - sum(b for _, b in kept.values())

    while kept and not _may(*others()):
        del kept[min(kept, key=lambda each: (sum(kept[each]), each))]
    rest = others()
    if not _may(*rest):
        return None
    told = [*kept.items(), *([(OTHERS, rest)] if any(rest) else [])]
    if len(told) < 2:
        return None
    return Spread(name, [], [each for each, _ in told], [a for _, (a, _) in told], [b for _, (_, b) in told])
