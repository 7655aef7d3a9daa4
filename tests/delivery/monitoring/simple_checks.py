"""A check of few lines, of whose findings alerts are made where it is the alerts that are tested: distances, no bounds.

Kolmogorov-Smirnov for numbers, PSI for words, and of numbers how many nulls more or less.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from delivery.monitoring import limits
from delivery.monitoring.found import Check, Column
from tests.delivery.monitoring.years import NUMBERS, PREDICTION, WORDS, Rows, instant

DIGEST: Final = "sha256:" + "5" * 64
MODEL: Final = "readmission@3"
ENOUGH: Final = 30
SIZES: Final = {"ks": limits.KS, "psi": limits.PSI_MIX, "missing": limits.MISSING}
"""From which on a statistic matters."""


class Reference:
    """All rows of a while, to hold days against."""

    def __init__(self, rows: Rows) -> None:
        self.missing = {name: float(np.isnan(rows[name]).mean()) for name in NUMBERS}
        self.sorted = {name: np.sort(_known(rows[name])) for name in (*NUMBERS, PREDICTION)}
        self.shares = {name: _shares(rows[name]) for name in WORDS}

    def check(self, rows: Rows, number: int) -> Check:
        """Of the day of that number."""
        count = rows["age"].size
        tests = [each for each in self._tests(rows) if each.rows]
        told = {"at": instant(number + 1, 2), "start": instant(number), "end": instant(number, 23)}
        return Check(
            **told, model=MODEL, reference=DIGEST, rows=count, enough=count >= ENOUGH, drifted=False, kind="none",
            columns={}, alerts=[], tests=tests,
        )  # fmt: skip

    def _tests(self, rows: Rows) -> list[Column]:
        found = [_column(name, "missing", abs(float(np.isnan(rows[name]).mean()) - self.missing[name]), rows[name].size)
                 for name in NUMBERS if rows[name].size]  # fmt: skip
        for name, reference in self.sorted.items():
            known = _known(rows[name])
            found.append(_column(name, "ks", _apart(reference, known), known.size))
        for name, reference in self.shares.items():
            if rows[name].size:
                now = _shares(rows[name])
                found.append(_column(name, "psi", _index(reference, now, rows[name].size), rows[name].size))
        return found


def _column(name: str, test: str, value: float, rows: int) -> Column:
    kind = "prediction" if name == PREDICTION else "data"
    return Column(name, test, kind, value, SIZES[test], 1.0, rows, False, matters=value >= SIZES[test])


def _known(values: NDArray[Any]) -> NDArray[np.float64]:
    return values[~np.isnan(values)]


def _shares(words: NDArray[Any]) -> Mapping[str, float]:
    names, counts = np.unique(words, return_counts=True)
    return {str(name): count / words.size for name, count in zip(names, counts, strict=True)}


def _index(before: Mapping[str, float], now: Mapping[str, float], rows: int) -> float:
    """Of shares; an empty one counts for half a row."""
    shares = {word: now.get(word, 0.5 / rows) for word in before}
    return float(sum((shares[word] - share) * np.log(shares[word] / share) for word, share in before.items()))


def _apart(reference: NDArray[np.float64], now: NDArray[np.float64]) -> float:
    """The largest distance between the two distribution functions, at the values of the second."""
    if not now.size:
        return 0.0
    values, counts = np.unique(now, return_counts=True)
    share = np.cumsum(counts) / now.size
    after = np.searchsorted(reference, values, "right") / reference.size
    before = np.searchsorted(reference, values, "left") / reference.size
    return float(max(np.abs(after - share).max(), np.abs(before - (share - counts / now.size)).max()))
