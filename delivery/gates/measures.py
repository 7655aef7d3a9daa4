"""Figures of a classifier over rows with weights. A figure that the rows do not define is NaN."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Weights = NDArray[np.float64]
BINS: Final = 10


@dataclass(frozen=True)
class Sample:
    """Predictions of one model, one entry a row; rows are in the order of `record`."""

    record: NDArray[Any]
    patient: NDArray[Any]
    label: NDArray[np.float64]
    """1, 0, or NaN where it is not known."""
    score: NDArray[np.float64]
    """The probability that the model gives; whatever else it gave."""
    threshold: float
    """The operating point: whose score is at least this is flagged."""
    groups: Mapping[str, NDArray[Any]]

    @property
    def rows(self) -> int:
        return self.record.size

    def take(self, which: NDArray[Any]) -> "Sample":
        groups = {name: values[which] for name, values in self.groups.items()}
        return Sample(
            self.record[which], self.patient[which], self.label[which], self.score[which], self.threshold, groups
        )

    @cached_property
    def faulty(self) -> NDArray[np.bool_]:
        """Rows without a label, or whose score is no number from 0 to 1: nothing is measured while there are any."""
        return np.isnan(self.label) | ~((self.score >= 0) & (self.score <= 1))

    @cached_property
    def flagged(self) -> NDArray[np.bool_]:
        return self.score >= self.threshold

    @cached_property
    def ranks(self) -> NDArray[np.intp]:
        """Places of the scores among the different ones."""
        return np.unique(self.score, return_inverse=True)[1]

    @cached_property
    def people(self) -> NDArray[np.intp]:
        """Of each row, its patient's number from 0."""
        return np.unique(self.patient, return_inverse=True)[1]


def auroc(sample: Sample, weights: Weights) -> float:
    """The chance that a row with the outcome has the higher score, ties half (Hanley and McNeil 1982)."""
    with_it = np.bincount(sample.ranks, weights * sample.label)
    without = np.bincount(sample.ranks, weights * (1 - sample.label))
    pairs = with_it.sum() * without.sum()
    return _ratio(float(np.sum(with_it * (np.cumsum(without) - without / 2))), float(pairs))


def brier(sample: Sample, weights: Weights) -> float:
    """Mean squared distance of score and outcome, of one class (Brier 1950)."""
    return _ratio(float(np.sum(weights * (sample.score - sample.label) ** 2)), float(weights.sum()))


def ece(sample: Sample, weights: Weights) -> float:
    """Expected calibration error, ten bins of one width: mean distance of score and outcome (Naeini et al. 2015)."""
    which = np.minimum((sample.score * BINS).astype(np.intp), BINS - 1)
    apart = np.bincount(which, weights * (sample.score - sample.label), BINS)
    return _ratio(float(np.abs(apart).sum()), float(weights.sum()))


def recall(sample: Sample, weights: Weights) -> float:
    """Share of the rows with the outcome that are flagged at the operating point."""
    cases = weights * sample.label
    return _ratio(float(cases[sample.flagged].sum()), float(cases.sum()))


def fpr(sample: Sample, weights: Weights) -> float:
    """Share of the rows without the outcome that are flagged at the operating point."""
    others = weights * (1 - sample.label)
    return _ratio(float(others[sample.flagged].sum()), float(others.sum()))


@dataclass(frozen=True)
class Measure:
    """A figure, and whether more of it is better."""

    of: Callable[[Sample, Weights], float]
    more_is_better: bool

    def worse(self, before: float, after: float) -> float:
        """By how much the second is worse than the first; negative where it is better."""
        return before - after if self.more_is_better else after - before


MEASURES: Final[Mapping[str, Measure]] = {
    "auroc": Measure(auroc, True),
    "brier": Measure(brier, False),
    "ece": Measure(ece, False),
    "recall": Measure(recall, True),
    "fpr": Measure(fpr, False),
}


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else float("nan")
