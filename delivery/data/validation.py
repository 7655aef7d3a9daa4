"""Holds files of records against the contract: what fails goes to quarantine with its reason, and nothing is lost.

A file that is not readable as Parquet is an error, and nothing is written. A file whose columns, types or version are
other than the contract's is put aside whole; of the others, the rows that break a rule. `accepted` and `quarantine`
hold together what came in. What is told has counts and positions and no value of anybody's record; quarantine holds the
records themselves, and is readable by its owner alone.
"""

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import ibis
import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq
from ibis.backends.duckdb import Backend

from delivery.data.contract import contract
from delivery.data.dataset import File, Manifest, arrow_schema, replaced, sha256, stamp
from delivery.data.engine import connected, write
from delivery.data.reading import READING_FAILS, check_files, damaged, differences, said_contract

REPORT: Final = "report.json"
ACCEPTED: Final = "accepted"
QUARANTINE: Final = "quarantine"
REASONS, SOURCE, POSITION = "_reasons", "_file", "_row"
"""Columns of a quarantined row: the rules that it broke, its file's name, its position in it from 0."""
POSITIONS_TOLD: Final = 10
UNIQUE: Final = "unique"


@dataclass(frozen=True)
class Broken:
    """A rule that rows broke."""

    rule: str
    says: str
    rows: int
    first: tuple[int, ...]
    """Positions in the file, from 0, of the first ones."""


@dataclass(frozen=True)
class Judged:
    """What became of one file."""

    file: str
    sha256: str
    rows: int
    accepted: int
    quarantined: int
    refused: tuple[str, ...]
    """Why the whole file was put aside; empty where its rows were looked at one by one."""
    broken: tuple[Broken, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """What became of all files."""

    contract: str
    files: tuple[Judged, ...]
    out: str

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)

    @property
    def accepted(self) -> int:
        return sum(file.accepted for file in self.files)

    @property
    def quarantined(self) -> int:
        return sum(file.quarantined for file in self.files)

    def to_json(self) -> dict[str, Any]:
        return {
            "contract": self.contract,
            "rows": self.rows,
            "accepted": self.accepted,
            "quarantined": self.quarantined,
            "out": self.out,
            "files": [asdict(file) for file in self.files],
        }


def validate(files: Sequence[Path], out: Path) -> Report:
    """Writes `out/accepted` (a data set), `out/quarantine` and `out/report.json`, and returns the report.

    Raises Refused, before anything is written, where a file is missing, empty, not Parquet, or given twice.
    """
    check_files(files)
    with replaced(out, (REPORT, ACCEPTED, QUARANTINE)) as draft:
        for folder in (ACCEPTED, QUARANTINE):
            (draft / folder).mkdir(mode=0o700)
        judged: list[Judged] = []
        written: list[File | None] = []
        with connected(draft) as connection:
            connection.create_table("seen", schema=ibis.schema({contract().key: "string"}))
            for path in files:
                one, made = _judge(connection, path, draft)
                judged.append(one)
                written.append(made)
        report = Report(stamp(), tuple(judged), str(out))
        if report.accepted + report.quarantined != report.rows:
            raise AssertionError(f"{report.rows} rows came in, {report.accepted} and {report.quarantined} went out")
        made_from = {"files": [{"name": each.file, "sha256": each.sha256} for each in judged]}
        accepted = tuple(file for file in written if file)
        Manifest(stamp(), report.accepted, accepted, made_from).write(draft / ACCEPTED)
        (draft / REPORT).write_text(json.dumps(report.to_json(), indent=2) + "\n")
    return report


def _judge(connection: Backend, path: Path, draft: Path) -> tuple[Judged, File | None]:
    """What becomes of this file, and the file of what was accepted of it."""
    table = connection.read_parquet(str(path), table_name="incoming", file_row_number=True)
    refused = differences(path, table.drop("file_row_number"))
    table = table.rename({POSITION: "file_row_number"})
    notes = () if said_contract(path) else (f"says no contract and no version of it; held against {stamp()}",)
    rows = pq.read_metadata(path).num_rows
    if refused:
        shutil.copyfile(path, draft / QUARANTINE / path.name)
        (draft / QUARANTINE / f"{path.name}.reasons").write_text("".join(f"{reason}\n" for reason in refused))
        return Judged(path.name, sha256(path), rows, 0, rows, tuple(refused), (), notes), None
    try:
        broken, taken, aside = _by_row(connection, table, path.name, draft)
    except READING_FAILS as error:
        raise damaged(path, error) from None
    if taken.rows + aside != rows:
        raise AssertionError(f"{rows} rows came in, {taken.rows} and {aside} went out")
    return Judged(path.name, sha256(path), rows, taken.rows, aside, (), broken, notes), taken


