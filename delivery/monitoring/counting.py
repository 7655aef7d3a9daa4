"""Counts of a table by frozen edges, as Ibis expressions: one query for all its numbers, whatever the backend."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import ibis
import ibis.expr.types as ir
import numpy as np

from delivery.monitoring.cutting import BIGGEST, Cut
from delivery.monitoring.measures import Counts
from delivery.monitoring.reading import ORDER, Source, kept

MISSING: Final = -1
INFINITE: Final = -2


@dataclass(frozen=True)
class Counted:
    """A number's rows: by bin, without a value, and infinite; by blocks where asked for."""

    bins: Counts
    missing: int
    infinite: int
    blocks: Counts = field(default_factory=lambda: np.zeros((0, 0)))
    missing_by_block: list[int] = field(default_factory=list)


def coded(column: Any, edges: Sequence[float]) -> Any:
    """The bin's number, how many edges lie below the value; or a code of what is in no bin.

    What is no number is asked for first and by name: DuckDB takes a comparison for true where a file's statistics,
    which leave NaN out, say so. The edges come in groups, so that a value is compared with a few of them; Ibis' own
    `bucket` compares with all, and takes four times as long to be put into words.
    """
    size = max(math.isqrt(len(edges)), 1)
    groups = [list(enumerate(edges))[start : start + size] for start in range(0, len(edges), size)]

    def among(group: Sequence[tuple[int, float]]) -> Any:
        tests = [(column <= edge, number) for number, edge in group[:-1]]
        return ibis.cases(*tests, else_=group[-1][0]) if tests else ibis.literal(group[-1][0])

    return ibis.cases(
        (column.isnull() | column.isnan(), MISSING),
        (~column.between(-BIGGEST, BIGGEST), INFINITE),
        *((column <= group[-1][1], among(group)) for group in groups),
        else_=len(edges),
    )


@dataclass(frozen=True)
class Codes:
    """A source's numbers by their bins: a column c0, c1, ... for each, in the order of the names."""

    table: ir.Table
    names: list[str]
    source: Source


def codes(source: Source, cuts: Mapping[str, Cut]) -> Codes:
    """Kept by the engine: they are small, and looked at more than once."""
    names = [name for name, cut in cuts.items() if cut.role == "number"]
    table = source.table
    asked = {f"c{n}": coded(table[name], cuts[name].edges) for n, name in enumerate(names)}
    if source.ordered:
        asked[ORDER] = table[ORDER]
    return Codes(kept(table.select(**asked)) if names else table, names, source)


def numbers(held: Codes, cuts: Mapping[str, Cut], blocks: int = 1) -> dict[str, Counted]:
    """Of each number of these."""
    table, source = held.table, held.source
    blocks = blocks if source.ordered and source.rows >= blocks else 1
    parts = []
    for number in range(len(held.names)):
        block = (table[ORDER] * blocks / source.rows).floor().cast("int16") if blocks > 1 else ibis.literal(0, "int16")
        each = table.select(bin=table[f"c{number}"], block=block)
        counted = each.group_by(["bin", "block"]).aggregate(rows=each.count())
        parts.append(counted.mutate(column=ibis.literal(number, "int64")))
    if not parts:
        return {}
    told = (ibis.union(*parts, distinct=False) if len(parts) > 1 else parts[0]).to_pyarrow()
    column, code, block, rows = (told[each].to_numpy() for each in ("column", "bin", "block", "rows"))
    found = {}
    for number, name in enumerate(held.names):
        size = len(cuts[name].edges) + 1
        mine = column == number
        counts = np.zeros((blocks, size + 2))
        np.add.at(counts, (block[mine].astype(int), code[mine].astype(int)), rows[mine])  # the codes count from behind
        bins, lacks = counts[:, :size], counts[:, MISSING]
        found[name] = Counted(
            bins.sum(axis=0), int(lacks.sum()), int(counts[:, INFINITE].sum()), bins, lacks.astype(int).tolist()
        )
    return found


def presence(source: Source, names: Sequence[str]) -> dict[str, int]:
    """Rows without a value of each of these columns, that are no numbers."""
    if not names:
        return {}
    table = source.table
    lacks: dict[str, Any] = {name: table[name].isnull() for name in names}
    lacks |= {name: lacks[name] | table[name].isnan() for name in names if table[name].type().is_floating()}
    told = table.aggregate(**{f"c{n}": lacks[name].sum() for n, name in enumerate(names)}).to_pyarrow()
    return {name: int(told[f"c{n}"][0].as_py() or 0) for n, name in enumerate(names)}
