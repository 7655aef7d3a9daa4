"""`./parapet model serve`: from the registry into a stack's settings."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from cli import model, serving
from cli.__main__ import app
from cli.programs import Packages
from cli.serving import NO_CLUSTER
from local import own_settings
from local.kubernetes.control_plane import ControlPlane
from local.kubernetes.control_plane.api import ApiError
from local.kubernetes.control_plane.rollouts import Back
from local.workspace import Workspace
from operations.refused import Refused

DIGEST = f"sha256:{'a' * 64}"
RETURNED = {"entry": '{"action":"rollback"}', "signature": "MEUC"}
"""What the ledger has of it, as the registry tells it."""
LOCAL = "config:\n  parapet:localAws: 'true'\n  parapet:models:\n    - {name: sepsis, version: '1', digest: x}\n"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    made = Workspace(root=tmp_path, home=tmp_path / "home")
    (tmp_path / "Pulumi.local.yaml").write_text(LOCAL)
    monkeypatch.setattr(model, "Workspace", lambda: made)
    return made


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the ledgers say; a test changes it."""
    serving = [{"environment": "prod", "version": "7", "manifest": DIGEST}]
    found: list[dict[str, Any]] = [{"name": "readmission", "serving": serving}]
    monkeypatch.setattr(Packages, "told", lambda *_, **__: (0, json.dumps(found)))
    return found


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["model", "serve", *arguments])


def test_a_local_stacks_models_are_the_workspaces_own(workspace: Workspace, registry: list[dict[str, Any]]) -> None:
    told = run("readmission", "--published", "--json")
    assert told.exit_code == 0, told.output
    file = own_settings.file_of(workspace, "local")
    entry = {"name": "readmission", "version": "7", "digest": DIGEST, "environment": "prod", "published": True}
    assert json.loads(told.stdout) == {
        **entry,
        "was": None,
        "file": str(file),
        "back": False,
        "why": NO_CLUSTER,
        "next": "./parapet up",
    }
    sepsis = {"name": "sepsis", "version": "1", "digest": "x"}
    assert yaml.safe_load(file.read_text()) == {"config": {"parapet:models": [sepsis, entry]}}
    assert (workspace.root / "Pulumi.local.yaml").read_text() == LOCAL


def test_what_a_ledger_that_does_not_hold_says_goes_nowhere(
    workspace: Workspace, registry: list[dict[str, Any]]
) -> None:
    registry[0] |= {"serving": [], "refused": "The ledger of readmission does not hold."}
    told = run("readmission")
    assert str(told.exception) == "The ledger of readmission does not hold."
    assert not own_settings.file_of(workspace, "local").exists()


def test_the_next_version_takes_the_place_of_the_one_before(
    workspace: Workspace, registry: list[dict[str, Any]]
) -> None:
    run("readmission", "--published", "--no-waits")
    registry[0]["serving"][0]["version"] = "8"
    told = run("readmission")
    assert "readmission 8 of prod in the place of 7" in told.output
    _, entry = yaml.safe_load(own_settings.file_of(workspace, "local").read_text())["config"]["parapet:models"]
    assert (entry["version"], entry["published"], entry["waits"]) == ("8", True, False), "what is not said stays"
    assert "readmission 8 of prod is there already" in run("readmission").output


def test_what_serves_nowhere_is_refused_with_what_to_do(workspace: Workspace, registry: list[dict[str, Any]]) -> None:
    for arguments, said in {
        ("readmission", "--environment", "staging"): "it serves in prod",
        ("unknown",): "it serves nowhere yet",
    }.items():
        told = run(*arguments)
        assert isinstance(told.exception, Refused)
        assert said in str(told.exception)
        assert "./parapet model promote" in str(told.exception)
    assert not own_settings.file_of(workspace, "local").exists()


def test_a_name_that_no_host_can_have_is_refused(workspace: Workspace, registry: list[dict[str, Any]]) -> None:
    registry[0]["name"] = "re.admission"
    told = run("re.admission")
    assert isinstance(told.exception, Refused)
    assert "name is 're.admission'" in str(told.exception)


# `./parapet model rollback --stack`


