"""What is odd about rows has an answer, and nothing of anybody's record is in it."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ibis
import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from delivery.monitoring.checking import Reference, check, profile_types
from delivery.monitoring.found import Check
from delivery.monitoring.reading import source
from delivery.monitoring.running import check_files, profile_files
from delivery.registry.refused import Refused

pytestmark = pytest.mark.data
ROWS = 400


def columns(seed: int, rows: int = ROWS) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {
        "age": rng.integers(18, 99, rows),
        "lab": rng.normal(10, 2, rows),
        "ward": rng.choice(["icu", "medical"], rows).tolist(),
    }


def written(path: Path, told: dict[str, Any]) -> Path:
    pq.write_table(pa.table(told), path)
    return path


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    return written(tmp_path / "reference.parquet", columns(1))


def checked(reference: Path, tmp_path: Path, told: dict[str, Any]) -> Check:
    return check_files([reference], [written(tmp_path / "current.parquet", told)])


def test_an_empty_window_and_one_row_are_too_few_to_judge(reference: Path, tmp_path: Path) -> None:
    for rows in (0, 1):
        found = checked(reference, tmp_path, {name: values[:rows] for name, values in columns(2).items()})
        assert (found.rows, found.enough, found.drifted, found.kind) == (rows, False, False, "none")
        assert "needs 30" in found.notes[0]


def test_a_column_that_lacks_is_seen_in_an_empty_window_too(reference: Path, tmp_path: Path) -> None:
    found = checked(reference, tmp_path, {"age": np.array([], dtype=np.int64), "lab": np.array([], dtype=float)})
    assert (found.kind, found.columns["ward"].test) == ("schema", "missing_column")


def test_an_empty_reference_is_refused(tmp_path: Path) -> None:
    empty = written(tmp_path / "empty.parquet", {name: values[:0] for name, values in columns(1).items()})
    with pytest.raises(Refused, match="0 rows"):
        checked(empty, tmp_path, columns(2))


def test_columns_of_nulls_infinities_and_nan_have_an_answer(reference: Path, tmp_path: Path) -> None:
    nothing = pa.array([None] * ROWS, type=pa.float64())
    found = checked(reference, tmp_path, columns(2) | {"lab": nothing})
    assert (found.kind, found.columns["lab"].test) == ("data", "missing")
    for odd, test in ((np.nan, "missing"), (np.inf, "infinite"), (-np.inf, "infinite")):
        lab = np.where(np.arange(ROWS) % 5 == 0, odd, columns(2)["lab"])
        found = checked(reference, tmp_path, columns(2) | {"lab": lab})
        assert (found.kind, found.columns["lab"].test, found.columns["lab"].drifted) == ("data", test, True)
    nulls = written(tmp_path / "nulls.parquet", columns(1) | {"lab": nothing})
    assert not checked(nulls, tmp_path, columns(2) | {"lab": nothing}).drifted
    assert checked(nulls, tmp_path, columns(2)).columns["lab"].drifted


def test_a_constant_that_is_another_now_is_found(tmp_path: Path) -> None:
    before = written(tmp_path / "reference.parquet", columns(1) | {"five": np.full(ROWS, 5.0)})
    assert not checked(before, tmp_path, columns(2) | {"five": np.full(ROWS, 5.0)}).drifted
    for other in (4.9, 5.1):
        found = checked(before, tmp_path, columns(2) | {"five": np.full(ROWS, other)})
        assert (found.kind, found.columns["five"].drifted) == ("data", True)


def test_a_file_that_is_there_twice_counts_once(reference: Path, tmp_path: Path) -> None:
    one = written(tmp_path / "one.parquet", columns(2))
    again = written(tmp_path / "again.parquet", columns(2))
    found = check_files([reference], [one, again, one])
    assert found.rows == ROWS
    assert [note.count("counted once") for note in found.notes] == [1, 1]


def test_no_value_of_a_row_is_in_what_is_told(reference: Path, tmp_path: Path) -> None:
    ward = np.where(np.arange(ROWS) % 4 == 0, "John Smith", columns(2)["ward"]).tolist()
    found = checked(reference, tmp_path, columns(2) | {"ward": ward, "M000000001": columns(2)["lab"] * 3})
    assert found.kind == "schema"
    told = msgspec.json.encode(found).decode()
    assert "John Smith" not in told
    assert "100 of 400 rows" in told


def test_what_cannot_be_read_is_refused_without_what_it_holds(reference: Path, tmp_path: Path) -> None:
    (tmp_path / "nothing.csv").write_text("")
    whole = reference.read_bytes()
    (tmp_path / "half.parquet").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "other.bin").write_bytes(b"\x89PNG\0\0")
    (tmp_path / "profile.json").write_text('{"name": "John Smith"}')
    for name, says in (
        ("gone.parquet", "is not there"),
        ("nothing.csv", "0 bytes"),
        ("half.parquet", "not a whole Parquet file"),
        ("other.bin", "neither Parquet nor CSV"),
    ):
        with pytest.raises(Refused, match=says):
            check_files([reference], [tmp_path / name])
    with pytest.raises(Refused, match="is not as it must be") as refused:
        check_files([tmp_path / "profile.json"], [reference])
    assert "Smith" not in str(refused.value)


def test_the_same_rows_as_csv_are_the_same(reference: Path, tmp_path: Path) -> None:
    pa.csv.write_csv(pa.table(columns(2)), tmp_path / "current.csv")
    assert not check_files([reference], [tmp_path / "current.csv"]).drifted


def test_a_profile_stands_for_the_rows(reference: Path, tmp_path: Path) -> None:
    for name in ("one.json", "other.json"):
        profile_files([reference], tmp_path / name, None, None)
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "other.json").read_bytes()
    same = check_files([tmp_path / "one.json"], [written(tmp_path / "current.parquet", columns(2))])
    assert (same.drifted, same.enough) == (False, True)
    wards = ["medical"] * ROWS
    other = check_files([tmp_path / "one.json"], [written(tmp_path / "current.parquet", columns(2) | {"ward": wards})])
    assert (other.kind, other.columns["ward"].drifted) == ("data", True)


def test_a_profile_holds_no_value_of_few_people(tmp_path: Path) -> None:
    ward = ["icu"] * 200 + ["medical"] * 195 + ["John Smith"] * 5
    lab = np.random.default_rng(1).normal(10, 2, ROWS)
    made = profile_files(
        [written(tmp_path / "r.parquet", columns(1) | {"ward": ward, "lab": lab})], tmp_path / "p", None, None
    )
    text = (tmp_path / "p").read_text()
    assert "John Smith" not in text
    held = {each.name: each for each in made.columns}
    assert held["lab"].numbers is not None
    assert not set(held["lab"].numbers.edges) & set(lab)


def test_moments_that_have_not_come_are_told_of_and_are_no_drift(tmp_path: Path) -> None:
    at = datetime(2026, 1, 10, tzinfo=UTC)
    hours = np.arange(ROWS) * np.timedelta64(30, "m")
    for name, start in (("before", "2026-01-01"), ("now", "2026-01-02T00:00")):
        written(tmp_path / f"{name}.parquet", columns(1) | {"seen": np.datetime64(start, "us") + hours})
    engine = ibis.duckdb.connect()
    held = Reference.of(source(engine, [tmp_path / "before.parquet"], "reference"), None, None)
    window = source(engine, [tmp_path / "now.parquet"], "window", profile_types(held.profile))
    found = check(held, window, at=at)
    assert (found.drifted, found.start, found.end) == (False, "2026-01-02T00:00:00Z", "2026-01-10T00:00:00Z")
    assert found.notes == ["seen is later than now in 15 of 400 rows: a clock may be wrong."]
    (age,) = (each for each in found.tests if each.test == "age_hours")
    assert age.value == 0.0
