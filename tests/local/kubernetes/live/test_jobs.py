"""A Job's pod whose image has its programs here: a process to its end, and the pod's phase after it."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local import processes
from local.kubernetes import live
from local.kubernetes.control_plane.api import Api
from local.kubernetes.live import jobs, prometheus
from local.kubernetes.live.jobs import Jobs
from local.workspace import Workspace
from tests.cluster import wait_for

pytestmark = [pytest.mark.server]
ENDPOINT = "http://127.0.0.1:1"
SAYS = """
import json, os, pathlib, sys
import delivery
told = pathlib.Path(sys.argv[1]).read_text()
print(json.dumps([sys.argv[2:], dict(os.environ), json.loads(told), delivery.__file__]), flush=True)
"""
WAITS = "import time; time.sleep(600)"


class Recorded(Api):
    """The API server's part: what is changed about a pod."""

    def __init__(self) -> None:
        self.changes = dict[str, Any]()

    def call(self, method: str, path: str, body: object = None, kind: str = "application/json") -> Any:
        assert method == "PATCH"
        self.changes[path] = body
        return None


def pod(script: str, *arguments: str, phase: str = "Running", **meta: Any) -> dict[str, Any]:
    configuration = {"metrics": {"host": "0.0.0.0", "port": 9464}, "scratch": "/tmp/a"}
    return {
        "metadata": {
            "name": "check-1",
            "namespace": "monitoring",
            "uid": "a-b",
            "labels": {"app.kubernetes.io/name": "readmission"},
            "annotations": {"parapet.dev/configuration": json.dumps(configuration)},
            "ownerReferences": [{"kind": "Job", "name": "check"}],
            **meta,
        },
        "spec": {
            "nodeName": "node",
            "serviceAccountName": "check-readmission",
            "containers": [
                {
                    "name": "check",
                    "image": "registry.test/parapet/pipeline:1@sha256:0",
                    "command": ["python", "-c", script],
                    "args": ["/etc/parapet/configuration.json", *arguments],
                    "env": [
                        {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                        {"name": "HOME", "value": "/tmp"},
                    ],
                    "ports": [{"name": "metrics", "containerPort": 9464}],
                    "volumeMounts": [
                        {"name": "configuration", "mountPath": "/etc/parapet"},
                        {"name": "tmp", "mountPath": "/tmp"},
                    ],
                },
                {"name": "beside", "image": "registry.test/parapet/proxy:1"},
            ],
            "volumes": [
                {
                    "name": "configuration",
                    "downwardAPI": {
                        "items": [
                            {
                                "path": "configuration.json",
                                "fieldRef": {"fieldPath": "metadata.annotations['parapet.dev/configuration']"},
                            }
                        ]
                    },
                },
                {"name": "tmp", "emptyDir": {}},
                # A mesh's, for its proxy: no label or annotation by itself.
                {
                    "name": "istio-podinfo",
                    "downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]},
                },
            ],
        },
        "status": {"phase": phase, "podIP": "100.64.0.9"},
    }


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    workspace = Workspace(home=tmp_path / "home")
    live.enter(workspace)
    yield workspace
    for each in live.processes_of(workspace):
        processes.stop(workspace.run, each)


@pytest.fixture
def api() -> Recorded:
    return Recorded()


@pytest.fixture
def keeper(workspace: Workspace, api: Recorded, tmp_path: Path) -> Jobs:
    (tmp_path / "packages" / "bin").mkdir(parents=True)
    (tmp_path / "packages" / "bin" / "python").symlink_to(sys.executable)
    return Jobs(workspace, api, installed=lambda *_: tmp_path / "packages")


def _started(keeper: Jobs, of: dict[str, Any]) -> None:
    assert wait_for(lambda: keeper.look([of], ENDPOINT) or keeper.told.get("a-b") == "")


def _ended(keeper: Jobs, api: Recorded, of: dict[str, Any]) -> Any:
    path = "/api/v1/namespaces/monitoring/pods/check-1/status"
    wait_for(lambda: keeper.look([of], ENDPOINT) == [] and path in api.changes)
    return api.changes[path]["status"]


def test_it_runs_with_what_the_pod_says_and_has_succeeded_when_it_ends(
    keeper: Jobs, api: Recorded, workspace: Workspace
) -> None:
    of = pod(SAYS, "0.0.0.0", "9464")
    status = _ended(keeper, api, of)
    arguments, variables, configuration, delivery = json.loads((workspace.logs / "monitoring-check-1.log").read_text())
    port = configuration["metrics"]["port"]
    assert port != 9464
    assert configuration["metrics"]["host"] == "127.0.0.1"
    assert Path(configuration["scratch"]).parent.is_dir()
    assert arguments == ["127.0.0.1", str(port)]
    assert (variables["POD"], variables["AWS_ENDPOINT_URL"]) == ("check-1", ENDPOINT)
    assert variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"].endswith("/monitoring/check-readmission")
    assert Path(delivery).resolve() == Path(live.__file__).parents[3] / "delivery" / "__init__.py"
    assert status["phase"] == "Succeeded"
    assert [each["state"]["terminated"]["exitCode"] for each in status["containerStatuses"]] == [0, 0]


def test_it_has_failed_where_its_process_fails_and_says_where_its_words_are(
    keeper: Jobs, api: Recorded, workspace: Workspace
) -> None:
    status = _ended(keeper, api, pod("raise SystemExit(3)"))
    own, beside = (each["state"]["terminated"] for each in status["containerStatuses"])
    assert (status["phase"], own["exitCode"], beside["exitCode"]) == ("Failed", 3, 0)
    assert str(workspace.logs / "monitoring-check-1.log") in own["message"]


def test_one_that_was_killed_has_failed(keeper: Jobs, api: Recorded, workspace: Workspace) -> None:
    of = pod(WAITS)
    _started(keeper, of)
    (record,) = live.processes_of(workspace)
    processes.stop(workspace.run, record)
    status = _ended(keeper, api, of)
    assert status["phase"] == "Failed"
    assert status["containerStatuses"][0]["state"]["terminated"]["exitCode"] == jobs.KILLED


def test_it_is_started_once_and_another_keeper_goes_on_with_it(
    keeper: Jobs, api: Recorded, workspace: Workspace, tmp_path: Path
) -> None:
    of = pod(WAITS)
    _started(keeper, of)
    (before,) = live.processes_of(workspace)
    (found,) = Jobs(workspace, api, installed=lambda *_: tmp_path / "packages").look([of], ENDPOINT)
    assert live.processes_of(workspace) == [before]
    (target,) = prometheus.targets(found)
    assert target["labels"][prometheus.HERE] == f"127.0.0.1:{before.port}"
    assert target["labels"]["__meta_kubernetes_pod_container_port_name"] == "metrics"


def test_what_has_no_pod_any_more_is_ended_and_leaves_nothing_but_its_words(keeper: Jobs, workspace: Workspace) -> None:
    of = pod(WAITS)
    _started(keeper, of)
    folder = workspace.live / "jobs" / "a-b"
    assert folder.is_dir()
    assert keeper.look([{**of, "metadata": of["metadata"] | {"deletionTimestamp": "now"}}], ENDPOINT) == []
    assert live.processes_of(workspace) == []
    assert not folder.exists()


def test_its_phase_is_told_once_kwok_has_said_that_it_runs(keeper: Jobs, api: Recorded, workspace: Workspace) -> None:
    of = pod("", phase="Pending")
    _started(keeper, of)
    wait_for(lambda: (workspace.live / "jobs" / "a-b" / "ended").exists())
    keeper.look([of], ENDPOINT)
    assert api.changes == {}
    assert _ended(keeper, api, pod(""))["phase"] == "Succeeded"


def test_the_pod_counts_as_running_once_its_process_was_started(workspace: Workspace) -> None:
    of = pod(WAITS)
    assert live.runs_here(workspace, of)
    live.tell(workspace, [], {}, [], 0, {})
    assert live.holds(workspace, of) == ("ContainerCreating", "it is being started")
    live.tell(workspace, [], {}, [], 0, {"a-b": "its packages are being installed"})
    assert live.holds(workspace, of) == ("ContainerCreating", "its packages are being installed")
    live.tell(workspace, [], {}, [], 0, {"a-b": ""})
    assert live.holds(workspace, of) is None


def test_no_other_pod_has_a_process_here(workspace: Workspace, tmp_path: Path) -> None:
    step = pod(WAITS, ownerReferences=[{"kind": "Workflow", "name": "run"}])
    other = pod(WAITS)
    other["spec"]["containers"][0]["image"] = "registry.test/parapet/trainer:1"
    for each in (step, other):
        assert not live.runs_here(workspace, each)
    live.leave(workspace)
    assert not live.runs_here(workspace, pod(WAITS)), "of a stack without live parts"


def test_one_with_a_container_of_the_image_before_it_waits_and_says_so(keeper: Jobs) -> None:
    of = pod(WAITS)
    of["spec"]["initContainers"] = [of["spec"]["containers"][0] | {"name": "first"}]
    assert keeper.look([of], ENDPOINT) == []
    assert keeper.told["a-b"].startswith("first is to run before it")


def test_what_keeps_it_from_its_start_is_told(workspace: Workspace, api: Recorded, tmp_path: Path) -> None:
    def fails(*_: object) -> Path:
        raise jobs.images.InstallFailed("the index is out of reach")

    keeper = Jobs(workspace, api, installed=fails)
    wait_for(lambda: keeper.look([pod(WAITS)], ENDPOINT) == [] and "out of reach" in keeper.told.get("a-b", ""))
