"""From statistics to a judgement: which of them are beyond chance, all taken together, and what the cause is.

Holm's correction, and not Benjamini and Hochberg's: an alarm that wakes somebody is one error, however many columns it
names, and Holm bounds the chance of any; theirs bounds the share of false ones among many, and lets some pass.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from delivery.monitoring.found import Column, Kind
from delivery.monitoring.limits import ALPHA
from delivery.monitoring.measures import holm
from delivery.monitoring.tested import Tested


@dataclass(frozen=True)
class Judged:
    """What all statistics came to, in the order in which they were given."""

    tests: list[Column]
    columns: dict[str, Column]
    kind: Kind
    causes: list[str]


def judge(tested: Sequence[Tested]) -> Judged:
    """Judges all statistics of a check together."""
    chances = [each.p for each in tested if each.p is not None]
    adjusted = iter(holm(chances))
    surely = [next(adjusted) if each.p is not None else None for each in tested]
    # What the one that just failed, or just passed, had to reach.
    level = ALPHA / max(len(chances) - sum(1 for p in surely if p is not None and p < ALPHA), 1)
    significant = {
        (each.name, each.cohort) for each, p in zip(tested, surely, strict=True) if p is not None and p < ALPHA
    }
    tests: list[Column] = []
    drifted: list[Tested] = []
    for each, p in zip(tested, surely, strict=True):
        if each.certain:
            holds = True
        elif each.p is None:  # told beside the column's tests: large, and of a column that chance does not explain
            holds = each.matters and (each.name, each.cohort) in significant
        else:
            holds = each.matters and p is not None and p < ALPHA
        threshold = each.threshold
        if threshold is not None and each.p is not None and not holds:
            threshold = max(threshold, float(each.reach(level)))
        value = None if each.value is None or math.isnan(each.value) else float(each.value)
        told = (each.name, each.test, each.kind, value, threshold, p, int(each.rows), bool(holds), each.cohort)
        matters = bool(each.matters or each.certain)
        tests.append(Column(*told, matters=matters))
        if holds and (each.certain or each.p is not None):
            drifted.append(each)
    return Judged(tests, _deciding(tested, tests), _kind(drifted), _causes(drifted))


def _kind(drifted: Sequence[Tested]) -> Kind:
    """The cause: a column that is other explains values that are, and those explain predictions and quality. A model
    that tells cases apart less well has decayed, whatever its scores do; one whose scores moved is miscalibrated by it.
    """
    kinds = {each.kind for each in drifted if not each.weak}
    for kind in ("schema", "data", "quality", "prediction"):
        if kind in kinds:
            return kind
    return "quality" if drifted else "none"


RANK = {"schema": 0, "data": 1, "quality": 2, "prediction": 3}


def _deciding(tested: Sequence[Tested], tests: Sequence[Column]) -> dict[str, Column]:
    """For each column the statistic that decides."""
    found: dict[str, Column] = {}
    for each, column in zip(tested, tests, strict=True):
        decides = each.certain or each.p is not None
        if decides and (column.name not in found or _key(column) < _key(found[column.name])):
            found[column.name] = column
    return found


def _key(column: Column) -> tuple[bool, int, bool, float, float]:
    """The smaller, the more it decides."""
    near = (column.value or 0.0) / column.threshold if column.threshold else 0.0
    rank = RANK[column.kind] if column.drifted else 0
    return not column.drifted, rank, column.cohort is not None, column.p or 0.0, -near


def _causes(drifted: Sequence[Tested]) -> list[str]:
    """A sentence for each kind of cause."""
    words = {
        "schema": "The columns are other",
        "data": "What comes in is other",
        "prediction": "What the model answers is other",
        "quality": "The model is worse",
    }
    sentences = []
    for kind, begins in words.items():
        found = [each for each in drifted if each.kind == kind]
        if found:
            says = dict.fromkeys(each.says or _plain(each) for each in found if each.test != "renamed" or each.says)
            sentences.append(f"{begins}: {'; '.join(says)}.")
    return sentences


def _plain(each: Tested) -> str:
    where = f" of {each.cohort}" if each.cohort else ""
    value = "" if each.value is None else f" {each.value:.4g}"
    return f"{each.name}{where} by {each.test}{value} over {each.rows:,} rows"
