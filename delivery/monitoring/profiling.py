"""From a reference's rows to its profile: one look at a sample for where to cut, one at all rows to count."""

from collections.abc import Sequence
from datetime import UTC, datetime

import ibis
from msgspec import structs

from delivery.monitoring import quality, schema
from delivery.monitoring.counting import Codes, Counted, codes, numbers, presence
from delivery.monitoring.cutting import Cut, cuts, sampled
from delivery.monitoring.features import noise_in
from delivery.monitoring.joint import pairs, scored
from delivery.monitoring.limits import BLOCKS, CATEGORIES, CELL, PAIRED, PAIRED_ROWS
from delivery.monitoring.pairing import blocks
from delivery.monitoring.profile import FORMAT, Categories, Held, Numbers, Profile, Type
from delivery.monitoring.reading import ORDER, Source
from delivery.monitoring.shapes import is_code, tells_of_a_life
from delivery.monitoring.small_cells import hidden
from delivery.monitoring.timeliness import span

SURE = 30
"""Rows that each category must have for all of them to be listed by all rows."""


def profiled(source: Source, predictions: str | None, labels: str | None) -> Profile:
    """The profile of these rows."""
    found, held = counted(source, predictions, labels)
    columns = [
        structs.replace(each, categories=_categories(source, each.name)) if each.role == "category" else each
        for each in found.columns
    ]
    told = hidden(structs.replace(found, columns=columns))
    features = {name: numbers for name, numbers in paired(found).items() if name in paired(told)}
    return structs.replace(told, pairs=pairs(list(features), scored(held, features, PAIRED_ROWS)))


def counted(source: Source, predictions: str | None, labels: str | None) -> tuple[Profile, Codes]:
    """What a comparison with the rows themselves needs of it: no categories, no correlations; and the rows' codes.
    Raises Refused where it lacks a column that is asked for."""
    schema.named(list(source.types))
    schema.no_row(source)
    for name, what in ((predictions, "--predictions"), (labels, "--labels")):
        if name is not None and name not in source.types:
            raise schema.lacks(what, name, list(source.types))
    sample = sampled(source)
    cut = cuts(source, sample)
    for name in (predictions, labels):  # whatever they look like, they are judged
        if name is not None and cut[name].role == "key" and source.types[name] == "text":
            cut[name] = Cut("category")
    held = codes(source, cut)
    bins = numbers(held, cut, BLOCKS)
    others = presence(source, [name for name in cut if name not in bins])
    columns = [
        _held(kind, name, cut[name], bins.get(name), others.get(name, 0), source.rows)
        for name, kind in source.types.items()
    ]
    time = span(source, moments(columns), datetime.now(UTC))
    scores = None
    if predictions and labels:
        kind = quality.kind_of(source, predictions, labels)
        scores = quality.scores_of(source, kind, predictions, labels, cut[predictions].edges) if kind else None
    parquet = source.layouts[0].parquet
    found = Profile(FORMAT, source.rows, parquet, columns, time.start, time.end, None, scores, predictions, labels)
    return found, held


def paired(profile: Profile) -> dict[str, Numbers]:
    """The numbers whose correlations are looked at: of features, and not of constants."""
    held = {each.name: each.numbers for each in profile.columns if each.numbers}
    varied = {
        name: numbers
        for name, numbers in held.items()
        if max(numbers.counts, default=0) < sum(numbers.counts) and name not in (profile.predictions, profile.labels)
    }
    return dict(list(varied.items())[:PAIRED])


def _held(kind: Type, name: str, cut: Cut, counted: Counted | None, missing: int, rows: int) -> Held:
    if counted is None:  # numbers that are judged by none have no finite value
        infinite = rows - missing if cut.role == "none" and kind in ("integer", "float") else 0
        return Held(name, kind, cut.role, missing, infinite, cut.whole)
    bins = [int(each) for each in counted.bins]
    blocks = [[int(each) for each in row] for row in counted.blocks]
    histogram = Numbers(list(cut.edges), bins, cut.low, cut.high, blocks)
    lacks = counted.missing_by_block
    return Held(name, kind, cut.role, counted.missing, counted.infinite, cut.whole, lacks, numbers=histogram)


def _categories(source: Source, name: str) -> Categories:
    """Counts by category. Where some are rare, those that are listed are chosen by one half of the rows and counted in
    the other: chosen and counted by the same rows, each would seem to be more frequent than it is."""
    table = source.table.filter(source.table[name].notnull())
    # By no bit of the order itself: every second row may be of one ward.
    half = (table[ORDER] * 2_654_435_761 % 2**32 / 2**31).floor() if source.ordered else ibis.literal(0, "int64")
    rows = table.select(x=table[name].cast("string"), half=half)
    each = rows.group_by("x").aggregate(n=rows.count(), odd=(rows.half == 1).sum())
    totals = each.aggregate(least=each.n.min(), kinds=each.count(), rows=each.n.sum(), odd=each.odd.sum()).to_pyarrow()
    least, kinds, total, odd = (totals[name][0].as_py() or 0 for name in ("least", "kinds", "rows", "odd"))
    if (least >= SURE and kinds <= CATEGORIES) or not source.ordered:
        chosen, count, of = each.filter(each.n >= CELL), "n", total
    else:
        # By the even rows more than CELL, so that the odd ones are not chosen by what they hold.
        chosen, count, of = each.filter((each.n - each.odd) >= SURE), "odd", odd
    listed = chosen.order_by([ibis.desc("n"), "x"]).limit(CATEGORIES).to_pyarrow().to_pylist()
    counts = {row["x"]: int(row[count]) for row in listed if row[count] >= CELL and is_code(row["x"])}
    noise = noise_in(blocks(source, name, BLOCKS))  # of all rows, though half of them may be counted
    return Categories(counts, int(of) - sum(counts.values()), int(of), noise)


def moments(columns: Sequence[Held]) -> list[str]:
    """Columns that tell when: dates and moments of a type, and of no birth or death."""
    return [
        each.name
        for each in columns
        if each.role == "moment" and each.type in ("date", "moment") and not tells_of_a_life(each.name)
    ]
