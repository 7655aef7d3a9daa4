"""The same as `bench.drift_alerts` with the check that runs each day: its profile, its learnt noise, its windows.

`python -m bench.drift_daily [--months N] [--starts N] [--missed N]`. A check's core is run (no bucket): what was asked
since the last one, or since rows were too few, is held against the profile of the hospital's first year.
"""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import cache
from math import ceil
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq
from ibis.backends.duckdb import Backend
from msgspec import structs

from bench.drift_alerts import DECLARED, LOOKED, YEAR, Side, first, table
from delivery.monitoring.alerting.advancing import Step, advance, begin
from delivery.monitoring.alerting.bounds import bounded
from delivery.monitoring.alerting.declared import GATHERED
from delivery.monitoring.checking import Reference, check, profile_types
from delivery.monitoring.daily.span import REACH
from delivery.monitoring.found import Check
from delivery.monitoring.learning import learnt
from delivery.monitoring.reading import source
from delivery.monitoring.running import engine, load, profile_files
from delivery.registry.documents import moment
from tests.delivery.monitoring.years import (
    FIRST,
    PLANTED,
    PREDICTION,
    Hospital,
    Rows,
    instant,
    together,
    with_planted,
)

SIZES: Final = (400, 45, 12)
"""Stays of an average day; of the last, rows are gathered."""
MODEL: Final = "readmission"
BEFORE: Final = 8
"""Days without drift before one is planted."""
MONTH: Final = 30


class Known:
    """A hospital with the profile of its first year, and what was learnt of that year's days."""

    def __init__(self, hospital: Hospital, folder: Path, connection: Backend) -> None:
        self.hospital, self.folder, self.connection, self.made = hospital, folder, connection, 0
        days = [hospital.day(number) for number in range(YEAR)]
        rows, dates = together(days), [FIRST + timedelta(days=n) for n, day in enumerate(days) for _ in day["age"]]
        profile_files([_written(folder / "year.parquet", rows)], folder / "profile.json", PREDICTION, None)
        self.profile = load(folder / "profile.json")
        noise = learnt(self.profile, _table(rows), dates, MODEL, DECLARED.fewest_windows)
        names = {each.name for each in self.profile.columns}
        self.noise = bounded(noise, names, DECLARED)[0] if noise else None

    @cache  # noqa: B019 - a hospital lives as long as the program
    def check(self, begins: int, number: int, planted: str, since: int) -> Check:
        """Of these days, both included, with something planted from a day on."""
        days = []
        for each in range(begins, number + 1):
            rows = self.hospital.day(each)
            drifts = planted and each >= since
            days.append(with_planted(rows, PLANTED[planted], self.hospital, each) if drifts else rows)
        self.made += 1
        file = _written(self.folder / "window.parquet", together(days))
        window = source(self.connection, [file], f"window_{self.made}", profile_types(self.profile))
        found = check(Reference(self.profile), window)
        told = {"at": instant(number + 1), "start": instant(begins), "end": instant(number + 1)}
        return structs.replace(found, model=f"{MODEL}@3", **told)

    def steps(self, days: range, missed: int, planted: str = "", since: int = 0) -> Iterator[tuple[int, Step]]:
        """Each day's, but those on which no check comes: each so-manieth, if that is any."""
        state, until = None, days.start - 1
        for number in days:
            if missed and number % missed == 0:
                continue
            reach = REACH.days
            begins = until + 1
            if state and state.gathers:
                begins, reach = (moment(state.gathers).date() - FIRST).days, GATHERED
            drifts = (planted, since) if number >= since else ("", 0)
            found = self.check(max(begins, number + 1 - reach), number, *drifts)
            step = advance(state or begin(found), found, self.noise, DECLARED)
            state, until = step.state, number
            yield number, step


def _table(rows: Rows) -> pa.Table:
    return pa.table({name: pa.array(values, from_pandas=True) for name, values in rows.items()})


def _written(path: Path, rows: Rows) -> Path:
    pq.write_table(_table(rows), path)
    return path


def judged(known: Known, months: int, starts: Sequence[int], missed: int, side: Side) -> None:
    paged, told = set[tuple[str, str]](), 0
    for number, step in known.steps(range(YEAR, YEAR + MONTH * months), missed):
        told += len(step.begins)
        for each in step.begins:
            print(f"    false, day {number}: {each.summary}", flush=True)
        paged |= {(o.alert.fingerprint, o.alert.began) for o in step.state.open if o.alert.severity == "page"}
    side.false += told
    side.paged = (side.paged or 0) + len(paged)
    side.months += months
    for planted in PLANTED:
        for start in starts:
            days = range(start - BEFORE, start + LOOKED * ceil(2 * DECLARED.fewest_rows / known.hospital.size))
            after = [step for number, step in known.steps(days, 0, planted, start) if number >= start]
            # A window that had too few rows is none.
            looked = [bool(step.state.open) for step in after if not step.state.gathers]
            side.found(planted, first(looked[:LOOKED]))


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--months", type=int, default=6, help="months without drift of each hospital")
    asked.add_argument("--starts", type=int, default=2, help="days of a year on which each drift begins")
    asked.add_argument(
        "--missed", type=int, default=10, help="no check comes on each so-manieth day; 0: none is missed"
    )
    asked.add_argument("--size", type=int, action="append", help="stays of an average day")
    asked.add_argument("--seed", type=int, default=0)
    given = asked.parse_args()
    starts = [YEAR + 30 + n * YEAR // given.starts for n in range(given.starts)]
    for size in given.size or SIZES:
        side = Side("ours")
        with tempfile.TemporaryDirectory() as folder, engine() as connection:
            known = Known(Hospital(size, given.seed), Path(folder), connection)
            judged(known, given.months, starts, given.missed, side)
        print(f"\n{size} stays a day, {side.months:.0f} months without drift, {known.made} checks.\n")
        print("\n".join(table(f"{size}", [side])), flush=True)


if __name__ == "__main__":
    main()
