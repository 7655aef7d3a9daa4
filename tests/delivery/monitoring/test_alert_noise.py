"""What is learnt of a reference: chances that are what they say, weekdays and seasons, and what is refused."""

from collections.abc import Callable
from datetime import date, timedelta
from math import inf, nan

import numpy as np
import pytest
from msgspec import structs

from delivery.monitoring.alerting.calendar import season, seasons_near
from delivery.monitoring.alerting.declared import Season
from delivery.monitoring.alerting.noise import (
    LEAST,
    Noise,
    Signal,
    chance,
    counting,
    distance,
    is_of_before,
    learn,
    read_noise,
)
from delivery.monitoring.found import Check, Column
from delivery.registry.refused import Refused
from tests.delivery.monitoring.simple_checks import DIGEST, MODEL
from tests.delivery.monitoring.years import FIRST, instant

pytestmark = pytest.mark.data

SAME = Season(stronger=0.0, days=0)
ROWS = 400


def check(number: int, value: float | None, rows: int = ROWS, test: str = "ks") -> Check:
    told = {"at": instant(number + 1, 2), "start": instant(number), "end": instant(number, 23)}
    column = Column("sodium", test, "data", value, 0.1, 1.0, rows, False)
    return Check(
        **told, model=MODEL, reference=DIGEST, rows=rows, enough=True, drifted=False, kind="none", columns={},
        alerts=[], tests=[column],
    )  # fmt: skip


def learnt(value: Callable[[int], float], days: int = 365, rows: int = ROWS, test: str = "ks") -> Signal:
    noise = learn([check(number, value(number), rows, test) for number in range(days)], 28)
    assert noise
    (signal,) = noise.signals
    return signal


def chances(
    signal: Signal, values: list[float], other: Season = SAME, first: int = 365, rows: int = ROWS
) -> list[float]:
    columns = [Column("sodium", signal.test, "data", each, 0.1, None, rows, False) for each in values]
    return [chance(signal, each, rows, FIRST + timedelta(days=first + n), other) for n, each in enumerate(columns)]


@pytest.mark.parametrize("freedom", [1, 3, 9, 39])
@pytest.mark.parametrize("test", ["psi", "ks"])
@pytest.mark.parametrize("times", [0.5, 1, 7, 100], ids="{}x".format)
def test_a_chance_is_how_often_a_value_is_as_large_in_windows_of_any_size(
    freedom: int, test: str, times: float
) -> None:
    """Chi-squared over rows, or its root: PSI of as many bins, or a distance; no calendar does anything. A week without
    a check, and a model that others ask too, have windows of another size than those that were learnt of."""
    rng, rows = np.random.default_rng(freedom), int(ROWS * times)
    drawn = rng.chisquare(freedom, 20_000)
    usual, values = (drawn / each if test == "psi" else np.sqrt(drawn / each) for each in (ROWS, rows))
    signal = learnt(lambda number: float(usual[number]), test=test)
    found = np.array(chances(signal, values[365:].tolist(), rows=rows))
    for share in (0.05, 0.01, 0.001):
        assert np.mean(found <= share) <= share * 2 + 1e-3
    assert np.mean(found <= 0.05) > 0.01


@pytest.mark.parametrize("times", [0.5, 1, 5, 50], ids="{}x".format)
def test_what_a_weekday_does_grows_with_the_rows_and_chance_does_not(times: float) -> None:
    """Weekends are a third of all values apart, the other days as the reference."""
    rng, rows = np.random.default_rng(5), int(ROWS * times)

    def usual(number: int, rows: int) -> float:
        apart = 0.33 * ((FIRST + timedelta(days=number)).weekday() >= 5)
        return float(np.hypot(apart, abs(rng.normal()) / np.sqrt(rows)))

    signal = learnt(lambda number: usual(number, ROWS))
    assert min(chances(signal, [usual(number, rows) for number in range(365, 730)], rows=rows)) > 1e-5
    monday = 365
    assert (FIRST + timedelta(days=monday)).weekday() == 0
    assert chances(signal, [0.33], first=monday, rows=max(rows, ROWS))[0] < 1e-6


def test_rows_count_no_more_than_those_of_the_reference() -> None:
    few = check(0, 0.1, rows=100)
    assert counting(few, few.tests[0]) == 100
    assert counting(structs.replace(few, reference_rows=300), few.tests[0]) == pytest.approx(75)
    many = structs.replace(check(0, 0.1, rows=10**9), reference_rows=300)
    assert counting(many, many.tests[0]) == pytest.approx(300)


