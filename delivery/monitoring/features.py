"""Whether a column's values are still distributed as they were: numbers by their histogram and ranks, categories by
their counts, and of each column whether there is a value at all."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from delivery.monitoring import limits
from delivery.monitoring.counting import Counted
from delivery.monitoring.found import ColumnKind
from delivery.monitoring.measures import (
    Counts,
    Found,
    chi_squared,
    jensen_shannon,
    kolmogorov_smirnov,
    ks_of,
    mann_whitney,
    mann_whitney_of,
    overdispersion,
    proportions,
    psi,
    scaled,
    total_variation,
    unseen,
    wasserstein_of,
)
from delivery.monitoring.pairing import Mix, Ranks
from delivery.monitoring.profile import Categories, Noise, Numbers
from delivery.monitoring.tested import Tested


def coarse(reference: Counts, window: Counts) -> list[slice]:
    """Bins put together until each has a tenth of all rows, and as many as chi-squared needs on both sides. Both sides
    decide alike."""
    total = reference + window
    share = min(reference.sum(), window.sum()) / max(total.sum(), 1.0)
    wanted = max(total.sum() / limits.COARSE * 0.999, limits.EXPECTED / max(share, 1e-12))
    found: list[slice] = []
    start, upto = 0, 0.0
    for number, rows in enumerate(total):
        upto += rows
        if upto >= wanted:
            found.append(slice(start, number + 1))
            start, upto = number + 1, 0.0
    if start < total.size:
        if found and upto < wanted / 2:
            found[-1] = slice(found[-1].start, total.size)
        else:
            found.append(slice(start, total.size))
    return found


def together(counts: Counts, bins: Sequence[slice]) -> Counts:
    return np.array([counts[each].sum() for each in bins])


SUSPECT: Final = 0.01
ALIKE: Final = 0.6
"""Correlation of a part's deviations and the next one's, from which on they are a season's or a trend's."""


def noise_of(blocks: Counts, window: float) -> float:
    """How much more parts of the reference differ than chance would have them, as a factor of chi-squared: seasons, and
    rows that hang together, as those of one patient. A row of counts for each part, in the rows' order.

    A window of less than a quarter of the reference is compared with parts of its length. A longer one sees each season
    that the reference has, but rows that hang together remain: a part does not tell of the next one. 1 where the parts
    lie in one order, low to high: that is a file sorted by this column.
    """
    reference = blocks.sum()
    if blocks.shape[0] < 4 or not reference or not window or _sorted(blocks):
        return 1.0
    if window * 4 <= reference:
        return overdispersion(_joined(blocks, max(4, min(blocks.shape[0], int(reference // window)))))
    short, long = overdispersion(blocks), overdispersion(_joined(blocks, blocks.shape[0] // 2))
    return max(short, long) if short > 1 and _adjacent(blocks) < ALIKE else 1.0


def noise_in(blocks: Counts) -> Noise | None:
    """All that `noise_of` says of these parts, for windows of whatever length; None where that is 1 of each."""
    if blocks.shape[0] < 4 or not blocks.sum() or _sorted(blocks):
        return None
    parts = [overdispersion(_joined(blocks, number)) for number in range(4, blocks.shape[0] + 1)]
    longer = noise_of(blocks, float(blocks.sum()))
    found = [float(f"{each:.6g}") for each in (*parts, longer)]
    return Noise(int(blocks.sum()), found[:-1], found[-1]) if max(found) > 1 else None


def noise_for(noise: Noise | None, window: float) -> float:
    """What a window of these rows has of it."""
    if noise is None or not window:
        return 1.0
    if window * 4 > noise.rows:
        return noise.longer
    return noise.parts[min(int(noise.rows // window) - 4, len(noise.parts) - 1)]


def _adjacent(blocks: Counts) -> float:
    """How much a part's deviations from what is expected are like those of the next one."""
    blocks = blocks[:, blocks.sum(axis=0) > 0]
    expected = np.outer(blocks.sum(axis=1), blocks.sum(axis=0)) / blocks.sum()
    apart = (blocks - expected) / np.sqrt(np.maximum(expected, 1e-12))
    return float((apart[1:] * apart[:-1]).sum() / max(float((apart * apart).sum()), 1e-12))


