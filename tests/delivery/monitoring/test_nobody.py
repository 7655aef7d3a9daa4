"""Nothing of one person is in what is told: no name of an unchecked file, no moment of one row, no group of few."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from msgspec import structs
from pyarrow.csv import read_csv

from delivery.monitoring.found import Check
from delivery.monitoring.running import check_files, profile_files
from delivery.monitoring.shapes import says_who
from delivery.registry.documents import canonical
from delivery.registry.refused import Refused
from tests.delivery.monitoring.alert_checks import MODEL, steps

pytestmark = pytest.mark.data
ROWS = 400
DAY = np.datetime64("2026-01-01T22:41:17", "us")


def columns(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    minutes = np.sort(rng.integers(0, 20 * 60, ROWS)) * np.timedelta64(1, "m")
    return {
        "lab": rng.normal(10, 2, ROWS),
        "ward": rng.choice(["icu", "medical"], ROWS).tolist(),
        "seen": DAY + minutes,
    }


def written(path: Path, told: dict[str, Any]) -> Path:
    pq.write_table(pa.table(told), path)
    return path


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    return written(tmp_path / "reference.parquet", columns(1))


def checked(reference: Path, tmp_path: Path, told: dict[str, Any], by: str | None = None) -> Check:
    return check_files([reference], [written(tmp_path / "current.parquet", told)], by=by)


ROW = "Smith,1957-03-02,48817263,140.2,F\n"


@pytest.mark.parametrize("option", ["predictions", "labels", "by"])
def test_who_asks_for_a_column_that_lacks_is_told_of_no_other(tmp_path: Path, option: str) -> None:
    (tmp_path / "names.csv").write_text("Smith,born,a,b,c\n" + ROW * 40)
    with pytest.raises(Refused) as refused:
        check_files([tmp_path / "names.csv"], [tmp_path / "names.csv"], **{option: "score"})
    assert "Smith" not in str(refused.value)
    assert "score" in str(refused.value)
    assert "5 columns" in str(refused.value)


def test_a_reference_without_a_line_of_names_is_refused(tmp_path: Path) -> None:
    (tmp_path / "none.csv").write_text(ROW * 40)
    for ask in (
        lambda: check_files([tmp_path / "none.csv"], [tmp_path / "none.csv"]),
        lambda: profile_files([tmp_path / "none.csv"], tmp_path / "profile.json", None, None),
    ):
        with pytest.raises(Refused, match="3 of its 5 columns are called as a value is") as refused:
            ask()
        assert "Smith" not in str(refused.value)
    assert not (tmp_path / "profile.json").exists()


SEX, DIAGNOSIS = (["F", "M"] * (ROWS // 2), ["I50", "J18"] * (ROWS // 2))
FLAG = np.arange(ROWS) % 2
FIRST_ROWS = {
    "two texts": {"sex": SEX, "diagnosis": DIAGNOSIS},
    "a number": {"sex": SEX, "age": np.arange(ROWS) % 70 + 20},
    "a broken number": {"pressure": np.arange(ROWS) % 90 + 40.5},
    "a day": {"day": [f"2026-01-{number % 28 + 1:02d}" for number in range(ROWS)], "sex": SEX},
    "two of one value": {"sex": SEX, "diagnosis": DIAGNOSIS, "one": FLAG, "other": FLAG, "third": FLAG},
}


@pytest.mark.parametrize(
    ("case", "form"), [*((case, "csv") for case in FIRST_ROWS), ("two texts", "parquet"), ("a number", "parquet")]
)
def test_a_first_row_that_looks_much_like_names_is_in_no_message(tmp_path: Path, case: str, form: str) -> None:
    """Of a patient's name, sex, diagnosis and age the window was said to lack each."""
    own = {name: [f"{name} {number}" for number in range(ROWS)] for name in ("Muster", "note", "plan", "word")}
    told: dict[str, Any] = own | FIRST_ROWS[case]
    lines = [",".join(map(str, row)) for row in zip(*told.values(), strict=True)]
    (tmp_path / "none.csv").write_text("\n".join(lines[7:]) + "\n")
    (tmp_path / "now.csv").write_text("\n".join((",".join(told), *lines)) + "\n")
    if form == "parquet":  # as one is made of it
        pq.write_table(read_csv(tmp_path / "none.csv"), tmp_path / "none.parquet")
    with pytest.raises(Refused, match="columns are called by a value of their own") as refused:
        check_files([tmp_path / f"none.{form}"], [tmp_path / "now.csv"])
    assert not re.search("Muster|I50|J18|note|plan|2026", str(refused.value))


def test_names_that_only_might_be_values_are_names(tmp_path: Path) -> None:
    """A code of which each row has whether, a year, and one text that is its column's name."""
    rng = np.random.default_rng(5)
    told = {"428": rng.integers(0, 2, ROWS), "2019": rng.normal(3, 1, ROWS), "lab": rng.normal(3, 1, ROWS)}
    told |= {"y": rng.choice([True, False], ROWS), "smoker": rng.choice(["smoker", "never"], ROWS).tolist()}
    told |= {f"column_{number}": rng.normal(0, 1, ROWS) for number in range(3)}
    file = written(tmp_path / "named.parquet", told)
    assert not check_files([file], [file]).drifted


