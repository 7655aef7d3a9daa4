"""Years without drift have next to no alert, and what is planted is found within two windows; a small part of
`python -m bench.drift_alerts`."""

from collections.abc import Sequence

import pytest

from delivery.monitoring.alerting.advancing import Step, advance, begin
from delivery.monitoring.alerting.documents import Alert
from delivery.monitoring.alerting.noise import Noise, learn
from delivery.monitoring.found import Check
from tests.delivery.monitoring.alert_checks import DECLARED
from tests.delivery.monitoring.simple_checks import Reference
from tests.delivery.monitoring.years import PLANTED, PREDICTION, Hospital, together, with_planted

pytestmark = pytest.mark.data

YEAR = 365
STAYS = 250
WITHIN = 2


class Known:
    """A hospital, its first year as the reference, and what that says of its own days."""

    def __init__(self) -> None:
        self.hospital = Hospital(STAYS, seed=28)
        days = [self.hospital.day(number) for number in range(YEAR)]
        self.reference = Reference(together(days))
        learnt = learn([self.reference.check(day, number) for number, day in enumerate(days)], DECLARED.fewest_windows)
        assert learnt
        self.noise: Noise = learnt

    def check(self, number: int, planted: str | None = None) -> Check:
        rows = self.hospital.day(number)
        if planted:
            rows = with_planted(rows, PLANTED[planted], self.hospital, number)
        return self.reference.check(rows, number)


@pytest.fixture(scope="module")
def known() -> Known:
    return Known()


def steps(checks: Sequence[Check], noise: Noise | None) -> list[Step]:
    told, state = list[Step](), begin(checks[0])
    for check in checks:
        told.append(advance(state, check, noise, DECLARED))
        state = told[-1].state
    return told


def test_a_year_without_drift_wakes_nobody(known: Known) -> None:
    told = steps([known.check(number) for number in range(YEAR, 2 * YEAR)], known.noise)
    begun: list[Alert] = [each for step in told for each in step.begins]
    assert not [each.summary for each in begun if each.severity == "page"]
    assert len(begun) <= 1, [each.summary for each in begun]


@pytest.mark.parametrize("name", PLANTED)
@pytest.mark.parametrize("day", [YEAR + 40, YEAR + 200], ids=["in the influenza", "in summer"])
def test_what_is_planted_is_found_within_two_windows(known: Known, name: str, day: int) -> None:
    planted = PLANTED[name]
    before = [known.check(number) for number in range(day - 5, day)]
    after = [known.check(number, name) for number in range(day, day + 3)]
    told = steps(before + after, known.noise)
    assert not any(step.begins for step in told[: len(before)])
    found = [step.state.open for step in told[len(before) :]]
    assert found[WITHIN - 1], "nothing within two windows"
    (alert,) = {each.alert.fingerprint: each.alert for each in found[WITHIN]}.values()
    assert alert.kind == planted.kind
    assert planted.columns & set(alert.columns)
    assert set(alert.columns) <= planted.columns | {PREDICTION}


def test_a_week_that_is_looked_at_at_once_wakes_nobody(known: Known) -> None:
    """As after checks that did not come: of many times the rows that a day has, and of days alone was learnt."""
    weeks = range(YEAR, 2 * YEAR, 7)
    rows = [together([known.hospital.day(number + each) for each in range(7)]) for number in weeks]
    told = steps([known.reference.check(each, n + 6) for each, n in zip(rows, weeks, strict=True)], known.noise)
    assert not [each.summary for step in told for each in step.begins if each.severity == "page"]
    assert sum(len(step.begins) for step in told) <= 1