def _by_row(connection: Backend, table: ir.Table, name: str, draft: Path) -> tuple[tuple[Broken, ...], File, int]:
    """Writes the rows that break no rule, and those that do with their reasons; returns the rules that were broken."""
    key = contract().key
    connection.create_table("judged", table.mutate(**{REASONS: contract().broken_by_row(table)}), overwrite=True)
    judged = connection.table("judged")
    again = connection.create_table("again", _again(connection, judged.filter(_sound(judged)), key), overwrite=True)
    if again.count().execute():
        # In the order of the file, which a join does not keep.
        repeated = judged.left_join(again.mutate(again=ibis.literal(True)), POSITION).order_by(POSITION)
        reasons = ibis.ifelse(repeated.again.notnull(), ibis.array([f"{key}.{UNIQUE}"]), repeated[REASONS])
        judged = repeated.mutate(**{REASONS: reasons})
    sound = judged.filter(_sound(judged))
    accepted = write(sound, draft / ACCEPTED / name, arrow_schema())
    if not contract().holds(connection.read_parquet(str(draft / ACCEPTED / name), table_name="accepted")):
        raise AssertionError("rows that the contract's rules let pass do not hold it as a whole")
    connection.insert("seen", sound.select(key))
    aside = judged.filter(~_sound(judged)).mutate(**{SOURCE: ibis.literal(name)})
    quarantined = write(aside, draft / QUARANTINE / name, _aside_schema())
    if not quarantined.rows:
        (draft / QUARANTINE / name).unlink()
        return (), accepted, 0
    return (
        _counted(connection.read_parquet(str(draft / QUARANTINE / name), table_name="aside")),
        accepted,
        quarantined.rows,
    )


def _sound(judged: ir.Table) -> ir.BooleanValue:
    return judged[REASONS].length() == 0


def _aside_schema() -> pa.Schema:
    """The contract's columns, then why, from which file and which row of it."""
    schema = arrow_schema()
    for name, kind in ((REASONS, pa.list_(pa.string())), (SOURCE, pa.string()), (POSITION, pa.int64())):
        schema = schema.append(pa.field(name, kind))
    return schema


def _again(connection: Backend, sound: ir.Table, key: str) -> ir.Table:
    """Positions of the rows whose key an earlier one has, of this file or of one before it."""
    keys = sound.group_by(key).aggregate(first=sound[POSITION].min(), times=sound.count())
    seen = connection.table("seen").mutate(seen=ibis.literal(True))
    known = keys.left_join(seen, key)
    known = known.filter((known.times > 1) | known.seen.notnull()).select(key, "first", "seen")
    found = sound.inner_join(known, key)
    return found.filter(found.seen.notnull() | (found[POSITION] != found.first)).select(POSITION)


def _counted(aside: ir.Table) -> tuple[Broken, ...]:
    """How often each rule was broken, the most often first, and where."""
    says = {rule.name: rule.says for rule in contract().rules}
    says[f"{contract().key}.{UNIQUE}"] = "no row before it, of all files, has the same"
    each = aside.select(POSITION, rule=aside[REASONS].unnest())
    ranked = each.mutate(nth=ibis.row_number().over(group_by="rule", order_by=POSITION))
    first = ranked[POSITION].collect(where=ranked.nth < POSITIONS_TOLD, order_by=ranked[POSITION])
    found = ranked.group_by("rule").aggregate(rows=ranked.count(), first=first).to_pyarrow().to_pylist()
    broken = [Broken(row["rule"], says[row["rule"]], row["rows"], tuple(row["first"])) for row in found]
    return tuple(sorted(broken, key=lambda each: (-each.rows, each.rule)))
