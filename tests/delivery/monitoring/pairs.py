"""Pairs of tables, a reference and a window of it: of many shapes without drift, and with one known change."""

import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.random import Generator
from numpy.typing import NDArray

Columns = dict[str, Any]
DAY = np.timedelta64(1, "D")
START = np.datetime64("2024-01-01")


@dataclass(frozen=True)
class Pair:
    """What a check is given, and what it must say."""

    name: str
    reference: pa.Table
    current: pa.Table
    kind: str = "none"
    columns: tuple[str, ...] = ()
    """Of which one at least must be named."""
    predictions: str | None = None
    labels: str | None = None


def table(columns: Columns) -> pa.Table:
    """NaN is null, as pandas writes it."""
    return pa.table({name: pa.array(values, from_pandas=True) for name, values in columns.items()})


def clinical(rng: Generator, rows: int) -> Columns:
    """A hospital's week: skewed, whole, rare and missing values, codes and keys."""
    age = np.clip(rng.normal(62, 17, rows), 18, 101).round()
    glucose = rng.lognormal(4.75, 0.35, rows).round(1)
    creatinine = np.where(rng.random(rows) < 0.08, np.nan, rng.gamma(3, 0.4, rows).round(2))
    return {
        "stay_id": np.array([f"S{each:012d}" for each in rng.integers(0, 10**12, rows)]),
        "age": age.astype(np.int64),
        "weight_kg": rng.normal(78, 15, rows).clip(35, 220).round(1),
        "glucose": glucose,
        "creatinine": creatinine,
        "heart_rate": (rng.normal(82, 14, rows) + 0.1 * (age - 62)).round(),
        "systolic": (118 + 0.3 * (age - 62) + rng.normal(0, 15, rows)).round(),
        "visits": rng.poisson(1.4, rows),
        "emergency": rng.random(rows) < 0.31,
        "ward": rng.choice(["icu", "medical", "surgical", "cardiology", "neuro"], rows, p=[0.1, 0.4, 0.25, 0.15, 0.1]),
        "insurance": rng.choice(["public", "private", "none"], rows, p=[0.62, 0.33, 0.05]),
    }


def scored(rng: Generator, rows: int) -> Columns:
    """The same with a model's score and what came."""
    columns = clinical(rng, rows)
    risk = -1.6 + 0.035 * (columns["age"] - 62) + 0.5 * columns["visits"] + 0.8 * columns["emergency"]
    score = 1 / (1 + np.exp(-risk - rng.normal(0, 0.3, rows)))
    return columns | {"score": score, "readmitted": (rng.random(rows) < score).astype(np.int64)}


def _skewed(rng: Generator, rows: int) -> Columns:
    return {
        "lognormal": rng.lognormal(0, 1.5, rows),
        "gamma": rng.gamma(0.5, 2, rows),
        "exponential": rng.exponential(3, rows),
        "negative": -rng.weibull(0.8, rows),
    }


def _seasonal(rng: Generator, rows: int, days: NDArray[np.int64] | None = None) -> Columns:
    days = np.sort(rng.integers(0, 366, rows)) if days is None else days
    wave = np.cos(2 * np.pi * days / 365.25)
    flu = rng.random(rows) < 0.08 + 0.07 * wave
    return {
        "admitted": START + days * DAY,
        "temperature": 37 + 0.4 * wave + rng.normal(0, 0.5, rows),
        "flu": flu,
        "weekend": (days % 7 >= 5),
        "load": 100 + 20 * wave - 30 * (days % 7 >= 5) + rng.normal(0, 8, rows),
    }


def _cardinal(rng: Generator, rows: int) -> Columns:
    return {
        "zip": np.array([f"{each:05d}" for each in rng.integers(10_000, 10_900, rows)]),
        "diagnosis": np.array([f"D{each}" for each in np.minimum(rng.zipf(1.4, rows), 10**6)]),
        "procedure": np.array([f"P{each}" for each in rng.geometric(0.01, rows)]),
        "cost": rng.lognormal(8, 1, rows).round(2),
    }


def _correlated(rng: Generator, rows: int) -> Columns:
    base = rng.normal(size=(rows, 3)) @ rng.normal(size=(3, 12)) + 0.4 * rng.normal(size=(rows, 12))
    return {f"lab_{n}": base[:, n] for n in range(12)}


def _heavy(rng: Generator, rows: int) -> Columns:
    return {
        "cauchy": rng.standard_cauchy(rows),
        "t2": rng.standard_t(2, rows),
        "pareto": rng.pareto(1.1, rows),
        "spiky": np.where(rng.random(rows) < 0.02, rng.normal(0, 100, rows), rng.normal(0, 1, rows)),
    }


