"""Records held against the contract: what fails is put aside and why is told, nothing is lost, no value is told."""

import json
import math
import stat
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from delivery.data import telling
from delivery.data.contract import contract
from delivery.data.dataset import CONTRACT_KEY, Manifest, arrow_schema
from delivery.data.refused import Refused
from delivery.data.validation import POSITION, REASONS, SOURCE, Report, validate
from tests.examples import examples

pytestmark = pytest.mark.data

MARK = "Zzyzx-7731"


def changed(records: pa.Table, row: int, **values: Any) -> pa.Table:
    """The same records with other values in one row."""
    rows = records.to_pylist()
    rows[row] |= values
    return pa.Table.from_pylist(rows, schema=records.schema)


def written(path: Path, records: pa.Table) -> Path:
    pq.write_table(records, path)
    return path


def judged(tmp_path: Path, records: pa.Table) -> Report:
    return validate([written(tmp_path / "in.parquet", records)], tmp_path / "out")


def broken(report: Report) -> dict[str, tuple[int, ...]]:
    return {each.rule: each.first for file in report.files for each in file.broken}


def test_sound_records_are_all_accepted(accepted: tuple[Report, Path], records: pa.Table) -> None:
    report, out = accepted
    assert (report.accepted, report.quarantined) == (records.num_rows, 0)
    assert list((out / "quarantine").iterdir()) == []
    manifest = Manifest.read(out / "accepted")
    (file,) = manifest.paths(out / "accepted")
    assert pq.read_table(file).equals(records)
    assert pq.read_schema(file).metadata[CONTRACT_KEY].decode() == manifest.contract == "intake/1.0.0"


NOT_SO: dict[str, dict[str, Any]] = {
    "record_id.required": {"record_id": None},
    "record_id.matches": {"record_id": "E12"},
    "mrn.required": {"mrn": None},
    "birth_date.required": {"birth_date": None},
    "birth_date.age": {"birth_date": date(1890, 1, 1)},
    "zip_code.matches": {"zip_code": "0218"},
    "triage_note.longest": {"triage_note": "x" * 4001},
    "sex.one_of": {"sex": "F"},
    "race_ethnicity.one_of": {"race_ethnicity": "White"},
    "payer.required": {"payer": None},
    "arrival_mode.one_of": {"arrival_mode": ""},
    "discharged_at.after": {"admitted_at": datetime(2025, 12, 31, 23, 59, 59), "discharged_at": datetime(2022, 1, 1)},
    "received_at.after": {"received_at": datetime(2021, 1, 1)},
    "received_at.in_time": {"received_at": datetime(2027, 1, 1)},
    "heart_rate.required": {"heart_rate": None},
    "heart_rate.within": {"heart_rate": 19.0},
    "heart_rate.finite": {"heart_rate": math.inf},
    "respiratory_rate.finite": {"respiratory_rate": -math.inf},
    "bmi.finite": {"bmi": math.nan},
    "diastolic_bp.below": {"systolic_bp": 80.0, "diastolic_bp": 80.0},
    "temperature_unit.one_of": {"temperature": 98.6, "temperature_unit": "[degF]"},
    "temperature.within": {"temperature": 98.6, "temperature_unit": "Cel"},
    "glucose.unit": {"glucose": 100.0, "glucose_unit": None},
    "creatinine.within": {"creatinine": 88.0, "creatinine_unit": "mg/dL"},
    "oxygen_saturation.within": {"oxygen_saturation": 101.0},
    "diagnosis_1.matches": {"diagnosis_1": "428.0"},
    "diagnosis_2.matches": {"diagnosis_2": "i10"},
    "diagnosis_count.within": {"diagnosis_count": 0},
    "medication_count.within": {"medication_count": -1},
}


@pytest.fixture(scope="module")
def each_wrong(clean: Path, tmp_path_factory: pytest.TempPathFactory) -> Report:
    """One row for each thing that a row can have wrong, in their order, and sound ones after them."""
    folder = tmp_path_factory.mktemp("wrong")
    rows = pq.read_table(clean).to_pylist()
    for row, values in zip(rows, NOT_SO.values(), strict=False):
        row |= values
    return judged(folder, pa.Table.from_pylist(rows, schema=arrow_schema()))


