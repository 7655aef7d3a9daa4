"""Pods run where they may: a GPU for who tolerates it, a budget that a drain respects, a new place after a loss."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster import CLUSTER, Cluster, wait_for

from .test_nodes import GPU_TAINT, Eks, eks  # noqa: F401 (a fixture)

pytestmark = CLUSTER
TOLERATES_GPU = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
LOST = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
CHAOS = "node-not-ready.stage.kwok.x-k8s.io=true"
UNHEARD = "NodeStatusUnknown"
"""By which runbooks/lost-node-or-region.md tells a node whose kubelet has stopped from one that comes."""


def _pod_spec(gpus: int = 0, tolerations: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    limits = {"limits": {"nvidia.com/gpu": str(gpus)}} if gpus else {}
    return {
        "containers": [{"name": "main", "image": "example.test/main:1", "resources": limits}],
        "tolerations": tolerations or [],
    }


def _pod(name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "work"}, "spec": spec}


def _deployment(name: str, replicas: int, spec: dict[str, Any]) -> dict[str, Any]:
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "work"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }


@pytest.fixture
def work(eks: Eks) -> Iterator[Eks]:  # noqa: F811
    """A namespace that takes pods, empty, and two nodes without GPU."""
    cluster = eks.cluster
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "work"}})
    wait_for(
        lambda: cluster.run("get", "serviceaccount", "default", "--namespace=work", "--output=json").returncode == 0
    )
    eks.group("system", 2, instanceTypes=["m6i.large"])
    eks.wait("system", 2)
    yield eks
    # Before its nodes go: nobody ends the pods of a node that is gone.
    for kinds in ("deployments,poddisruptionbudgets", "pods"):
        cluster.kubectl("delete", kinds, "--all", "--namespace=work", "--cascade=foreground")


def _running(cluster: Cluster, selector: str = "") -> dict[str, str]:
    """The node of each running pod."""
    pods = cluster.get("pods", "--namespace=work", f"--selector={selector}")["items"]
    return {
        pod["metadata"]["name"]: pod["spec"]["nodeName"]
        for pod in pods
        if pod["status"].get("phase") == "Running" and "deletionTimestamp" not in pod["metadata"]
    }


def test_a_gpu_pod_runs_on_the_gpu_node_and_one_without_the_toleration_never_does(work: Eks) -> None:
    work.group("gpu", 1, instanceTypes=["g5.xlarge"], taints=[GPU_TAINT])
    node = work.wait("gpu", 1)[0]["metadata"]["name"]
    cluster = work.cluster
    intruder = _pod("intruder", _pod_spec())
    intruder["spec"]["nodeSelector"] = {"eks.amazonaws.com/nodegroup": "gpu"}
    cluster.apply(
        _pod("training", _pod_spec(gpus=1, tolerations=[TOLERATES_GPU])),
        _pod("second", _pod_spec(gpus=1, tolerations=[TOLERATES_GPU])),
        _pod("untolerating", _pod_spec(gpus=1)),
        intruder,
        _pod("plain", _pod_spec()),
    )
    wait_for(lambda: {"training", "plain"} <= set(_running(cluster)))
    wait_for(lambda: len(_told_unschedulable(cluster)) == 3)
    running = _running(cluster)
    assert running["training"] == node
    assert running["plain"] != node
    waiting = _told_unschedulable(cluster)
    assert "untolerated taint" in waiting["intruder"]
    assert "untolerated taint" in waiting["untolerating"]
    assert "Insufficient nvidia.com/gpu" in waiting["second"]


def _told_unschedulable(cluster: Cluster) -> dict[str, str]:
    return {
        pod["metadata"]["name"]: condition["message"]
        for pod in cluster.get("pods", "--namespace=work")["items"]
        for condition in pod["status"].get("conditions", [])
        if condition["type"] == "PodScheduled" and condition["status"] == "False"
    }


def test_a_drain_waits_for_a_disruption_budget(work: Eks) -> None:
    cluster = work.cluster
    budget = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "web", "namespace": "work"},
        "spec": {"minAvailable": 2, "selector": {"matchLabels": {"app": "web"}}},
    }
    cluster.apply(budget, _deployment("web", 2, _pod_spec()))
    wait_for(lambda: len(_running(cluster, "app=web")) == 2)
    wait_for(lambda: cluster.get("pdb", "web", "--namespace=work")["status"].get("currentHealthy") == 2)
    pod, node = next(iter(_running(cluster, "app=web").items()))
    refused = cluster.run("drain", node, "--ignore-daemonsets", "--timeout=3s")
    assert refused.returncode
    assert "violate the pod's disruption budget" in refused.stderr
    assert pod in _running(cluster, "app=web")
    cluster.kubectl("scale", "deployment", "web", "--replicas=3", "--namespace=work")
    wait_for(lambda: cluster.get("pdb", "web", "--namespace=work")["status"].get("disruptionsAllowed") == 1)
    cluster.kubectl("drain", node, "--ignore-daemonsets", "--timeout=60s")
    wait_for(lambda: len(_running(cluster, "app=web")) == 3)
    assert node not in _running(cluster, "app=web").values()


def test_the_pods_of_a_node_that_dies_run_elsewhere(work: Eks) -> None:
    """KWOK's chaos stage makes the node not ready; the controllers taint it and evict; the scheduler finds a place."""
    cluster = work.cluster
    soon = [{"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 1} for key in LOST]
    cluster.apply(_deployment("api", 2, _pod_spec(tolerations=soon)))
    before = wait_for(lambda: found if len(found := _running(cluster, "app=api")) == 2 else None)
    lost = next(iter(before.values()))
    name, _ = CHAOS.split("=")
    cluster.kubectl("annotate", "node", lost, f"{name}/reason={UNHEARD}")
    cluster.kubectl("label", "node", lost, CHAOS)

    def moved() -> bool:
        running = _running(cluster, "app=api")
        return len(running) == 2 and lost not in running.values()

    wait_for(moved)
    told = cluster.get("node", lost)["status"]["conditions"]
    assert [each["reason"] for each in told if each["type"] == "Ready"] == [UNHEARD]
    cluster.kubectl("label", "node", lost, f"{name}-")
    cluster.kubectl("annotate", "node", lost, f"{name}/reason-")
    work.wait("system", 2)


def test_a_pod_that_fails_is_made_again(work: Eks) -> None:
    """The chaos stage for pods, chosen by a label as well."""
    cluster = work.cluster
    cluster.apply(_deployment("flaky", 1, _pod_spec()))
    first = wait_for(lambda: next(iter(_running(cluster, "app=flaky")), None))
    cluster.kubectl("label", "pod", first, "--namespace=work", "pod-container-running-failed.stage.kwok.x-k8s.io=true")
    wait_for(lambda: set(_running(cluster, "app=flaky")) - {first})
