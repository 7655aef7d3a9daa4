"""The pipeline as a cluster takes it: kept in the repository, compiled anew here, and what it lets each step have."""

import io
import json
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.pipeline import COMPILED
from delivery.monitoring.runs import FIRST, STEPS
from delivery.pipeline import __main__ as program
from tests.delivery.pipeline.conftest import command

DIGEST = f"registry.hospital.example/parapet/pipeline@sha256:{'5' * 64}"
SPEC, PLATFORM = yaml.safe_load_all(COMPILED.read_text())
TASKS: dict[str, Any] = SPEC["root"]["dag"]["tasks"]
EXECUTORS: dict[str, Any] = SPEC["deploymentSpec"]["executors"]
ON_THE_CLUSTER: dict[str, Any] = PLATFORM["platforms"]["kubernetes"]["deploymentSpec"]["executors"]


@pytest.mark.process
@pytest.mark.xdist_group("pipeline")
def test_what_is_kept_is_what_is_compiled(python: Path, tmp_path: Path) -> None:
    assert python.exists()
    done = command(tmp_path, "compile", "--out", "anew.yaml")
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "anew.yaml").read_bytes() == COMPILED.read_bytes(), "`./parapet pipeline compile` writes it anew"
    done = command(tmp_path, "compile", "--out", "own.yaml", "--image", DIGEST)
    assert done.returncode == 0, done.stderr
    own, _ = yaml.safe_load_all((tmp_path / "own.yaml").read_text())
    images = {each["container"]["image"] for each in own["deploymentSpec"]["executors"].values()}
    told = own["root"]["dag"]["tasks"]["evaluate"]["inputs"]["parameters"]["image"]
    assert (images, told) == ({DIGEST}, {"runtimeValue": {"constant": DIGEST}})
    assert sorted(each.name for each in tmp_path.iterdir()) == ["anew.yaml", "own.yaml"]


@pytest.mark.parametrize("image", ["parapet/pipeline:latest", "Parapet@sha256:12"])
def test_an_image_without_its_digest_is_refused(image: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = {"step": "compile", "image": image, "out": str(tmp_path / "pipeline.yaml")}
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(asked)))
    said = io.StringIO()
    with redirect_stderr(said):
        assert program.main() == 1
    assert "is no image by its digest" in said.getvalue()
    assert not list(tmp_path.iterdir())


def test_nothing_is_installed_while_a_step_runs() -> None:
    for name, executor in EXECUTORS.items():
        said = " ".join(executor["container"]["command"])
        assert "delivery.pipeline" in said, name
        assert not [word for word in ("pip install", "-m pip", "venv") if word in said], name


def test_a_model_is_registered_behind_both_gates_alone() -> None:
    def before(task: str) -> set[str]:
        direct = set(TASKS[task].get("dependentTasks", []))
        return direct.union(*(before(each) for each in direct)) if direct else direct

    assert {"pass-gates", "pass-gates-2", "validate", "deidentify", "evaluate"} <= before("register")
    assert {"pass-gates", "validate"} <= before("deidentify")
    gate = TASKS["pass-gates-2"]["inputs"]["artifacts"]["gates"]["taskOutputArtifact"]
    assert gate == {"outputArtifactKey": "report", "producerTask": "evaluate"}
    # And by the reports themselves: of a step in between another one can say how it ended.
    read = {
        (each["taskOutputArtifact"]["producerTask"], each["taskOutputArtifact"]["outputArtifactKey"])
        for each in TASKS["register"]["inputs"]["artifacts"].values()
    }
    assert {("validate", "gate"), ("evaluate", "evidence")} <= read


def test_each_step_is_told_of_the_secrets_that_it_needs_and_of_no_other() -> None:
    told = {
        task: sorted({"key_file", "mlflow"} & each.get("inputs", {}).get("parameters", {}).keys())
        for task, each in TASKS.items()
    }
    assert {task: names for task, names in told.items() if names} == {
        "deidentify": ["key_file"],
        "fetch-production": ["mlflow"],
        "register": ["mlflow"],
    }


def test_each_step_says_how_it_went_of_the_same_run_and_by_a_name_that_checks_know() -> None:
    named = set()
    for name, task in TASKS.items():
        told = task["inputs"]["parameters"]
        assert told["run"] == {"runtimeValue": {"constant": "{{$.pipeline_job_uuid}}"}}, name
        assert told["runs"] == {"componentInputParameter": "runs"}, name
        named.add(f"{told['what']['runtimeValue']['constant']}-gate" if "what" in told else name)
    assert named == set(STEPS)
    assert [name for name, task in TASKS.items() if "late_after" in task["inputs"]["parameters"]] == [FIRST]


def test_who_starts_it_and_by_which_key_must_be_said() -> None:
    given = SPEC["root"]["inputDefinitions"]["parameters"]
    assert [name for name, told in given.items() if not told.get("isOptional")] == [
        "code",
        "intake",
        "key_file",
        "name",
        "started_by",
    ]
    assert TASKS["register"]["inputs"]["parameters"]["started_by"] == {"componentInputParameter": "started_by"}


def test_no_step_has_a_secret_of_the_cluster() -> None:
    """Which whoever starts pods in the namespace would have, and no pod of the platform may mount."""
    assert {key for each in ON_THE_CLUSTER.values() for key in each} == {"securityContext"}


def test_no_step_is_root_or_takes_what_it_likes() -> None:
    """The namespace's quota refuses a pod that does not say what it takes."""
    assert ON_THE_CLUSTER.keys() == EXECUTORS.keys()
    for name, executor in EXECUTORS.items():
        told = executor["container"]["resources"]
        assert {"resourceCpuLimit", "resourceCpuRequest", "resourceMemoryLimit", "resourceMemoryRequest"} <= told.keys()
        context = ON_THE_CLUSTER[name]["securityContext"]
        assert (context["runAsNonRoot"], int(context["runAsUser"])) == (True, 10001), name


def test_what_holds_identifiers_is_given_to_no_step_behind_deidentification() -> None:
    """But for the days of records, which have dates, to the step that tells of them in figures alone."""
    takes = {
        name: {
            (each["taskOutputArtifact"]["producerTask"], each["taskOutputArtifact"]["outputArtifactKey"])
            for each in task.get("inputs", {}).get("artifacts", {}).values()
        }
        for name, task in TASKS.items()
    }
    holding = {("ingest", "raw"), ("validate", "accepted"), ("validate", "quarantine")}
    assert {name for name, taken in takes.items() if taken & holding} == {"validate", "deidentify"}
    assert [name for name, taken in takes.items() if ("deidentify", "days") in taken] == ["learn-noise"]