@pytest.mark.parametrize("rule", NOT_SO)
def test_a_row_that_breaks_a_rule_is_put_aside_with_it(rule: str, each_wrong: Report) -> None:
    assert list(NOT_SO).index(rule) in broken(each_wrong)[rule]


def test_rows_beside_them_are_accepted(each_wrong: Report) -> None:
    assert each_wrong.quarantined == len(NOT_SO)


def test_a_column_of_each_kind_of_rule_is_tried() -> None:
    kinds = {rule.name.partition(".")[2] for rule in contract().rules}
    assert kinds == {name.partition(".")[2] for name in NOT_SO}


@pytest.mark.parametrize("dialect", ["athena", "databricks"])  # the second is Spark's; its own asks for a session
def test_each_rule_can_be_asked_of_other_engines(dialect: str) -> None:
    table = ibis.table({name: column.type for name, column in contract().columns.items()}, name="records")
    for rule in contract().rules:
        assert ibis.to_sql(table.select(held=rule.holds(table)), dialect=dialect)
    assert ibis.to_sql(table.select(broken=contract().broken_by_row(table)), dialect=dialect)


def test_what_is_put_aside_is_the_row_as_it_came_with_its_place(tmp_path: Path, records: pa.Table) -> None:
    wrong = changed(records, 7, heart_rate=5000.0, sex=MARK)
    judged(tmp_path, wrong)
    kept = pq.read_table(tmp_path / "out" / "quarantine" / "in.parquet")
    assert kept.select(records.column_names).to_pylist() == wrong.slice(7, 1).to_pylist()
    assert kept.select([REASONS, SOURCE, POSITION]).to_pylist() == [
        {REASONS: ["sex.one_of", "heart_rate.within"], SOURCE: "in.parquet", POSITION: 7}
    ]
    taken = pq.read_table(tmp_path / "out" / "accepted" / "in.parquet")
    assert taken.equals(pa.concat_tables([records.slice(0, 7), records.slice(8)]))


