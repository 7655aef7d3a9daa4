"""Synthetic intake records: people who fall ill, come into hospital, and come back, or not.

They are made in blocks of `PEOPLE` patients, each from random numbers of its own, so that a block is the same whatever
else is made. A patient's frailty and a stay's acuity are drawn and never written: vitals, laboratory values, length of
stay and the outcome follow from them, with noise, so that there is something to learn and not everything.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from delivery.data.contract import contract
from delivery.data.figures import Calendar, Choice, figures
from delivery.data.identities import identities

PEOPLE: Final = 2048
"""Patients of a block: about 5,000 rows, 8 MB."""
MOST_STAYS: Final = 60
WINDOW: Final = 30
"""Days after discharge within which a return is a readmission."""

Columns = dict[str, NDArray[Any]]
"""The columns of a block by name, of one length; NaN and None are nulls."""


@dataclass(frozen=True)
class People:
    """The patients of a block."""

    number: NDArray[np.int64]
    sex: NDArray[np.object_]
    race_ethnicity: NDArray[np.object_]
    age: NDArray[np.float64]
    """In years on the calendar's first day."""
    frailty: NDArray[np.float64]
    chronic: NDArray[np.int64]

    @classmethod
    def drawn(cls, rng: np.random.Generator, block: int) -> "People":
        told = figures()["patients"]
        age = np.clip(rng.normal(told["age"]["mean"], told["age"]["spread"], PEOPLE), told["age"]["lowest"], None)
        frailty = 0.6 * (age - told["age"]["mean"]) / told["age"]["spread"] + 0.8 * rng.normal(size=PEOPLE)
        return cls(
            number=block * PEOPLE + np.arange(PEOPLE, dtype=np.int64),
            sex=Choice.of(told["sex"]).draw(rng, PEOPLE),
            race_ethnicity=Choice.of(told["race_ethnicity"]).draw(rng, PEOPLE),
            age=np.minimum(age, told["age"]["highest"]),
            frailty=frailty,
            chronic=rng.poisson(np.exp(0.6 + 0.35 * frailty)).astype(np.int64),
        )


@dataclass(frozen=True)
class Stays:
    """Stays of these people, one an entry: the nth of a person, from day to day, and what came of it."""

    person: NDArray[np.int64]
    nth: NDArray[np.int64]
    admitted: NDArray[np.int64]
    discharged: NDArray[np.int64]
    acuity: NDArray[np.float64]
    diagnosis: NDArray[np.object_]
    payer: NDArray[np.object_]
    readmitted: NDArray[np.float64]
    """1, 0, or NaN where the thirty days go beyond the calendar."""


