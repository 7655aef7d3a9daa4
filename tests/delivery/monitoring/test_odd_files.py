"""Files that are odd are read as what they are, or refused for what is wrong with them."""

import decimal
import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from delivery.monitoring.running import check_files, profile_files
from delivery.monitoring.telling import checked
from delivery.registry.refused import Refused

pytestmark = pytest.mark.data
ROWS = 400
RNG = np.random.default_rng(8)
LAB = RNG.normal(10, 2, ROWS)
FAR: dict[str, Any] = {
    "hashes": pa.array(RNG.integers(2**63, 2**64, ROWS, dtype=np.uint64)),
    "decimals": pa.array(
        [decimal.Decimal(int(each)) * 10**18 for each in RNG.integers(10**18, 9 * 10**18, ROWS)], pa.decimal128(38, 0)
    ),
    "both ends": pa.array(np.where(np.arange(ROWS) % 2, 1e308, -1e308) * RNG.uniform(0.5, 1, ROWS)),
    "infinities": pa.array([np.inf] * ROWS),
    "days": pa.array([-800_000] * 20 + [20_000] * (ROWS - 20), pa.date32()),
    "microseconds": pa.array([2**62] * 20 + [1_700_000_000_000_000] * (ROWS - 20), pa.timestamp("us")),
    "a moment alone": pa.array([2**62] + [1_700_000_000_000_000] * (ROWS - 1), pa.timestamp("us")),
}


@pytest.mark.parametrize("name", FAR)
def test_values_that_are_too_large_are_no_damage(tmp_path: Path, name: str) -> None:
    pq.write_table(pa.table({"lab": LAB, "x": FAR[name]}), tmp_path / "rows.parquet")
    found = check_files([tmp_path / "rows.parquet"], [tmp_path / "rows.parquet"])
    assert (found.drifted, found.rows) == (False, ROWS)
    profile_files([tmp_path / "rows.parquet"], tmp_path / "profile.json", None, None)
    assert not check_files([tmp_path / "profile.json"], [tmp_path / "rows.parquet"]).drifted


def test_moments_in_another_unit_are_found(tmp_path: Path) -> None:
    for name, moments in (("before", FAR["microseconds"].take([ROWS - 1] * ROWS)), ("now", FAR["microseconds"])):
        pq.write_table(pa.table({"lab": LAB, "x": moments}), tmp_path / f"{name}.parquet")
    found = check_files([tmp_path / "before.parquet"], [tmp_path / "now.parquet"])
    assert (found.kind, found.columns["x"].test) == ("data", "missing")


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_a_folder_called_as_a_column_is_none(tmp_path: Path, ending: str) -> None:
    (folder := tmp_path / "model=readmission" / "day=2026-01-02").mkdir(parents=True)
    place = folder / f"rows.{ending}"
    if ending == "csv":
        place.write_text("lab\n" + "\n".join(map(str, LAB)) + "\n")
    else:
        pq.write_table(pa.table({"lab": LAB}), place)
    pq.write_table(pa.table({"lab": LAB}), tmp_path / "before.parquet")
    assert list(check_files([tmp_path / "before.parquet"], [place]).columns) == ["lab"]


def test_a_file_called_as_a_pattern_is_itself_alone(tmp_path: Path) -> None:
    names = ("s*.csv", "s?.csv", "s[ab].csv", "sa.csv")
    for number, name in enumerate(names):
        (tmp_path / name).write_text("lab\n" + f"{number}\n" * 40)
    assert check_files([tmp_path / "sa.csv"], [tmp_path / name for name in names[:3]]).rows == 120


def lines(more: str, separator: str = ",") -> list[str]:
    names = separator.join(["lab", "note", "hr"])
    rows = [separator.join([f"{value:.2f}", f"word {n % 7}", str(60 + n % 30)]) for n, value in enumerate(LAB)]
    return [names, *(row + more * (n in (50, 70, 300)) for n, row in enumerate(rows))]


@pytest.mark.parametrize(
    ("separator", "packed"), [(",", False), (",", True), (";", False), ("\t", False), ("|", False)]
)
def test_lines_of_another_count_of_fields_are_told_by_their_number(
    tmp_path: Path, separator: str, packed: bool
) -> None:
    def write(name: str, rows: list[str]) -> Path:
        raw = "\n".join(rows).encode() + b"\n"
        (tmp_path / name).write_bytes(gzip.compress(raw) if packed else raw)
        return tmp_path / name

    odd = write("odd.csv.gz" if packed else "odd.csv", lines(f"{separator}Smith", separator))
    with pytest.raises(Refused, match=r"line 52 has 4 fields and its line of names 3; so have 2 more") as refused:
        check_files([odd], [odd])
    assert "Smith" not in str(refused.value)


def test_commas_and_lines_in_quotes_are_one_field(tmp_path: Path) -> None:
    rows = ['lab,"note, of whom",hr', *(f'{value:.2f},"a, b\nc {n % 5}",{60 + n % 30}' for n, value in enumerate(LAB))]
    (tmp_path / "quoted.csv").write_text("\n".join(rows) + "\n")
    found = check_files([tmp_path / "quoted.csv"], [tmp_path / "quoted.csv"])
    assert (found.rows, "note, of whom" in found.columns) == (ROWS, True)


def test_a_csv_without_rows_breaks_no_schema_and_is_not_said_to_be_as_before(tmp_path: Path) -> None:
    told = {"lab": LAB, "hr": np.arange(ROWS) % 40, "ward": ["icu", "medical"] * (ROWS // 2), "on": [True] * ROWS}
    pq.write_table(pa.table(told), tmp_path / "before.parquet")
    (tmp_path / "none.csv").write_text("lab,hr,ward,on\n")
    found = check_files([tmp_path / "before.parquet"], [tmp_path / "none.csv"])
    assert (found.kind, found.drifted, found.enough) == ("none", False, False)
    assert "too few to judge" in checked(found)
    assert "nothing drifted" not in checked(found)
