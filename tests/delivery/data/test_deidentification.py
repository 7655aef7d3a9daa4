"""From records to features: what passes is what the table says, and nothing that names a person."""

import io
import json
from collections import defaultdict
from contextlib import redirect_stderr, redirect_stdout
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from delivery.data import __main__ as program
from delivery.data.card import JSON, MARKDOWN
from delivery.data.contract import contract
from delivery.data.dataset import Manifest, arrow_schema
from delivery.data.deidentification import DAYS_FILE, Deidentified, days, deidentify, features
from delivery.data.keys import Key
from delivery.data.refused import Refused
from delivery.data.safe_harbor import safe_harbor
from parapet_serving.telling.hashed import Hashed
from tests.delivery.data.test_validation import changed, written
from tests.examples import examples

pytestmark = pytest.mark.data

SECRET = bytes(range(32))
MARK = "Zzyzx-7731"


@pytest.fixture(scope="session")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("key") / "key"
    file.write_bytes(SECRET)
    return file


@pytest.fixture(scope="module")
def made(clean: Path, key_file: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Deidentified, Path]:
    out = tmp_path_factory.mktemp("made") / "features"
    return deidentify([clean], key_file, out), out


@pytest.fixture(scope="module")
def table(made: tuple[Deidentified, Path]) -> pa.Table:
    return pq.read_table(made[0].manifest.paths(made[1]))


def everything(folder: Path) -> str:
    """All that was written, files' bytes and every cell, as one text."""
    texts = [file.read_bytes().decode("latin-1") for file in folder.rglob("*") if file.is_file()]
    cells = [str(pq.read_table(file).to_pylist()) for file in folder.rglob("*.parquet")]
    return "\n".join(texts + cells)


def test_the_features_are_those_of_the_table_in_the_order_of_their_hashes(
    made: tuple[Deidentified, Path], table: pa.Table
) -> None:
    assert table.column_names == [each.name for each in safe_harbor().features]
    assert table["record_key"].to_pylist() == sorted(table["record_key"].to_pylist())
    manifest = Manifest.read(made[1])
    assert (manifest.contract, manifest.rows) == ("features/1.0.0", table.num_rows)
    assert manifest.made_from["contract"] == "intake/1.0.0"


def test_no_identifier_of_anybody_is_in_it(made: tuple[Deidentified, Path], records: pa.Table, table: pa.Table) -> None:
    named = {name for each in (*safe_harbor().identifiers, *safe_harbor().others) for name in each.columns}
    cells = {value for column in table.columns for value in column.to_pylist()}
    written_down = everything(made[1])
    for name in sorted(named):
        values = {value for value in records[name].to_pylist() if value is not None}
        assert values.isdisjoint(cells), name
        if name not in ("given_name", "family_name", "temperature_unit", "sodium_unit", "city"):  # words of any text
            texts = {str(value) for value in values if len(str(value)) > 6}
            assert not [text for text in texts if text in written_down], name
    assert not any(pa.types.is_temporal(field.type) for field in table.schema)


@pytest.mark.parametrize("column", [*contract().columns, "fax", "second_surname"])
def test_a_marked_identifier_in_any_column_is_in_no_output_card_log_or_error(
    column: str, tmp_path: Path, records: pa.Table, key_file: Path
) -> None:
    """Of the feed as it comes: it is refused where the contract refuses it, and gone where the contract lets it in."""
    few = records.slice(0, 20)
    if column not in few.column_names:
        planted = few.append_column(column, pa.array([MARK] * few.num_rows))
    elif few.schema.field(column).type == pa.string():
        planted = changed(few, 3, **{column: MARK})
    else:  # of another type a text is none; the telephone number of somebody, as a number
        planted = few.set_column(few.column_names.index(column), column, pa.array([MARK] * few.num_rows))
    file = written(tmp_path / "in.parquet", planted)
    asked = {"step": "deidentify", "files": [str(file)], "key_file": str(key_file), "out": str(tmp_path / "out")}
    status, said = run(asked | {"json": True})
    assert status == (0 if column in FREE else 1), said
    assert "Traceback" not in said
    assert MARK not in said
    if status == 0:
        assert MARK not in everything(tmp_path / "out")
    else:
        assert not (tmp_path / "out").exists()


FREE = [name for name, column in contract().columns.items() if column.longest]
"""Columns whose texts the contract lets in as they are; all of them are dropped."""


