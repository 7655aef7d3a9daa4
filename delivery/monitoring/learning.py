"""What a reference's own days are like: some of its windows, each held against the whole of it, and the noise of these.

Without it a day is held against chance alone, which knows of no weekday and no influenza: in its first January each
model would wake somebody.
"""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from math import ceil
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import structs

from delivery.monitoring.alerting.noise import Noise, learn
from delivery.monitoring.checking import Reference, check, coded, profile_types
from delivery.monitoring.found import Check
from delivery.monitoring.profile import Profile
from delivery.monitoring.reading import ORDER, source
from delivery.monitoring.running import engine
from delivery.registry.documents import written

WINDOWS: Final = 73
"""At most, spread over all days; of a year each fifth, so that all weekdays and all seasons are among them."""
ROWS: Final = 60
"""Of a window on average: twice what one must have to be judged, since days differ."""
LONGEST: Final = 7
"""Days of a window. Of fewer rows than that a week's are needed for, nothing can be told of days."""
Span = tuple[date, date]
"""A window's first day, and its last."""


def learnt(profile: Profile, rows: pa.Table, days: Sequence[date], model: str, fewest: int) -> Noise | None:
    """Of rows in the profile's columns, each of its day. None where they have fewer than `fewest` windows, or a window
    of a week has too few rows. Raises Refused where the engine fails."""
    if not (windows := spans(days)) or len(windows) < fewest:
        return None
    return learn(_checks(profile, rows, days, windows, model), fewest)


def spans(days: Sequence[date]) -> list[Span]:
    """The windows that are looked at, in their order."""
    if not days:
        return []
    first, last = min(days), max(days)
    known = (last - first).days + 1
    length = ceil(ROWS * known / len(days))
    if length > LONGEST:
        return []
    step = max(length, ceil(known / WINDOWS))
    step += step % 7 == 0  # each a week after the other, they would be of one weekday
    return [
        (first + timedelta(days=begun), first + timedelta(days=begun + length - 1))
        for begun in range(0, known - length + 1, step)
    ]


def _checks(
    profile: Profile, rows: pa.Table, days: Sequence[date], windows: Sequence[Span], model: str
) -> Iterator[Check]:
    """Which bin a number is in hangs on no window: that is asked once, of all rows."""
    numbers = np.array([day.toordinal() for day in days])
    with tempfile.TemporaryDirectory(prefix="parapet-noise-") as work, engine() as connection:
        file = Path(work) / "rows.parquet"
        pq.write_table(rows, file)
        every = coded(profile, source(connection, [file], "rows", profile_types(profile)))
        bins = every.table.order_by(ORDER).to_pyarrow()
        for place, (first, last) in enumerate(windows):
            file = Path(work) / f"{place}.parquet"
            there = pa.array((numbers >= first.toordinal()) & (numbers <= last.toordinal()))
            pq.write_table(rows.filter(there), file)
            window = source(connection, [file], f"window_{place}", profile_types(profile))
            mine = bins.filter(there)
            mine = mine.set_column(mine.column_names.index(ORDER), ORDER, pa.array(np.arange(mine.num_rows)))
            kept = connection.create_table(f"bins_{place}", mine, temp=True)
            found = check(Reference(profile), window, known=replace(every, table=kept, source=window))
            yield structs.replace(found, model=model, start=_at(first), end=_at(last + timedelta(days=1)))
            file.unlink()


def _at(day: date) -> str:
    return written(datetime.combine(day, time(), UTC))
