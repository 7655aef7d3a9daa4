"""One run from a feed to a registered model, and what came of it."""

import io
import json
import subprocess
from contextlib import redirect_stderr, redirect_stdout
from hashlib import sha256
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from msgspec import structs

from delivery.monitoring.runs import STEPS, Event, heard
from delivery.pipeline import __main__ as program
from delivery.pipeline import steps
from delivery.pipeline.running import TOP
from delivery.registry import gates, promotion, watched
from delivery.registry.desk import Desk
from delivery.registry.documents import CHANGED, Environment, digest
from delivery.registry.refused import Refused
from local import images
from parapet_serving.bundle import folder as serving
from parapet_serving.bundle.manifest import CONTRACT, Declared, read
from parapet_serving.contract import Contract
from tests.delivery.pipeline.conftest import ACCOUNT, MODEL, SEED, Ran, command
from tests.delivery.pipeline.feed import MARK, everything, marks
from tests.delivery.registry.world import ARTIFACTS, WHY, founded

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("pipeline")]


def test_what_passed_its_gates_is_registered_with_what_a_promotion_asks_for(ran: Ran) -> None:
    assert (ran.done.returncode, "Traceback" in ran.done.stderr) == (0, False), ran.done.stderr
    assert ran.told["stopped"] is None
    (version,) = ran.tracked.models[f"{MODEL}-dev"]["versions"]
    assert version["user_id"] == ACCOUNT
    tags = {each["key"]: each["value"] for each in version["tags"]}
    inputs, outputs = ran.record["inputs"], ran.record["outputs"]
    for name in ("dataset", "code", "image", "environment"):
        assert tags[f"parapet.{name}"] == inputs[name]
    assert tags["parapet.started_by"] == ACCOUNT
    assert (tags["parapet.seed"], tags["parapet.model"]) == (str(SEED), outputs["model"])
    files = ran.tracked.files[f"models:/{MODEL}-dev/1"]
    assert {"model.onnx", "contract.json", "gates.json", "data-card.md", "run.json", "sbom.json"} <= files.keys()
    assert digest(files["profile.json"]) == tags["parapet.profile"]
    assert json.loads(files["gates.json"])["facts"]["profile"] == tags["parapet.profile"]
    assert json.loads(files["gates.json"])["facts"].get("noise") == tags.get("parapet.noise")
    watched.of_its_model(files["profile.json"], files["contract.json"], files.get("noise.json"), MODEL)
    assert f"sha256:{sha256(files['model.onnx']).hexdigest()}" == outputs["model"]
    (run,) = ran.tracked.runs
    assert run["status"] == "FINISHED"
    measured = {each["key"]: each["value"] for each in run["runs/log-batch"]["metrics"]}
    assert 0.55 < measured["quality.auroc"] < 0.8


def test_a_noise_that_no_report_of_the_gates_names_is_not_registered(ran: Ran, tmp_path: Path) -> None:
    """Which a step between could lay beside what the gates looked at."""
    evidence = tmp_path / "evidence"
    evidence.mkdir()
    for name in TOP:
        if (ran.out / name).exists():
            (evidence / name).write_bytes((ran.out / name).read_bytes())
    (evidence / "noise.json").write_bytes(b'{"signals": []}')
    (tmp_path / "gate").write_text(json.dumps([{"name": "data", "value": 0, "rows": 1, "passed": True, "maximum": 1}]))
    given = {"gate": tmp_path / "gate", "model": ran.out / "model.onnx", "evidence": evidence}
    given |= {"cards": ran.out / "features", "registered": tmp_path / "registered"}
    with pytest.raises(Refused, match="The noise is another than the gates' report names"):
        steps.register(experiment="", started_by="", mlflow="", **{name: str(path) for name, path in given.items()})


def test_each_of_its_steps_said_how_it_went(ran: Ran) -> None:
    left = sorted((ran.folder / "told").iterdir())
    events = [event for each in left if (event := Event.of(each.name))]
    assert len(events) == len(left) == 2 * len(STEPS)
    assert len({each.run for each in events}) == 1
    found = heard(events, events[-1].at)
    assert found
    assert found.ended
    assert (found.brought, found.ended.step, set(found.ended.by_step)) == (events[-1].at, "", set(STEPS))
    assert json.loads(left[-1].read_text())["registered"] == f"{MODEL}-dev:1"


