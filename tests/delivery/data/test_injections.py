"""Faults put in on purpose: those that break the contract are caught row by row, the shifts pass it and can be seen."""

from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from delivery.data import generating
from delivery.data.generating import generate
from delivery.data.injections import KINDS, Injection
from delivery.data.refused import Refused
from delivery.data.validation import validate

pytestmark = pytest.mark.data

ROWS = 3000
SHIFTS = ("feature-shift", "label-shift")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in SHIFTS])
def test_what_breaks_the_contract_is_quarantined_and_nothing_else(kind: str, tmp_path: Path) -> None:
    manifest = generate(ROWS, 3, tmp_path / "in", [Injection(kind, 0.05)])
    touched = manifest.made_from["injected"][kind]["rows"]
    report = validate(manifest.paths(tmp_path / "in"), tmp_path / "out")
    assert report.quarantined == touched > ROWS * 0.03


@pytest.mark.parametrize("kind", SHIFTS)
def test_a_shift_holds_the_contract_and_moves_what_it_says(kind: str, tmp_path: Path) -> None:
    before = generate(ROWS, 3, tmp_path / "before")
    after = generate(ROWS, 3, tmp_path / "after", [Injection(kind, 0.4)])
    report = validate(after.paths(tmp_path / "after"), tmp_path / "out")
    assert report.accepted == ROWS
    one, other = (pq.read_table(each.paths(tmp_path / name)) for each, name in ((before, "before"), (after, "after")))
    moved = {name for name in one.column_names if not one[name].equals(other[name])}
    assert moved == ({"readmitted_30d"} if kind == "label-shift" else {"heart_rate", "respiratory_rate", "creatinine"})
    for name in moved:
        assert pc.mean(other[name]).as_py() > 1.02 * pc.mean(one[name]).as_py()


def test_faults_of_all_kinds_go_beside_each_other(tmp_path: Path) -> None:
    manifest = generate(ROWS, 3, tmp_path / "in", [Injection(kind, 0.1) for kind in KINDS if kind != "schema"])
    report = validate(manifest.paths(tmp_path / "in"), tmp_path / "out")
    broken = {each.rule.split(".")[0] for file in report.files for each in file.broken}
    assert broken >= {"heart_rate", "systolic_bp", "hemoglobin", "glucose_unit", "diagnosis_1", "received_at"}


def test_the_other_schema_comes_in_the_share_of_the_files_that_was_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generating, "BLOCKS_A_FILE", 1)
    manifest = generate(40_000, 3, tmp_path, [Injection("schema", 0.3)])
    other = ["pulse" in pq.read_schema(path).names for path in manifest.paths(tmp_path)]
    assert other[0]
    assert 1 < sum(other) < len(other)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("color:0.1", "no injection 'color'"),
        ("", "no injection"),
        ("outliers", "share of the rows"),
        ("outliers:many", "share of the rows"),
        ("outliers:1.1", "from 0 to 1"),
        ("outliers:-0.1", "from 0 to 1"),
        ("outliers:nan", "from 0 to 1"),
        ("feature-shift:9", "from -5 to 5"),
    ],
)
def test_an_injection_that_there_is_not_is_refused_with_those_that_there_are(text: str, says: str) -> None:
    with pytest.raises(Refused, match=says):
        Injection.read(text)


def test_a_kind_is_injected_once(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="twice: outliers"):
        generate(1, 1, tmp_path / "out", [Injection("outliers", 0.1), Injection("outliers", 0.2)])