def run(asked: dict[str, Any]) -> tuple[int, str]:
    """The program with this on its standard input; its status, and all that it said."""
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said), redirect_stderr(said):
        patch.setattr("sys.stdin", io.StringIO(json.dumps(asked)))
        status = program.main()
    return status, said.getvalue()


def test_a_number_that_is_somebodys_is_no_measurement(tmp_path: Path, records: pa.Table, key_file: Path) -> None:
    for column in ("heart_rate", "medication_count", "bmi"):
        file = written(tmp_path / "in.parquet", changed(records, 3, **{column: 5550123}))
        with pytest.raises(Refused, match="break the contract") as refused:
            deidentify([file], key_file, tmp_path / "out")
        assert "5550123" not in str(refused.value)


def test_the_key_is_in_nothing_that_is_written_or_said(made: tuple[Deidentified, Path], key_file: Path) -> None:
    key = Key.read(key_file)
    for form in (SECRET.decode("latin-1"), SECRET.hex()):
        assert form not in everything(made[1]) + repr(key) + str(vars(made[0].manifest))


def test_days_of_records_are_told_by_their_keys_and_with_nothing_else(
    table: pa.Table, clean: Path, key_file: Path, tmp_path: Path
) -> None:
    days([clean], key_file, tmp_path / "days")
    assert [each.name for each in (tmp_path / "days").iterdir()] == [DAYS_FILE]
    told = pq.read_table(tmp_path / "days" / DAYS_FILE)
    assert told.column_names == ["record_key", "day"]
    assert told["record_key"].to_pylist() == table["record_key"].to_pylist()
    assert [day.year for day in told["day"].to_pylist()] == table["admitted_year"].to_pylist()