def test_a_run_says_what_it_was_made_of(ran: Ran) -> None:
    inputs = ran.record["inputs"]
    lock = Path("delivery/pipeline/requirements.txt").read_bytes()
    assert inputs["environment"] == f"sha256:{sha256(lock).hexdigest()}"
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True).stdout.strip()
    assert inputs["code"].removesuffix("-and-changes") == commit
    assert (inputs["image"], inputs["seed"]) == ("no-image", SEED)
    digests = sorted(sha256(file.read_bytes()).hexdigest() for file in ran.intake.glob("*.parquet"))
    lines = "".join(f"{digest}  intake-{number:05d}.parquet\n" for number, digest in enumerate(digests))
    assert inputs["dataset"] == f"sha256:{sha256(lines.encode()).hexdigest()}"
    assert ran.record["judged"]["reference"] == "none"
    names = {each.name for each in ran.out.iterdir()}
    assert {"model.onnx", "contract.json", "gates.json", "run.json", "sbom.json", "quarantine", "features"} <= names
    assert not {"steps", "work"} & names
    assert not [each for each in ran.folder.iterdir() if ".new-" in each.name]


def test_no_marked_identifier_is_behind_deidentification_or_in_what_was_said(ran: Ran) -> None:
    assert MARK in everything(ran.out / "quarantine")  # so that looking finds it
    sent = "\n".join(f"{path} {asked}" for path, asked in ran.tracked.heard)
    said = {"output": ran.done.stdout, "errors": ran.done.stderr, "MLflow": sent}
    said |= {each.name: everything(each) for each in ran.out.iterdir() if each.is_dir() and each.name != "quarantine"}
    said |= {each.name: each.read_bytes().decode("latin-1") for each in ran.out.iterdir() if each.is_file()}
    assert len(said["pipeline.log"]) > 5_000
    for mark in marks():
        assert [name for name, text in said.items() if mark in text] == [], mark


def test_the_same_inputs_give_the_same_bytes_of_data_and_model(ran: Ran, inside: Any, tmp_path: Path) -> None:
    """The steps up to the model once more, from the feed on, in one process and by other hashes of words."""
    program = f"""
import json, os
from pathlib import Path
from delivery.data.dataset import Manifest, sha256
from delivery.pipeline import steps
own = Path({str(tmp_path)!r})
at = lambda name: str(own / name)
steps.ingest(intake={str(ran.intake)!r}, raw=at("raw"), manifest=at("manifest"))
steps.validate(raw=at("raw"), accepted=at("accepted"), quarantine=at("aside"), report=at("report"), gate=at("gate"))
key = {str(ran.folder / "key")!r}
steps.deidentify(accepted=at("accepted"), key_file=key, features=at("features"), cards=at("cards"), days=at("days"))
steps.split(features=at("features"), seed={SEED}, train=at("train"), test=at("test"), counts=at("counts"))
steps.train(train=at("train"), seed={SEED}, model=at("model"))
found = {{name: "sha256:" + sha256(own / name) for name in ("train", "test", "model")}}
print(json.dumps(found | {{"features": "sha256:" + Manifest.read(own / "features").digest}}))
"""
    # A set of the converter's comes out in another order by these hashes than by most.
    found = inside(program, PYTHONHASHSEED="22")
    assert {name: ran.record["outputs"][name] for name in found} == found


def test_a_later_model_is_compared_with_the_one_in_production(ran: Ran, inside: Any, tmp_path: Path) -> None:
    """By what that one's own contract takes; the first one with what a nurse can count."""
    for name in ("model.onnx", "contract.json"):
        (tmp_path / name).write_bytes((ran.out / name).read_bytes())
    program = f"""
import json
from pathlib import Path
import pyarrow.parquet as pq
from delivery.pipeline.evaluating import reference
out = Path({str(ran.out)!r})
train, test = (pq.read_table(out / f"{{name}}.parquet") for name in ("train", "test"))
own = pq.read_table(out / "evidence" / "candidate.parquet")["score"].to_pylist()
found = [reference(Path(folder), train, test).tolist() for folder in ({str(tmp_path)!r}, out / "production")]
print(json.dumps([found[0] == own, len(set(found[1])), len(own)]))
"""
    same, rates, rows = inside(program)
    assert same
    assert 2 <= rates <= 6 < rows


