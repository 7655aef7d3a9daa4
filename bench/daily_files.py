"""How long a daily check takes to read what was answered in many small files, as a month's outcomes make it do.

`python -m bench.daily_files [--files N...] [--milliseconds N]`. A server writes one file a minute; S3 takes as long to
answer as is said, which the floor waits for too: the same objects, eight at a time, and nothing done with them. Of each
number of files the ratio to that, and how the time grows: with ten times the files it is ten times as long.
"""

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any, Final

import numpy as np

from delivery.monitoring.daily import predictions
from delivery.monitoring.daily.places import AT_ONCE, Listed, Place
from delivery.monitoring.daily.span import Span
from tests.delivery.monitoring.daily.world import PREDICTIONS, VERSION, asked, log, written

FILES: Final = (300, 3_000, 10_000)
ROWS: Final = 20
"""Of a file: as many calls in a minute."""
MILLISECONDS: Final = 20.0
"""Of a small GET of S3 some 10 to 100 are usual (Amazon S3 User Guide, "Performance design patterns for Amazon S3")."""
BEGUN: Final = datetime(2026, 11, 1, tzinfo=UTC)
GROWS: Final = 1.25
"""How much longer each file of the most may take than each of the fewest."""
TIMES: Final = 2.0
"""How much longer all may take than the floor."""


@dataclass(frozen=True)
class Bucket:
    """As many files as are asked for, all alike but for their names."""

    raw: bytes
    seconds: float

    def get_object(self, **_: Any) -> dict[str, Any]:
        time.sleep(self.seconds)
        return {"Body": BytesIO(self.raw), "ETag": "tag"}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.daily_files", description=__doc__)
    parser.add_argument("--files", type=int, nargs="+", default=FILES)
    parser.add_argument("--milliseconds", type=float, default=MILLISECONDS)
    given = parser.parse_args(arguments)
    raw = written(log(asked(ROWS, 1), np.full(ROWS, BEGUN.timestamp())))
    bucket: Any = Bucket(raw, given.milliseconds / 1000)
    place = Place(bucket, "s3://log/predictions/model=readmission")
    found = []
    for files in given.files:
        listed = list(_listed(files, len(raw)))
        ours, rows = _ours(place, listed)
        if rows != files * ROWS:
            raise SystemExit(f"{rows:,} rows of {files * ROWS:,} were read.")
        floor = _floor(bucket, files)
        each = {"files": files, "seconds": round(ours, 2), "floor": round(floor, 2), "times": round(ours / floor, 2)}
        print(f"{files:>6,} files: {ours:6.2f} s, {1000 * ours / files:.2f} ms each; floor {floor:.2f} s", flush=True)
        found.append(each)
    grows = (found[-1]["seconds"] / found[-1]["files"]) / (found[0]["seconds"] / found[0]["files"])
    most = max(each["times"] for each in found)
    holds = grows <= GROWS and most <= TIMES
    print(json.dumps({"sizes": found, "grows": round(grows, 2), "times": most, "holds": holds}))
    raise SystemExit(0 if holds else 1)


def _listed(files: int, size: int) -> Iterator[Listed]:
    for number in range(files):
        at = BEGUN + timedelta(minutes=number)
        yield Listed(f"version={VERSION}/date={at:%Y-%m-%d}/{at:%H%M%S}-{number:032x}.parquet", at, size)


def _ours(place: Place, listed: Sequence[Listed]) -> tuple[float, int]:
    span, begun = Span(BEGUN, BEGUN, BEGUN), time.perf_counter()
    rows = sum(each.num_rows for each in predictions.answers(place, VERSION, listed, PREDICTIONS, span))
    return time.perf_counter() - begun, rows


def _floor(bucket: Bucket, files: int) -> float:
    begun = time.perf_counter()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda _: bucket.get_object()["Body"].read(), range(files)))
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
