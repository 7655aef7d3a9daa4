"""A check of drift over Evidently's data drift preset, on the same files; and what more rows cost.

`python -m bench.drift [--no-peer] [--most ROWS]`. Each is a process of its own, from Parquet files to a judgement, so
that reading counts. A profile is made once for a model version; a day's check reads that and the day.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from local import images

ROOT: Final = Path(__file__).parents[1]
PEER: Final = Path(__file__).with_name("peers") / "evidently"
LEAST: Final = 10.0
"""Times Evidently's seconds over ours."""
MEMORY: Final = 2 << 30
"""Bytes that a check of a hundred million rows may take."""
ROWS: Final = 1_000_000
NUMBERS, WORDS = 40, 10
"""Features of the file that is compared on."""
FEW: Final = 8
"""Features of those that grow: a hundred million rows of them are 6 GB."""
GROUP: Final = 100_000
KINDS: Final = np.array(["medicare", "medicaid", "private", "self_pay", "other"])
DRIFTED: Final = 3


@dataclass(frozen=True)
class Run:
    """What a process took."""

    seconds: float
    processor: float
    """Seconds of it, on all cores: beside other work the clock says little."""
    peak: int
    """Bytes of memory, at most."""


def run(command: Sequence[str], asked: str = "", allowed: Sequence[int] = (0,)) -> Run:
    """Raises SystemExit, with what was said, for an exit status that is not allowed."""
    with tempfile.TemporaryFile() as told, tempfile.TemporaryFile() as given:
        given.write(asked.encode())
        given.seek(0)
        begun = time.perf_counter()
        process = subprocess.Popen(
            command, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdin=given, stdout=told, stderr=subprocess.STDOUT
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - begun
        if process.returncode not in allowed:
            told.seek(0)
            raise SystemExit(f"{command[:4]} ended with {process.returncode}:\n{told.read().decode()[-2000:]}")
    return Run(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)


def made(path: Path, rows: int, numbers: int, words: int, seed: int) -> Path:
    """A Parquet file of numbers and words, group by group in the same memory."""
    writer: pq.ParquetWriter | None = None
    for group in range(-(-rows // GROUP)):
        rng = np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, group))))
        count = min(GROUP, rows - group * GROUP)
        columns = {f"n{place:02d}": rng.normal(place, 1 + place, count).astype(np.float32) for place in range(numbers)}
        columns |= {f"w{place:02d}": KINDS[rng.integers(0, KINDS.size, count)] for place in range(words)}
        table = pa.table(columns)
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    if writer:
        writer.close()
    return path


def monitor(allowed: Sequence[int] = (0,), **asked: object) -> Run:
    python = images.installed("delivery-packages", images.DELIVERY / "requirements.txt") / "bin" / "python"
    return run([str(python), "-P", "-m", "delivery.monitoring"], json.dumps(asked), allowed)


def profile(reference: Path, out: Path) -> Run:
    return monitor(step="profile", files=[str(reference)], out=str(out), predictions=None, labels=None)


def check(reference: Path, current: Path) -> Run:
    asked = {"reference": [str(reference)], "current": [str(current)], "json": True}
    unused = dict.fromkeys(("predictions", "labels", "by", "digest", "html"))
    return monitor((0, DRIFTED), step="check", **unused, **asked)


def told(what: str, found: Run) -> None:
    print(
        f"  {what}: {found.seconds:.1f} s, {found.processor:.1f} s of a core, {found.peak / 2**20:.0f} MiB at most",
        flush=True,
    )


def beside(folder: Path) -> None:
    reference, current = (
        made(folder / f"{name}.parquet", ROWS, NUMBERS, WORDS, seed) for seed, name in enumerate("rc")
    )
    known = folder / "profile.json"
    told(f"profile of {ROWS:,} rows, {NUMBERS + WORDS} features", profile(reference, known))
    mine = check(known, current)
    told("our check of as many rows against it", mine)
    whole = check(reference, current)
    told("our check against the reference's rows", whole)
    python = images.installed("bench-evidently", PEER / "requirements.txt") / "bin" / "python"
    other = run([str(python), str(PEER / "judge.py"), str(reference), str(current)])
    told("Evidently's preset", other)
    for name, ours in (("against a profile", mine), ("against the rows", whole)):
        by_core = other.processor / ours.processor
        print(
            f"Evidently's seconds over ours, {name}: {other.seconds / ours.seconds:.1f}, of a core {by_core:.1f} "
            f"(at least {LEAST:g}; one run)"
        )


def growth(folder: Path, most: int) -> None:
    known = folder / "few.json"
    profile(made(folder / "few.parquet", ROWS, FEW, 0, 0), known)
    rows, before = ROWS, None
    while rows <= most:
        window = made(folder / "window.parquet", rows, FEW, 0, 1)
        found = check(known, window)
        window.unlink()
        told(f"{rows:,} rows, {FEW} features", found)
        if before:
            longer, by_core = found.seconds / before.seconds, found.processor / before.processor
            print(f"    {longer:.1f} times as long for 10 times the rows, {by_core:.1f} times of a core")
        rows, before = rows * 10, found
        if found.peak > MEMORY:
            print(f"    more than {MEMORY / 2**30:g} GiB")


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--no-peer", action="store_true", help="only how it grows")
    asked.add_argument("--most", type=int, default=100_000_000, help="rows of the largest window")
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if not given.no_peer:
            beside(Path(folder))
        growth(Path(folder), given.most)


if __name__ == "__main__":
    main()