def _sorted(blocks: Counts) -> bool:
    levels = (blocks * np.arange(blocks.shape[1])).sum(axis=1) / np.maximum(blocks.sum(axis=1), 1)
    steps = np.diff(levels)
    return bool((steps > 0).all() or (steps < 0).all())


def _joined(blocks: Counts, parts: int) -> Counts:
    """Parts put together, to as many."""
    at = np.floor(np.arange(blocks.shape[0]) * parts / blocks.shape[0]).astype(int)
    joined = np.zeros((parts, blocks.shape[1]))
    np.add.at(joined, at, blocks)
    return joined


def numbers_noise(reference: Numbers, window: Counted) -> float:
    """Of a number's bins, put together as for its tests; or as a profile has it."""
    if not reference.blocks:
        return noise_for(reference.noise, float(window.bins.sum()))
    bins = coarse(np.array(reference.counts, dtype=np.float64), window.bins)
    blocks = np.array(reference.blocks, dtype=np.float64)
    return noise_of(np.array([together(row, bins) for row in blocks]).reshape(len(blocks), -1), window.bins.sum())


def number(
    name: str,
    kind: ColumnKind,
    reference: Numbers,
    window: Counted,
    ranks: Ranks | None,
    deviation: float,
    noise: float,
) -> list[Tested]:
    """Tests of a number's values. Its ranks are exact where they are given, else its bins'."""
    before, now = np.array(reference.counts, dtype=np.float64), window.bins
    rows_before, rows = float(before.sum()), float(now.sum())
    if rows_before < limits.ROWS or rows < limits.ROWS:
        return []
    bins = coarse(before, now)
    few_before, few = together(before, bins), together(now, bins)
    ks = kolmogorov_smirnov(ranks.ks if ranks else ks_of(before, now), rows_before, rows, noise)
    rank = (
        mann_whitney(ranks.above, ranks.ties, rows_before, rows, noise)
        if ranks
        else mann_whitney_of(before, now, noise)
    )
    at = points(reference.edges)
    moved = ranks.wasserstein if ranks else wasserstein_of(at, before, now)
    chi2, index = chi_squared(few_before, few, noise), psi(few_before, few)
    suffix = "" if ranks else "_binned"
    tests = [
        _tested(name, f"ks{suffix}", kind, ks, limits.KS, ks.value, rows),
        _tested(name, f"mann_whitney{suffix}", kind, rank, limits.MANN_WHITNEY, rank.value, rows),
        _tested(name, "psi", kind, scaled(chi2, index, 1 / rows_before + 1 / rows), limits.PSI, index, rows),
        Tested(name, "chi_squared", kind, chi2.value, None, None, int(rows), False),
        _told(name, "jensen_shannon", kind, jensen_shannon(few_before, few), limits.JENSEN_SHANNON, rows),
    ]
    if deviation > 0:
        value = moved / deviation
        tests.append(_told(name, f"wasserstein{suffix}", kind, value, limits.WASSERSTEIN, rows))
    far = np.ones(before.size, dtype=bool)
    far[reference.low : reference.high] = False
    outside = proportions(before[far].sum(), rows_before, now[far].sum(), rows, noise)
    tests.append(_tested(name, "outliers", kind, outside, limits.OUTLIERS, outside.value, rows))
    return tests


def points(edges: Sequence[float]) -> Counts:
    """Where a bin's rows are taken to lie: its middle, and of the outer ones their edge."""
    at = np.array(edges)
    return np.concatenate([at[:1], (at[1:] + at[:-1]) / 2, at[-1:]])


def infinite(name: str, kind: ColumnKind, before: int, rows_before: int, now: int, rows: int) -> list[Tested]:
    if not before and not now:
        return []
    found = proportions(before, rows_before, now, rows)
    return [_tested(name, "infinite", kind, found, limits.INFINITE, found.value, rows)]


def missing(
    name: str, kind: ColumnKind, before: int, rows_before: int, now: int, rows: int, noise: float = 1.0
) -> Tested:
    """Whether values are there as often as they were; more of them is a change as well."""
    found = proportions(before, rows_before, now, rows, noise)
    return _tested(name, "missing", kind, found, limits.MISSING, abs(found.value), rows)


