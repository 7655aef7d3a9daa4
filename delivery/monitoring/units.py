"""Whether a number that is distributed otherwise is the same one in another unit. units.yaml has what is tried."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import yaml
from numpy.typing import NDArray

from delivery.monitoring.cutting import Quantile
from delivery.monitoring.profile import Numbers

NEAR: Final = 0.03
"""Share by which the ratio of quantiles may miss a factor; more where few rows tell it less well, up to WIDE."""
WIDE: Final = 0.08
LEFT: Final = 0.2
"""Part of the distance that may be left once the unit is taken back."""
LEAST: Final = 0.06
"""A distance that is left whatever it was: bins are coarse, and so are values that were rounded in their unit."""
Points = NDArray[np.float64]


@dataclass(frozen=True)
class Unit:
    """A conversion: times the factor, plus what is added."""

    name: str
    factor: float
    added: float


@functools.cache
def _told() -> Mapping[str, Any]:
    told: Mapping[str, Any] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text())
    return told


@functools.cache
def conversions() -> tuple[Unit, ...]:
    """Each one both ways."""
    there = [Unit(name, float(factor), 0.0) for name, factor in _told()["factors"].items()]
    there += [Unit(name, float(factor), float(added)) for name, (factor, added) in _told()["lines"].items()]
    back = [Unit(f"{unit.name}, taken back", 1 / unit.factor, -unit.added / unit.factor) for unit in there]
    return (*there, *back)


def converted(reference: Numbers, window: Sequence[Quantile], distance: float) -> Unit | None:
    """The conversion that explains a distance (Kolmogorov and Smirnov's) of window and reference; None where none does.

    Only for numbers that are not negative, apart from temperatures: of others a factor means nothing.
    """
    counts = np.array(reference.counts, dtype=np.float64)
    edges = np.array(reference.edges)
    upto = np.cumsum(counts)[:-1] / counts.sum()
    rows = np.array([part.rows for part in window], dtype=np.float64)
    values = np.array([part.high for part in window])
    below = np.cumsum(rows) / rows.sum()
    if edges.size < 8 or values.size < 8:
        return None
    inner = np.linspace(0.2, 0.8, 13)
    before, now = np.interp(inner, upto, edges), np.interp(inner, below, values)
    near = min(max(NEAR, 2.5 * _error(before, 1 / counts.sum() + 1 / rows.sum())), WIDE)
    best: tuple[float, Unit] | None = None
    for unit in conversions():
        if not unit.added and not _is_factor(unit.factor, before, now, near):
            continue
        left = float(
            np.abs(np.interp((values - unit.added) / unit.factor, edges, upto, left=0.0, right=1.0) - below)[:-1].max()
        )
        if left <= max(LEFT * distance, LEAST) and left < distance / 2 and (best is None or left < best[0]):
            best = left, unit
    return best[1] if best else None


def _error(quantiles: Points, parts: float) -> float:
    """Of the logarithm of two samples' ratio of medians, by the quantiles from a fifth to four fifths."""
    if quantiles.min() <= 0:
        return 0.0
    deviation = float(np.log(quantiles[-1] / quantiles[0])) / 1.683
    return 1.253 * deviation * parts**0.5


def _is_factor(factor: float, before: Points, now: Points, near: float) -> bool:
    if before.min() <= 0 or now.min() <= 0:
        return False
    ratio = float(np.exp(np.median(np.log(now / before))))
    apart = abs(np.log(ratio / factor))
    plain = min(abs(np.log(ratio / each)) for one in _told()["plain"] for each in (one, 1 / one))
    return apart <= near and apart < plain
