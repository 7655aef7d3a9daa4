"""What a gate stops: nothing is registered, and it is said why; and what cannot be, in words."""

import json
from pathlib import Path

import pytest

from delivery.data.generating import generate
from delivery.data.injections import Injection
from tests.delivery.pipeline.conftest import MODEL, Ran, command
from tests.delivery.pipeline.feed import everything, marks, planted

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("pipeline")]


def test_a_model_that_fails_its_gates_is_not_registered(ran: Ran, tmp_path: Path) -> None:
    """By the gates of this repository, of which so few rows hold few."""
    intake = planted(1_500, tmp_path)
    before = len(ran.tracked.models[f"{MODEL}-dev"]["versions"])
    options = ("--model", MODEL, "--out", "out", "--first")
    done = command(tmp_path, "run", str(intake), *options, **ran.variables)
    assert (done.returncode, "Traceback" in done.stderr) == (3, False), done.stdout + done.stderr
    assert "gates stop the model, and nothing is registered:" in done.stdout
    told = json.loads((tmp_path / "out" / "gates.json").read_text())
    (volume,) = (gate for gate in told["gates"] if gate["name"] == "data.volume.train")
    rows = volume["rows"]
    assert f"data.volume.train is {rows}, must be at least 5000 ({rows:,} rows)" in done.stdout
    assert not (tmp_path / "out" / "registered.json").exists()
    assert len(ran.tracked.models[f"{MODEL}-dev"]["versions"]) == before
    for mark in marks():
        assert mark not in done.stdout + done.stderr + everything(tmp_path / "out" / "evidence")


def test_a_feed_of_which_too_much_is_put_aside_is_not_learnt_from(ran: Ran, tmp_path: Path) -> None:
    generate(600, 3, tmp_path / "intake", [Injection("codes", 0.5)])
    done = command(tmp_path, "run", "intake", "--model", MODEL, "--out", "out", "--first", "--json", **ran.variables)
    assert (done.returncode, "Traceback" in done.stderr) == (3, False), done.stderr
    told = json.loads(done.stdout)
    report = json.loads((tmp_path / "out" / "validation.json").read_text())
    share = report["quarantined"] / 600
    assert f"data.quarantined is {share:.6g}, must be at most 0.05 (600 rows)" in told["stopped"]
    assert (told["registered"], told["run"]) == (None, None)
    assert list((tmp_path / "out" / "quarantine").glob("*.parquet"))
    assert not (tmp_path / "out" / "features").exists()


def test_a_step_that_fails_leaves_nothing_and_says_what_to_do(ran: Ran, tmp_path: Path) -> None:
    """One of the feed's files is damaged."""
    generate(50, 3, tmp_path / "intake")
    (tmp_path / "intake" / "more.parquet").write_bytes(b"PAR1 of QZPLANTED")
    done = command(tmp_path, "run", "intake", "--model", MODEL, "--out", "out", "--first", **ran.variables)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
    assert "more.parquet is not a whole Parquet file" in done.stderr
    assert "QZPLANTED" not in done.stdout + done.stderr
    assert sorted(each.name for each in tmp_path.iterdir()) == ["intake"]
