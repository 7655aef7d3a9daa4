"""The models that `./parapet status` tells, and how a client asks them."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cli import inference, status, summary
from local import issuer
from local.engine.run import Engine
from local.files import write_private
from local.kubernetes.control_plane import ControlPlane, rollouts
from local.kubernetes.live import door
from local.kubernetes.workloads.replicas import VERSION
from local.workspace import Workspace

DIGEST = f"sha256:{'a' * 64}"


def model(name: str, *, published: bool = True) -> dict[str, Any]:
    host = f"https://{name}.parapet.internal" if published else f"http://{name}.models.svc.cluster.local:8080"
    told = {"name": name, "version": "7", "digest": DIGEST, "environment": "prod"}
    return {**told, "published": published, "url": host}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(home=tmp_path / "home")


def stack(workspace: Workspace, models: list[dict[str, Any]]) -> Engine:
    """A stack whose state tells of these."""
    outputs = {"models": models, "certificateAuthorityPem": "the platform's"}
    resources = [{"type": "pulumi:pulumi:Stack", "outputs": outputs}]
    file = workspace.state / ".pulumi" / "stacks" / "parapet" / "local.json"
    write_private(file, json.dumps({"checkpoint": {"latest": {"resources": resources}}}).encode())
    return Engine(workspace, {}, "local")


def opened(workspace: Workspace, *names: str) -> None:
    folder = workspace.live / door.DOOR
    folder.mkdir(parents=True)
    (workspace.live / "network").write_text("127.9.8")
    (folder / door.PORTS).write_text(json.dumps({name: 8443 + at for at, name in enumerate(names)}))
    (folder / f"{door.AUTHORITY}.crt").write_text("the door's\n")


def test_a_model_is_told_with_its_alias_and_where_it_is_asked_from_here(workspace: Workspace) -> None:
    opened(workspace, "readmission.parapet.internal")
    engine = stack(workspace, [model("readmission"), model("sepsis", published=False)])
    first, second = inference.models(workspace, engine, None)
    assert first == {
        **{"name": "readmission", "version": "7", "digest": DIGEST, "environment": "prod", "published": True},
        **{"alias": "serving", "registered_model": "readmission-prod", "url": "https://127.9.8.9:8443"},
        **{"phase": None, "stable": None},
    }
    assert second["url"] == "http://sepsis.models.svc.cluster.local:8080"


def test_without_live_controllers_it_is_told_by_its_name(workspace: Workspace) -> None:
    (told,) = inference.models(workspace, stack(workspace, [model("readmission")]), None)
    assert told["url"] == "https://readmission.parapet.internal"
    assert inference.credentials(workspace, "local", "alice") == {}


def test_a_client_gets_url_token_and_authorities(workspace: Workspace) -> None:
    opened(workspace, "readmission.parapet.internal")
    issuer.ensure(workspace)
    stack(workspace, [model("another", published=False), model("readmission")])
    told = inference.credentials(workspace, "local", "alice")
    assert told["PARAPET_INFERENCE_URL"] == "https://127.9.8.9:8443"
    assert Path(told["PARAPET_CA_FILE"]).read_text() == "the platform's\nthe door's\n"
    assert told["PARAPET_INFERENCE_TOKEN"].count(".") == 2


def test_how_far_a_version_is_comes_from_its_rollout(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def of(version: str, name: str) -> dict[str, Any]:
        annotations = {rollouts.CONFIGURATION: json.dumps({"model": {"version": version}})}
        template = {"metadata": {"annotations": annotations}}
        return {"metadata": {"labels": {VERSION: name}}, "spec": {"template": template}}

    answers: dict[str, Any] = {
        rollouts.ROLLOUTS: [
            {"metadata": {"name": "readmission"}, "status": {"phase": "Paused", "stableRS": "one"}},
            {"metadata": {"name": "sepsis"}},
        ],
        rollouts.REPLICA_SETS: [of("6", "one"), of("7", "two")],
    }

    class Api:
        def __init__(self, *_: Any) -> None: ...

        def call(self, _: str, path: str) -> dict[str, Any]:
            return {"items": answers[path]}

    monkeypatch.setattr(rollouts, "Api", Api)
    engine = stack(workspace, [model("readmission"), model("sepsis"), model("new")])
    found = inference.models(workspace, engine, ControlPlane(Path("kubeconfig"), "https://127.0.0.1:1", ours=True))
    assert [(each["phase"], each["stable"]) for each in found] == [("Paused", "6"), (None, None), (None, None)]


@pytest.mark.parametrize(
    ("phase", "stable", "said"),
    [
        (None, None, "readmission 7 (not known), https://readmission.parapet.internal"),
        ("Healthy", "7", "readmission 7 (Healthy), https://readmission.parapet.internal"),
        ("Paused", "6", "readmission 7 (Paused; most calls go to 6), https://readmission.parapet.internal"),
    ],
)
def test_status_and_the_end_of_up_tell_of_models_in_the_same_words(
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    phase: str | None,
    stable: str | None,
    said: str,
) -> None:
    told = {"readmission": {"phase": phase, "stable": stable}}
    monkeypatch.setattr(rollouts, "told", lambda *_: told)
    plane = ControlPlane(Path("kubeconfig"), "https://127.0.0.1:1", ours=True)
    monkeypatch.setattr(status, "cluster_of", lambda _: plane)
    engine = stack(workspace, [model("readmission")])
    status.tell(workspace, "local", as_json=False)
    by_status = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Model ")]
    running: Any = SimpleNamespace(endpoint="http://127.0.0.1:1", plane=plane)
    summary.tell_how_to_go_on(running, None, workspace, [], inference.models(workspace, engine, plane))
    by_up = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Model ")]
    assert [line.split(maxsplit=1)[1] for line in (*by_status, *by_up)] == [said, said]
