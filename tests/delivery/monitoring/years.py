"""Years of a hospital's days, with nothing wrong in them or something planted; and a check of each against the first.

Every day is drawn by itself from the hospital's seed and the day's number. Weekends are quieter and have fewer planned
stays; each winter has a wave of influenza of its own time and size; days differ a little, as days do.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Rows = dict[str, NDArray[Any]]
"""Columns by name, of one length; NaN is a null of a number."""

FIRST: Final = date(2023, 1, 1)
WEEK: Final = (1.12, 1.08, 1.05, 1.03, 1.02, 0.86, 0.84)
PLANNED: Final = (0.30, 0.30, 0.28, 0.28, 0.24, 0.10, 0.08)
"""The share of stays that were planned, from Monday on."""
CODES: Final = np.array(["A41.9", "I50.9", "J44.1", "I21.4", "E11.65", "J18.9", "I48.91", "M17.11"])
CODED: Final = np.array([0.23, 0.16, 0.11, 0.10, 0.10, 0.10, 0.09, 0.11])
PAYERS: Final = np.array(["medicare", "medicaid", "private", "self_pay", "other"])
PAID: Final = np.array([0.45, 0.14, 0.32, 0.05, 0.04])
NUMBERS: Final = (
    *("age", "heart_rate", "systolic_bp", "respiratory_rate", "temperature", "oxygen_saturation", "sodium"),
    *("creatinine", "glucose", "hemoglobin", "medication_count"),
)
WORDS: Final = ("sex", "payer", "arrival_mode", "diagnosis_1")
PREDICTION: Final = "prediction"


@dataclass(frozen=True)
class Hospital:
    """`size`: stays of an average day."""

    size: float
    seed: int

    def day(self, number: int) -> Rows:
        """The stays of a day, numbered from FIRST, which may be none."""
        rng = self._rng(number, 0)
        when = FIRST + timedelta(days=number)
        ill = self._influenza(when)
        expected = self.size * WEEK[when.weekday()] * (1 + ill) * rng.gamma(100, 0.01)
        return _stays(rng, int(rng.poisson(expected)), ill, PLANNED[when.weekday()])

    def _influenza(self, when: date) -> float:
        """The share of stays that it adds, from the wave of the winter that the day is in or nearest to."""
        winter = when.year + (when.month > 7)
        rng = self._rng(winter, 1)
        peak = date(winter, 2, 1) + timedelta(days=float(rng.normal(0, 14)))
        return float(0.12 * rng.lognormal(0, 0.25) * np.exp(-0.5 * ((when - peak).days / 25) ** 2))

    def _rng(self, number: int, stream: int) -> np.random.Generator:
        return np.random.Generator(np.random.Philox(np.random.SeedSequence((self.seed, number, stream))))


def _stays(rng: np.random.Generator, count: int, ill: float, planned: float) -> Rows:
    flu = rng.random(count) < ill / (1 + ill)
    elective = ~flu & (rng.random(count) < planned)
    acute = rng.normal(size=count) + 0.05 * rng.normal() - 0.8 * elective + 0.5 * flu
    age = np.clip(rng.normal(62 + 6 * flu, 18), 18, 90)

    def measured(mean: Any, spread: float, acuity: float, decimals: int, missing: float = 0.0) -> NDArray[np.float64]:
        told = np.round(mean + 0.03 * spread * rng.normal() + acuity * acute + rng.normal(0, spread, count), decimals)
        told[rng.random(count) < missing] = np.nan
        return told

    codes = np.where(elective, CODES[-1], rng.choice(CODES, count, p=CODED))
    arrival = np.where(elective, "referral", np.where(rng.random(count) < 0.08, "transfer", "emergency"))
    rows: Rows = {
        "age": np.round(age),
        "heart_rate": measured(73 + 10 * flu, 11, 7, 0),
        "systolic_bp": measured(122, 17, -5, 0),
        "respiratory_rate": measured(17 + 4 * flu, 2.2, 1.6, 0),
        "temperature": measured(36.8 + 1.2 * flu, 0.4, 0.15, 1, 0.1),
        "oxygen_saturation": np.minimum(measured(97 - 3 * flu, 1.5, -0.8, 0), 100),
        "sodium": measured(139, 3, -0.5, 0, 0.12),
        "creatinine": np.round(np.exp(measured(-0.1, 0.3, 0.15, 4, 0.12)), 2),
        "glucose": np.round(np.exp(measured(4.7, 0.2, 0.08, 4, 0.12))),
        "hemoglobin": measured(13.2, 1.6, -0.4, 1, 0.12),
        "medication_count": rng.poisson(6.5, count).astype(np.float64),
        "sex": rng.choice(np.array(["female", "male"]), count, p=[0.54, 0.46]),
        "payer": rng.choice(PAYERS, count, p=PAID),
        "arrival_mode": arrival,
        "diagnosis_1": np.where(flu, "J18.9", codes),
    }
    return rows | {PREDICTION: predicted(rows)}


def predicted(rows: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
    """A model's answers: what lacks is as usual to it."""

    def usual(name: str, mean: float, spread: float) -> NDArray[np.float64]:
        return np.clip(np.nan_to_num((rows[name] - mean) / spread), -6, 6)

    odds = -1.8 + 0.25 * usual("age", 62, 18) + 0.35 * usual("heart_rate", 73, 13) - 0.2 * usual("systolic_bp", 122, 18)
    odds += (
        0.35 * usual("creatinine", 0.95, 0.35) + 0.15 * usual("glucose", 112, 25) - 0.25 * usual("hemoglobin", 13, 1.7)
    )
    return np.round(1 / (1 + np.exp(-odds)), 4)


