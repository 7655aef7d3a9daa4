"""Whether a noise makes a check deaf as a whole, however it says so."""

import pytest
from msgspec import structs

from delivery.registry.deaf import SPREAD, Signal, deaf

COLUMNS = ("age", "sodium", "ward", "output.risk")
DEAF = Signal("age", "psi", None, 29.0, [0.0] * 7, [], 4.9, 500.0, 73)
"""Within what alerting.yaml allows of each statistic."""
QUIET = structs.replace(DEAF, level=1.0, spread=0.3)


@pytest.mark.parametrize("quiet", ["ks", "mann_whitney", "chi_squared", "domain_classifier", *SPREAD])
def test_a_quiet_statistic_of_each_column_does_not_hide_that_the_others_are_deaf(quiet: str) -> None:
    """Whether a check makes such a statistic or not."""
    tests = {*SPREAD, "missing", "outliers"} - {quiet}
    signals = [structs.replace(DEAF, name=name, test=test) for name in COLUMNS for test in tests]
    signals += [structs.replace(QUIET, name=name, test=quiet) for name in COLUMNS]
    assert "4 of 4 columns" in deaf(signals, COLUMNS)


@pytest.mark.parametrize("test", SPREAD)
def test_one_deaf_statistic_of_each_column_is_enough(test: str) -> None:
    signals = [
        structs.replace(DEAF if each == test else QUIET, name=name, test=each) for name in COLUMNS for each in SPREAD
    ]
    assert "4 of 4 columns" in deaf(signals, COLUMNS)
    assert not deaf([each for each in signals if each.test != test], COLUMNS)


@pytest.mark.parametrize(
    ("level", "rows", "says"),
    [
        pytest.param(5.0, 500.0, "in windows of 100 rows", id="chance, as it says"),
        pytest.param(5.0, 1500.0, "in windows of 100 rows", id="the same of days as large as may be"),
        pytest.param(
            5.0, 1501.0, "in windows of 300 rows", id="of larger days, whose noise is taken of no such window"
        ),
        pytest.param(6.5, 1e6, "in windows of 1,000 rows", id="of the largest"),
        pytest.param(1.5, 500.0, "", id="chance"),
    ],
)
def test_it_is_asked_of_small_windows_too(level: float, rows: float, says: str) -> None:
    """Of a thousand rows each of these hears."""
    each = structs.replace(QUIET, test="ks_binned", level=level, rows=rows)
    told = deaf([structs.replace(each, name=name) for name in COLUMNS], COLUMNS)
    assert says in told
    assert bool(told) == bool(says)


@pytest.mark.parametrize(("weekdays", "says"), [([6.0] * 6 + [0.0], "4 of 4 columns"), ([6.0] + [0.0] * 6, "")])
def test_a_calendar_is_deaf_where_most_days_are(weekdays: list[float], says: str) -> None:
    each = structs.replace(QUIET, test="ks_binned", level=0.5, weekdays=weekdays, rows=900.0)
    told = deaf([structs.replace(each, name=name) for name in COLUMNS], COLUMNS)
    assert says in told
    assert bool(told) == bool(says)