@pytest.fixture
def decided(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A ledger in which a rollback from 8 to 7 is decided; the steps that it was asked for."""
    asked: list[str] = []

    def told(_packages: Packages, _program: str, *, step: str, **_more: object) -> tuple[int, str]:
        asked.append(step)
        if step == "rollback":
            return 0, json.dumps({"name": "readmission", "environment": "prod", "version": "7", "sequence": 9})
        back = "rollback" in asked
        serving = [{"environment": "prod", "version": "7" if back else "8", "manifest": DIGEST}]
        told = [each | {"returned": RETURNED if back else None} for each in serving]
        return 0, json.dumps([{"name": "readmission", "serving": told}])

    monkeypatch.setattr(Packages, "told", told)
    return asked


def roll_back(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["model", "rollback", "readmission", "--why", "Too many calls.", *arguments])


def test_what_is_taken_back_is_what_the_stack_says_then(workspace: Workspace, decided: list[str]) -> None:
    run("readmission", "--published")
    told = roll_back("--stack", "local", "--json")
    assert told.exit_code == 0, told.output
    said = json.loads(told.stdout)
    assert (said["sequence"], said["was"], said["version"]) == (9, "8", "7")
    assert (said["back"], said["why"]) == (False, NO_CLUSTER)
    assert "in the place of 8" not in roll_back("--stack", "local").output, "it is there already"
    (_, entry) = yaml.safe_load(own_settings.file_of(workspace, "local").read_text())["config"]["parapet:models"]
    assert (entry["version"], entry["published"]) == ("7", True)
    assert entry["returnsTo"] == RETURNED, "where its pods are gone, it is not held against the answers of 8"
    run("readmission")
    (_, again) = yaml.safe_load(own_settings.file_of(workspace, "local").read_text())["config"]["parapet:models"]
    assert again["returnsTo"] == RETURNED, "whoever writes it, it is the ledger's word"
    decided.clear()
    run("readmission")
    (_, forward) = yaml.safe_load(own_settings.file_of(workspace, "local").read_text())["config"]["parapet:models"]
    assert forward["version"] == "8"
    assert "returnsTo" not in forward


def test_nothing_is_decided_for_a_stack_that_is_none(workspace: Workspace, decided: list[str]) -> None:
    told = roll_back("--stack", "nowhere")
    assert isinstance(told.exception, Refused)
    assert decided == []


def test_calls_go_back_at_once_where_the_cluster_runs(
    workspace: Workspace, decided: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is done there: tests/platform/cluster/test_model_service.py."""
    asked: list[tuple[object, ...]] = []
    plane = ControlPlane(Path("kubeconfig"), "https://127.0.0.1:1", ours=True)
    monkeypatch.setattr(serving, "cluster_of", lambda _: plane)
    monkeypatch.setattr(serving.rollouts, "go_back", lambda *arguments: asked.append(arguments[2:]) or Back(True))
    told = roll_back("--stack", "local")
    assert "All calls are led back to it now" in told.output
    assert asked == [("readmission", "7")]


def test_where_calls_do_not_go_back_at_once_a_rollback_says_why(
    workspace: Workspace, decided: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    plane = ControlPlane(Path("kubeconfig"), "https://127.0.0.1:1", ours=True)
    monkeypatch.setattr(serving, "cluster_of", lambda _: plane)
    monkeypatch.setattr(serving.rollouts, "go_back", lambda *_: Back(False, "its pods are gone"))
    told = roll_back("--stack", "local")
    assert "Calls are not led back at once: its pods are gone. ./parapet up brings 7." in told.output
    forward = run("readmission")
    assert "led back" not in forward.output, "one that goes on has nothing to go back from"


@pytest.mark.parametrize("error", [ApiError(503, "GET rollouts: 503 not now"), ConnectionRefusedError("refused")])
def test_an_api_server_that_does_not_say_is_no_no(
    workspace: Workspace, decided: list[str], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fails(*_: object) -> None:
        raise error

    plane = ControlPlane(Path("kubeconfig"), "https://127.0.0.1:1", ours=True)
    monkeypatch.setattr(serving, "cluster_of", lambda _: plane)
    monkeypatch.setattr(serving.rollouts, "go_back", fails)
    with pytest.raises(Refused, match=f"The settings say 7 now, but the API server does not .*: {error}"):
        raise roll_back("--stack", "local").exception
