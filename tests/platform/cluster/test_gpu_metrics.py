"""The DCGM exporter: what its pods may do, and that a live API server with the guardrails on takes them."""

from typing import Any

import pytest

from cluster import namespaces as ns
from cluster.gpu_metrics import COUNTERS
from cluster.guardrails.flows import Pods, flows
from cluster.labels import DATA_CLASS
from cluster.node_labels import GPU_NODES, TOLERATIONS
from tests.platform.cluster import manifests
from tests.platform.cluster.api import Api


@pytest.fixture(scope="module")
def made() -> dict[str, dict[str, Any]]:
    return {each["kind"]: each for each in manifests.objects(manifests.record(manifests.gpu_metrics))}


@pytest.fixture
def pod(made: dict[str, dict[str, Any]]) -> dict[str, Any]:
    template = made["DaemonSet"]["spec"]["template"]
    metadata = {**template["metadata"], "name": "exporter", "namespace": ns.GPU_SOFTWARE.name}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": dict(template["spec"])}


def test_it_runs_on_gpu_nodes_only_and_takes_no_gpu(pod: dict[str, Any]) -> None:
    assert pod["spec"]["nodeSelector"] == GPU_NODES
    assert pod["spec"]["tolerations"] == TOLERATIONS
    (container,) = pod["spec"]["containers"]
    assert not [name for name in container["resources"]["limits"] if name.startswith("nvidia.com/")]


def test_it_sees_nothing_of_the_node_but_its_gpus(pod: dict[str, Any]) -> None:
    assert {name for volume in pod["spec"]["volumes"] for name in volume} == {"name", "configMap", "emptyDir"}
    assert pod["spec"]["automountServiceAccountToken"] is False
    assert not [field for field in ("hostNetwork", "hostPID", "hostIPC") if pod["spec"].get(field)]


def test_it_asks_for_no_field_that_takes_root(made: dict[str, dict[str, Any]]) -> None:
    (text,) = made["ConfigMap"]["data"].values()
    fields = [line.split(",")[0] for line in text.splitlines()]
    assert fields == [field for field, _, _ in COUNTERS]
    assert all(field.startswith("DCGM_FI_DEV_") for field in fields)
    assert {kind for _, kind, _ in COUNTERS} == {"gauge", "counter"}


def test_a_change_of_its_fields_is_a_new_pod(made: dict[str, dict[str, Any]]) -> None:
    """The exporter reads them once."""
    assert made["DaemonSet"]["spec"]["template"]["metadata"]["annotations"]["parapet.dev/counters"]


def test_its_port_is_the_one_that_may_be_scraped(made: dict[str, dict[str, Any]], pod: dict[str, Any]) -> None:
    (flow,) = [each for each in flows() if Pods(ns.GPU_SOFTWARE.name) in each.target]
    (port,) = pod["spec"]["containers"][0]["ports"]
    assert flow.ports == (port["containerPort"],)
    assert [each["port"] for each in made["Service"]["spec"]["ports"]] == [port["containerPort"]]
    assert made["Service"]["spec"]["selector"].items() <= pod["metadata"]["labels"].items()


@pytest.mark.engine
def test_the_api_server_and_the_guardrails_take_it(guarded: Api, made: dict[str, dict[str, Any]]) -> None:
    answer = guarded.apply(*made.values(), dry_run=True)
    assert answer.done, answer.text
    assert "Warning" not in answer.text


@pytest.mark.engine
def test_its_pod_would_be_let_into_a_namespace_of_workloads(guarded: Api, pod: dict[str, Any]) -> None:
    """It needs none of what its own namespace allows, but for the GPU nodes and the priority of an agent, and is of the
    class of what is there."""
    digest = f"{pod['spec']['containers'][0]['image'].partition('@')[0]}@sha256:{'a' * 64}"
    pod["metadata"]["namespace"] = ns.MONITORING.name
    pod["metadata"]["labels"] = {**pod["metadata"]["labels"], DATA_CLASS: ns.MONITORING.data_class}
    pod["spec"] |= {"containers": [{**pod["spec"]["containers"][0], "image": digest}]}
    pod["spec"].pop("tolerations")
    pod["spec"].pop("priorityClassName")
    answer = guarded.apply(pod, dry_run=True)
    assert answer.done, answer.text
