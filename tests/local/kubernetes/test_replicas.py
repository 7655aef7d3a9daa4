"""Which workload here a pod is a replica of, and what keeps one of a version from running."""

from pathlib import Path
from typing import Any

import pytest

from local.kubernetes import live, workloads
from local.kubernetes.live import Part
from local.kubernetes.live import State as PartState
from local.kubernetes.workloads import State, Workload, replicas
from local.kubernetes.workloads.replicas import Held
from local.workspace import Workspace


def pod(labels: dict[str, str], image: str = "serving", kind: str = "ReplicaSet", *meshed: str) -> dict[str, Any]:
    containers = [{"name": name, "image": "registry.test/proxyv2:1"} for name in meshed]
    return {
        "metadata": {
            "name": "p",
            "namespace": "serving",
            "labels": labels,
            "ownerReferences": [{"kind": kind, "name": "model-5d8f"}],
        },
        "spec": {"containers": [*containers, {"name": "server", "image": f"registry.test/own/{image}@sha256:0"}]},
    }


VERSION = {"rollouts-pod-template-hash": "5d8f"}
DEPLOYED = {"pod-template-hash": "5d8f"}


@pytest.mark.parametrize(
    ("given", "of", "on_trial"),
    [
        (pod(VERSION), "model-5d8f", True),
        (pod(VERSION, "somebodys"), "model-5d8f", False),
        (pod(DEPLOYED), "model", False),
        (pod({}, kind="Job"), None, False),
    ],
    ids=["a version", "a version of another image", "a deployment", "a job"],
)
def test_a_pod_is_known_by_who_made_it(given: dict[str, Any], of: str | None, on_trial: bool) -> None:
    assert replicas.replica_of(given) == (("serving", of) if of else None)
    assert (replicas.on_trial(given) is not None) == on_trial


def test_a_versions_pod_waits_for_its_process_and_says_what_keeps_that(tmp_path: Path) -> None:
    workspace = Workspace(home=tmp_path)
    assert replicas.holds(workspace, pod(VERSION)) == Held("ContainerCreating", "it is being started")
    for state, message, held in (
        (State.STARTING, "it is being started", Held("ContainerCreating", "it is being started")),
        (State.FAILED, "it ended with status 1", Held("CrashLoopBackOff", "it ended with status 1")),
        (State.RUNNING, "", None),
    ):
        workloads.tell(workspace, 0, [Workload("serving", "model-5d8f", state, 0, message, on_trial=True)])
        assert replicas.holds(workspace, pod(VERSION)) == held
    for other in (pod(DEPLOYED), pod(VERSION, "somebodys")):
        assert replicas.holds(workspace, other) is None


def test_and_for_its_proxy_where_there_is_a_mesh(tmp_path: Path) -> None:
    workspace = Workspace(home=tmp_path)
    meshed = pod(VERSION, "serving", "ReplicaSet", "istio-proxy")
    assert live.holds(workspace, meshed) is None, "a plain stack has no mesh"
    live.enter(workspace)
    assert live.holds(workspace, pod(VERSION)) is None, "it has no proxy"
    held = live.holds(workspace, meshed)
    assert held
    assert "model-5d8f-proxy is being started" in held.message
    live.tell(workspace, [Part("model-5d8f-proxy", PartState.RUNNING)], {}, ["workload-serving-model-5d8f"], 0)
    assert live.holds(workspace, meshed) is None
    assert live.leads_to(workspace, "workload-serving-model-5d8f")
    assert not live.leads_to(workspace, "workload-serving-other")
