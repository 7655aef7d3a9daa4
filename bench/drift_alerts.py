"""False alarms a month, and windows until a drift is found, over simulated years; beside Evidently on the same data.

`python -m bench.drift_alerts [--years N] [--starts N]`. A hospital's first year is the reference; the years after it
have nothing wrong, or something planted from a day on. Ours is the alert of `delivery/monitoring/alerting`. Evidently
says which columns drifted and, from a half of them on, that the data set has; both count as if somebody were told.
"""

import argparse
import json
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from delivery.monitoring.alerting.advancing import Step, advance, begin
from delivery.monitoring.alerting.declared import declared
from delivery.monitoring.alerting.noise import learn
from delivery.monitoring.found import Check
from local import images
from tests.delivery.monitoring.simple_checks import Reference
from tests.delivery.monitoring.years import PLANTED, Hospital, Rows, together, with_planted

PEER: Final = Path(__file__).with_name("peers") / "evidently"
DECLARED: Final = declared()
YEAR: Final = 365
MONTHS: Final = 12
SIZES: Final = {"small": 60, "large": 1500}
BEFORE: Final = 20
"""Days without drift before one is planted."""
LOOKED: Final = 3
"""Windows in which it is waited for."""
WITHIN: Final = 2
SAMPLE: Final = 5_000
"""Rows of the reference that Evidently is given: of more it takes minutes a window."""


@dataclass
class Side:
    """What somebody was told over all windows of a kind of hospital."""

    name: str
    months: float = 0.0
    false: int = 0
    """Times that somebody was told of nothing."""
    paged: int | None = None
    """Of those, the times that somebody was woken; None where there is no difference."""
    delays: dict[str, list[int | None]] = field(default_factory=dict)
    """For each thing planted, windows until somebody was told, or None."""

    def found(self, planted: str, delay: int | None) -> None:
        self.delays.setdefault(planted, []).append(delay)


class Known:
    """A hospital with its reference, and what our side has learnt of that."""

    def __init__(self, hospital: Hospital) -> None:
        self.hospital = hospital
        days = [hospital.day(number) for number in range(YEAR)]
        self.rows = together(days)
        self.reference = Reference(self.rows)
        learnt = learn((self.reference.check(day, n) for n, day in enumerate(days)), DECLARED.fewest_windows)
        if learnt is None:
            raise SystemExit("Nothing was learnt of a year: the hospital has too few stays a day.")
        self.noise = learnt

    def day(self, number: int, planted: str = "") -> Rows:
        rows = self.hospital.day(number)
        return with_planted(rows, PLANTED[planted], self.hospital, number) if planted else rows

    @cache  # noqa: B019 - a hospital lives as long as the program
    def check(self, number: int, planted: str = "") -> Check:
        return self.reference.check(self.day(number, planted), number)

    def steps(self, checks: Sequence[Check]) -> Iterator[Step]:
        state = begin(checks[0])
        for check in checks:
            step = advance(state, check, self.noise, DECLARED)
            state = step.state
            yield step


def ours(known: Known, years: int, starts: Sequence[int], side: Side) -> None:
    paged, told = set[tuple[str, str]](), 0
    for step in known.steps([known.check(n) for n in range(YEAR, YEAR * (years + 1))]):
        told += len(step.begins)
        open_ = [each.alert for each in step.state.open]
        paged |= {(each.fingerprint, each.began) for each in open_ if each.severity == "page"}
    side.false += told
    side.paged = (side.paged or 0) + len(paged)
    side.months += years * MONTHS
    for planted in PLANTED:
        for start in starts:
            numbers = range(start - BEFORE, start + LOOKED)
            after = list(known.steps([known.check(n, planted if n >= start else "") for n in numbers]))[BEFORE:]
            side.found(planted, first([bool(each.state.open) for each in after]))


def first(told: Sequence[bool]) -> int | None:
    return told.index(True) + 1 if any(told) else None