def test_columns_that_were_numbered_are_names(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    numbered = written(tmp_path / "numbered.parquet", {str(n): rng.normal(0, 1, ROWS) for n in range(4)})
    assert not check_files([numbered], [numbered]).drifted


@pytest.mark.parametrize("gone", [(), ("ward",)], ids=["came", "renamed"])
def test_a_column_that_the_reference_lacks_is_told_by_its_place(
    reference: Path, tmp_path: Path, gone: tuple[str, ...]
) -> None:
    now = {name: values for name, values in columns(2).items() if name not in gone} | {"Miller": columns(1)["ward"]}
    found = checked(reference, tmp_path, now)
    told = canonical(found).decode()
    assert "Miller" not in told
    assert f"(column {len(now)})" in told


def test_no_moment_of_a_row_is_told(reference: Path, tmp_path: Path) -> None:
    moved = columns(2) | {"lab": columns(2)["lab"] + 9}
    moved["seen"] = moved["seen"] + np.timedelta64(1, "D")
    moved["seen"][0] = np.datetime64("1931-05-06T07:08:09")
    found = checked(reference, tmp_path, moved)
    assert (found.start, found.end) == ("2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z")
    made = profile_files([reference], tmp_path / "profile.json", None, None)
    assert (made.start, made.end) == ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z")
    (step,) = steps(structs.replace(found, model=MODEL))
    for told in (canonical(found), canonical(made), step.state.raw):
        moments = set(re.findall(r"\d{4}-\d\d-\d\d[T ]?[0-9:]*", told.decode())) - {found.at[:-1]}
        assert moments
        assert moments <= {f"2026-01-0{day}T00:00:00" for day in (1, 2, 3)}
    (age,) = (each for each in found.tests if each.test == "age_hours")
    assert age.value is not None
    assert age.value == pytest.approx(hours_since(found.at, "2026-01-03"), abs=0.001)


def hours_since(at: str, day: str) -> float:
    return float((np.datetime64(at[:-1]) - np.datetime64(f"{day}T00:00:00")) / np.timedelta64(1, "s")) / 3600


@pytest.mark.parametrize("name", ["born", "day"])
def test_days_of_birth_are_no_time_of_the_rows(tmp_path: Path, name: str) -> None:
    """By what the column is called, or by days that are a lifetime apart."""
    born = np.datetime64("1921-03-04") + np.random.default_rng(3).integers(0, 100 * 365, ROWS)
    told = {"lab": columns(1)["lab"], name: born}
    made = profile_files([written(tmp_path / "born.parquet", told)], tmp_path / "profile.json", None, None)
    assert (made.start, made.end) == (None, None)
    assert checked(tmp_path / "born.parquet", tmp_path, told).end is None


def test_of_few_rows_no_moment_is_told(reference: Path, tmp_path: Path) -> None:
    found = checked(reference, tmp_path, {name: values[:10] for name, values in columns(2).items()})
    assert (found.start, found.end) == (None, None)
    assert not [each for each in found.tests if each.test == "age_hours"]


NAMES = [
    *("surname", "family_name", "last_name", "patient_name", "name", "patient", "zip", "zip5", "zip_code", "city"),
    *("street", "dob", "born", "birth_date", "email", "phone"),
]
CODES = [
    "zip3",
    "ward",
    "drug_name",
    "test_name",
    "age",
    "site",
    "payer",
    "diagnosis_1",
    "unit",
    "streetcar",
    "rename_me",
]


def test_columns_that_say_who_somebody_is_are_known_by_their_names() -> None:
    assert [each for each in NAMES if not says_who(each)] == []
    assert [each for each in CODES if says_who(each)] == []


def test_no_group_and_no_category_is_of_who_somebody_is(tmp_path: Path) -> None:
    told = columns(1) | {"surname": ["Miller", "Smith"] * (ROWS // 2)}
    path = written(tmp_path / "named.parquet", told)
    with pytest.raises(Refused, match="--by surname: a column of names") as refused:
        check_files([path], [path], by="surname")
    assert "Miller" not in str(refused.value)
    made = profile_files([path], tmp_path / "profile.json", None, None)
    assert b"Miller" not in canonical(made)
    assert [each.role for each in made.columns if each.name == "surname"] == ["key"]


VALUES = ["20260301", "60615", "m.smith@example.com", "a word more than a code would have " * 3]


def test_a_group_that_is_no_code_is_told_by_its_place(tmp_path: Path) -> None:
    told = columns(1) | {"site": [*VALUES, "north"] * (ROWS // 5)}
    path = written(tmp_path / "sites.parquet", told)
    found = check_files([path], [path], by="site")
    named = {each.cohort for each in found.tests} - {None}
    assert len(named) == 5
    assert {re.sub("[0-9]", "N", each or "") for each in named} == {"site=north", "site (group N)"}
    made = canonical(profile_files([path], tmp_path / "profile.json", None, None)).decode()
    assert not [value for value in VALUES if value in made]
    assert '"north":80' in made


def test_three_digits_of_a_zip_code_are_a_group(tmp_path: Path) -> None:
    told = columns(1) | {"zip3": ["606", "100"] * (ROWS // 2)}
    found = checked(written(tmp_path / "zips.parquet", told), tmp_path, told, by="zip3")
    assert {each.cohort for each in found.tests} - {None} == {"zip3=606", "zip3=100"}
