"""A feed with marked identifiers, and gates for as few rows as a test can wait for."""

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from delivery.data.contract import contract
from delivery.data.generating import generate
from delivery.gates.declared import GATES

MARK = "QZPLANTED"
MRN, RECORD = "M990017231", "E9900172310"
"""Numbers that the contract lets in, and that nobody else of the feed has."""
BORN = date(1937, 3, 17)
MARKED = [name for name, column in contract().columns.items() if column.longest]
"""Texts that the contract lets in as they are."""

# Of gates.yaml, what these few rows cannot hold, with the bound that they can; the others are held as they stand.
BOUNDS = {
    "data.volume.train": 2000.0,
    "quality.auroc": 0.55,
    "quality.recall": 0.15,
    "groups.sex.judged": 0.5,
    "groups.race.judged": 0.4,
    "production.auroc": 0.2,
    "production.recall": 0.5,
}
OF_LARGER_GROUPS = ("groups.sex.recall", "groups.race.recall", "groups.race.fpr", "groups.race.auroc")


def planted(rows: int, folder: Path, *, broken: int = 40) -> Path:
    """Records in whose every free text, numbers and dates somebody is marked; some break their contract by a mark.

    The files' own names are marked too. All rows of one patient, in the middle, are the marked person's.
    """
    made = generate(rows, 7, folder / "generated")
    (file,) = made.paths(folder / "generated")
    table = pq.read_table(file)
    for name in MARKED:
        table = _set(table, name, [f"{MARK}-{name}"[: contract().columns[name].longest]] * table.num_rows)
    whose = table["mrn"].to_pylist()
    mine = [each == whose[rows // 2] for each in whose]
    table = _set(table, "mrn", [MRN if own else each for own, each in zip(mine, whose, strict=True)])
    born = table["birth_date"].to_pylist()
    table = _set(table, "birth_date", [BORN if own else each for own, each in zip(mine, born, strict=True)])
    records = table["record_id"].to_pylist()
    records[mine.index(True)] = RECORD
    table = _set(table, "record_id", records)
    sexes = table["sex"].to_pylist()
    table = _set(table, "sex", [f"{MARK} {place}" if place < broken else each for place, each in enumerate(sexes)])
    intake = folder / "intake"
    intake.mkdir()
    half = rows // 2
    for place, part in enumerate((table.slice(0, half), table.slice(half))):
        pq.write_table(part, intake / f"{MARK}_{place}.parquet")
    return intake


def _set(table: pa.Table, name: str, values: list[Any]) -> pa.Table:
    field = table.schema.field(name)
    return table.set_column(table.column_names.index(name), field, pa.array(values, field.type))


def gates(path: Path) -> Path:
    """gates.yaml with the bounds above, and fewer draws."""
    told = yaml.safe_load(GATES.read_text())
    told["bootstrap"]["times"] = 200
    told["gates"] = [gate for gate in told["gates"] if gate["name"] not in OF_LARGER_GROUPS]
    for gate in told["gates"]:
        if gate["name"] in BOUNDS:
            gate["maximum" if "maximum" in gate else "minimum"] = BOUNDS[gate["name"]]
    path.write_text(yaml.safe_dump(told))
    return path


def everything(folder: Path) -> str:
    """All that is in the files of a folder, and what they are called; of Parquet its cells and metadata."""
    said = []
    for file in sorted(folder.rglob("*")):
        said.append(file.name)
        if file.suffix == ".parquet":
            table = pq.read_table(file, partitioning=None)
            said += [str(table.schema.metadata), *(str(column.to_pylist()) for column in table.columns)]
        if file.is_file():
            said.append(file.read_bytes().decode("latin-1"))
    return "\n".join(said)


def marks() -> list[str]:
    """What must be nowhere behind de-identification."""
    return [MARK, MRN, RECORD, BORN.isoformat(), f"{BORN:%Y%m%d}", repr(BORN)]