def evidently(known: Known, folder: Path, days: int, starts: Sequence[int], any_: Side, half: Side) -> None:
    rng = np.random.default_rng(28)
    chosen = rng.choice(known.rows["age"].size, min(SAMPLE, known.rows["age"].size), replace=False)
    _write(folder / "reference.parquet", {name: values[chosen] for name, values in known.rows.items()})
    names = [_write(folder / f"quiet+{n}.parquet", known.day(n)) for n in range(YEAR, YEAR + days)]
    for place, planted in enumerate(PLANTED):
        for start in starts:
            names += [
                _write(folder / f"{place}+{start}+{n}.parquet", known.day(start + n, planted)) for n in range(LOOKED)
            ]
    python = images.installed("bench-evidently", PEER / "requirements.txt") / "bin" / "python"
    command = [str(python), str(PEER / "judge.py"), str(folder / "reference.parquet"), *map(str, names)]
    lines = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    told = {each["window"]: each for each in map(json.loads, lines)}
    sides: list[tuple[Side, Callable[[dict[str, float]], bool]]] = [
        (any_, lambda day: day["columns"] > 0),
        (half, lambda day: day["share"] >= 0.5),
    ]
    for side, says in sides:
        side.false += sum(says(day) for name, day in told.items() if name.startswith("quiet"))
        side.months += days * MONTHS / YEAR
        for place, planted in enumerate(PLANTED):
            for start in starts:
                side.found(planted, first([says(told[f"{place}+{start}+{n}"]) for n in range(LOOKED)]))


def _write(path: Path, rows: Rows) -> Path:
    pq.write_table(pa.table({name: pa.array(values, from_pandas=True) for name, values in rows.items()}), path)
    return path


def table(size: str, sides: Sequence[Side]) -> Iterator[str]:
    yield f"| {size} | " + " | ".join(side.name for side in sides) + " |"
    yield "|---|" + "---|" * len(sides)
    pages = [side.false if side.paged is None else side.paged for side in sides]
    for what, counts in (("pages", pages), ("alerts of any severity", [side.false for side in sides])):
        told = (f"{n / side.months:.2f} ({n} in {side.months:.0f})" for n, side in zip(counts, sides, strict=True))
        yield f"| false {what} a month | " + " | ".join(told) + " |"
    for planted in PLANTED:
        cells = []
        for side in sides:
            delays = side.delays[planted]
            soon = sum(each is not None and each <= WITHIN for each in delays)
            middle = statistics.median(LOOKED + 1 if each is None else each for each in delays)
            cells.append(f"{soon}/{len(delays)}, {middle:g}" if middle <= LOOKED else f"{soon}/{len(delays)}, never")
        yield f"| {planted} | " + " | ".join(cells) + " |"


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--years", type=int, default=3, help="years without drift of each hospital, ours")
    asked.add_argument("--hospitals", type=int, default=4, help="hospitals of each size, ours")
    asked.add_argument("--starts", type=int, default=4, help="days of a year on which each drift begins")
    asked.add_argument("--peer-days", type=int, default=YEAR, help="days without drift for Evidently, of one hospital")
    asked.add_argument("--peer-starts", type=int, default=4, help="days on which each drift begins, for Evidently")
    asked.add_argument("--size", choices=tuple(SIZES), help="only hospitals of this size")
    given = asked.parse_args()
    starts, fewer = ([YEAR + 30 + n * YEAR // many for n in range(many)] for many in (given.starts, given.peer_starts))
    for size, stays in SIZES.items():
        if given.size not in (None, size):
            continue
        mine, any_, half = Side("ours"), Side("Evidently, any column"), Side("Evidently, half of the columns")
        hospitals = [Known(Hospital(stays, seed)) for seed in range(given.hospitals)]
        for known in hospitals:
            ours(known, given.years, starts, mine)
        if given.peer_days:
            with tempfile.TemporaryDirectory() as folder:
                evidently(hospitals[0], Path(folder), given.peer_days, fewer, any_, half)
        sides = [mine, *([any_, half] if given.peer_days else [])]
        told = "; ".join(f"{each.name} {each.months:.0f}" for each in sides)
        print(f"\n{size}: {stays} stays a day. Months without drift: {told}.\n")
        print("\n".join(table(size, sides)), flush=True)


if __name__ == "__main__":
    main()
