"""What a reference's own windows are like: how far each statistic is from zero without drift, by the calendar.

A statistic is a distance, and grows with nothing but chance, the day of the week and the time of the year while nothing
is wrong. Distances that grow with the square of a change (PSI) times the rows, and the squares of the others
(Kolmogorov-Smirnov, a share) times the rows, are about chi-squared then, whatever the number of rows, and the cube root
of that about normal (Wilson and Hilferty, PNAS 1931): a line through weekdays and seasons is fitted to cube roots, and
what is left is the noise. Which of the two a statistic is, is known and not fitted: windows that are learnt of are of
nearly one size, where either would do, and by the wrong one each window of another size is an alarm. Of a window of n
rows and a reference of m as many count as n m / (n + m).

What chance does shrinks as rows grow; what the calendar does, as on a Sunday without planned stays, does not. The most
quiet day tells chance from the calendar: what another day has more than that grows with the rows of a larger window.
"""

from collections.abc import Iterable
from datetime import date
from math import cbrt, erfc, isfinite, sqrt
from typing import Annotated, Final, Literal, TypeVar

import numpy as np
from msgspec import Meta, Struct

from delivery.monitoring.alerting.calendar import SPAN, Numbers, season, seasons_near, weekdays
from delivery.monitoring.alerting.declared import Season
from delivery.monitoring.alerting.documents import Model
from delivery.monitoring.alerting.windows import day_of, tested
from delivery.monitoring.found import Check, Column
from delivery.registry.documents import Digest, canonical, read

LEAST: Final = 1e-9
"""The smallest chance that is told: a hundred windows say nothing of what happens once in a thousand million."""
STEADY: Final = 0.1
"""The least noise: what never moved in the reference may move by a row or two. Chance alone makes 0.2 to 0.5."""
STEADY_SHARE: Final = 0.02
"""The same as a share of the level."""
PULL: Final = 1.0
"""How hard weekdays and seasons are pulled to nothing, in windows: a weekday that it lacks is as the others."""
QUADRATIC: Final = ("psi",)
"""Statistics that grow with the square of a change; all others grow with the change."""
HALF: Final = 0.5
AROUND_A_HALF: Final = "domain_classifier"
"""The one statistic that is a chance to be above; Mann and Whitney's is told as how far it is from a half already."""
CALENDAR: Final = ("data", "prediction")
"""Kinds that a calendar moves. The quality has a direction, and by its own chances."""
UNSURE: Final = 2.0
"""Standard errors by which chance alone sets days of a calendar apart."""
HALF_A_YEAR: Final = 183
"""Days, before a day and after it, of a whole year's seasons."""
TAIL: Final = 2.326
"""The normal distribution's quantile of 0.99."""
Number = TypeVar("Number", float, Numbers)


FORMAT: Final = "parapet-alerting-noise/2"
BEFORE: Final = "parapet-alerting-noise/1"
"""Whose chances held for windows of one size alone."""


class Signal(Struct, frozen=True, forbid_unknown_fields=True):
    """One statistic of one column without drift, in cube roots."""

    name: str
    test: str
    cohort: str | None
    level: float
    weekdays: Annotated[list[float], Meta(min_length=7, max_length=7)]
    season: Annotated[list[float], Meta(max_length=6)]
    """Empty where the reference spans too little of a year."""
    spread: Annotated[float, Meta(gt=0)]
    rows: Annotated[float, Meta(gt=0)]
    """As how many the windows' counted, on average."""
    windows: Annotated[int, Meta(ge=1)]


class Noise(Struct, frozen=True, forbid_unknown_fields=True):
    """Of one reference."""

    format: Literal["parapet-alerting-noise/2"]
    model: Model
    reference: Digest
    signals: list[Signal]

    @property
    def raw(self) -> bytes:
        """Its one form."""
        return canonical(self)

    def by_key(self) -> dict[tuple[str, str, str | None], Signal]:
        return {(each.name, each.test, each.cohort): each for each in self.signals}


def is_of_before(raw: bytes) -> bool:
    """Whether it is of the form whose figures mean something else now. Raises Refused where it has none."""
    return read(raw, _Form, "The noise of the reference").format == BEFORE


class _Form(Struct, frozen=True):
    format: str


def read_noise(raw: bytes) -> Noise:
    """Raises Refused where it is no such document."""
    return read(raw, Noise, "The noise of the reference")


