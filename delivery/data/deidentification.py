"""Makes a table of features of records that hold their contract, by the table of Safe Harbor.

The list of features is all that passes; what no feature is made of goes nowhere. Records are held to their contract
first, so that each value which passes is a number in its range, a word of a closed list, or a code's category. Rows are
in the order of their hashes: their place tells nothing of a date.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq
from ibis.backends.duckdb import Backend

from delivery.data.card import JSON, MARKDOWN, Card, card
from delivery.data.contract import contract
from delivery.data.dataset import CONTRACT_KEY, MANIFEST, Manifest, replaced, sha256, stamp
from delivery.data.engine import connected, write
from delivery.data.keys import Key
from delivery.data.reading import READING_FAILS, check_files, damaged, differences
from delivery.data.refused import Refused
from delivery.data.safe_harbor import Feature, safe_harbor

FILE: Final = "features-00000.parquet"
DAYS_FILE: Final = "days.parquet"
ORDER: Final = "record_key"
ORDER_OF_TIES: Final = "record_id"
YEAR: Final = 365
"""Days."""
SECONDS_A_DAY: Final = 86_400


@dataclass(frozen=True)
class Deidentified:
    """What was written."""

    manifest: Manifest
    card: Card


def deidentify(files: Sequence[Path], key_file: Path, out: Path) -> Deidentified:
    """Writes `out`: a data set of features, and its data card.

    Raises Refused, and writes nothing, for files that are no records or break the contract, or a key that is none.
    """
    check_files(files)
    key = Key.read(key_file)
    own = (MANIFEST, JSON, MARKDOWN, "features-*.parquet")
    with replaced(out, own) as draft, connected(draft) as connection:
        made = connection.create_table("features", features(_records(connection, files), key))
        schema = pa.schema(made.schema().to_pyarrow(), {CONTRACT_KEY: safe_harbor().stamp.encode()})
        written = write(made.order_by(ORDER), draft / FILE, schema)
        if written.rows != (came := sum(pq.read_metadata(file).num_rows for file in files)):
            raise AssertionError(f"{came} rows came in, {written.rows} went out")
        origin = {
            "contract": stamp(),
            "files": [{"name": file.name, "sha256": sha256(file)} for file in files],
            "key": key.id,
        }
        manifest = Manifest(safe_harbor().stamp, written.rows, (written,), origin)
        manifest.write(draft)
        told = card(made, manifest)
        told.write(draft)
    return Deidentified(manifest, told)


def days(files: Sequence[Path], key_file: Path, out: Path) -> None:
    """Writes of each record its key and the day of its admission. These are dates, which Safe Harbor takes away: for
    how a hospital's days differ from each other, of which figures alone go on, and for nothing else. Raises Refused."""
    check_files(files)
    key = Key.read(key_file)
    feature = next(each for each in safe_harbor().features if each.name == ORDER)
    with replaced(out, (DAYS_FILE,)) as draft, connected(draft) as connection:
        records = _records(connection, files)
        told = records.select(**{ORDER: _keyed(records, feature, key), "day": records.admitted_at.date()})
        write(told.order_by(ORDER), draft / DAYS_FILE, pa.schema({ORDER: pa.string(), "day": pa.date32()}))


def features(records: ir.Table, key: Key) -> ir.Table:
    """The features of records, as an expression; the columns of the result are those of the table of Safe Harbor."""
    return records.select(**{each.name: MAKERS[each.by](records, each, key) for each in safe_harbor().features})


def _records(connection: Backend, files: Sequence[Path]) -> ir.Table:
    """The rows of these files, all of them by the contract."""
    for file in files:
        try:
            table = connection.read_parquet(str(file), table_name="one")
            wrong = differences(file, table)
            if wrong or not contract().holds(table):
                why = "; ".join(wrong) or "rows of it break the contract"
                raise Refused(f"{file}: {why}. Take what `./parapet data validate {file}` accepts of it.")
        except READING_FAILS as error:
            raise damaged(file, error) from None
    table = connection.read_parquet([str(file) for file in files], table_name="records")
    if len(files) > 1 and table.count().execute() != table.record_id.nunique().execute():
        raise Refused("Records are in more than one of these files. Validate them together, and take what is accepted.")
    return table


def _kept(records: ir.Table, feature: Feature, _: Key) -> ir.Value:
    return records[feature.of[0]]


def _keyed(records: ir.Table, feature: Feature, key: Key) -> ir.Value:
    @ibis.udf.scalar.python(name=f"keyed_{feature.kind}", signature=(("string",), "string"))
    def hashed(name: str | None) -> str | None:
        return key.hashed(feature.kind, name)

    return hashed(records[feature.of[0]])


def _year(records: ir.Table, feature: Feature, _: Key) -> ir.Value:
    return records[feature.of[0]].year().cast("int64")


def _age(records: ir.Table, feature: Feature, _: Key) -> ir.Value:
    """Whole years; those who are old enough to be few are of one age."""
    born, day = (records[name] for name in feature.of)
    before = (day.month() < born.month()) | ((day.month() == born.month()) & (day.day() < born.day()))
    years = day.year() - born.year() - before.cast("int64")
    return ibis.least(years, safe_harbor().oldest_age).cast("int64")


def _zip3(records: ir.Table, feature: Feature, _: Key) -> ir.Value:
    area = records[feature.of[0]].substr(0, 3)
    return ibis.ifelse(area.isin(safe_harbor().zip3_of_few), "000", area)


def _category(records: ir.Table, feature: Feature, _: Key) -> ir.Value:
    """The three characters that are a code's category."""
    return records[feature.of[0]].substr(0, 3)


def _days(records: ir.Table, feature: Feature, _: Key) -> ir.Value:
    start, end = (_day(records[name]) for name in feature.of)
    return end - start


def _days_since_last(records: ir.Table, feature: Feature, _: Key) -> ir.Value:
    """Since the person's last discharge that these records know; null where they know none."""
    who, start, end = feature.of
    last = _day(records[end]).lag().over(group_by=who, order_by=[start, ORDER_OF_TIES])
    days = _day(records[start]) - last
    return ibis.ifelse(days < 0, 0, days).cast("int64")  # 0 where one stay began in another


def _stays_before(records: ir.Table, feature: Feature, _: Key) -> ir.Value:
    """Admissions of the person on the 365 days before this one's."""
    who, start = feature.of
    window = ibis.range_window(preceding=(YEAR, 1), group_by=records[who], order_by=_day(records[start]))
    return records.count().over(window).cast("int64")


def _day(moment: Any) -> Any:
    """Days since 1970, which every engine can subtract and order."""
    return (moment.epoch_seconds() // SECONDS_A_DAY).cast("int64")


MAKERS: Final[Mapping[str, Callable[[ir.Table, Feature, Key], ir.Value]]] = {
    "kept": _kept,
    "keyed": _keyed,
    "year": _year,
    "age": _age,
    "zip3": _zip3,
    "category": _category,
    "days": _days,
    "days_since_last": _days_since_last,
    "stays_before": _stays_before,
}
