"""DuckDB under Ibis, for data of any size: what it keeps and spills lies in a folder that goes with it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend

from delivery.data.dataset import File, FileWriter

BATCH: Final = 50_000
"""Rows of a row group that is written here, some 10 MB."""


@contextmanager
def connected(draft: Path) -> Iterator[Backend]:
    """A database in the draft of what is written, gone before the draft is taken."""
    work = draft / "work"
    work.mkdir(mode=0o700)
    connection = ibis.duckdb.connect(str(work / "work.duckdb"), temp_directory=str(work), memory_limit="1GB")
    try:
        yield connection
    finally:
        connection.disconnect()
        shutil.rmtree(work, ignore_errors=True)


def number(counted: ir.Value) -> int:
    """A count."""
    told: Any = counted.execute()
    return int(told)


def write(rows: ir.Table, path: Path, schema: pa.Schema) -> File:
    """Writes the schema's columns of these rows, batch by batch."""
    with FileWriter(path, schema) as writer:
        for some in rows.to_pyarrow_batches(chunk_size=BATCH):
            writer.write(pa.Table.from_batches([some]).select(schema.names).cast(schema))
    return writer.closed()
