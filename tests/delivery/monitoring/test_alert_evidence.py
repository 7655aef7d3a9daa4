"""Evidence over windows: a false alarm comes as seldom as is declared, whatever number of columns there are."""

from math import erfc

import numpy as np
import pytest
from msgspec import structs

from delivery.monitoring.alerting.documents import Evidence
from delivery.monitoring.alerting.evidence import CALIBRATOR, PASSES, Seen, gathered, seen
from delivery.monitoring.alerting.noise import FORMAT, Noise, Signal
from delivery.monitoring.found import Column
from tests.delivery.monitoring.alert_checks import DECLARED, GREAT, day, steps
from tests.delivery.monitoring.simple_checks import DIGEST


def test_a_false_alarm_comes_as_seldom_as_is_declared() -> None:
    """20 columns, which go together or not, over 30 times the windows in which one may come."""
    rng = np.random.default_rng(28)
    by = DECLARED.model_copy(update={"windows_until_false": 100})
    columns, windows = 20, 3000
    bound = np.log(by.windows_until_false * columns)
    for shared in (0.0, 0.8):
        apart = rng.normal(size=(windows, columns)) * np.sqrt(1 - shared) + rng.normal(size=(windows, 1)) * np.sqrt(
            shared
        )
        below = 0.5 * np.vectorize(_beyond)(apart)
        weight, alarms = np.zeros(columns), 0
        for each in np.log(CALIBRATOR) + (CALIBRATOR - 1) * np.log(below):
            weight = np.maximum(weight + each, 0)
            alarms += int((weight >= bound).any())
            weight[weight >= bound] = 0
        assert alarms <= windows / by.windows_until_false


def _beyond(normal: float) -> float:
    return erfc(normal / np.sqrt(2))


def test_of_several_statistics_the_mean_counts() -> None:
    check = day(0, data__sodium=1e-6)
    alone = {each.signal: each for each in seen(check, None, DECLARED)}["data:sodium"]
    more = [*check.tests, *(Column("sodium", f"t{n}", "data", 0.1, 0.05, 1.0, 500, False) for n in range(3))]
    four = {each.signal: each for each in seen(structs.replace(check, tests=more), None, DECLARED)}["data:sodium"]
    assert alone.weight - np.log(4) - 0.7 < four.weight < alone.weight


def test_evidence_is_never_below_nothing_nor_far_beyond_its_bound() -> None:
    def one(weight: float, chance: float) -> Seen:
        return Seen("data", "sodium", chance, weight, 10.0, 0.1)

    up = gathered({}, [one(50.0, 1e-9)])
    assert up == {"data:sodium": Evidence(10.0 + PASSES, 1)}
    assert gathered(up, []) == up
    assert gathered(up, [one(-20.0, 0.9)]) == {}


@pytest.mark.parametrize("value", [None, float("nan")])
def test_what_has_no_value_says_nothing(value: float | None) -> None:
    check = day(0)
    tests = [structs.replace(each, value=value, p=1e-9) for each in check.tests]
    assert seen(structs.replace(check, tests=tests), None, DECLARED) == []


def test_what_no_check_would_call_of_consequence_is_no_evidence_after_any_number_of_windows() -> None:
    """However sure it is, by the check's own chance or by the noise."""
    usual = Signal("sodium", "ks", None, 0.5, [0.0] * 7, [], 0.1, 500.0, 73)
    noise = Noise(FORMAT, "readmission", DIGEST, [usual])
    columns = [Column("sodium", "ks", "data", 0.04, 0.05, 1e-9, 100_000, False, matters=each) for each in (True, False)]
    for known in (None, noise):
        matters, trifle = (seen(structs.replace(day(0), tests=[each]), known, DECLARED)[0] for each in columns)
        assert not matters.ordinary
        assert trifle.ordinary
        assert trifle.weight < 0
        evidence = gathered({}, [matters])
        for _ in range(DECLARED.calm + 3):
            evidence = gathered(evidence, [trifle])
        assert evidence == {}


def test_a_page_ends_in_a_few_windows_once_nothing_is_of_consequence() -> None:
    """What the windows hold besides is sure, and too small to matter."""
    checks = [day(0, data__sodium=GREAT), day(1, data__sodium=GREAT)]
    for number in range(2, 2 + DECLARED.calm):
        small = day(number, data__sodium=GREAT)
        checks.append(structs.replace(small, tests=[structs.replace(each, matters=False) for each in small.tests]))
    told = steps(*checks)
    assert [len(each.state.open) for each in told] == [1] * (1 + DECLARED.calm) + [0]
    assert told[1].state.open[0].confirmed
