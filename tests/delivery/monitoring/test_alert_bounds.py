"""What a noise that comes with a model may say, and what no noise makes usual."""

from typing import Any

import pytest
from msgspec import structs

from delivery.monitoring.alerting.advancing import SILENCED_OF, advance, begin
from delivery.monitoring.alerting.bounds import TOLD, bounded
from delivery.monitoring.alerting.evidence import seen
from delivery.monitoring.alerting.noise import FORMAT, Noise, Signal
from delivery.monitoring.found import Check, Column, ColumnKind
from mlops.monitoring.rules import SILENCED_NOTE, SILENCED_TICKET
from tests.delivery.monitoring.alert_checks import DECLARED, GREAT, day
from tests.delivery.monitoring.simple_checks import DIGEST

USUAL = Signal("sodium", "ks_binned", None, 2.0, [0.0] * 7, [], 0.3, 500.0, 73)
DEAF = structs.replace(USUAL, level=30.0, spread=5.0)
"""As deaf as a noise may say that it is."""


def noise(*signals: Signal) -> Noise:
    return Noise(FORMAT, "readmission", DIGEST, list(signals))


def test_what_is_learnt_is_taken_as_it_is() -> None:
    told = noise(USUAL, structs.replace(DEAF, name="*", season=[9.9] * 6))
    assert bounded(told, ["sodium"], DECLARED) == (told, [])


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        pytest.param({"spread": 5.1}, "spread is 5.1, and may be 5 at most", id="spread"),
        pytest.param({"level": -31.0}, "level is -31, and may be 30 at most", id="level"),
        pytest.param({"level": float("nan")}, "level is nan", id="no number"),
        pytest.param({"weekdays": [0.0] * 6 + [1e6]}, "weekdays is 1e+06, and may be 10 at most", id="a weekday"),
        pytest.param({"season": [0.0] * 5 + [11.0]}, "season is 11, and may be 10 at most", id="a season"),
        pytest.param({"season": [0.0] * 5}, "season has 5 waves", id="a wave less"),
        pytest.param({"rows": 14.0}, "rows is 14, and must be 15 at least", id="few rows"),
        pytest.param({"windows": 27}, "windows is 27, and must be 28 at least", id="few windows"),
        pytest.param(
            {"test": "ks"},
            "test is none that a check by a profile makes: ks_binned",
            id="of rows, and not of a profile",
        ),
        pytest.param({"test": "MRN-4711"}, "test is none that", id="no test"),
        pytest.param({"cohort": "ward A"}, "cohort is given", id="a group"),
        pytest.param({"name": "MRN-4711"}, "name is no column of the profile", id="another column"),
    ],
)
def test_what_says_more_than_is_allowed_is_not_taken_and_told_by_its_field(changed: dict[str, Any], says: str) -> None:
    other = structs.replace(USUAL, test="psi")
    found, (note,) = bounded(noise(other, structs.replace(USUAL, **changed)), ["sodium"], DECLARED)
    assert found.signals == [other]
    assert f"signals[1].{says}" in note
    assert "4711" not in note


def test_what_is_there_twice_is_not_taken_at_all() -> None:
    found, (note,) = bounded(noise(*[USUAL] * 9), ["sodium"], DECLARED)
    assert found.signals == []
    assert note.count("is there 9 times") == TOLD
    assert "and 4 more" in note


def test_of_a_schema_and_of_how_often_the_model_is_right_no_noise_is_taken() -> None:
    check = day(0)
    kinds: tuple[ColumnKind, ...] = ("schema", "data", "prediction", "quality")
    tests = [Column(kind, "ks_binned", kind, 0.2, 0.05, GREAT, 500, True) for kind in kinds]
    check = structs.replace(check, tests=tests)
    deaf = noise(*(structs.replace(DEAF, name=each) for each in kinds))
    known = {each.kind: (each.ordinary, each.silenced) for each in seen(check, deaf, DECLARED)}
    assert known == {
        "schema": (False, False),
        "data": (True, True),
        "prediction": (True, True),
        "quality": (False, False),
    }


@pytest.mark.parametrize(
    ("test", "value", "threshold", "usual"),
    [
        pytest.param("ks", 0.49, 0.05, True, id="below half, and ten times"),
        pytest.param("ks", 0.5, 0.06, False, id="half of all there is"),
        pytest.param("ks", 0.4, 0.04, False, id="ten times what matters"),
        pytest.param("psi", 0.6, 0.1, True, id="half is not much of what has no end"),
        pytest.param("psi", 1.0, 0.1, False, id="ten times is"),
        pytest.param("domain_classifier", 0.9, 0.56, True, id="as far from a half"),
        pytest.param("domain_classifier", 0.9, 0.53, False, id="ten times as far from a half"),
    ],
)
def test_no_noise_makes_a_distance_usual_that_no_day_has(
    test: str, value: float, threshold: float, usual: bool
) -> None:
    column = Column("sodium", test, "data", value, threshold, GREAT, 500, True)
    check = structs.replace(day(0), tests=[column])
    deaf = noise(structs.replace(DEAF, test=test))
    (found,) = seen(check, deaf, DECLARED)
    assert (found.ordinary, found.silenced) == (usual, usual)


def drifted(number: int, **changed: Any) -> Check:
    column = Column("sodium", "ks_binned", "data", 0.2, 0.05, GREAT, 500, True)
    return structs.replace(day(number, **changed), tests=[column])


def test_windows_that_the_noise_alone_makes_usual_are_counted() -> None:
    checks = [drifted(0), drifted(1), day(2, rows=20), drifted(3), day(4), drifted(5)]
    state, counted = begin(checks[0]), []
    for each in checks:
        state = advance(state, each, noise(DEAF), DECLARED).state
        counted.append(state.silenced)
        assert not state.open
    assert counted == [1, 2, 2, 3, 3, 4]


@pytest.mark.parametrize(("quiet", "told"), [((6,), 24), ((5, 6), 20), (tuple(range(1, 7)), 4)])
def test_a_quiet_sunday_does_not_keep_from_being_told_what_a_noise_silences(quiet: tuple[int, ...], told: int) -> None:
    """A quarter of a deviation is certain of 1,500 rows of a weekday, and nothing of 200 of a Sunday. What the noise
    silences for a day a week is nobody's matter; and it ends."""
    state = begin(drifted(0))
    for number in range(70):
        check = day(number) if number % 7 in quiet else drifted(number)
        state = advance(state, check, noise(DEAF), DECLARED).state
    assert state.silenced == told
    assert (told >= SILENCED_TICKET, told >= SILENCED_NOTE) == (len(quiet) < 3, len(quiet) < 3)
    for number in range(70, 98):
        state = advance(state, day(number), noise(DEAF), DECLARED).state
    assert (state.silenced, len(state.usual)) == (0, SILENCED_OF)


def test_what_an_alert_is_open_of_is_not_silenced() -> None:
    state = begin(drifted(0))
    for number, known in enumerate((None, noise(DEAF))):
        state = advance(state, drifted(number), known, DECLARED).state
    assert state.open
    assert state.silenced == 0


@pytest.mark.parametrize(("rows", "taken"), [(7_000.0, True), (9_000.0, False)])
def test_a_noise_of_far_larger_windows_is_not_taken(rows: float, taken: bool) -> None:
    """Of 500 rows: whoever says that days are as large as that may say that small windows are anything."""
    (found,) = seen(drifted(0), noise(structs.replace(DEAF, rows=rows)), DECLARED)
    assert (found.ordinary, found.silenced) == (taken, taken)
