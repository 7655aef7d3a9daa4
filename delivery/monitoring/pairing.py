"""Reference and window counted in one query, value by value, where both are at hand: exact ranks, all categories."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import ibis
import ibis.expr.types as ir
import numpy as np
from numpy.typing import NDArray

from delivery.monitoring.cutting import finite
from delivery.monitoring.limits import CATEGORIES, EXPECTED
from delivery.monitoring.reading import ORDER, Source

FREQUENT: Final = 10
"""Categories whose counts in parts of the reference tell of its noise."""


@dataclass(frozen=True)
class Ranks:
    """What two samples' ranks come to."""

    reference: int
    window: int
    ks: float
    """The largest distance of the distribution functions."""
    wasserstein: float
    above: float
    """Mann and Whitney's U."""
    ties: float


def _both(reference: Source, window: Source, name: str, keep: Any) -> ir.Table:
    """Each value, with how many rows of either have it."""
    sides = []
    for source, one, other in ((reference, 1, 0), (window, 0, 1)):
        table = source.table.filter(keep(source.table[name]))
        sides.append(table.select(x=table[name], a=ibis.literal(one, "int64"), b=ibis.literal(other, "int64")))
    rows = ibis.union(*sides, distinct=False)
    return rows.group_by("x").aggregate(a=rows.a.sum(), b=rows.b.sum())


def ranks(reference: Source, window: Source, names: Sequence[str]) -> dict[str, Ranks]:
    """Of each of these numbers that has values on both sides."""
    if not names:
        return {}
    parts = []
    for number, name in enumerate(names):
        each = _both(reference, window, name, finite)
        upto = ibis.cumulative_window(order_by=each.x)
        each = each.mutate(
            a_upto=each.a.sum().over(upto),
            b_upto=each.b.sum().over(upto),
            a_all=each.a.sum().over(ibis.window()),
            b_all=each.b.sum().over(ibis.window()),
            step=each.x.lead().over(ibis.window(order_by=each.x)) - each.x,
        )
        a, b, t = each.a.cast("float64"), each.b.cast("float64"), (each.a + each.b).cast("float64")
        apart = (each.a_upto / each.a_all - each.b_upto / each.b_all).abs()
        parts.append(
            each.aggregate(
                reference=each.a.sum(),
                window=each.b.sum(),
                ks=apart.max(),
                wasserstein=(apart * each.step).sum(),
                above=(b * (each.a_upto.cast("float64") - a / 2)).sum(),
                ties=(t * t * t - t).sum(),
            ).mutate(column=ibis.literal(number, "int64"))
        )
    told = (ibis.union(*parts, distinct=False) if len(parts) > 1 else parts[0]).to_pyarrow().to_pylist()
    return {
        name: Ranks(row["reference"], row["window"], row["ks"], row["wasserstein"] or 0.0, row["above"], row["ties"])
        for row in told
        if row["reference"] and row["window"]
        for name in (names[row["column"]],)
    }


def deviations(source: Source, names: Sequence[str]) -> dict[str, float]:
    """Each number's standard deviation, over all rows that have one."""
    if not names:
        return {}
    table = source.table
    asked = {f"s{n}": table[name].std(how="pop", where=finite(table[name])) for n, name in enumerate(names)}
    told = table.aggregate(**asked).to_pyarrow()
    return {name: float(told[f"s{n}"][0].as_py() or 0.0) for n, name in enumerate(names)}


def _present(column: Any) -> Any:
    return column.notnull()


@dataclass(frozen=True)
class Mix:
    """How often each category is on either side; the categories themselves are not here."""

    counts: list[tuple[int, int]]
    """Of those that are expected often enough on both sides, and last of all others together."""
    unseen: int
    """Rows of the window in categories that the reference lacks."""
    unseen_categories: int
    once: int
    """Categories that the reference has once."""


def mixes(reference: Source, window: Source, names: Sequence[str]) -> dict[str, Mix]:
    """Of each of these categories. Which are told apart is decided by both sides' rows alike: by one side's alone,
    those that were often there by chance would always seem to have become rarer."""
    found = {}
    total = reference.rows + window.rows
    share = min(reference.rows, window.rows) / total if total else 0.0
    for name in names:
        each = _both(reference, window, name, _present)
        often = (each.a + each.b) * share >= EXPECTED
        place = ibis.row_number().over(ibis.window(order_by=[(each.a + each.b).desc(), each.x]))
        each = each.mutate(place=ibis.ifelse(often & (place < CATEGORIES), place, ibis.literal(CATEGORIES, "int64")))
        grouped = each.group_by("place").aggregate(
            a=each.a.sum(),
            b=each.b.sum(),
            unseen=each.b.sum(where=each.a == 0),
            unseen_categories=each.count(where=each.a == 0),
            once=each.count(where=each.a == 1),
        )
        told = grouped.order_by("place").to_pyarrow().to_pylist()
        found[name] = Mix(
            [(row["a"], row["b"]) for row in told],
            *(sum(row[key] or 0 for row in told) for key in ("unseen", "unseen_categories", "once")),
        )
    return found


def blocks(reference: Source, name: str, parts: int) -> NDArray[np.float64]:
    """Counts of a category's most frequent values in parts of the reference, in the order of its rows."""
    if not reference.ordered or reference.rows < parts:
        return np.zeros((0, 0))
    table = reference.table.filter(reference.table[name].notnull())
    rows = table.select(x=table[name], part=(table[ORDER] * parts / reference.rows).floor().cast("int64"))
    each = rows.group_by("x").aggregate(n=rows.count())
    often = each.order_by([ibis.desc("n"), "x"]).limit(FREQUENT).mutate(place=ibis.row_number())
    joined = rows.inner_join(often, "x")
    told = joined.group_by(["part", "place"]).aggregate(n=joined.count()).to_pyarrow().to_pylist()
    found = np.zeros((parts, FREQUENT))
    for row in told:
        found[row["part"], row["place"]] = row["n"]
    return found
