"""Where a reference's histograms are cut, and how each of its columns is judged: from a sample of its rows."""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import ibis
import ibis.expr.types as ir

from delivery.monitoring.limits import BINS, CELL, SAMPLE
from delivery.monitoring.profile import Role, Type
from delivery.monitoring.reading import ORDER, Source, kept
from delivery.monitoring.shapes import MOMENT, is_key_name, says_who, tells_time
from delivery.registry.hearing import NEAR

ALL_DIFFERENT: Final = 0.9
"""Share of different values from which a text is a key, and none a category."""
MANY: Final = 0.05
"""Share of different values from which on a column that is called as a key is one."""
FEW: Final = 20
"""Rows from which a column that only rises is a key."""
FENCE: Final = 3.0
"""Interquartile ranges from the quartiles to what is far out (Tukey 1977)."""
ROLES: Final[dict[Type, Role]] = {"boolean": "category", "date": "moment", "moment": "moment"}
BIGGEST: Final = 1e150
"""What is beyond counts as infinite: its square is, and no deviation could be had. And it is a bound, since the test
for infinity that Ibis writes for Spark finds none."""
FINE: Final = 3
"""Decimal digits, of the spread, that an edge has: fewer than a patient's value has."""


@dataclass(frozen=True)
class Cut:
    """How a column is judged."""

    role: Role
    whole: bool = False
    edges: tuple[float, ...] = ()
    low: int = 0
    high: int = 0


def sampled(source: Source, most: int = SAMPLE) -> ir.Table:
    """At most some of the rows, spread over all of them, the same ones each time."""
    if source.rows <= most:
        return source.table
    if not source.ordered:
        return kept(source.table.sample(most / source.rows, method="row", seed=1))
    share = int(most / source.rows * 2**32)
    return kept(source.table.filter((source.table[ORDER] * 2_654_435_761) % 2**32 < share))


def finite(column: Any) -> Any:
    """Whether there is a number."""
    return column.notnull() & ~column.isnan() & column.between(-BIGGEST, BIGGEST)


def is_whole(column: Any) -> Any:
    """Whether a number has no part behind the point. Ibis' `floor` makes a number of 64 bits, and fails for more."""
    return column % 1 == 0


def cuts(source: Source, sample: ir.Table) -> dict[str, Cut]:
    """For each column of the reference."""
    types = source.types
    roles = _roles(types, sample, source.ordered)
    numbers = [name for name, cut in roles.items() if cut.role == "number"]
    for name, parts in quantiles(sample, numbers).items():
        edges, low, high = edges_of(parts)
        roles[name] = Cut("number", roles[name].whole, edges, low, high)
    return roles


def _roles(types: dict[str, Type], sample: ir.Table, ordered: bool) -> dict[str, Cut]:
    asked: dict[str, Any] = {}
    for number, (name, kind) in enumerate(types.items()):
        column: Any = sample[name]
        if kind in ("integer", "float"):
            real: Any = ibis.ifelse(finite(column), column, ibis.null("float64"))
            column = real
            asked[f"whole{number}"] = is_whole(column).all()
            asked[f"least{number}"], asked[f"most{number}"] = column.min(), column.max()
        if kind == "text":
            asked[f"moments{number}"] = column.re_search(MOMENT).all()
        if kind in ("integer", "float", "text"):
            asked[f"rows{number}"], asked[f"different{number}"] = column.count(), column.nunique()
    told = sample.aggregate(**asked).to_pyarrow().to_pylist()[0] if asked else {}
    found: dict[str, Cut] = {}
    rising = []
    for number, (name, kind) in enumerate(types.items()):
        rows, different = told.get(f"rows{number}") or 0, told.get(f"different{number}") or 0
        if kind in ("integer", "float"):
            whole = bool(told[f"whole{number}"])
            all_different = rows >= FEW and different == rows
            dense = whole and all_different and told[f"most{number}"] - told[f"least{number}"] < 2 * rows
            role: Role = "number" if rows else "none"
            if whole and rows and tells_time(name, told[f"least{number}"], told[f"most{number}"], different, rows):
                role = "moment"
            elif dense or (whole and _names(name, different, rows)):
                role = "key"
            found[name] = Cut(role, whole)
            if found[name].role == "number" and all_different:
                rising.append(name)
        elif kind == "text":
            key = (rows >= FEW and different > ALL_DIFFERENT * rows) or _names(name, different, rows)
            found[name] = Cut("moment" if told[f"moments{number}"] else "key" if key else "category")
        else:
            found[name] = Cut(ROLES.get(kind, "none"))
    if rising and ordered:
        found |= {name: Cut("key") for name in _rise(sample, rising)}
    return found