def _constant(rng: Generator, rows: int) -> Columns:
    return {
        "site": np.full(rows, "north"),
        "five": np.full(rows, 5),
        "nothing": np.full(rows, np.nan),
        "zero": np.zeros(rows),
        "rare": np.where(rng.random(rows) < 0.01, 1.0, 0.0),
        "value": rng.normal(size=rows),
    }


def _whole(rng: Generator, rows: int) -> Columns:
    return {
        "poisson": rng.poisson(0.3, rows),
        "score_15": rng.binomial(12, 0.8, rows) + 3,
        "days": rng.geometric(0.2, rows),
        "big": rng.integers(0, 10**9, rows),
        "scale": rng.integers(1, 6, rows),
    }


def _boolean(rng: Generator, rows: int) -> Columns:
    return {f"flag_{n}": rng.random(rows) < share for n, share in enumerate((0.5, 0.1, 0.01, 0.001, 0.97, 0.3))}


def _keys(rng: Generator, rows: int) -> Columns:
    first = int(rng.integers(1, 10**6))
    return {
        "record_id": np.arange(first, first + rows),
        "mrn": np.array([f"M{each:09d}" for each in rng.integers(0, 10**9, rows)]),
        "uuid": np.array([rng.bytes(8).hex() for _ in range(rows)]),
        "sequence": np.cumsum(rng.integers(1, 9, rows)) + first,
        "born": np.datetime64("1950-01-01") + rng.integers(0, 20_000, rows) * DAY,
        "seen": np.datetime64("2024-03-01T00:00:00")
        + (first + np.sort(rng.integers(0, 10**6, rows))) * np.timedelta64(1, "s"),
        "day": np.array([str(START + int(each) * DAY) for each in rng.integers(first % 999, first % 999 + 90, rows)]),
        "value": rng.normal(size=rows),
    }


def _missing(rng: Generator, rows: int) -> Columns:
    sparse = {f"lab_{n}": np.where(rng.random(rows) < 0.1 * n, np.nan, rng.gamma(2, 1, rows)) for n in range(10)}
    note = np.where(rng.random(rows) < 0.3, None, rng.choice(["yes", "no", "unknown"], rows))
    return {**sparse, "note": note}


def _mixed(rng: Generator, rows: int) -> Columns:
    return {
        "zeros": np.where(rng.random(rows) < 0.7, 0.0, rng.gamma(2, 10, rows)),
        "two_peaks": np.where(rng.random(rows) < 0.4, rng.normal(-3, 1, rows), rng.normal(4, 0.5, rows)),
        "uniform": rng.random(rows),
        "rounded": (rng.normal(120, 15, rows) / 10).round() * 10,
        "tiny": rng.normal(0, 1e-9, rows),
        "large": rng.normal(1e12, 1e6, rows),
    }