def learn(checks: Iterable[Check], fewest: int) -> Noise | None:
    """From checks of the reference's own windows against it. None where no statistic has `fewest` windows.

    Windows with too few rows to judge are left out, as they are when alerts are made.
    """
    seen: dict[tuple[str, str, str | None], list[tuple[date, float, float]]] = {}
    of: tuple[str, str] | None = None
    for check in checks:
        of = of or (check.model, check.reference)
        if check.enough:
            for column in tested(check):
                value = distance(column)
                if column.kind in CALENDAR and value is not None and isfinite(value) and column.rows:
                    key = (column.name, column.test, column.cohort)
                    seen.setdefault(key, []).append((day_of(check), value, counting(check, column)))
    signals = [_fitted(*key, told) for key, told in sorted(seen.items(), key=str) if len(told) >= fewest]
    return Noise(FORMAT, *of, signals) if of and signals else None


def counting(check: Check, column: Column) -> float:
    """As how many rows the column's count, since the reference has no end of them either."""
    return column.rows / (1 + check.rows / check.reference_rows) if check.reference_rows else float(column.rows)


def chance(signal: Signal, column: Column, rows: float, day: date, other_years: Season) -> float:
    """Of a value as large on this day without drift, of so many rows as count, at least LEAST. The value is finite or
    infinite, not NaN."""
    value = distance(column)
    if value is None:
        raise ValueError("A value that is not there has no chance.")
    if not isfinite(value):
        return LEAST
    expected, slack = signal.level + signal.weekdays[day.weekday()], 0.0
    quiet = signal.level + min(signal.weekdays)
    if signal.season:
        slopes = np.array(signal.season)
        expected += float(season(day) @ slopes)
        quiet += float(np.minimum.reduce(seasons_near(day, HALF_A_YEAR) @ slopes))
        if other_years.stronger:
            near = seasons_near(day, other_years.days) @ slopes
            slack = other_years.stronger * float(np.abs(near).max())
    # As far as chance does not make one day more quiet than another, of so few windows.
    quiet += UNSURE * signal.spread * sqrt((len(signal.weekdays) + len(signal.season)) / signal.windows)
    learnt = max(expected, 0.0)
    expected = _of_rows(learnt, max(quiet, 0.0), rows / signal.rows)
    spread = signal.spread * (max(expected / learnt, 1.0) if learnt else 1.0)
    away = (cbrt(_counted(signal.test, value, rows)) - expected) / sqrt(spread**2 + slack**2)
    return max(0.5 * erfc(away / sqrt(2)), LEAST)


def _of_rows(learnt: float, quiet: float, times: float) -> float:
    """What is expected in a window of so many times the rows that were learnt of: what the day has more than the most
    quiet one grows with them."""
    return cbrt(quiet**3 + max(learnt**3 - quiet**3, 0.0) * times)


def distance(column: Column) -> float | None:
    """How far the statistic is from what it is where nothing has drifted, whatever the direction."""
    if column.value is None:
        return None
    return abs(column.value - (HALF if column.test == AROUND_A_HALF else 0.0))


def _counted(test: str, value: Number, rows: Number) -> Number:
    """Of which the cube root is spread as by chance (Wilson and Hilferty), whatever the rows."""
    return (value if test in QUADRATIC else value * value) * rows  # of a huge one infinity, where a power raises


def _fitted(name: str, test: str, cohort: str | None, told: list[tuple[date, float, float]]) -> Signal:
    days = [day for day, _, _ in told]
    value, rows = np.array([each for _, each, _ in told]), np.array([each for _, _, each in told])
    whole_year = (max(days) - min(days)).days >= SPAN
    lines = [[*weekdays(day), *(season(day) if whole_year else ())] for day in days]
    level, slopes, rest = _line(np.array(lines), np.cbrt(_counted(test, value, rows)))
    tail = max(1.0, float(np.quantile(rest, 0.99)) / (TAIL * (float(rest.std()) or 1.0)))
    spread = float(rest.std()) * tail * sqrt(1 + slopes.size / len(told))
    floor = max(STEADY, STEADY_SHARE * abs(level))
    calendar = slopes[:7].tolist(), slopes[7:].tolist()
    return Signal(name, test, cohort, level, *calendar, max(spread, floor), float(rows.mean()), len(told))


def _line(lines: Numbers, roots: Numbers) -> tuple[float, Numbers, Numbers]:
    """Level, slopes and rests, by least squares with a pull on the slopes (ridge), none on the level."""
    centre, level = lines.mean(0), float(roots.mean())
    moved = lines - centre
    slopes = np.linalg.solve(moved.T @ moved + PULL * np.eye(lines.shape[1]), moved.T @ (roots - level))
    level -= float(centre @ slopes)
    return level, slopes, roots - level - lines @ slopes