def test_what_was_registered_is_promoted_and_served(ran: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bundle that a promotion signs is loaded by the inference server's own verification, known cases and all."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    # Whoever tries this has changes of their own perhaps; such a model goes nowhere.
    report = gates.load(ran.out / "gates.json")
    assert report.facts
    report = structs.replace(report, facts={name: told.removesuffix(CHANGED) for name, told in report.facts.items()})
    for each in ran.tracked.models[f"{MODEL}-dev"]["versions"][0]["tags"]:
        each["value"] = report.digest if each["key"] == "parapet.gates" else each["value"].removesuffix(CHANGED)
    ran.tracked.models.pop(f"{MODEL}-prod", None)  # the head of a ledger in buckets that are no more
    with mock_aws():
        world = founded(tmp_path, ran.variables)
        world.declared.write_bytes((ran.folder / "gates.yaml").read_bytes())
        told = promotion.promote(
            Desk.of(world.rules, {**world.variables, "MLFLOW_TRACKING_USERNAME": "mia"}),
            MODEL,
            Environment.STAGING,
            report=report,
            why=WHY,
            version="1",
        )
        bundle, key = tmp_path / "bundle", tmp_path / "key.der"
        bundle.mkdir()
        for each in world.s3.list_objects_v2(Bucket=ARTIFACTS)["Contents"]:
            raw = world.s3.get_object(Bucket=ARTIFACTS, Key=each["Key"])["Body"].read()
            (bundle / each["Key"].rpartition("/")[2]).write_bytes(raw)
        key.write_bytes(boto3.client("kms").get_public_key(KeyId=world.variables["PARAPET_SIGNING_KEY"])["PublicKey"])
    release = told.served.release
    found = serving.load(bundle, [key], MODEL, release.version, release.manifest)
    assert found.manifest.facts["dataset"] == ran.record["inputs"]["dataset"]
    (tmp_path / "hash-key").write_bytes(bytes(32))
    model = {"folder": str(bundle), "name": MODEL, "version": release.version, "digest": release.manifest}
    settings = {
        **{"model": {**model, "keys": [str(key)]}, "hashKeyFile": str(tmp_path / "hash-key")},
        "mesh": {"proxies": ["127.0.0.1"], "callers": ["spiffe://cluster.local/ns/clinic/sa/worklist"]},
    }
    (tmp_path / "settings.json").write_text(json.dumps(settings))
    server = images.environment("serving") / "bin" / "parapet-serving"
    done = subprocess.run([str(server), "verify", str(tmp_path / "settings.json")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_contract_is_the_inference_servers(ran: Ran) -> None:
    declared = read((ran.out / "contract.json").read_bytes(), Declared, CONTRACT)
    contract = Contract.of(declared)
    assert "race_ethnicity" not in contract.places
    assert contract.inputs[contract.places["heart_rate"]].maximum == 300
    assert [case.inputs["glucose"] for case in declared.cases].count(None) == 1
    assert declared.card.measures["AUROC"].startswith("0.6")


def test_two_runs_are_compared_by_what_went_in(ran: Ran, tmp_path: Path) -> None:
    same = compare(ran.out, ran.out / "run.json")
    assert same == (0, "The same inputs gave the same model, byte for byte.\n")
    other = ran.record
    other["inputs"]["seed"], other["outputs"]["model"] = 8, f"sha256:{'0' * 64}"
    (tmp_path / "run.json").write_text(json.dumps(other))
    status, said = compare(ran.out, tmp_path)
    assert (status, "Other inputs (seed), another model." in said) == (3, True), said
    status, said = compare(ran.out, tmp_path / "nowhere")
    assert (status, "nowhere cannot be read" in said, "Traceback" in said) == (1, True, False), said
    told = command(tmp_path, "compare", str(ran.out), ".", "--json")
    assert told.returncode == 3, told.stderr
    found = json.loads(told.stdout)
    assert [(each["name"], each["first"], each["second"]) for each in found["inputs"]] == [("seed", "7", "8")]
    assert (found["explained"], found["same_model"]) == (True, False)


def compare(first: Path, second: Path) -> tuple[int, str]:
    """The program in this process; its status, and all that it said."""
    asked, said = {"step": "compare", "first": str(first), "second": str(second), "json": False}, io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said), redirect_stderr(said):
        patch.setattr("sys.stdin", io.StringIO(json.dumps(asked)))
        return program.main(), said.getvalue()