def _names(name: str, different: int, rows: int) -> bool:
    """Whether a column says whose a row is: by its name, or by its name and more values than a few."""
    return says_who(name) or (is_key_name(name) and different > max(FEW / 2, MANY * rows))


def _rise(sample: ir.Table, names: list[str]) -> list[str]:
    """Those whose each value is above the one of the row before: they number rows, or tell the time. Of a column that
    most rows lack two seldom stand one after the other, and a handful that do rise by chance."""
    window = ibis.window(order_by=sample[ORDER])
    # NaN is above all numbers, and no step from one number to the next.
    real: list[Any] = [ibis.ifelse(finite(sample[name]), sample[name], ibis.null("float64")) for name in names]
    steps = sample.select(**{f"s{n}": each - each.lag().over(window) for n, each in enumerate(real)})
    rises: dict[str, Any] = {f"s{n}": _positive(steps[f"s{n}"]).all() for n in range(len(names))}
    known: dict[str, Any] = {f"k{n}": steps[f"s{n}"].count() for n in range(len(names))}
    told = steps.aggregate(**rises, **known).to_pyarrow().to_pylist()[0]
    return [name for n, name in enumerate(names) if told[f"s{n}"] and told[f"k{n}"] >= FEW - 1]


def _positive(column: Any) -> Any:
    return column > 0


@dataclass(frozen=True)
class Quantile:
    """A part of a column's rows, by their rank: all values from the lowest to the highest of it."""

    low: float
    high: float
    rows: int
    different: int


def quantiles(sample: ir.Table, names: list[str]) -> dict[str, list[Quantile]]:
    """Exact ones, by ranks alone: functions for quantiles differ between backends."""
    if not names:
        return {}
    parts = []
    for number, name in enumerate(names):
        values = sample.filter(finite(sample[name])).select(x=sample[name])
        each = values.group_by("x").aggregate(rows=values.count())
        ranked = each.mutate(
            upto=each.rows.sum().over(ibis.cumulative_window(order_by=each.x)), all=each.rows.sum().over(ibis.window())
        )
        # A profile's bins have CELL rows at least.
        bins = ibis.least(ibis.literal(BINS), ibis.greatest((ranked["all"] / CELL).floor(), ibis.literal(1)))
        part = ((ranked.upto * bins - 1) / ranked["all"]).floor().cast("int64")
        # What most rows have is a part by itself: 0 before it, 1 it is, 2 behind it.
        before, most = ranked.upto - ranked.rows, ranked.rows * 2 > ranked["all"]
        beside = ibis.ifelse(most, 1, ibis.ifelse(before * 2 > ranked["all"], 2, 0)).cast("int64")
        ranked = ranked.select("x", "rows", part=part * 3 + beside)
        grouped = ranked.group_by("part").aggregate(
            low=ranked.x.min(), high=ranked.x.max(), rows=ranked.rows.sum(), different=ranked.count()
        )
        parts.append(grouped.mutate(column=ibis.literal(number, "int64")))
    told = (ibis.union(*parts, distinct=False) if len(parts) > 1 else parts[0]).to_pyarrow().to_pylist()
    found: dict[str, list[Quantile]] = {name: [] for name in names}
    for row in sorted(told, key=lambda row: (row["column"], row["part"])):
        found[names[row["column"]]].append(Quantile(row["low"], row["high"], row["rows"], row["different"]))
    return found


def edges_of(parts: list[Quantile]) -> tuple[tuple[float, ...], int, int]:
    """Cuts between the parts, and the two far fences among them; which bins lie beyond those.

    What takes a part by itself is cut off on both sides, closely where most rows have it; no cut is a value.
    """
    most = next(
        (each for each in parts if each.different == 1 and 2 * each.rows > sum(one.rows for one in parts)), None
    )
    if most:
        return _beside(parts, most)
    parts = _enough(parts)
    least, upto = parts[0].low, parts[-1].high
    spread = _spread(parts)
    middles = _middles(parts, spread)
    first, last = parts[0], parts[-1]
    outer = {least - (parts[1].low - first.high) / 2} if len(parts) > 1 and first.different == 1 else set()
    outer |= {upto + (last.low - parts[-2].high) / 2} if len(parts) > 1 and last.different == 1 else set()
    low, high = _fences(parts, spread)
    edges = tuple(sorted(each for each in {*middles, *outer, low, high} if math.isfinite(each)))
    return (
        edges,
        edges.index(low) + 1 if low in edges else 0,
        edges.index(high) + 1 if high in edges else len(edges) + 1,
    )