def _repeated(rng: Generator, rows: int) -> Columns:
    """Ten rows of each patient, one after the other."""
    people = np.repeat(np.arange(max(rows // 10, 1)), 10)[:rows]
    first = int(rng.integers(0, 10**6))
    of = rng.normal(size=people.max() + 1)
    return {
        "patient_id": np.array([f"P{first + each:07d}" for each in people]),
        "age": (60 + 15 * of).round()[people],
        "sex": np.where(rng.random(people.max() + 1) < 0.5, "f", "m")[people],
        "blood": rng.choice(["0", "A", "B", "AB"], people.max() + 1)[people],
        "pressure": 120 + 8 * of[people] + rng.normal(0, 6, rows),
    }


def _moments(rng: Generator, rows: int) -> Columns:
    first = int(rng.integers(10**9, 10**9 + 10**8))
    days = rng.integers(first % 300, first % 300 + 60, rows)
    return {
        "epoch": first + rng.integers(0, 10**6, rows),
        "seen_ms": (first + rng.integers(0, 10**6, rows)) * 1000,
        "slashed": np.array([f"{1 + each % 12:02d}/{1 + each % 28:02d}/2024" for each in days]),
        "hour": rng.integers(0, 24, rows),
        "value": rng.normal(size=rows),
    }


def _wide(rng: Generator, rows: int) -> Columns:
    numbers = {f"x{n}": rng.normal(size=rows) for n in range(45)}
    return numbers | {f"c{n}": rng.choice(list("abcdef"), rows) for n in range(10)}


Shape = Callable[[Generator, int], Columns]
SHAPES: dict[str, Shape] = {
    "clinical": clinical,
    "skewed": _skewed,
    "seasonal": _seasonal,
    "high cardinality": _cardinal,
    "correlated": _correlated,
    "heavy tails": _heavy,
    "constant": _constant,
    "whole": _whole,
    "boolean": _boolean,
    "keys and dates": _keys,
    "missing": _missing,
    "mixed": _mixed,
    "repeated": _repeated,
    "moments": _moments,
    "wide": _wide,
}
SIZES = ((2_000, 2_000), (600, 600), (5_000, 400), (120, 80))


def without_drift(seed: int) -> list[Pair]:
    """Fifty and more, of all shapes in several sizes."""
    rng = np.random.default_rng(seed)
    found = []
    for name, shape in SHAPES.items():
        for before, now in SIZES[: 3 if name == "wide" else 4]:
            one, other = table(shape(rng, before)), table(shape(rng, now))
            if name == "correlated":  # one population: the weights are drawn with the rows
                both = table(shape(rng, before + now))
                one, other = both.slice(0, before), both.slice(before)
            found.append(Pair(f"{name} {before} {now}", one, other))
    winter = rng.integers(366, 366 + 45, 900)
    found.append(Pair("winter of a year", table(_seasonal(rng, 8_000)), table(_seasonal(rng, 900, np.sort(winter)))))
    sunday = np.full(300, 399)
    found.append(Pair("a Sunday", table(_seasonal(rng, 8_000)), table(_seasonal(rng, 300, sunday))))
    one, other = scored(rng, 3_000), scored(rng, 1_500)
    found.append(Pair("scored", table(one), table(other), predictions="score", labels="readmitted"))
    trifle = scored(rng, 60_000)
    trifle |= {"weight_kg": trifle["weight_kg"] + 0.4, "glucose": trifle["glucose"] * 1.005}
    found.append(
        Pair(
            "a trifle of many",
            table(clinical(rng, 60_000) | {}),
            table({name: trifle[name] for name in clinical(rng, 1)}),
        )
    )
    return found


Change = Callable[[Generator, Columns], Columns]


def _planted() -> list[tuple[str, str, tuple[str, ...], Change]]:
    """Name, kind, columns of which one must be named, and what is done to the window."""

    def put(**changed: Callable[[Generator, Any], Any]) -> Change:
        return lambda rng, columns: {
            name: changed[name](rng, values) if name in changed else values for name, values in columns.items()
        }

    def some(share: float, value: Callable[[Any], Any]) -> Callable[[Generator, Any], Any]:
        return lambda rng, values: np.where(rng.random(len(values)) < share, value(values), values)

    def rename(old: str, new: str) -> Change:
        return lambda _, columns: {new if name == old else name: values for name, values in columns.items()}

    def flipped(share: float) -> Callable[[Generator, Any], Any]:
        return some(share, lambda y: 1 - y)

    nan = some(0.15, lambda _: np.nan)
    changes: list[tuple[str, str, tuple[str, ...], Change]] = [
        ("mean up", "data", ("heart_rate",), put(heart_rate=lambda _, x: x + 7)),
        ("mean down", "data", ("weight_kg",), put(weight_kg=lambda _, x: x - 8)),
        ("mean of skewed", "data", ("glucose",), put(glucose=lambda _, x: x + 22)),
        ("whole numbers", "data", ("visits",), put(visits=lambda rng, x: x + rng.poisson(0.7, len(x)))),
        ("older", "data", ("age",), put(age=lambda _, x: np.minimum(x + 9, 101))),
        ("wider", "data", ("systolic",), put(systolic=lambda _, x: 118 + (x - 118) * 1.8)),
        ("narrower", "data", ("heart_rate",), put(heart_rate=lambda _, x: 82 + (x - 82) * 0.5)),
        ("scaled", "data", ("glucose",), put(glucose=lambda _, x: x * 1.4)),
        ("missing", "data", ("weight_kg",), put(weight_kg=nan)),
        ("more missing", "data", ("creatinine",), put(creatinine=some(0.15, lambda _: np.nan))),
        ("all missing", "data", ("glucose",), put(glucose=lambda _, x: np.full(len(x), np.nan))),
        ("missing code", "data", ("ward",), put(ward=lambda rng, x: np.where(rng.random(len(x)) < 0.12, None, x))),
        ("pounds", "schema", ("weight_kg",), put(weight_kg=lambda _, x: x * 2.2046)),
        ("millimoles", "schema", ("glucose",), put(glucose=lambda _, x: x / 18.016)),
        ("micromoles", "schema", ("creatinine",), put(creatinine=lambda _, x: x * 88.42)),
        ("new category", "schema", ("ward",), put(ward=some(0.08, lambda _: "hospice"))),
        (
            "category called otherwise",
            "schema",
            ("insurance",),
            put(insurance=lambda _, x: np.where(x == "none", "self", x)),
        ),
        ("capitals", "schema", ("ward",), put(ward=lambda _, x: np.array([each.upper() for each in x]))),
        (
            "mix",
            "data",
            ("ward",),
            put(ward=lambda rng, x: np.where((x == "medical") & (rng.random(len(x)) < 0.5), "icu", x)),
        ),
        (
            "mix of two",
            "data",
            ("insurance",),
            put(insurance=lambda rng, x: np.where((x == "public") & (rng.random(len(x)) < 0.3), "private", x)),
        ),
        ("flag", "data", ("emergency",), put(emergency=lambda rng, x: x | (rng.random(len(x)) < 0.2))),
        ("renamed", "schema", ("heart_rate", "pulse"), rename("heart_rate", "pulse")),
        ("renamed code", "schema", ("ward", "unit"), rename("ward", "unit")),
        ("gone", "schema", ("visits",), lambda _, columns: {n: v for n, v in columns.items() if n != "visits"}),
        ("number as text", "schema", ("age",), put(age=lambda _, x: x.astype(str))),
        ("whole as broken", "schema", ("visits",), put(visits=lambda _, x: x.astype(float))),
        ("flag as number", "schema", ("emergency",), put(emergency=lambda _, x: x.astype(np.int64))),
        ("outliers", "data", ("glucose",), put(glucose=some(0.03, lambda x: x * 12))),
        ("sentinel", "data", ("creatinine",), put(creatinine=some(0.04, lambda _: -999.0))),
        ("infinite", "data", ("systolic",), put(systolic=some(0.02, lambda _: np.inf))),
        (
            "no longer together",
            "data",
            ("a", "b", "*"),
            lambda rng, columns: columns | {"b": rng.permutation(columns["b"])},
        ),
        ("the other way", "data", ("a", "b", "*"), lambda _, columns: columns | {"b": -columns["b"]}),
        ("score up", "prediction", ("score",), put(score=lambda _, p: 1 / (1 + np.exp(-np.log(p / (1 - p)) - 0.8)))),
        ("score narrower", "prediction", ("score",), put(score=lambda _, p: 0.3 + (p - 0.3) * 0.4)),
        (
            "outcome",
            "prediction",
            ("readmitted",),
            put(readmitted=lambda rng, y: np.maximum(y, rng.random(len(y)) < 0.25)),
        ),
        ("labels flipped", "quality", ("readmitted", "score"), put(readmitted=flipped(0.3))),
        ("scores of others", "quality", ("readmitted", "score"), put(score=lambda rng, p: rng.permutation(p))),
    ]
    return changes


def with_drift(seed: int) -> list[Pair]:
    """Fifty and more, each with one change."""
    rng = np.random.default_rng(seed)
    found = []
    for before, now in ((2_000, 1_000), (1_000, 1_000)):
        for name, kind, columns, change in _planted():
            one, other = scored(rng, before), scored(rng, now)
            if columns[0] == "a":
                for each in (one, other):
                    a = rng.normal(size=len(each["age"]))
                    each |= {"a": a, "b": 0.7 * a + 0.7 * rng.normal(size=len(a))}
            predictions = (
                "score"
                if (kind in ("prediction", "quality") and columns[0] != "readmitted") or kind == "quality"
                else None
            )
            labels = "readmitted" if columns[0] == "readmitted" else None
            if predictions is None:
                one.pop("score"), other.pop("score")
            if labels is None:
                one.pop("readmitted"), other.pop("readmitted")
            pair = Pair(f"{name} {before} {now}", table(one), table(change(rng, other)), kind, columns)
            found.append(replace(pair, predictions=predictions, labels=labels))
    return found


def main() -> None:
    """Tries all pairs of a seed, and prints what was told wrongly and how many there were; with `--profile` by the
    reference's profile, as a model's daily check has it."""
    from delivery.monitoring.running import check_files, profile_files

    seed, by_profile = int(sys.argv[1]), "--profile" in sys.argv
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder, "reference.parquet"), Path(folder, "current.parquet")
        reference = Path(folder, "profile.json") if by_profile else files[0]
        for name, pairs in (("without", without_drift(seed)), ("with", with_drift(seed))):
            wrong = 0
            for pair in pairs:
                pq.write_table(pair.reference, files[0])
                pq.write_table(pair.current, files[1])
                if by_profile:
                    profile_files([files[0]], reference, pair.predictions, pair.labels)
                found = check_files([reference], [files[1]], pair.predictions, pair.labels)
                named = {each for each, column in found.columns.items() if column.drifted}
                if found.kind != pair.kind or (pair.columns and not named & set(pair.columns)):
                    wrong += 1
                    print(f"{pair.name}: {found.kind} of {', '.join(sorted(named))}, and not {pair.kind}", flush=True)
            print(f"{name} drift: {wrong} of {len(pairs)} wrong", flush=True)


if __name__ == "__main__":
    main()