def test_nobodys_value_is_told_and_quarantine_is_its_owners(tmp_path: Path, records: pa.Table) -> None:
    wrong = records
    texts = [name for name, column in contract().columns.items() if column.type.is_string()]
    for row, name in enumerate(texts):
        wrong = changed(wrong, row, **{name: MARK * 700})
    report = judged(tmp_path, wrong)
    assert report.quarantined == len(texts)
    told = telling.validated(report) + json.dumps(report.to_json()) + (tmp_path / "out" / "report.json").read_text()
    assert MARK not in told
    assert not any(value in told for value in records["mrn"].to_pylist() + records["family_name"].to_pylist())
    for folder in (tmp_path / "out", tmp_path / "out" / "quarantine"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_key_that_was_there_before_is_put_aside_within_a_file_and_over_files(
    tmp_path: Path, records: pa.Table
) -> None:
    one = written(tmp_path / "one.parquet", pa.concat_tables([records, records.slice(3, 1)]))
    two = written(tmp_path / "two.parquet", records.slice(0, 2))
    report = validate([one, two], tmp_path / "out")
    assert [(file.accepted, file.quarantined) for file in report.files] == [(records.num_rows, 1), (0, 2)]
    assert broken(report) == {"record_id.unique": (0, 1)}
    assert report.files[0].broken[0].first == (records.num_rows,)
    assert pq.read_table(tmp_path / "out" / "accepted" / "one.parquet").equals(records)


def test_a_repeated_key_whose_first_row_is_wrong_is_the_second_ones(tmp_path: Path, records: pa.Table) -> None:
    report = judged(tmp_path, pa.concat_tables([changed(records, 0, sex="x").slice(0, 1), records]))
    assert broken(report) == {"sex.one_of": (0,)}


SCHEMAS: dict[str, tuple[Callable[[pa.Table], pa.Table], str]] = {
    "renamed": (
        lambda t: t.rename_columns(["pulse" if name == "heart_rate" else name for name in t.column_names]),
        "column heart_rate is missing",
    ),
    "another column": (lambda t: t.append_column("fax", t["phone"]), "column fax is not in the contract"),
    "a column named for somebody": (
        lambda t: t.append_column(f"{MARK} Jane", t["phone"]),
        "whose name is no word, is not in the contract",
    ),
    "a number as text": (
        lambda t: t.set_column(25, "heart_rate", t["heart_rate"].cast(pa.string())),
        "column heart_rate is of type string; the contract says float64",
    ),
    "a narrower number": (
        lambda t: t.set_column(25, "heart_rate", t["heart_rate"].cast(pa.float32())),
        "column heart_rate is of type float32",
    ),
    "nothing but nulls, of no type": (
        lambda t: t.set_column(25, "heart_rate", pa.nulls(t.num_rows)),
        "column heart_rate is of type",
    ),
    "times of a zone": (
        lambda t: t.set_column(22, "admitted_at", t["admitted_at"].cast(pa.timestamp("us", "UTC"))),
        "column admitted_at is of type timestamp",
    ),
    "a structure": (
        lambda t: t.set_column(25, "heart_rate", pa.array([{MARK: 1}] * t.num_rows)),
        "column heart_rate is of type struct",
    ),
    "another version": (
        lambda t: t.replace_schema_metadata({CONTRACT_KEY: b"intake/0.9.0"}),
        "was written for intake/0.9.0; this is intake/1.0.0",
    ),
    "a version that is no version": (
        lambda t: t.replace_schema_metadata({CONTRACT_KEY: MARK.encode()}),
        "was written for another contract",
    ),
}


@pytest.mark.parametrize("change", SCHEMAS)
def test_a_file_of_another_schema_or_version_is_put_aside_whole(change: str, tmp_path: Path, records: pa.Table) -> None:
    make, says = SCHEMAS[change]
    report = judged(tmp_path, make(records))
    assert (report.accepted, report.quarantined) == (0, records.num_rows)
    assert any(says in reason for reason in report.files[0].refused)
    assert (tmp_path / "out" / "quarantine" / "in.parquet").read_bytes() == (tmp_path / "in.parquet").read_bytes()
    reasons = (tmp_path / "out" / "quarantine" / "in.parquet.reasons").read_text()
    assert says in reasons
    assert MARK not in reasons + telling.validated(report)


def test_a_file_that_says_no_version_is_held_against_this_one_and_told(tmp_path: Path, records: pa.Table) -> None:
    report = judged(tmp_path, records.replace_schema_metadata({}))
    assert report.accepted == records.num_rows
    assert "says no contract" in telling.validated(report)


@pytest.mark.parametrize("rows", [0, 1])
def test_no_row_and_one_row_are_data_sets_too(rows: int, tmp_path: Path, records: pa.Table) -> None:
    report = judged(tmp_path, records.slice(0, rows))
    assert (report.rows, report.accepted, report.quarantined) == (rows, rows, 0)
    assert ("has no row" in telling.validated(report)) == (rows == 0)


def test_columns_of_nothing_but_nulls(tmp_path: Path, records: pa.Table) -> None:
    optional = {name: None for name, column in contract().columns.items() if not column.required}
    few = pa.Table.from_pylist([row | optional for row in records.slice(0, 9).to_pylist()], schema=records.schema)
    assert judged(tmp_path, few).accepted == 9
    none = pa.Table.from_pylist([dict.fromkeys(records.column_names)] * 9, schema=records.schema)
    report = judged(tmp_path, none)
    assert report.quarantined == 9
    assert all(rule.endswith(".required") for rule in broken(report))


CSV = b"record_id,mrn\nE0000000001,M000000001\n"


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("gone.parquet", None, "is not there"),
        ("empty.parquet", b"", "is empty, 0 bytes"),
        ("feed.csv", CSV, "no whole Parquet file|not a whole Parquet file"),
        ("cut.parquet", "half", "not a whole Parquet file"),
        ("damaged.parquet", "damaged", "damaged|not a whole"),
    ],
)
def test_what_cannot_be_read_is_refused_and_nothing_is_written(
    name: str, content: bytes | str | None, says: str, tmp_path: Path, clean: Path
) -> None:
    whole = clean.read_bytes()
    if content == "half":
        content = whole[: len(whole) // 2]
    if content == "damaged":
        content = whole[:2000] + bytes(4000) + whole[6000:]
    if isinstance(content, bytes):
        (tmp_path / name).write_bytes(content)
    with pytest.raises(Refused, match=says):
        validate([clean, tmp_path / name], tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert [each.name for each in tmp_path.iterdir() if each.name != name] == []


def test_a_folder_the_same_file_twice_and_two_of_a_name_are_refused(tmp_path: Path, clean: Path) -> None:
    other = tmp_path / clean.name
    other.write_bytes(clean.read_bytes())
    for files, says in (
        ([clean.parent], "is no file"),
        ([clean, clean.parent / ".." / clean.parent.name / clean.name], "is given 2 times"),
        ([clean, other], "2 files are named"),
        ([], "No file"),
    ):
        with pytest.raises(Refused, match=says):
            validate(files, tmp_path / "out")


def test_a_second_validation_takes_the_place_of_the_first(tmp_path: Path, records: pa.Table) -> None:
    judged(tmp_path, changed(records, 0, sex="x"))
    report = judged(tmp_path, records)
    assert report.quarantined == 0
    assert list((tmp_path / "out" / "quarantine").iterdir()) == []
    (tmp_path / "out" / "mine.txt").touch()
    with pytest.raises(Refused, match="something else"):
        judged(tmp_path, records)


def test_the_same_file_gives_the_same_accepted_bytes(tmp_path: Path, records: pa.Table) -> None:
    digests = set()
    for name in ("a", "b"):
        validate([written(tmp_path / "in.parquet", changed(records, 3, sex="x"))], tmp_path / name)
        digests.add(Manifest.read(tmp_path / name / "accepted").digest)
    assert len(digests) == 1


ANYTHING = st.one_of(
    st.none(),
    st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -1.0, 1e308, 37.0, 98.6]),
    st.integers(-5, 400),
    st.sampled_from(["", " ", "female", "Cel", "mg/dL", "I10", "I10.", "428.0", "é", "\x00", "E0000000001"]),
)


