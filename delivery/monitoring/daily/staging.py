"""Rows that came in many files, in one file of each form, of which each row counts once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq
from ibis.backends.duckdb import Backend

from delivery.data.engine import number
from delivery.monitoring.daily.predictions import CALLER, KEYS

PLACE: Final = "_parapet_place"
"""A row's number, over all files, as they came."""
FORMS: Final = 8
"""Of one version's files there is one; more than a few are no log. Of more, those with the most rows."""
OPEN: Final = 64
"""Of which rows are laid by until it is known which these are; of more, the one with the fewest goes."""
NUMBERED: Final = pa.field(PLACE, pa.int64())


@dataclass
class _Form:
    path: Path
    writer: pq.ParquetWriter
    tables: int = 0
    rows: int = 0

    @classmethod
    def at(cls, path: Path, schema: pa.Schema) -> "_Form":
        return cls(path, pq.ParquetWriter(path, schema))

    def add(self, table: pa.Table) -> None:
        self.writer.write_table(table)
        self.tables += 1
        self.rows += table.num_rows

    def closed(self) -> "_Form":
        self.writer.close()
        return self


def staged(tables: Iterable[pa.Table], folder: Path, what: str) -> tuple[list[Path], int]:
    """Writes them below the folder, with PLACE; one file of each form, none where there are no rows. And how many
    tables are in none, since there are too many forms."""
    forms: dict[pa.Schema, _Form] = {}
    rows = made = left = 0
    try:
        for table in tables:
            table = table.replace_schema_metadata(None)
            if not table.num_rows:
                continue
            if table.schema not in forms:
                if len(forms) == OPEN:
                    least = min(forms, key=lambda each: forms[each].rows)
                    if forms[least].rows >= table.num_rows:
                        left += 1
                        continue
                    left += forms.pop(least).closed().tables
                forms[table.schema] = _Form.at(folder / f"{what}-{made}.parquet", table.schema.append(NUMBERED))
                made += 1
            numbers = pa.array(range(rows, rows + table.num_rows), NUMBERED.type)
            forms[table.schema].add(table.append_column(NUMBERED, numbers))
            rows += table.num_rows
    finally:
        for form in forms.values():
            form.closed()
    most = sorted(forms.values(), key=lambda each: -each.rows)
    return [each.path for each in most[:FORMS]], left + sum(each.tables for each in most[FORMS:])


def once(connection: Backend, files: list[Path], last: bool = False) -> tuple[list[ir.Table], int]:
    """The rows of each file without those whose KEYS were there before, or come again where the last one counts; and
    how many that leaves out."""
    tables = [connection.read_parquet(path, table_name=path.stem.replace("-", "_")) for path in files]
    keys = ibis.union(*(each.select(*KEYS, PLACE) for each in tables)) if len(tables) > 1 else tables[0]
    place: Any = keys[PLACE]
    kept = keys.group_by(list(KEYS)).aggregate(**{PLACE: place.max() if last else place.min()})
    kept = connection.create_table(ibis.util.gen_name("kept"), kept, temp=True)
    left = number(keys.count()) - number(kept.count())
    return [each.semi_join(kept, PLACE) for each in tables] if left else tables, left


def contradicted(connection: Backend, files: list[Path], keys: Sequence[str] = KEYS) -> int:
    """How many of these are there more than once, and not as the same row each time."""
    tables = [connection.read_parquet(path, table_name=ibis.util.gen_name("asked")) for path in files]
    all_of_them = _union(each.select(*keys) for each in tables)
    often = all_of_them.group_by(list(keys)).aggregate(_times=all_of_them.count())
    often = connection.create_table(ibis.util.gen_name("often"), often.filter(often["_times"] > 1), temp=True)
    there = [each.semi_join(often, list(keys)).drop(PLACE) for each in tables]
    rows = _union(each.select(*keys, _said=_all_of(each, place)) for place, each in enumerate(there))
    differ = rows.group_by(list(keys)).aggregate(_many=rows["_said"].nunique())
    return number(differ.filter(differ["_many"] > 1).count())


def _union(tables: Iterable[ir.Table]) -> ir.Table:
    first, *others = tables
    return ibis.union(first, *others) if others else first


def _all_of(table: ir.Table, form: int) -> Any:
    """A hash of a whole row, and of which form it is."""
    return ibis.struct({"_form": ibis.literal(form), **{name: table[name] for name in table.columns}}).hash()


def written(connection: Backend, tables: Iterable[ir.Table], folder: Path, name: str) -> list[Path]:
    """One file for each, without what rows are known by."""
    found = []
    for place, table in enumerate(tables):
        path = folder / f"{name}-{place}.parquet"
        own = (*KEYS, PLACE, CALLER)
        connection.to_parquet(table.drop(*(each for each in table.columns if each in own)), path)
        found.append(path)
    return found