@dataclass(frozen=True)
class Planted:
    """Something that goes wrong, and what should be said of it."""

    kind: str
    columns: frozenset[str]
    """Which have it; one of them at least is to be named."""
    change: Callable[[np.random.Generator, Rows], Rows]


def _changed(name: str, change: Callable[[NDArray[Any]], NDArray[Any]], share: float = 1.0) -> Planted:
    def one(rng: np.random.Generator, rows: Rows) -> Rows:
        touched = rng.random(rows[name].size) < share
        return _again(rows | {name: np.where(touched, change(rows[name]), rows[name])})

    return Planted("data", frozenset({name}), one)


def _again(rows: Rows) -> Rows:
    """With the model's answers to what the rows are now."""
    return rows | {PREDICTION: predicted(rows)}


def _laboratory(_: np.random.Generator, rows: Rows) -> Rows:
    factors = {"creatinine": 88.42, "glucose": 1 / 18.02, "hemoglobin": 10.0}
    return _again(rows | {name: np.round(rows[name] * factor, 2) for name, factor in factors.items()})


def _ward(rng: np.random.Generator, rows: Rows) -> Rows:
    """Two stays of five are of a new ward: younger people, with more fever."""
    here = rng.random(rows["age"].size) < 0.4
    moved = {"age": rows["age"] - 25 * here, "temperature": rows["temperature"] + 0.6 * here}
    return _again(rows | moved | {"payer": np.where(here, "private", rows["payer"])})


def _score(_: np.random.Generator, rows: Rows) -> Rows:
    odds = np.log(rows[PREDICTION] / (1 - rows[PREDICTION])) + 0.7
    return rows | {PREDICTION: np.round(1 / (1 + np.exp(-odds)), 4)}


PLANTED: Final = {
    "a unit of one column": _changed("creatinine", lambda told: np.round(told * 88.42, 1)),
    "a unit in a third of the rows": _changed("glucose", lambda told: np.round(told / 18.02, 1), 0.33),
    "the laboratory's units": Planted("data", frozenset({"creatinine", "glucose", "hemoglobin"}), _laboratory),
    "a monitor that reads high": _changed("heart_rate", lambda told: told + 12),
    "a sensor that is coarse": _changed("oxygen_saturation", lambda told: np.where(told >= 96, 100.0, 92.0)),
    "values that lack": _changed("temperature", lambda told: np.full(told.size, np.nan), 0.4),
    "codes that changed": _changed("diagnosis_1", lambda told: np.where(told == "A41.9", "J44.1", told)),
    "other payers": _changed("payer", lambda told: np.where(told == "private", "medicaid", told), 0.8),
    "a new ward": Planted("data", frozenset({"age", "temperature", "payer"}), _ward),
    "a model that says more": Planted("prediction", frozenset({PREDICTION}), _score),
}


def with_planted(rows: Rows, planted: Planted, hospital: Hospital, number: int) -> Rows:
    rng = np.random.Generator(np.random.Philox(np.random.SeedSequence((hospital.seed, number, 2))))
    return planted.change(rng, rows)


def instant(number: int, hour: int = 0) -> str:
    day = FIRST + timedelta(days=number)
    return datetime(day.year, day.month, day.day, hour).strftime("%Y-%m-%dT%H:%M:%SZ")


def together(days: list[Rows]) -> Rows:
    return {name: np.concatenate([each[name] for each in days]) for name in days[0]}
