"""Statistics of two distributions from their counts: each bin's or category's rows of the reference and of the window.

By scipy, so that each agrees with it; the README says where others define one otherwise.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats
from scipy.spatial import distance

Counts = NDArray[np.float64]
PARTS: Final = 15
"""Degrees of freedom of a noise, that of sixteen parts of a reference."""
HALF: Final = 0.5
"""Rows that an empty bin counts for in PSI, which has no value for none."""


@dataclass(frozen=True)
class Found:
    """A statistic, and the chance of one as large where both are of one distribution."""

    value: float
    p: float
    reach: Callable[[float], float] = lambda _: 0.0
    """The value that has a chance, about: what noise reaches at that level."""


def shares(counts: Counts) -> Counts:
    return counts / max(counts.sum(), 1.0)


def psi(reference: Counts, window: Counts) -> float:
    """Population stability index: the sum of both Kullback-Leibler divergences, in nats."""
    one, other = (shares(np.where(counts > 0, counts, HALF)) for counts in (reference, window))
    return float(np.sum(special.rel_entr(one, other) + special.rel_entr(other, one)))


def jensen_shannon(reference: Counts, window: Counts) -> float:
    """Distance, the root of the divergence in bits: from 0 to 1."""
    if not reference.sum() or not window.sum():
        return math.nan
    found = distance.jensenshannon(shares(reference), shares(window), base=2)
    return 0.0 if math.isnan(found) else float(found)  # of two that are the same, the root of a little below 0


def total_variation(reference: Counts, window: Counts) -> float:
    """Share of rows in another category."""
    return float(np.abs(shares(reference) - shares(window)).sum() / 2)


def chi_squared(reference: Counts, window: Counts, noise: float = 1.0) -> Found:
    """Pearson's, of homogeneity, over the bins that have a row; `noise` is how much larger it is without drift."""
    table = np.array([reference, window])
    table = table[:, table.sum(axis=0) > 0]
    if table.shape[1] < 2 or not table.sum(axis=1).all():
        return Found(0.0, 1.0)
    value = float(stats.chi2_contingency(table, correction=False).statistic)
    freedom = table.shape[1] - 1
    return Found(
        value,
        _estimated(float(stats.chi2.sf(value / noise, freedom)), noise),
        lambda level: float(stats.chi2.isf(level, freedom)) * noise,
    )


def scaled(found: Found, value: float, scale: float) -> Found:
    """Another statistic that chance moves as it does this one, `scale` times as far."""
    return Found(value, found.p, lambda level: found.reach(level) * scale)


def kolmogorov_smirnov(value: float, reference: float, window: float, noise: float = 1.0) -> Found:
    """A distance's chance, for two samples of these many rows: scipy's of `ks_2samp(method="asymp")`."""
    rows = max(np.round(reference * window / (reference + window)), 1)
    spread = math.sqrt(noise)
    return Found(
        value,
        _estimated(float(stats.kstwo.sf(value / spread, rows)), noise),
        lambda level: float(stats.kstwo.isf(level, rows)) * spread,
    )


def ks_of(reference: Counts, window: Counts) -> float:
    """The largest distance of the distribution functions at the bins' edges."""
    return float(np.abs(np.cumsum(shares(reference)) - np.cumsum(shares(window))).max(initial=0.0))


def mann_whitney(above: float, ties: float, reference: float, window: float, noise: float = 1.0) -> Found:
    """How far the chance that the window's value is above the reference's is from a half; two-sided, by the normal.

    `above` is U: pairs in which the window's is above, ties half. `ties` is the sum of t^3 - t over values that t rows
    share.
    """
    rows = reference + window
    spread = math.sqrt(max(reference * window / 12 * ((rows + 1) - ties / (rows * (rows - 1))), 0.0) * noise)
    apart = above - reference * window / 2
    p = 2 * float(stats.norm.sf(abs(apart) / spread)) if spread else 1.0
    pairs = reference * window
    return Found(
        abs(apart) / pairs,
        _estimated(min(p, 1.0), noise),
        lambda level: float(stats.norm.isf(level / 2)) * spread / pairs,
    )