def test_a_weekday_and_a_season_are_expected() -> None:
    def usual(number: int) -> float:
        day = FIRST + timedelta(days=number)
        waves = 1.5 * (day.weekday() >= 5) + 2.0 * np.exp(
            -0.5 * (((day.timetuple().tm_yday + 182) % 365 - 182) / 40) ** 2
        )
        return float(((2 + waves + 0.2 * np.random.default_rng(number).normal()) ** 3 / ROWS) ** 0.5)

    signal = learnt(usual)
    year = [usual(number) for number in range(365, 730)]
    assert min(chances(signal, year)) > 1e-4
    summer_monday = 365 + 197
    assert (FIRST + timedelta(days=summer_monday)).weekday() == 1
    (found,) = chances(signal, [usual(365)], first=summer_monday)
    assert found < 1e-6, "a winter Sunday's value on a summer's Tuesday"


def test_what_may_move_by_the_year_counts_less_in_season() -> None:
    def usual(number: int) -> float:
        return float(((3 + np.cos(2 * np.pi * number / 365.25) + 0.1 * np.sin(number * 7.1)) ** 3 / ROWS) ** 0.5)

    signal = learnt(usual)
    larger = [usual(365 + 3) * 1.2]
    assert chances(signal, larger, first=368)[0] < 1e-4
    assert chances(signal, larger, Season(stronger=1.0, days=45), 368)[0] > 1e-3


def test_less_than_a_year_tells_of_no_season() -> None:
    assert not learnt(lambda number: 1 + number % 3, 120).season
    assert len(learnt(lambda number: 1 + number % 3, 301).season) == 6


def test_a_day_of_the_week_that_the_reference_lacks_is_as_the_others() -> None:
    days = [number for number in range(200) if (FIRST + timedelta(days=number)).weekday() < 5]
    noise = learn([check(number, 0.01 + 0.001 * (number % 7)) for number in days], 28)
    assert noise
    column = Column("sodium", "ks", "data", 0.013, 0.1, None, ROWS, False)
    assert chance(noise.signals[0], column, ROWS, date(2024, 6, 1), SAME) > 0.01


def test_what_never_moved_may_move_a_little() -> None:
    signal = learnt(lambda _: 0.0)
    assert chances(signal, [1 / ROWS])[0] > 0.05
    assert chances(signal, [0.5])[0] == LEAST


def test_an_infinite_value_is_as_unlikely_as_can_be_and_none_has_no_chance() -> None:
    signal = learnt(lambda number: 0.01 + 0.001 * (number % 5))
    assert chances(signal, [inf]) == [LEAST]
    with pytest.raises(ValueError, match="no chance"):
        chance(signal, Column("sodium", "ks", "data", None, 0.1, None, 0, False), 0, FIRST, SAME)


def test_what_is_told_as_a_distance_is_one() -> None:
    """As the check tells it: from a half it would be nearly a half, and its root grow with the rows alone."""
    told = {"ks_binned": 0.02, "mann_whitney": 0.02, "mann_whitney_binned": 0.02, "domain_classifier": 0.52}
    for test, value in told.items():
        found = distance(Column("sodium", test, "data", value, 0.1, 1.0, ROWS, False))
        assert found == pytest.approx(0.02), test


def test_nothing_is_learnt_of_few_windows_or_none() -> None:
    assert learn([], 28) is None
    assert learn([check(number, 0.1) for number in range(27)], 28) is None
    assert learn([check(number, nan) for number in range(60)], 28) is None
    assert learn([check(number, None) for number in range(60)], 28) is None


def test_it_is_written_in_one_form_and_read_strictly() -> None:
    noise = learn([check(number, 0.1 + 0.01 * (number % 3)) for number in range(60)], 28)
    assert isinstance(noise, Noise)
    assert read_noise(noise.raw) == noise
    assert read_noise(noise.raw).raw == noise.raw
    with pytest.raises(Refused, match="noise of the reference"):
        read_noise(noise.raw.replace(b'"spread"', b'"other"'))
    older = noise.raw.replace(b"noise/2", b"noise/1")
    assert (is_of_before(noise.raw), is_of_before(older)) == (False, True)
    with pytest.raises(Refused, match="noise of the reference"):
        read_noise(older)


def test_days_near_a_day_are_those_of_weeks_before_and_after() -> None:
    near = seasons_near(date(2024, 2, 28), 14)
    days = [date(2024, 2, 14), date(2024, 2, 21), date(2024, 2, 28), date(2024, 3, 6), date(2024, 3, 13)]
    assert near.tolist() == [season(each).tolist() for each in days]
