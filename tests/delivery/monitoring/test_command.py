"""`./parapet drift`: what a user types and gets, in delivery's own environment."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from tests.delivery.typed import typed

pytestmark = pytest.mark.process


def rows(seed: int, moved: float) -> pa.Table:
    rng = np.random.default_rng(seed)
    return pa.table({"lab": rng.normal(moved, 1, 500), "ward": rng.choice(["icu", "medical"], 500)})


def test_rows_are_held_against_files_and_profiles(tmp_path: Path) -> None:
    pq.write_table(rows(1, 0), tmp_path / "before.parquet")
    pq.write_table(rows(2, 0), tmp_path / "same.parquet")
    pa.csv.write_csv(rows(3, 0.6), tmp_path / "other.csv")
    made = typed(tmp_path, "drift", "profile", "before.parquet", "--out", "profile.json")
    assert (made.returncode, made.stderr) == (0, "")
    same = typed(tmp_path, "drift", "check", "--reference", "before.parquet", "--current", "same.parquet")
    assert (same.returncode, same.stderr) == (0, "")
    assert "500 rows: nothing drifted" in same.stdout
    for reference in ("before.parquet", "profile.json"):
        asked = ("--reference", reference, "--current", "other.csv", "--json", "--html", f"{reference}.html")
        told = typed(tmp_path, "drift", "check", *asked)
        assert (told.returncode, told.stderr) == (3, "")
        found = json.loads(told.stdout)
        assert (found["drifted"], found["kind"]) == (True, "data")
        assert found["columns"]["lab"]["value"] > found["columns"]["lab"]["threshold"]
        assert not found["columns"]["ward"]["drifted"]
        assert len(found["alerts"]) == 1
        page = (tmp_path / f"{reference}.html").read_text(encoding="utf-8")
        assert found["alerts"][0] in page
        assert page.count("<svg") == len(found["spreads"]) == 1
    gone = typed(tmp_path, "drift", "check", "--reference", "profile.json", "--current", "same.parquet", "gone.csv")
    assert (gone.returncode, gone.stdout) == (1, "")
    assert gone.stderr == "parapet: gone.csv is not there.\n"
