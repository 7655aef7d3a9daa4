"""What Prometheus is told of the processes here: as the API server's discovery tells of their pods."""

import json
from pathlib import Path
from typing import Any

from local.kubernetes.live import prometheus
from local.kubernetes.live.standing import Replica, replicas
from local.kubernetes.workloads import State, Workload

PORTS = {"http": 20001, "metrics": 20002}


def pod(name: str, created: str, **spec: Any) -> dict[str, Any]:
    ports = [{"name": "http", "containerPort": 8080}, {"name": "metrics", "containerPort": 9464}]
    proxy = {"name": "istio-proxy", "ports": [{"name": "envoy-prom", "containerPort": 15090}]}
    return {
        "metadata": {
            "name": name,
            "namespace": "serving",
            "creationTimestamp": created,
            "labels": {"app.kubernetes.io/name": "readmission", "rollouts-pod-template-hash": "5d8f"},
            "ownerReferences": [{"kind": "ReplicaSet", "name": "readmission-5d8f"}],
        },
        "spec": {"nodeName": "node", "containers": [{"name": "server", "ports": ports}, proxy], **spec},
        "status": {"phase": "Running", "podIP": "100.64.0.9"},
    }


def workload(name: str = "readmission-5d8f", state: State = State.RUNNING) -> Workload:
    return Workload("serving", name, state, 20001, ports=PORTS, on_trial=True)


def test_a_workload_stands_for_its_oldest_pod_that_has_a_node() -> None:
    pods = [pod("waiting", "1", nodeName=""), pod("old", "2"), pod("new", "3")]
    (found,) = replicas([workload(), workload("another")], pods)
    assert found.pod["metadata"]["name"] == "old"
    assert found.proxy == "readmission-5d8f-proxy"


def test_each_port_of_its_process_is_a_target_with_the_pods_labels_and_asked_where_it_is() -> None:
    found = prometheus.targets(Replica(workload(), pod("old", "1")))
    asked = {each["labels"]["__meta_kubernetes_pod_container_port_name"]: each["labels"] for each in found}
    assert {name: labels[prometheus.HERE] for name, labels in asked.items()} == {
        "http": "127.0.0.1:20001",
        "metrics": "127.0.0.1:20002",
    }
    assert (
        asked["metrics"].items()
        >= {
            "__meta_kubernetes_namespace": "serving",
            "__meta_kubernetes_pod_name": "old",
            "__meta_kubernetes_pod_phase": "Running",
            "__meta_kubernetes_pod_ip": "100.64.0.9",
            "__meta_kubernetes_pod_container_name": "server",
            "__meta_kubernetes_pod_container_port_number": "9464",
            "__meta_kubernetes_pod_label_app_kubernetes_io_name": "readmission",
            "__meta_kubernetes_pod_label_rollouts_pod_template_hash": "5d8f",
        }.items()
    )


def test_what_does_not_run_is_no_target(tmp_path: Path) -> None:
    prometheus.tell([Replica(workload(state=state), pod("old", "1")) for state in State], tmp_path)
    assert len(json.loads((tmp_path / prometheus.TARGETS).read_text())) == 2