def generator(seed: int, block: int, stream: int = 0) -> np.random.Generator:
    """Random numbers of a block, the same for the same three numbers."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, block, stream))))


def block(seed: int, index: int) -> Columns:
    """The records of a block of patients, each patient's in the order of time, by the contract's columns."""
    rng = generator(seed, index)
    people = People.drawn(rng, index)
    stays = _course(rng, people)
    columns = _measured(rng, people, stays) | _coded(rng, people, stays) | _times(rng, people, stays)
    columns |= identities(generator(seed, index, 1), people.number, people.sex, stays.person, stays.nth)
    columns["readmitted_30d"] = stays.readmitted
    return {name: columns[name] for name in contract().columns}


def _course(rng: np.random.Generator, people: People) -> Stays:
    """Stay after stay, until each person's next one would come after the calendar's end; those within it are told.

    It begins years before the calendar does, so that people of its first year have been here before, too.
    """
    calendar, told = Calendar.read(), figures()["readmission"]
    whose = np.arange(PEOPLE)
    before = told["years_before"]["value"] * 365
    day = _weekly(rng, rng.integers(-before, calendar.days, PEOPLE), calendar)
    rounds: list[Stays] = []
    for nth in range(MOST_STAYS):
        here = day < calendar.days
        whose, day = whose[here], day[here]
        if not whose.size:
            break
        acuity = rng.normal(size=whose.size)
        age = people.age[whose] + day / 365.25
        payer = _payers(rng, age)
        diagnosis, odds = _principal(rng, people.sex[whose], age)
        out = day + _length(rng, acuity, people.frailty[whose])
        chance = 1 / (1 + np.exp(-(_log_odds(people, whose, acuity, age, payer, out - day, nth) + odds)))
        returns = rng.random(whose.size) < chance
        counted = np.where(
            returns,
            rng.random(whose.size) >= told["planned"]["value"],
            rng.random(whose.size) < told["elsewhere"]["value"],
        )
        readmitted = np.where(out + WINDOW < calendar.days, counted.astype(np.float64), np.nan)
        rounds.append(Stays(whose, np.full(whose.size, nth), day, out, acuity, diagnosis, payer, readmitted))
        later = WINDOW + 1 + rng.exponential(told["days_until_next"]["mean"] * np.exp(-0.3 * people.frailty[whose]))
        later = _weekly(rng, out + later.astype(np.int64), calendar)
        day = np.where(returns, out + 1 + rng.integers(0, WINDOW, whose.size), np.maximum(later, out + WINDOW + 1))
        day[rng.random(whose.size) < told["leave"]["value"] * ~returns] = calendar.days
    stays = Stays(*(np.concatenate([getattr(each, name) for each in rounds]) for name in Stays.__dataclass_fields__))
    order = np.lexsort((stays.nth, stays.person))
    order = order[stays.admitted[order] >= 0]
    return Stays(*(getattr(stays, name)[order] for name in Stays.__dataclass_fields__))


def _weekly(rng: np.random.Generator, day: NDArray[np.int64], calendar: Calendar) -> NDArray[np.int64]:
    """These days, moved within their week so that the days of the week come as often as they do."""
    monday = day - (day + calendar.first.weekday()) % 7
    weekday = Choice.of(dict(enumerate(figures()["stays"]["weekdays"]["weights"]))).indices(rng, day.size)
    return monday + weekday


def _payers(rng: np.random.Generator, age: NDArray[np.float64]) -> NDArray[np.object_]:
    told = figures()["patients"]
    young, old = (Choice.of(told[name]).draw(rng, age.size) for name in ("payer_under_65", "payer_from_65"))
    return np.where(age < 65, young, old)


def _principal(
    rng: np.random.Generator, sex: NDArray[np.object_], age: NDArray[np.float64]
) -> tuple[NDArray[np.object_], NDArray[np.float64]]:
    """Principal diagnoses, and what each adds to the log-odds of a readmission."""
    told = {code: each for code, each in figures()["stays"]["diagnoses"].items() if code != "source"}
    odds = np.array([each["odds"] for each in told.values()])
    any_, other = (
        Choice.of({code: each["stays"] for code, each in told.items() if code != without}) for without in ("", "O80")
    )
    drawn, instead = any_.indices(rng, age.size), other.indices(rng, age.size)
    maternal = any_.names[drawn] == "O80"
    drawn = np.where(maternal & ((sex != "female") | (age >= 46)), instead, drawn)  # O80 comes last in the figures
    return any_.names[drawn], odds[drawn]


def _length(rng: np.random.Generator, acuity: NDArray[np.float64], frailty: NDArray[np.float64]) -> NDArray[np.int64]:
    """Whole days, right-skewed, of the published mean."""
    told = figures()["stays"]["length"]
    spread, ill = told["spread_of_log"], 0.25
    middle = np.log(told["mean"]) - (spread**2 + ill**2 + 0.1**2) / 2
    drawn = np.exp(middle + ill * acuity + 0.1 * frailty + spread * rng.normal(size=acuity.size))
    return np.rint(np.minimum(drawn, 120)).astype(np.int64)


def _log_odds(
    people: People,
    whose: NDArray[np.int64],
    acuity: NDArray[np.float64],
    age: NDArray[np.float64],
    payer: NDArray[np.object_],
    length: NDArray[np.int64],
    nth: int,
) -> NDArray[np.float64]:
    told = figures()["readmission"]
    weights, patients = told["weights"], figures()["patients"]
    summed: NDArray[np.float64] = (
        told["base"]["value"]
        + weights["age"] * (age - patients["age"]["mean"]) / patients["age"]["spread"]
        + weights["frailty"] * people.frailty[whose]
        + weights["acuity"] * acuity
        + weights["chronic"] * (people.chronic[whose] - 2)
        + weights["prior_stays"] * np.log1p(nth)
        + weights["long_stay"] * (length > 7)
        + np.array([told["payer"][each] for each in payer])
    )
    return summed


def _measured(rng: np.random.Generator, people: People, stays: Stays) -> Columns:
    """Vitals and laboratory values, each with its unit where it has one."""
    ranges = contract().columns
    sex, frailty = people.sex[stays.person], people.frailty[stays.person]
    columns: Columns = {}
    for name, told in figures()["measurements"].items():
        mean = _mean(told["mean"], sex)
        moved = told["acuity"] * stays.acuity + told["frailty"] * frailty
        noise = moved + told["spread"] * rng.normal(size=sex.size)
        value = mean * np.exp(noise) if told.get("skewed") else mean + noise
        value = np.round(np.clip(value, *ranges[name].bounds), told["decimals"])
        if told["missing"]:
            value[rng.random(sex.size) < _missing(told["missing"], stays.acuity)] = np.nan
        columns[name] = value
        if f"{name}_unit" in ranges:
            unit = np.full(sex.size, ranges[name].unit, dtype=object)
            unit[np.isnan(value)] = None
            columns[f"{name}_unit"] = unit
    # A pulse wave has its trough below its crest.
    columns["diastolic_bp"] = np.minimum(columns["diastolic_bp"], columns["systolic_bp"] - 8)
    return columns


def _mean(told: float | dict[str, float], sex: NDArray[np.object_]) -> NDArray[np.float64]:
    if not isinstance(told, dict):
        return np.full(sex.size, float(told))
    both = sum(told.values()) / len(told)
    return np.array([told.get(each, both) for each in sex])


def _missing(share: float, acuity: NDArray[np.float64]) -> NDArray[np.float64]:
    log_odds = np.log(share / (1 - share)) - figures()["missing_by_acuity"]["value"] * acuity
    chance: NDArray[np.float64] = 1 / (1 + np.exp(-log_odds))
    return chance


def _coded(rng: np.random.Generator, people: People, stays: Stays) -> Columns:
    told, size = figures()["stays"], stays.person.size
    chronic = people.chronic[stays.person]
    second = Choice.of(told["comorbidities"]).draw(rng, size)
    third = Choice.of(told["comorbidities"]).draw(rng, size)
    second[chronic == 0] = None
    third[(chronic < 2) | (third == second)] = None
    return {
        "sex": people.sex[stays.person],
        "race_ethnicity": people.race_ethnicity[stays.person],
        "payer": stays.payer,
        "arrival_mode": Choice.of(told["arrival_mode"]).draw(rng, size),
        "diagnosis_1": stays.diagnosis,
        "diagnosis_2": second,
        "diagnosis_3": third,
        "diagnosis_count": np.minimum(1 + chronic + rng.poisson(1.5, size), 60),
        "medication_count": np.minimum(rng.poisson(told["medications"]["mean"] * np.exp(0.12 * chronic - 0.25)), 80),
    }


def _times(rng: np.random.Generator, people: People, stays: Stays) -> Columns:
    calendar, told, size = Calendar.read(), figures()["stays"], stays.person.size
    hour = Choice.of(dict(enumerate(told["hours"]["weights"]))).indices(rng, size)
    minute = hour * 60 + rng.integers(0, 60, size)
    # People go home between ten in the morning and seven in the evening, and never before two hours have passed.
    out = np.where(
        stays.discharged == stays.admitted,
        np.minimum(minute + 120 + rng.integers(0, 240, size), 2400),
        600 + rng.integers(0, 540, size),
    )
    late = np.minimum(rng.exponential(told["hours_until_sent"]["mean"], size), told["hours_until_sent"]["most"])
    born = np.datetime64(calendar.first.isoformat(), "D") - np.rint(people.age * 365.25).astype(np.int64)
    return {
        "birth_date": born[stays.person],
        "admitted_at": calendar.at(stays.admitted, minute),
        "discharged_at": calendar.at(stays.discharged, out),
        "received_at": calendar.at(stays.discharged, out + np.rint(late * 60).astype(np.int64)),
    }
