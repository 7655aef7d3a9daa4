"""All numbers together: whether two hang together as they did, and whether a classifier can tell reference from window.

Of a sample of rows the bins' numbers leave the database, and no value does. A bin's score is the normal's at its middle
rank in the reference, so that tails weigh little.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from delivery.monitoring import limits
from delivery.monitoring.counting import Codes
from delivery.monitoring.cutting import sampled
from delivery.monitoring.found import JOINT
from delivery.monitoring.measures import Found, mann_whitney
from delivery.monitoring.profile import Numbers, Pairs
from delivery.monitoring.tested import Tested

Matrix = NDArray[np.float64]
FEWEST = 100
"""Rows of either side below which neither is tried."""
PRODUCTS = 10
"""Pairs of columns whose product the classifier sees too: those that changed most among what it learns by."""


def scored(codes: Codes, numbers: Mapping[str, Numbers], rows: int) -> Matrix:
    """A row for each of a sample of these many, a column for each number; NaN where there is no value."""
    if not numbers:
        return np.zeros((0, 0))
    sample = sampled(replace(codes.source, table=codes.table), rows)
    told = sample.select(*(f"c{codes.names.index(name)}" for name in numbers)).to_pyarrow()
    columns = []
    for name, held in numbers.items():
        found = told[f"c{codes.names.index(name)}"].to_numpy().astype(np.intp)
        columns.append(np.where(found >= 0, _normal(held)[np.maximum(found, 0)], np.nan))
    return np.column_stack(columns)


def _normal(held: Numbers) -> Matrix:
    counts = np.array(held.counts, dtype=np.float64)
    total = max(counts.sum(), 1.0)
    ranks = (np.cumsum(counts) - counts / 2) / total
    return np.asarray(stats.norm.ppf(np.clip(ranks, 0.25 / total, 1 - 0.25 / total)), dtype=np.float64)


def pairs(names: Sequence[str], scores: Matrix) -> Pairs | None:
    """Correlations of each two columns, and how sure they are; None of too few rows or columns."""
    if scores.shape[0] < FEWEST or scores.shape[1] < 2:
        return None
    present = ~np.isnan(scores)
    centred = np.where(present, scores - np.nanmean(np.where(present.any(axis=0), scores, 0.0), axis=0), 0.0)
    deviation = np.sqrt((centred * centred).sum(axis=0) / np.maximum(present.sum(axis=0), 1))
    unit = centred / np.where(deviation > 0, deviation, 1.0)
    there = present.astype(np.float64)
    both = np.maximum(there.T @ there, 1.0)
    squares = unit * unit
    products = (unit.T @ unit) / both
    mixed, fourth = (squares.T @ squares) / both, (squares * squares).T @ there / both
    skewed = ((squares * unit).T @ unit) / both
    # The variance of a row's share in the correlation, z_i z_j - r (z_i^2 + z_j^2) / 2: right for any distribution.
    noise = mixed - products * (skewed + skewed.T) + products**2 / 4 * (fourth + fourth.T + 2 * mixed)
    least = (1 - np.minimum(products**2, 1)) ** 2 / 2
    known = (both >= FEWEST) & (deviation > 0) & (deviation[:, None] > 0)
    return Pairs(list(names), scores.shape[0], _lists(products, known), _lists(np.maximum(noise, least) / both, known))


def _lists(values: Matrix, known: NDArray[np.bool_]) -> list[list[float | None]]:
    """To nine digits: what a sum is to the last one depends on the machine."""
    return [
        [float(f"{each:.9g}") if held else None for each, held in zip(*row, strict=True)]
        for row in zip(values, known, strict=True)
    ]


def correlations(reference: Pairs, window: Pairs, noise: float) -> list[Tested]:
    """Of each column its pair that changed most, where all pairs are corrected for."""
    before, now = np.array(reference.products, dtype=float), np.array(window.products, dtype=float)
    noises = (np.array(each.noise, dtype=float) for each in (reference, window))
    spread = np.sqrt(sum(noises) * noise)
    moved = now - before
    # On Fisher's scale, where it is nearly normal at any strength.
    limit = 0.999
    middle = np.clip((now + before) / 2, -limit, limit)
    z = np.abs(np.arctanh(np.clip(now, -limit, limit)) - np.arctanh(np.clip(before, -limit, limit)))
    z = z * (1 - middle**2) / np.maximum(spread, 1e-12)
    moved, z = np.nan_to_num(moved), np.nan_to_num(z)  # where a column lacks on one side, that is another finding
    np.fill_diagonal(moved, 0.0)
    np.fill_diagonal(z, 0.0)
    count = len(reference.names) * (len(reference.names) - 1) / 2
    found = []
    for column, name in enumerate(reference.names):
        other = int(np.argmax(np.where(np.abs(moved[column]) >= limits.CORRELATION, z[column], z[column] / 1e6)))
        # A pair stands in two columns' tests: half of the pairs, for each.
        p = min(2 * float(stats.norm.sf(z[column, other])) * count * 2 / len(reference.names), 1.0)
        size = float(abs(moved[column, other]))
        says = f"{name} and {reference.names[other]} hang together otherwise (correlation by {size:.2f})"
        found.append(
            Tested(
                name,
                "correlation",
                "data",
                size,
                limits.CORRELATION,
                p,
                window.rows,
                size >= limits.CORRELATION,
                says=says,
            )
        )
    return found


@dataclass(frozen=True)
class Told:
    """How well rows of the window are told from rows of the reference."""

    auroc: float
    p: float
    rows: int


def classified(before: Matrix, now: Matrix, noise: float) -> Told | None:
    """A linear classifier over scores and products, learnt by every other row and judged by the rest. None of few rows.

    Of as many rows of either, since more of one teach it nothing.
    """
    if min(len(before), len(now)) < 2 * FEWEST or not before.shape[1]:
        return None
    rows = np.nan_to_num(np.vstack([before, now]))
    side = np.concatenate([np.zeros(len(before)), np.ones(len(now))])
    learn = np.arange(len(rows)) % 2 == 0
    rows = np.column_stack([rows, _products(rows, side, learn)])
    first, second = (rows[learn & (side == each)] for each in (0, 1))
    within = (_scatter(first) + _scatter(second)) / (len(first) + len(second) - 2)
    ridge = np.eye(len(within)) * (0.01 * max(float(np.trace(within)) / len(within), 1e-9))
    weights = np.linalg.solve(within + ridge, second.mean(axis=0) - first.mean(axis=0))
    judged = rows[~learn] @ weights
    of_window = side[~learn] == 1
    ranks = stats.rankdata(judged)
    a, b = float((~of_window).sum()), float(of_window.sum())
    above = float(ranks[of_window].sum()) - b * (b + 1) / 2
    ties = np.unique(judged, return_counts=True)[1].astype(np.float64)
    found = mann_whitney(above, float((ties**3 - ties).sum()), a, b, noise)
    return Told(above / (a * b), found.p if above > a * b / 2 else 1.0, int(b))


def _scatter(rows: Matrix) -> Matrix:
    apart = rows - rows.mean(axis=0)
    return np.asarray(apart.T @ apart)


def _products(rows: Matrix, side: Matrix, learn: NDArray[np.bool_]) -> Matrix:
    """Of the pairs whose mean product differs most between the sides, among the rows that are learnt by."""
    first, second = (rows[learn & (side == each)] for each in (0, 1))
    apart = np.abs(np.triu(first.T @ first / len(first) - second.T @ second / len(second), 1))
    order = np.argsort(apart, axis=None)[::-1][: min(PRODUCTS, rows.shape[1] * (rows.shape[1] - 1) // 2)]
    one, other = np.unravel_index(order, apart.shape)
    return np.asarray(rows[:, one] * rows[:, other])


def told_apart(told: Told | None) -> list[Tested]:
    """The classifier's test, of no column alone."""
    if told is None:
        return []
    found = Found(told.auroc, told.p)
    matters = found.value >= 0.5 + limits.JOINT
    says = f"a classifier tells the window's rows from the reference's (AUROC {told.auroc:.2f})"
    return [
        Tested(
            JOINT, "domain_classifier", "data", found.value, 0.5 + limits.JOINT, found.p, told.rows, matters, says=says
        )
    ]