def _beside(parts: list[Quantile], most: Quantile) -> tuple[tuple[float, ...], int, int]:
    """The same, where most rows have one value: what is other is seen close to it, on both sides. Few rows on a side
    are all far out, and a far fence is where enough rows lie before it."""
    at, value = parts.index(most), most.low
    below, above = _enough(parts[:at]), _enough(parts[at + 1 :])
    near = (_close(value, below[-1].high, -1) if below else None, _close(value, above[0].low, 1) if above else None)
    apart = max(abs(value), 1.0) * NEAR
    least, upto = (value - apart if near[0] is None else near[0]), (value + apart if near[1] is None else near[1])
    spread = _spread([*below, most, *above])
    low, high = _fences([*below, most, *above], spread)
    edges = {least, upto, *_middles(below, spread), *_middles(above, spread)}
    low = _fence(low, least, sum(each.rows for each in below), [each.rows for each in below if each.low >= low])
    high = _fence(high, upto, sum(each.rows for each in above), [each.rows for each in above if each.high <= high])
    told = sorted({*edges, *(each for each in (low, high) if each is not None)})
    return (
        tuple(told),
        0 if low is None else told.index(low) + 1,
        len(told) + 1 if high is None else told.index(high) + 1,
    )


def _fence(far: float, near: float, rows: int, before: list[int]) -> float | None:
    """Of a side with so many rows: the far one with enough rows before it, the near one where there are few at all."""
    if rows < CELL:
        return near
    return far if sum(before) >= 2 * CELL and math.isfinite(far) else None


def _close(value: float, other: float, side: int) -> float:
    """A cut beside a value, at most half way to the next."""
    cut = value + side * min(max(abs(value), 1.0) * NEAR, abs(other - value) / 2)
    return cut if (value <= cut < other if side > 0 else other <= cut < value) else min(value, other)


def _middles(parts: list[Quantile], spread: float) -> set[float]:
    step = 10.0 ** (math.floor(math.log10(spread)) - FINE) if 0 < spread < math.inf else 0.0
    return {_rounded((one.high + other.low) / 2, step, one.high, other.low) for one, other in pairwise(parts)}


def _fences(parts: list[Quantile], spread: float) -> tuple[float, float]:
    return _at(parts, 0.25) - FENCE * spread, _at(parts, 0.75) + FENCE * spread


def _enough(parts: list[Quantile]) -> list[Quantile]:
    """Parts of CELL rows at least: rare values go to the next higher part, and the last ones to the next lower."""
    found: list[Quantile] = []
    for part in parts:
        found.append(_both(found.pop(), part) if found and found[-1].rows < CELL else part)
    if len(found) > 1 and found[-1].rows < CELL:
        last = found.pop()
        found.append(_both(found.pop(), last))
    return found


def _both(one: Quantile, other: Quantile) -> Quantile:
    return Quantile(one.low, other.high, one.rows + other.rows, one.different + other.different)


def _spread(parts: list[Quantile]) -> float:
    """The first range that is one: of the quartiles, of 90 % of the rows, of all."""
    ranges = [_at(parts, 1 - tail) - _at(parts, tail) for tail in (0.25, 0.05)]
    return next((each for each in ranges if each > 0), parts[-1].high - parts[0].low)


def _at(parts: list[Quantile], share: float) -> float:
    wanted, upto = share * sum(part.rows for part in parts), 0
    for part in parts:
        upto += part.rows
        if upto >= wanted:
            return part.high if part.different == 1 else (part.low + part.high) / 2
    return parts[-1].high


def _rounded(cut: float, step: float, above: float, below: float) -> float:
    """The cut with few digits, where it still lies between its neighbours."""
    rounded = round(cut / step) * step if step and abs(cut / step) < 2**52 else cut
    return rounded if above <= rounded < below else cut
