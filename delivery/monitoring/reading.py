"""Files as one table: Parquet or CSV, told apart by their first bytes, with their rows in order."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import duckdb
import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq
from ibis.backends.duckdb import Backend

from delivery.data.dataset import sha256
from delivery.data.engine import number as counted
from delivery.monitoring import lines
from delivery.monitoring.profile import Type
from delivery.monitoring.shapes import type_of
from delivery.registry.refused import Refused

ORDER: Final = "_parapet_row"
"""A column of a source's table: a row's number in its files, from 0."""
NULLS: Final = ["", "NA", "N/A", "NULL", "null", "None", "nan", "NaN"]
"""What a CSV writes for nothing, as pandas reads it."""
LOOKED_AT: Final = 1_000
READING_FAILS: Final = (duckdb.Error, pa.ArrowException)


@dataclass(frozen=True)
class Layout:
    """A file's columns in their order, and their types."""

    types: dict[str, Type]
    parquet: bool
    rows: int


@dataclass(frozen=True)
class Source:
    """Rows that are looked at: a table of them on any backend, and how their files were laid out."""

    table: ir.Table
    rows: int
    layouts: list[Layout]
    notes: list[str]
    ordered: bool = True
    """Whether the table has ORDER."""

    @property
    def types(self) -> dict[str, Type]:
        return self.layouts[0].types


def source(connection: Backend, files: Sequence[Path], name: str, types: dict[str, Type] | None = None) -> Source:
    """These files' rows, one file after the other; what is there twice, once. `types` are the reference's: where a
    file has a column of another, its values are left out, and its layout says so.

    Raises Refused where a file cannot be read.
    """
    if not files:
        raise Refused("No file is given.")
    notes: list[str] = []
    tables: list[ir.Table] = []
    layouts: list[Layout] = []
    rows = 0
    for number, path in enumerate(_once(files, notes)):
        try:
            table, parquet = _read(connection, path, f"{name}_{number}")
            count = counted(table.count())
            found = {each: type_of(kind) for each, kind in table.schema().items() if each != ORDER}
            found = _empties(table, found) if count else found | _untyped(path, parquet, list(found))
        except READING_FAILS as error:
            raise lines.uneven(path) or _damaged(path, error) from None
        layouts.append(Layout(found, parquet, count))
        row: Any = table[ORDER].cast("int64")
        tables.append(table.mutate(**{ORDER: row + rows}))
        rows += count
    wanted = types or layouts[0].types
    parts = [aligned(table, layout, wanted) for table, layout in zip(tables, layouts, strict=True)]
    return Source(ibis.union(*parts, distinct=False) if len(parts) > 1 else parts[0], rows, layouts, notes)


def kept(table: ir.Table) -> ir.Table:
    """The same rows, made once by the engine and kept as long as its connection."""
    backend = table.get_backend()
    if isinstance(backend, Backend):  # its own cache would drop them later, when the connection is closed
        return backend.create_table(ibis.util.gen_name("kept"), table, temp=True)
    return table.cache()


def same(found: Type, wanted: Type) -> bool:
    """Whether values of these types can be compared: whole and broken numbers can."""
    numbers = ("integer", "float")
    return found == wanted or (found in numbers and wanted in numbers) or "empty" in (found, wanted)


def aligned(table: ir.Table, layout: Layout, wanted: dict[str, Type]) -> ir.Table:
    """The wanted columns, null where the file has none of them or one that is of another type."""
    chosen: dict[str, Any] = {}
    for name, kind in wanted.items():
        found = layout.types.get(name)
        if kind == "text" and (found == "text" or (not layout.parquet and found not in (None, "empty"))):
            chosen[name] = table[name].cast("string")  # codes that are all digits in this file are still codes
        elif kind == "empty" and found not in (None, "empty"):
            chosen[name] = ibis.ifelse(table[name].notnull(), ibis.literal("a value"), ibis.null("string"))
        elif found is None or found == "empty" or not same(found, kind):
            chosen[name] = ibis.null(CAST[kind])
        elif kind in ("date", "moment"):
            moment: Any = table[name].cast("timestamp")
            chosen[name] = ibis.ifelse(moment.between(*YEARS), moment, ibis.null("timestamp"))
        else:
            chosen[name] = table[name].cast(CAST[kind]) if kind in CAST else ibis.null("string")
    order = [table[ORDER]] if ORDER in table.columns else []
    return table.select(*order, **chosen)


