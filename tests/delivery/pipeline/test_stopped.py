"""What a gate stops: nothing is registered, and it is said why; and what cannot be, in words."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from moto import mock_aws

from delivery.data.generating import generate
from delivery.data.injections import Injection
from delivery.gates.declared import GATES
from delivery.registry import gates
from delivery.registry.documents import Environment
from delivery.registry.refused import Refused
from tests.delivery.pipeline.conftest import ACCOUNT, MODEL, Ran, command
from tests.delivery.pipeline.feed import MARK, everything, marks, planted
from tests.delivery.registry.world import ALICE, BOB, founded

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("pipeline")]


@dataclass
class Held:
    """A run of too few rows for the gates of this repository, and its folder."""

    folder: Path
    done: subprocess.CompletedProcess[str]
    versions: int
    """In dev, before it."""

    @property
    def failed(self) -> list[str]:
        told = json.loads((self.folder / "out" / "gates-full.json").read_text())
        return [gate["name"] for gate in told["gates"] if gate["severity"] == "stop" and not gate["passed"]]


OPTIONS = ("--model", MODEL, "--first", "--code", "0" * 40)


@pytest.fixture(scope="module")
def held(ran: Ran, tmp_path_factory: pytest.TempPathFactory) -> Held:
    folder = tmp_path_factory.mktemp("held")
    planted(1_500, folder)
    before = len(ran.tracked.models[f"{MODEL}-dev"]["versions"])
    return Held(folder, command(folder, "run", "intake", "--out", "out", *OPTIONS, **ran.variables), before)


def test_a_model_that_fails_its_gates_is_not_registered(ran: Ran, held: Held) -> None:
    done, out = held.done, held.folder / "out"
    assert (done.returncode, "Traceback" in done.stderr) == (3, False), done.stdout + done.stderr
    assert "gates stop the model, and nothing is registered:" in done.stdout
    told = json.loads((out / "gates.json").read_text())
    (volume,) = (gate for gate in told["gates"] if gate["name"] == "data.volume.train")
    rows = volume["rows"]
    assert f"data.volume.train is {rows}, must be at least 5000 ({rows:,} rows)" in done.stdout
    assert not (out / "registered.json").exists()
    assert len(ran.tracked.models[f"{MODEL}-dev"]["versions"]) == held.versions
    for mark in marks():
        assert mark not in done.stdout + done.stderr + everything(out / "evidence")


def test_two_people_let_it_pass_and_two_others_sign_for_what_failed(
    ran: Ran, held: Held, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    why = "The ward has no model at all until then."
    people = ("--why", why, "--asked-by", "ann", "--agreed-by", "ben")
    names = [word for name in held.failed for word in ("--override", name)]
    done = command(held.folder, "run", "intake", "--out", "let", *OPTIONS, *names, *people, "--json", **ran.variables)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stdout + done.stderr
    passes = json.loads(done.stdout)["run"]["judged"]["override"]
    assert passes == {"gates": sorted(held.failed), "reason": why, "asked_by": "ann", "agreed_by": "ben"}
    assert json.loads((held.folder / "let" / "gates-full.json").read_text())["override"] == passes
    version = ran.tracked.models[f"{MODEL}-dev"]["versions"][-1]
    for tags in (version["tags"], ran.tracked.runs[-1]["tags"]):
        told = {each["key"]: each["value"] for each in tags}
        assert (told["parapet.override"], told["parapet.override_reason"]) == (",".join(sorted(held.failed)), why)
        assert (told["parapet.override_asked_by"], told["parapet.override_agreed_by"]) == ("ann", "ben")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    ran.tracked.models.pop(f"{MODEL}-prod", None)  # the head of a ledger in buckets that are no more
    with mock_aws():
        world = founded(tmp_path, ran.variables)
        world.declared.write_bytes(GATES.read_bytes())
        world.author = ACCOUNT
        report, number = held.folder / "let" / "gates.json", version["version"]
        graph = ran.tracked.files[f"models:/{MODEL}-dev/{number}"]["model.onnx"]
        failed = [gate.name for gate in gates.load(report).failed]
        let = {"came_from": Environment.DEV, "to": Environment.STAGING, "override": failed}
        signed = [world.approve(report, who, **let) for who in (ALICE, BOB)]
        with pytest.raises(Refused, match=r"Gates failed:\n(?s:.*)by two people other than pipeline"):
            world.promote(graph, Environment.STAGING, signed[0], report=report, version=number)
        world.promote(graph, Environment.STAGING, *signed, report=report, version=number)


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
    (tmp_path / "intake" / f"more_{MARK}.parquet").write_bytes(b"PAR1 of QZPLANTED")
    done = command(tmp_path, "run", "intake", "--model", MODEL, "--out", "out", "--first", **ran.variables)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
    assert "File 2 of 2 in " in done.stderr
    assert ", in the order of their names, is not a whole Parquet file" in done.stderr
    assert "QZPLANTED" not in done.stdout + done.stderr
    assert sorted(each.name for each in tmp_path.iterdir()) == ["intake"]
