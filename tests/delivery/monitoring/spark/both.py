"""Judges the same two Parquet files on DuckDB and on a local Spark session, and prints both as JSON."""

import json
import sys
from pathlib import Path

import ibis
import msgspec
from pyspark.sql import SparkSession

from delivery.monitoring.checking import Reference, check, profile_types
from delivery.monitoring.found import Check
from delivery.monitoring.reading import Layout, Source, aligned, source
from delivery.monitoring.shapes import type_of


def on_duckdb(reference: Path, current: Path) -> Check:
    connection = ibis.duckdb.connect()
    held = Reference.of(source(connection, [reference], "reference"), "score", "label")
    return check(held, source(connection, [current], "window", profile_types(held.profile)))


def on_spark(reference: Path, current: Path) -> Check:
    session = (
        SparkSession.builder.master("local[1]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.sql.shuffle.partitions", "1")
        .config("spark.default.parallelism", "1")
        .getOrCreate()
    )
    connection = ibis.pyspark.connect(session)

    def rows(path: Path, name: str) -> Source:
        """As who has a table on Spark gives it: without an order of its rows."""
        table = connection.read_parquet(str(path), table_name=name)
        layout = Layout(
            {each: type_of(kind) for each, kind in table.schema().items()}, True, int(table.count().execute())
        )
        return Source(aligned(table, layout, layout.types), layout.rows, [layout], [], ordered=False)

    return check(Reference.of(rows(reference, "reference"), "score", "label"), rows(current, "current"))


def main() -> None:
    files = [Path(each) for each in sys.argv[1:3]]
    told = [json.loads(msgspec.json.encode(each(*files))) for each in (on_duckdb, on_spark)]
    print(json.dumps(told))


if __name__ == "__main__":
    main()