def presence(by_block: Sequence[int], rows: int) -> Counts:
    """Rows without a value and with one, in each part of them."""
    blocks = np.array(by_block, dtype=np.float64)
    each = rows / max(blocks.size, 1)
    return np.column_stack([blocks, np.maximum(each - blocks, 0)])


def mix(name: str, kind: ColumnKind, found: Mix, noise: float = 1.0) -> list[Tested]:
    """Tests of a category's values, both sides counted together."""
    before, now = (np.array(side, dtype=np.float64) for side in zip(*found.counts, strict=True))
    rows_before, rows = before.sum(), now.sum()
    if rows_before < limits.ROWS or rows < limits.ROWS:
        return []
    tests = _mixed(name, kind, before, now, noise)
    if found.unseen:
        share = found.unseen / rows
        p = unseen(found.unseen, rows_before, rows, found.once)
        new = Found(share, p)
        matters = share if found.unseen >= limits.NEW_ROWS else 0.0
        rows_of = f"in {found.unseen:,} of {int(rows):,} rows"
        says = f"{name} has {found.unseen_categories:,} categories that the reference has not, {rows_of}"
        tests.append(_tested(name, "new_categories", _schema(kind), new, limits.NEW, matters, rows, says))
    return tests


def suspect(found: Mix) -> bool:
    """Whether the counts differ so much that it is worth asking how much those of the reference's parts do."""
    before, now = (np.array(side, dtype=np.float64) for side in zip(*found.counts, strict=True))
    return chi_squared(before, now).p < SUSPECT


def profiled(name: str, kind: ColumnKind, reference: Categories, window: dict[str, int], rest: int) -> list[Tested]:
    """The same where the reference is a profile: what it does not name is one category."""
    names = sorted(reference.counts)
    before = np.array([*(reference.counts[each] for each in names), reference.rest], dtype=np.float64)
    now = np.array([*(window.get(each, 0) for each in names), rest], dtype=np.float64)
    rows_before, rows = before.sum(), now.sum()
    if rows_before < limits.ROWS or rows < limits.ROWS:
        return []
    expected = (before + now) * min(rows_before, rows) / (rows_before + rows) >= limits.EXPECTED
    expected[-1] = False
    few_before, few = (np.array([*side[expected], side[~expected].sum()]) for side in (before, now))
    tests = _mixed(name, kind, few_before, few, noise_for(reference.noise, float(rows)))
    if rest:
        new = proportions(reference.rest, rows_before, rest, rows)
        matters = new.value if rest >= limits.NEW_ROWS else 0.0
        says = f"{name} has categories that the reference does not name, in {rest:,} of {int(rows):,} rows"
        tests.append(_tested(name, "new_categories", _schema(kind), new, limits.NEW, matters, rows, says))
    return tests


def _schema(kind: ColumnKind) -> ColumnKind:
    """A category that nobody knows is a change of what a column may hold, but for a prediction."""
    return "schema" if kind == "data" else kind


def _mixed(name: str, kind: ColumnKind, before: Counts, now: Counts, noise: float = 1.0) -> list[Tested]:
    rows = now.sum()
    chi2, index, moved = chi_squared(before, now, noise), psi(before, now), total_variation(before, now)
    parts = 1 / before.sum() + 1 / rows
    return [
        _tested(name, "total_variation", kind, scaled(chi2, moved, 0.0), limits.MIX, moved, rows),
        _tested(name, "psi", kind, scaled(chi2, index, parts), limits.PSI_MIX, index, rows),
        Tested(name, "chi_squared", kind, chi2.value, None, None, int(rows), False),
        _told(name, "jensen_shannon", kind, jensen_shannon(before, now), limits.JENSEN_SHANNON, rows),
    ]


def _tested(
    name: str, test: str, kind: ColumnKind, found: Found, threshold: float, size: float, rows: float, says: str = ""
) -> Tested:
    matters = size >= threshold
    return Tested(name, test, kind, found.value, threshold, found.p, int(rows), matters, found.reach, says=says)


def _told(name: str, test: str, kind: ColumnKind, value: float, threshold: float, rows: float) -> Tested:
    return Tested(name, test, kind, value, threshold, None, int(rows), value >= threshold)