def test_another_key_gives_other_hashes_and_the_same_one_the_same_bytes(
    made: tuple[Deidentified, Path], clean: Path, key_file: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.key"
    other.write_bytes(SECRET[::-1])
    again, another = (deidentify([clean], key, tmp_path / name) for key, name in ((key_file, "same"), (other, "other")))
    assert again.manifest == made[0].manifest
    assert again.card == made[0].card
    keys = [
        set(pq.read_table(each.manifest.paths(tmp_path / name))["patient_key"].to_pylist())
        for each, name in ((again, "same"), (another, "other"))
    ]
    assert keys[0].isdisjoint(keys[1])
    assert again.card.made_from["key"] != another.card.made_from["key"]


def test_hashes_are_those_of_the_inference_server_so_that_labels_join(records: pa.Table) -> None:
    names = [*records["mrn"].to_pylist()[:5], "é", ""]
    assert [Key(SECRET).hashed("subject", name) for name in names] == [
        Hashed(SECRET)("subject", name) for name in names
    ]


@pytest.mark.parametrize(
    ("content", "says"), [(None, "cannot be read"), (b"", "has 0 bytes"), (SECRET[:31], "31 bytes")]
)
def test_a_key_that_is_none_is_refused_with_how_to_make_one(
    content: bytes | None, says: str, tmp_path: Path, clean: Path
) -> None:
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(Refused, match=rf"{says}.*urandom"):
        deidentify([clean], file, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_records_that_were_not_validated_are_refused(tmp_path: Path, records: pa.Table, key_file: Path) -> None:
    one, two = (
        written(tmp_path / name, records.slice(start, 9)) for name, start in (("a.parquet", 0), ("b.parquet", 8))
    )
    wrong = written(tmp_path / "c.parquet", changed(records, 0, sex="x"))
    other = written(tmp_path / "d.parquet", records.drop_columns(["bmi"]))
    for files, says in (
        ([one, two], "more than one of these files"),
        ([wrong], "rows of it break the contract.*parapet data validate"),
        ([other], "column bmi is missing"),
    ):
        with pytest.raises(Refused, match=says):
            deidentify(files, key_file, tmp_path / "out")


@pytest.mark.parametrize("rows", [0, 1])
def test_no_row_and_one_row_have_a_card_too(rows: int, tmp_path: Path, records: pa.Table, key_file: Path) -> None:
    done = deidentify([written(tmp_path / "in.parquet", records.slice(0, rows))], key_file, tmp_path / "out")
    assert (done.card.rows, done.card.people, done.card.risks[0].k) == (rows, rows, rows)
    assert (tmp_path / "out" / MARKDOWN).read_text().count("not shown") == (4 if rows else 0)


def test_the_card_says_what_was_done_to_each_of_the_eighteen(made: tuple[Deidentified, Path]) -> None:
    told = json.loads((made[1] / JSON).read_text())
    assert [each["letter"] for each in told["identifiers"]] == list("ABCDEFGHIJKLMNOPQR")
    text = (made[1] / MARKDOWN).read_text()
    assert all(f"({letter}) " in text for letter in "ABCDEFGHIJKLMNOPQR")
    assert "k | alone" in text


# What the features are, counted in another way: by a loop over each person's stays.


def expected(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    key = Key(SECRET)
    stays = defaultdict(list)
    for row in rows:
        stays[row["mrn"]].append(row)
    told = {}
    for mrn, theirs in stays.items():
        theirs.sort(key=lambda row: (row["admitted_at"], row["record_id"]))
        for nth, row in enumerate(theirs):
            day, born = row["admitted_at"].date(), row["birth_date"]
            age = day.year - born.year - ((day.month, day.day) < (born.month, born.day))
            last = theirs[nth - 1]["discharged_at"].date() if nth else None
            told[key.hashed("record", row["record_id"])] = {
                "patient_key": key.hashed("subject", mrn),
                "admitted_year": day.year,
                "age": min(age, 90),
                "zip3": "000" if row["zip_code"][:3] in safe_harbor().zip3_of_few else row["zip_code"][:3],
                "length_of_stay_days": (row["discharged_at"].date() - day).days,
                "days_since_discharge": None if last is None else max((day - last).days, 0),
                "stays_in_year_before": sum(1 <= (day - other["admitted_at"].date()).days <= 365 for other in theirs),
                "diagnosis_1": row["diagnosis_1"][:3],
                "heart_rate": row["heart_rate"],
                "readmitted_30d": row["readmitted_30d"],
            }
    return told


def same(found: list[dict[str, Any]], rows: list[dict[str, Any]]) -> None:
    wanted = expected(rows)
    assert {row["record_key"]: {name: row[name] for name in wanted[row["record_key"]]} for row in found} == wanted


def test_the_features_are_what_a_loop_over_the_stays_finds(table: pa.Table, records: pa.Table) -> None:
    same(table.to_pylist(), records.to_pylist())


BIRTHS = st.one_of(
    st.dates(date(1903, 1, 1), date(2004, 12, 31)), st.sampled_from([date(1932, 2, 29), date(2000, 2, 29)])
)
MOMENTS = st.datetimes(datetime(2022, 1, 1), datetime(2025, 12, 31)).map(lambda moment: moment.replace(microsecond=0))
AREAS = st.one_of(st.sampled_from([f"{area}12" for area in safe_harbor().zip3_of_few]), st.from_regex(r"\A[0-9]{5}\Z"))


@settings(max_examples=examples(8), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(BIRTHS, min_size=1, max_size=6),
    st.lists(st.tuples(st.integers(0, 5), MOMENTS, st.integers(0, 60), AREAS), min_size=1, max_size=40),
)
def test_so_are_those_of_any_stays(
    records: pa.Table, births: list[date], stays: list[tuple[int, datetime, int, str]]
) -> None:
    sound = records.slice(0, 1).to_pylist()[0]
    rows = [
        sound
        | {
            "record_id": f"E{number:010d}",
            "mrn": f"M{who % len(births):09d}",
            "birth_date": births[who % len(births)],
            "admitted_at": start,
            "discharged_at": start + timedelta(hours=hours),
            "received_at": start + timedelta(hours=hours + 1),
            "zip_code": area,
        }
        for number, (who, start, hours, area) in enumerate(stays)
    ]
    frame = pa.Table.from_pylist(rows, schema=arrow_schema())
    found = ibis.duckdb.connect().create_table("found", features(ibis.memtable(frame), Key(SECRET)))
    same(found.to_pyarrow().to_pylist(), rows)
    assert max(row["age"] for row in found.to_pyarrow().to_pylist()) <= 90


def test_rows_of_one_day_are_told_apart_whatever_order_they_come_in(
    records: pa.Table, tmp_path: Path, key_file: Path
) -> None:
    rows = records.to_pylist()
    rows = rows[1::2] + rows[::2][::-1]
    mixed = written(tmp_path / "in.parquet", pa.Table.from_pylist(rows, schema=records.schema))
    done = deidentify([mixed], key_file, tmp_path / "out")
    same(pq.read_table(done.manifest.paths(tmp_path / "out")).to_pylist(), rows)