def _as(name: str, value: Any) -> Any:
    """A value of the column's type, from one of any."""
    kind = contract().columns[name].type
    if value is None:
        return None
    if kind.is_floating():
        return float(value) if isinstance(value, int | float) else math.nan
    if kind.is_integer():
        return int(value) if isinstance(value, int) else 0
    return str(value)


CHANGEABLE = [name for name, column in contract().columns.items() if not column.type.is_temporal()]


@settings(max_examples=examples(6), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(0, 120), st.sampled_from(CHANGEABLE), ANYTHING), min_size=1, max_size=200),
    st.lists(st.integers(0, 120), max_size=4),
)
def test_whatever_comes_in_goes_out_and_pandera_agrees(
    records: pa.Table, tmp_path_factory: pytest.TempPathFactory, changes: list[Any], repeated: list[int]
) -> None:
    rows = records.slice(0, 121).to_pylist()
    for row, name, value in changes:
        if not contract().columns[name].type.is_boolean():
            rows[row][name] = _as(name, value)
    rows += [rows[row] for row in repeated]
    table = pa.Table.from_pylist(rows, schema=arrow_schema())
    folder = tmp_path_factory.mktemp("any")
    report = judged(folder, table)
    taken = pq.read_table(folder / "out" / "accepted" / "in.parquet")
    assert taken.num_rows + report.quarantined == table.num_rows
    assert contract().holds(ibis.memtable(taken))
    if report.quarantined:
        kept = pq.read_table(folder / "out" / "quarantine" / "in.parquet")
        assert all(kept[REASONS].to_pylist())
        both = pa.concat_tables([taken, kept.select(taken.column_names)])
        positions = sorted(set(range(table.num_rows)) - set(kept[POSITION].to_pylist()))
        order = [*positions, *kept[POSITION].to_pylist()]
        assert str(both.take(sorted(range(len(order)), key=order.__getitem__)).to_pylist()) == str(table.to_pylist())
        assert not contract().holds(ibis.memtable(table))
