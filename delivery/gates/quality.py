"""Gates over predictions: the model itself, against production, between groups, under injected faults."""

from collections.abc import Callable

import numpy as np

from delivery.gates.declared import Bootstrap, Fairness, GroupsJudged
from delivery.gates.measured import Measured, first, unmeasured
from delivery.gates.measures import MEASURES, Measure, Sample, Weights
from delivery.gates.resampling import interval
from delivery.registry.refused import Refused

SHARE_IN_COMMON = 0.5
"""Of the records, that must be in the file with a fault too."""


def figure(name: str, sample: Sample, plan: Bootstrap) -> Measured:
    """A measure; what counts is the worse end of its interval."""
    measure = MEASURES[name]
    return _judged(lambda weights: measure.of(sample, weights), (sample,), plan, low=measure.more_is_better)


def worse(name: str, candidate: Sample, reference: Sample, plan: Bootstrap) -> Measured:
    """By how much the candidate is worse than the reference, on the same records. Raises Refused for others."""
    if not np.array_equal(candidate.record, reference.record):
        apart = np.setxor1d(candidate.record, reference.record).size
        raise Refused(f"The two models were not asked of the same records: {apart:,} are in one file alone.")
    same = np.array_equal(candidate.label, reference.label, equal_nan=True)
    if not same or not np.array_equal(candidate.patient, reference.patient):
        raise Refused("The two files of predictions differ in labels or patients of the same records.")
    return _difference(MEASURES[name], reference, candidate, plan)


def robustness(name: str, candidate: Sample, faulty: Sample, plan: Bootstrap) -> Measured:
    """By how much the candidate is worse where a fault was injected, over the records that are in both files."""
    both = np.intersect1d(candidate.record, faulty.record)
    if both.size < SHARE_IN_COMMON * max(candidate.rows, 1):
        return unmeasured(f"only {both.size:,} of {candidate.rows:,} records are in the file with the fault", both.size)
    clean, dirty = (each.take(np.isin(each.record, both)) for each in (candidate, faulty))
    if not np.array_equal(clean.patient, dirty.patient):
        raise Refused("The file with the fault has other patients for the same records.")
    return _difference(MEASURES[name], clean, dirty, plan)


def fairness(gate: Fairness, sample: Sample, plan: Bootstrap) -> Measured:
    """The largest difference of the measure between two groups that are large enough."""
    if fault := _fault((sample,)):
        return fault
    large, small = _groups(gate, sample)
    said = f"too small to judge: {', '.join(small)}" if small else ""
    if len(large) < 2:
        return unmeasured("; ".join(filter(None, ("fewer than two groups are large enough", said))), sample.rows)
    parts = {name: np.flatnonzero(sample.groups[gate.by] == name) for name in large}
    samples = {name: sample.take(rows) for name, rows in parts.items()}
    of = MEASURES[gate.measure].of

    def apart(weights: Weights) -> float:
        each = np.array([of(samples[name], weights[rows]) for name, rows in parts.items()])
        return float(each.max() - each.min())  # NaN where one of them is

    # Without their counts: what is left of the whole would be that of a group which is too small to be told.
    values = [f"{name} {of(part, np.ones(part.rows)):.3f}" for name, part in samples.items()]
    says = "; ".join(filter(None, (", ".join(values), said)))
    return _judged(apart, (sample,), plan, low=False, says=says)


def groups_judged(gate: GroupsJudged, sample: Sample) -> Measured:
    """Share of the people who are in a group that is large enough, in whole hundredths, so that none is counted."""
    if fault := _fault((sample,)):
        return fault
    large, small = _groups(gate, sample)
    inside = np.isin(sample.groups[gate.by], large)
    share = 100 * np.unique(sample.patient[inside]).size // np.unique(sample.patient).size / 100
    said = f"too small to judge, under {gate.fewest} people with or without the outcome: {', '.join(small)}"
    return Measured(share, sample.rows, says=said if small else "")


def _groups(gate: Fairness | GroupsJudged, sample: Sample) -> tuple[list[str], list[str]]:
    """Names of the groups that are large enough, and of those that are not."""
    large: list[str] = []
    small: list[str] = []
    for name in np.unique(sample.groups[gate.by]):
        inside = sample.groups[gate.by] == name
        people = [np.unique(sample.patient[inside & (sample.label == label)]).size for label in (0, 1)]
        (small if min(people) < gate.fewest else large).append(str(name))
    return large, small


def _difference(measure: Measure, before: Sample, after: Sample, plan: Bootstrap) -> Measured:
    def apart(weights: Weights) -> float:
        return measure.worse(measure.of(before, weights), measure.of(after, weights))

    return _judged(apart, (before, after), plan, low=False)


def _judged(
    of: Callable[[Weights], float], samples: tuple[Sample, ...], plan: Bootstrap, *, low: bool, says: str = ""
) -> Measured:
    if fault := _fault(samples):
        return fault
    found, rows = interval(of, samples[0].people, plan), samples[0].rows
    value = found.low if low else found.high
    if not np.isfinite(value):
        why = "these rows do not define it" if np.isnan(found.value) else "too few of a kind to be resampled"
        return unmeasured("; ".join(filter(None, (why, says))), rows)
    return Measured(value, rows, found.value, found.low, found.high, says=says)


def _fault(samples: tuple[Sample, ...]) -> Measured | None:
    for sample in samples:
        if not sample.rows:
            return unmeasured("there is no row")
        if count := int(sample.faulty.sum()):
            says = f"{count:,} rows lack their label, or have a score that is no number from 0 to 1"
            return unmeasured(says, count, first(sample.record[sample.faulty]))
    return None
