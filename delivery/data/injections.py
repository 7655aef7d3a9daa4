"""What goes wrong with data, put in on purpose: each kind by an amount, and counted.

Those that break the contract (`schema`, `missingness`, `outliers`, `units`, `codes`, `late`) are there to be
quarantined; a shift (`feature-shift`, `label-shift`) holds the contract, and is for gates and monitors to find.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from delivery.data.contract import contract
from delivery.data.figures import figures
from delivery.data.records import Columns, generator
from delivery.data.refused import Refused

Rows = NDArray[np.intp]
RETIRED_CODES: Final = np.array(["428.0", "486", "250.00", "038.9", "427.31", "i50.9", "I509"], dtype=object)
"""Codes of ICD-9-CM, which ended on 2015-09-30, and two that lost their form on the way."""


@dataclass(frozen=True)
class Injection:
    """A kind of fault and how much of it."""

    kind: str
    amount: float

    @classmethod
    def read(cls, text: str) -> "Injection":
        """KIND:AMOUNT. Raises Refused with the kinds that there are."""
        kind, _, amount = text.partition(":")
        if kind not in KINDS:
            raise Refused(
                f"There is no injection {kind!r} (in {text!r}). There are:\n"
                + "\n".join(f"    {name}:AMOUNT  {each.says}" for name, each in KINDS.items())
            )
        low, high = KINDS[kind].between
        try:
            number = float(amount)
        except ValueError:
            number = float("nan")
        if not low <= number <= high:
            raise Refused(f"{text!r}: the amount of {kind} is {KINDS[kind].says}, from {low:g} to {high:g}.")
        return cls(kind, number)


@dataclass(frozen=True)
class Kind:
    """A kind of fault. `inject` changes a block's columns in place and returns how many rows it touched."""

    says: str
    inject: Callable[[np.random.Generator, Columns, float], int]
    between: tuple[float, float] = (0.0, 1.0)


def inject(injections: Sequence[Injection], seed: int, block: int, columns: Columns) -> dict[str, int]:
    """Puts them into a block in place; returns the rows that each kind touched."""
    touched = {}
    for injection in injections:
        stream = 100 + list(KINDS).index(injection.kind)
        kind, rng = KINDS[injection.kind], generator(seed, block, stream)
        touched[injection.kind] = kind.inject(rng, columns, injection.amount)
    return touched


def breaks_schema(injections: Sequence[Injection], seed: int, file: int) -> bool:
    """Whether this file has the schema of another version of the feed. The first one has, where any is to."""
    amount = max((each.amount for each in injections if each.kind == "schema"), default=0.0)
    return amount > 0 and (file == 0 or bool(generator(seed, file, 100).random() < amount))


def broken_schema(schema: pa.Schema) -> pa.Schema:
    """What the feed's other version calls its columns, and which type it has for one."""
    fields = [field.with_name("pulse") if field.name == "heart_rate" else field for field in schema]
    fields = [field.with_type(pa.string()) if field.name == "medication_count" else field for field in fields]
    return pa.schema(fields, metadata=schema.metadata)


def _some(rng: np.random.Generator, among: NDArray[Any], share: float) -> Rows:
    """The rows of this share of the ones that are true in `among`."""
    return np.flatnonzero(among & (rng.random(among.size) < share))


def _all(columns: Columns) -> NDArray[np.bool_]:
    return np.ones(columns["record_id"].size, dtype=bool)


def _missingness(rng: np.random.Generator, columns: Columns, share: float) -> int:
    rows = _some(rng, _all(columns), share)
    for name in ("heart_rate", "temperature", "sodium", "creatinine", "glucose", "hemoglobin"):
        columns[name][rows] = np.nan
        if f"{name}_unit" in columns:
            columns[f"{name}_unit"][rows] = None
    return rows.size


def _outliers(rng: np.random.Generator, columns: Columns, share: float) -> int:
    """A decimal point lost, a key held down, a division by nothing."""
    rows = _some(rng, _all(columns), share)
    columns["heart_rate"][rows[0::3]] *= 100
    columns["systolic_bp"][rows[1::3]] += 9000
    columns["respiratory_rate"][rows[2::3]] = np.inf
    return rows.size


def _units(rng: np.random.Generator, columns: Columns, share: float) -> int:
    """Another laboratory's units: said in the unit for one half of the values, and not said for the other.

    Not said only of those whose range in the contract holds no value that is ten times or more another one of it.
    """
    converted: dict[str, tuple[Callable[[NDArray[Any]], NDArray[Any]], str | None]] = {
        "creatinine": (lambda value: value * 88.42, "umol/L"),
        "glucose": (lambda value: value / 18.02, "mmol/L"),
        "hemoglobin": (lambda value: value * 10, None),
        "temperature": (lambda value: value * 9 / 5 + 32, None),
    }
    touched = np.zeros(columns["record_id"].size, dtype=bool)
    for name, (convert, unit) in converted.items():
        rows = _some(rng, ~np.isnan(columns[name]), share / len(converted))
        columns[name][rows] = convert(columns[name][rows])
        if unit:
            columns[f"{name}_unit"][rows] = unit
        touched[rows] = True
    return int(touched.sum())


def _codes(rng: np.random.Generator, columns: Columns, share: float) -> int:
    rows = _some(rng, _all(columns), share)
    columns["diagnosis_1"] = columns["diagnosis_1"].copy()
    columns["diagnosis_1"][rows] = RETIRED_CODES[rng.integers(0, RETIRED_CODES.size, rows.size)]
    return rows.size


def _late(rng: np.random.Generator, columns: Columns, share: float) -> int:
    rows = _some(rng, _all(columns), share)
    columns["received_at"][rows] += rng.integers(14, 120, rows.size) * np.timedelta64(1, "D")
    return rows.size


def _feature_shift(_: np.random.Generator, columns: Columns, deviations: float) -> int:
    """All of a monitor's and a laboratory's values move, by so many standard deviations, within what is plausible."""
    for name in ("heart_rate", "respiratory_rate", "creatinine"):
        told, column = figures()["measurements"][name], contract().columns[name]
        step = deviations * told["spread"]
        moved = columns[name] * np.exp(step) if told.get("skewed") else columns[name] + step
        columns[name] = np.round(np.clip(moved, *column.bounds), told["decimals"])
    return columns["record_id"].size


def _label_shift(rng: np.random.Generator, columns: Columns, share: float) -> int:
    rows = _some(rng, columns["readmitted_30d"] == 0, share)
    columns["readmitted_30d"][rows] = 1.0
    return rows.size


KINDS: Final = {
    "schema": Kind(
        "share of the files, the first one at least, with a renamed column and one of another type",
        lambda *_: 0,  # a file's, not a row's: see `breaks_schema`
    ),
    "missingness": Kind("share of the rows without pulse, temperature and laboratory values", _missingness),
    "outliers": Kind("share of the rows with a vital sign that nobody can have", _outliers),
    "units": Kind("share of the rows with a value in another unit, half of them without saying so", _units),
    "codes": Kind("share of the rows whose principal diagnosis is no code of ICD-10-CM", _codes),
    "feature-shift": Kind(
        "standard deviations by which pulse, breath and creatinine move in all rows", _feature_shift, (-5.0, 5.0)
    ),
    "label-shift": Kind("share of the rows without a readmission that get one", _label_shift),
    "late": Kind("share of the rows that come 14 to 120 days late", _late),
}