YEARS: Final = (datetime(1, 1, 1), datetime(9999, 12, 31))
"""What has no year of four digits, such as a moment in another unit, counts as missing: Python has no date for it."""
CAST: Final = {
    "integer": "float64",
    "float": "float64",
    "boolean": "boolean",
    "text": "string",
    "date": "timestamp",
    "moment": "timestamp",
    "empty": "string",
    "other": "string",
}
"""As what a column of a type is read."""


def _read(connection: Backend, path: Path, name: str) -> tuple[ir.Table, bool]:
    """The table with ORDER, and whether it is Parquet."""
    if path.is_dir():
        raise Refused(f"{path} is no file: give the files in it.")
    try:
        with path.open("rb") as file:
            start = file.read(4096)
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror}.") from None
    if not start:
        raise Refused(f"{path} is empty, 0 bytes: give Parquet, or CSV with a line of names.")
    if start[:4] == b"PAR1":
        try:
            names = pq.read_schema(path).names
        except (pa.ArrowException, OSError, ValueError):
            raise Refused(f"{path} is not a whole Parquet file: fetch it again.") from None
        _check_names(path, names)
        table = connection.read_parquet(_this(path), table_name=name, file_row_number=True, hive_partitioning=False)
        return table.rename({ORDER: "file_row_number"}), True
    if b"\0" in start and start[:2] != b"\x1f\x8b":
        raise Refused(f"{path} is neither Parquet nor CSV: convert it.")
    asked: dict[str, Any] = {"header": True, "nullstr": NULLS, "sample_size": -1, "hive_partitioning": False}
    read = connection.read_csv(_this(path), table_name=f"{name}_csv", delim=lines.delimiter(path), **asked)
    _check_names(path, list(read.columns))
    # Once: each look at a CSV would read all of it.
    return connection.create_table(name, read.mutate(**{ORDER: ibis.row_number()}), temp=True), False


def _this(path: Path) -> str:
    """For DuckDB, to which a star or a bracket in a path stands for other characters."""
    return re.sub(r"([*?\[])", r"[\1]", str(path))


def _check_names(path: Path, names: Sequence[str]) -> None:
    if not names:
        raise Refused(f"{path} has no columns.")
    folded = [name.casefold() for name in names]
    if len(set(folded)) < len(folded):
        raise Refused(f"{path} has a column more than once, capitals aside: give each its own name.")
    if {ORDER, "file_row_number"} & set(folded):
        raise Refused(f"{path} has a column {ORDER} or file_row_number, which are this program's own: rename it.")


def _empties(table: ir.Table, types: dict[str, Type]) -> dict[str, Type]:
    """Columns without any value are of no type: what a file says of them is its writer's guess."""
    empty = list(types)
    for rows in (table.limit(LOOKED_AT), table):  # the first rows tell of nearly all columns
        if empty:
            asked: dict[str, Any] = {f"c{number}": rows[name].count() for number, name in enumerate(empty)}
            told = rows.aggregate(**asked).to_pyarrow()
            empty = [name for number, name in enumerate(empty) if not told[f"c{number}"][0].as_py()]
    return {name: "empty" if name in empty else kind for name, kind in types.items()}


def _untyped(path: Path, parquet: bool, names: Sequence[str]) -> dict[str, Type]:
    """Columns of a file without rows that its writer knew no type of: all of a CSV."""
    if not parquet:
        return dict.fromkeys(names, "empty")
    return {each.name: "empty" for each in pq.read_schema(path) if pa.types.is_null(each.type)}


def _once(files: Sequence[Path], notes: list[str]) -> list[Path]:
    """Each file once, by its place and its content; Refused where one is not there."""
    seen: dict[str, Path] = {}
    sizes: dict[int, int] = {}
    for path in files:
        if not path.exists():
            raise Refused(f"{path} is not there.")
        sizes[path.stat().st_size] = sizes.get(path.stat().st_size, 0) + 1
    for path in files:
        alone = sizes[path.stat().st_size] == 1 or path.is_dir()
        key = str(path.resolve()) if alone else sha256(path)
        if key in seen:
            notes.append(f"{path} is the same file as {seen[key]}; its rows are counted once.")
        else:
            seen[key] = path
    return list(seen.values())


def _damaged(path: Path, error: Exception) -> Refused:
    """What the reader said may hold values."""
    more = " takes more memory at once than a file may," if isinstance(error, duckdb.OutOfMemoryException) else ""
    return Refused(f"{path} cannot be read ({type(error).__name__}): it{more} is damaged, or no Parquet or CSV at all.")