def mann_whitney_of(reference: Counts, window: Counts, noise: float = 1.0) -> Found:
    """The same of bins: rows of one bin are ties."""
    above = float(np.sum(window * (np.cumsum(reference) - reference / 2)))
    both = reference + window
    return mann_whitney(above, float(np.sum(both**3 - both)), reference.sum(), window.sum(), noise)


def wasserstein_of(points: Counts, reference: Counts, window: Counts) -> float:
    """The earth mover's distance of two weighted sets of points."""
    if not reference.sum() or not window.sum():
        return math.nan
    return float(stats.wasserstein_distance(points, points, reference, window))


def proportions(before: float, rows_before: float, now: float, rows_now: float, noise: float = 1.0) -> Found:
    """Difference of two shares, now less before; Fisher's exact chance where few are expected, else chi-squared's."""
    if not rows_before or not rows_now:
        return Found(0.0, 1.0)
    table = np.array([[before, rows_before - before], [now, rows_now - now]])
    value = now / rows_now - before / rows_before
    columns, rows = table.sum(axis=0), table.sum(axis=1)
    if not columns.all():
        return Found(value, 1.0)
    least = float(np.min(np.outer(rows, columns)) / table.sum())
    share = columns[0] / table.sum()
    spread = math.sqrt(share * (1 - share) * (1 / rows[0] + 1 / rows[1]) * noise)
    exact = _softened(float(stats.fisher_exact(table).pvalue), noise) if least < 10 else None
    p = chi_squared(table[0], table[1], noise).p if exact is None else exact
    return Found(value, p, lambda level: float(stats.norm.isf(level / 2)) * spread)


def _estimated(p: float, noise: float) -> float:
    """A chance by a noise that is itself an estimate of few parts: Student's, where the normal would be too sure."""
    return p if noise <= 1 else float(2 * stats.t.sf(stats.norm.isf(p / 2), PARTS))


def _softened(p: float, noise: float) -> float:
    """A two-sided chance as of a normal that spreads more."""
    return p if noise <= 1 else _estimated(float(2 * stats.norm.sf(stats.norm.isf(p / 2) / math.sqrt(noise))), noise)


def unseen(rows: float, reference: float, window: float, once: float) -> float:
    """Chance of these many rows of the window in categories that the reference lacks (Good and Turing: what the
    reference has only once tells how much of the whole it has not)."""
    return float(stats.nbinom.sf(rows - 1, once + 1, reference / (reference + window)))


def overdispersion(blocks: Counts) -> float:
    """How much larger chi-squared is between parts of the same rows than of independent ones; 1 where it is not.

    `blocks` has a row of counts for each part.
    """
    blocks = blocks[blocks.sum(axis=1) > 0]
    blocks = blocks[:, blocks.sum(axis=0) > 0]
    if min(blocks.shape, default=0) < 2:
        return 1.0
    expected = np.outer(blocks.sum(axis=1), blocks.sum(axis=0)) / blocks.sum()
    value = float(np.sum((blocks - expected) ** 2 / expected))
    return max(_beyond(value, (blocks.shape[0] - 1) * (blocks.shape[1] - 1)), _levels(blocks))


def _levels(blocks: Counts) -> float:
    """The same of the parts' mean ranks, by Kruskal and Wallis: a shift is spread over bins, and little in each."""
    rows, total = blocks.sum(axis=1), blocks.sum(axis=0)
    ranks = np.cumsum(total) - total / 2
    mean = float((ranks * total).sum() / total.sum())
    variance = float(((ranks - mean) ** 2 * total).sum() / total.sum())
    means = (blocks * ranks).sum(axis=1) / rows
    return _beyond(float((rows * (means - mean) ** 2).sum() / variance), len(rows) - 1) if variance else 1.0


def _beyond(value: float, freedom: int) -> float:
    """A sum of squares over its degrees of freedom, where it is surely more than chance's; else 1."""
    return max(value / freedom, 1.0) if stats.chi2.sf(value, freedom) < 1e-3 else 1.0


def holm(p: list[float]) -> list[float]:
    """Adjusted chances: each is as if it were tested alone, and the chance of any false one holds for all together."""
    order: Any = np.argsort(p)
    stepped = np.maximum.accumulate(np.array(p)[order] * np.arange(len(p), 0, -1)) if p else np.array([])
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(stepped, 1.0)
    return [float(each) for each in adjusted]
