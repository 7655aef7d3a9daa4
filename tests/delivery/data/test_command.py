"""`./parapet data`: what a user types and gets, in delivery's own environment."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.delivery.typed import typed

pytestmark = pytest.mark.process


def test_records_are_made_checked_and_deidentified_where_the_user_stands(tmp_path: Path) -> None:
    made = typed(tmp_path, "data", "generate", "--rows", "500", "--out", "intake", "--inject", "codes:0.1")
    assert made.returncode == 0, made.stderr
    assert "500 rows in 1 file in intake, by contract intake/1.0.0" in made.stdout
    told = typed(tmp_path, "data", "validate", "intake/intake-00000.parquet", "--json")
    assert told.returncode == 3, told.stderr
    report = json.loads(told.stdout)
    assert report["out"] == str(tmp_path / "intake-validated")
    assert report["rows"] == report["accepted"] + report["quarantined"] == 500
    again = typed(tmp_path, "data", "validate", "intake-validated/accepted/intake-00000.parquet", "--out", "again")
    assert (again.returncode, again.stderr) == (0, "")
    assert f"{report['accepted']} rows: {report['accepted']} accepted, 0 quarantined, by intake/1.0.0" in again.stdout
    (tmp_path / "key").write_bytes(bytes(32))
    made = typed(
        tmp_path, "data", "deidentify", "again/accepted/intake-00000.parquet", "--key-file", "key", "--out", "features"
    )
    assert (made.returncode, made.stderr) == (0, "")
    assert f"{report['accepted']} stays of " in made.stdout
    assert (tmp_path / "features" / "data-card.md").is_file()


def test_what_cannot_be_is_refused_in_words_and_without_a_traceback(tmp_path: Path) -> None:
    pq.write_table(pa.table({"mrn": ["M000000001"]}), tmp_path / "other.parquet")
    (tmp_path / "feed.csv").write_text("mrn\nM000000001\n")
    for arguments, says, status in (
        (("generate", "--rows", "5", "--out", "x", "--inject", "color:1"), "There is no injection 'color'", 1),
        (("generate", "--rows", "5", "--out", "."), "holds something else", 1),
        (
            ("validate", "gone.parquet", "feed.csv"),
            "gone.parquet is not there.\nfeed.csv is not a whole Parquet file",
            1,
        ),
        (("validate", "other.parquet", "--out", "out"), "column record_id is missing", 3),
        (("deidentify", "other.parquet", "--key-file", "feed.csv", "--out", "out2"), "bytes, of 32 or more", 1),
    ):
        done = typed(tmp_path, "data", *arguments)
        assert (done.returncode, says in done.stdout + done.stderr) == (status, True), done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        assert "M000000001" not in done.stdout + done.stderr
