"""What speaks for a drift, gathered over windows, so that the number of windows and columns makes no false alarm.

A chance p becomes the e-value k p^(k-1), whose mean is at most 1 where nothing has drifted (Vovk and Wang, Annals of
Statistics 2021). Of several statistics of a column the mean is one too, whatever hangs together. The product over
windows, begun anew whenever it falls below 1, passes a bound of A once in A windows at most on average (e-detectors:
Shin, Ramdas and Rinaldo, arXiv 2203.03532). With m columns the bound is m times the windows that a false alarm may
come in. That holds as far as the chances do, which are as good as the reference's windows are like the next year's.

A statistic below the size that matters has the chance 1: what no check would call of consequence in any number of rows
is none after any number of windows, and an alert is over once windows hold no more than that.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import inf, isnan, log
from typing import Final

from msgspec import structs

from delivery.monitoring.alerting.declared import Declared, Kind
from delivery.monitoring.alerting.documents import Evidence
from delivery.monitoring.alerting.noise import CALENDAR, LEAST, QUADRATIC, Noise, Signal, chance, counting, distance
from delivery.monitoring.alerting.windows import day_of, tested
from delivery.monitoring.found import Check, Column
from delivery.registry.deaf import FEWER

CALIBRATOR: Final = 0.1
"""k: the smaller, the more one window of great evidence counts, and the less many of little."""
ORDINARY: Final = 0.01
"""The chance above which a column is as usual in a window."""
PASSES: Final = 3.0
"""How far beyond its bound evidence counts, so that what is over is not remembered for long."""
UNADJUSTED: Final = 0.5
"""Of a statistic whose adjusted chance is 1, which says no more than that."""


@dataclass(frozen=True)
class Seen:
    """What one window says of a column."""

    kind: Kind
    name: str
    chance: float
    """The smallest of its statistics', times how many they are."""
    weight: float
    """The logarithm of the e-value."""
    bound: float
    """From which on the gathered logarithm is an alert."""
    value: float | None
    """Of the statistic that says most."""
    silenced: bool = False
    """Whether a statistic of it drifted by the check's own tests, and the noise alone makes it usual."""

    @property
    def signal(self) -> str:
        return f"{self.kind}:{self.name}"

    @property
    def ordinary(self) -> bool:
        return self.chance > ORDINARY


def judged(check: Check, declared: Declared) -> bool:
    """Whether the window has rows enough to say anything by its values."""
    return check.enough and check.rows >= declared.fewest_rows


def seen(check: Check, noise: Noise | None, declared: Declared) -> list[Seen]:
    """What the window says, column by column, in the order of their names. Nothing where it has too few rows."""
    if not judged(check, declared):
        return []
    columns = dict[tuple[Kind, str], list[tuple[Column, float]]]()
    silenced = set[tuple[Kind, str]]()
    known = noise.by_key() if noise and noise.reference == check.reference else {}
    counted = tested(check)
    for column in counted:
        own = _own(column, len(counted))
        signal = known.get((column.name, column.test, column.cohort)) if column.kind in CALENDAR else None
        if signal and signal.rows > FEWER * counting(check, column):
            signal = None  # learnt of far larger windows
        p = _by(signal, column, own, check, declared) if signal else own
        if p is not None:
            p = p if column.matters else 1.0  # less than an e-value may be: of no consequence, however many windows
            columns.setdefault((column.kind, column.name), []).append((column, p))
            if signal and column.drifted and p > ORDINARY:
                silenced.add((column.kind, column.name))
    bound = log(declared.windows_until_false) + log(max(len(columns), 1))
    return [_weighed(*key, told, bound, key in silenced) for key, told in sorted(columns.items())]


def gathered(before: Mapping[str, Evidence], now: Iterable[Seen]) -> dict[str, Evidence]:
    """The evidence after this window; of a column that the window says nothing of, as it was."""
    after = dict(before)
    for each in now:
        was = before.get(each.signal, Evidence(0.0, 0))
        weight = min(max(was.weight + each.weight, 0.0), each.bound + PASSES)
        after[each.signal] = Evidence(round(weight, 6), 0 if each.ordinary else was.streak + 1)
    return {signal: each for signal, each in sorted(after.items()) if each.weight or each.streak}


def _own(column: Column, tests: int) -> float | None:
    """The check's own chance, which knows of no calendar."""
    if any(each is None or isnan(each) for each in (column.value, column.p)):
        return None
    assert column.p is not None
    # The check's is adjusted for all that it tests, which here the bound is.
    return UNADJUSTED if column.p >= 1 else max(column.p / tests, LEAST)


def _by(signal: Signal, column: Column, own: float | None, check: Check, declared: Declared) -> float | None:
    """The chance by the noise; and the check's own, where that is less and the distance is one that no day has."""
    if column.value is None or isnan(column.value):
        return None
    p = chance(signal, column, counting(check, column), day_of(check), declared.season)
    return p if own is None or not _never_usual(column, declared) else min(p, own)


def _never_usual(column: Column, declared: Declared) -> bool:
    """Whether the distance is larger than any day may differ by, whatever the noise says."""
    away, most = distance(column) or 0.0, declared.noise
    if column.test not in QUADRATIC and away >= most.distance:
        return True
    return column.threshold is not None and away >= most.times * (_threshold(column) or inf)


def _threshold(column: Column) -> float | None:
    return distance(structs.replace(column, value=column.threshold))


def _weighed(kind: Kind, name: str, told: list[tuple[Column, float]], bound: float, silenced: bool) -> Seen:
    best, least = min(told, key=lambda each: each[1])
    mean = sum(CALIBRATOR * p ** (CALIBRATOR - 1) for _, p in told) / len(told)
    return Seen(kind, name, min(least * len(told), 1.0), log(mean), bound, best.value, silenced)
