"""Intervals by the bootstrap (Efron 1979, percentiles): drawn are patients, whose rows are alike."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from delivery.gates.declared import Bootstrap
from delivery.gates.measures import Weights


@dataclass(frozen=True)
class Interval:
    """A figure, and between what it is. NaN where it is not defined, or not in each resample: too few rows."""

    value: float
    low: float
    high: float


def interval(figure: Callable[[Weights], float], people: NDArray[np.intp], plan: Bootstrap) -> Interval:
    """The figure of weights over rows, where `people` are the rows' patients, numbered from 0.

    Two models' difference over the same rows is a figure too: that is the paired bootstrap. The same arguments give
    the same interval.
    """
    count = int(people.max()) + 1 if people.size else 0
    value = figure(np.ones(people.size)) if count else float("nan")
    if not np.isfinite(value):
        return Interval(float("nan"), float("nan"), float("nan"))
    rng = np.random.Generator(np.random.Philox(plan.seed))
    drawn = np.empty(plan.times)
    for turn in range(plan.times):
        times = np.bincount(rng.integers(0, count, count), minlength=count).astype(np.float64)
        drawn[turn] = figure(times[people])
    tail = (1 - plan.level) / 2
    low, high = np.quantile(drawn, (tail, 1 - tail))  # NaN where one of them is
    return Interval(value, float(low), float(high))
