"""The demo's other population is drift of data to whoever looks at few of its records, and no change of a unit."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cli.demo.steps import FEEDS
from delivery.data import records
from delivery.data.injections import Injection, inject
from delivery.monitoring.running import check_files

pytestmark = pytest.mark.data

ROWS = 640
"""Of a second's calls: with few rows a unit's factor may be missed by more."""


def file(path: Path, number: int, *injections: Injection) -> Path:
    """The pulse, breath and creatinine of a block of patients."""
    columns = records.block(1, number)
    inject(list(injections), 1, number, columns)
    table = pa.table({name: columns[name] for name in ("heart_rate", "respiratory_rate", "creatinine")})
    pq.write_table(table if number == 0 else table.slice(0, ROWS), path)
    return path


def test_no_window_of_it_is_taken_for_another_unit(tmp_path: Path) -> None:
    kind, _, amount = FEEDS["others"][1].partition(":")
    reference = file(tmp_path / "reference.parquet", 0)
    for number in range(1, 9):
        window = file(tmp_path / f"{number}.parquet", number, Injection(kind, float(amount)))
        found = check_files([reference], [window])
        assert found.kind == "data", found.alerts
