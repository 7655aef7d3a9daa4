"""What stands for Karpenter's pod: its command and its variables. No process is started."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from local import processes
from local.kubernetes.live import karpenter
from local.kubernetes.live.process import Place
from local.workspace import Workspace


def resource(name: str, of: str, divisor: str) -> dict[str, Any]:
    told = {"containerName": "controller", "resource": of, "divisor": divisor}
    return {"name": name, "valueFrom": {"resourceFieldRef": told}}


POD: dict[str, Any] = {
    "metadata": {"name": "karpenter-1f2e-x", "namespace": "karpenter"},
    "spec": {
        "serviceAccountName": "karpenter",
        "containers": [
            {
                "name": "controller",
                "resources": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "1", "memory": "1Gi"}},
                "env": [
                    {"name": "METRICS_PORT", "value": "8080"},
                    {"name": "HEALTH_PROBE_PORT", "value": "8081"},
                    {"name": "SYSTEM_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
                    resource("CPU_REQUESTS", "requests.cpu", "1m"),
                    resource("MEMORY_LIMIT", "limits.memory", "0"),
                    {"name": "CLUSTER_NAME", "value": "parapet-local"},
                    {"name": "CLUSTER_ENDPOINT", "value": "https://1234.gr7.us-east-1.eks.amazonaws.com"},
                    {"name": "ISOLATED_VPC", "value": "true"},
                    {"name": "INTERRUPTION_QUEUE", "value": "parapet-local-interruptions"},
                    {"name": "AWS_REGION", "value": "us-east-1"},
                    {"name": "AWS_ACCESS_KEY_ID", "value": "somebody's"},
                ],
            }
        ],
    },
}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    folder = tmp_path / "live" / "karpenter"
    folder.mkdir(parents=True)
    return Place(Workspace(home=tmp_path), folder, "127.9.8", "https://127.0.0.1:1", "http://127.0.0.1:2")


def test_it_runs_with_its_pods_variables_as_its_pods_role_against_this_machine(place: Place) -> None:
    process = karpenter.of(POD, place, (7001, 7002))
    assert process.command == (str(place.workspace.bin / "karpenter"),)
    assert process.ready == "http://127.0.0.1:7002/readyz"
    assert process.environment == {
        "METRICS_PORT": "7001",
        "HEALTH_PROBE_PORT": "7002",
        "SYSTEM_NAMESPACE": "karpenter",
        "CPU_REQUESTS": "1000",
        "MEMORY_LIMIT": str(2**30),
        "CLUSTER_NAME": "parapet-local",
        "CLUSTER_ENDPOINT": "https://127.0.0.1:1",
        "ISOLATED_VPC": "true",
        "INTERRUPTION_QUEUE": "parapet-local-interruptions",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:2",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:2/moto-api/parapet/pod-identity/karpenter/karpenter",
        "AWS_EC2_METADATA_DISABLED": "true",
        "KUBECONFIG": str(place.folder / "kubeconfig"),
        "DISABLE_LEADER_ELECTION": "true",
        "GOMAXPROCS": "1",
    }


def test_its_ports_stay_while_it_runs_and_are_others_where_they_were_taken(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = karpenter.process(POD, place).environment
    assert first["METRICS_PORT"] != first["HEALTH_PROBE_PORT"]
    assert karpenter.process(POD, place).environment == first
    with socket.create_server(("127.0.0.1", int(first["METRICS_PORT"]))):
        with monkeypatch.context() as patched:
            patched.setattr(processes, "read", lambda folder, name: name == "live-karpenter" or None)
            assert karpenter.process(POD, place).environment == first
        moved = karpenter.process(POD, place).environment
    assert moved["METRICS_PORT"] != first["METRICS_PORT"]
    assert moved["HEALTH_PROBE_PORT"] == first["HEALTH_PROBE_PORT"]


def test_ports_that_cannot_be_read_are_chosen_anew(place: Place) -> None:
    (place.folder / "ports.json").write_text("[")
    told = karpenter.process(POD, place).environment
    assert json.loads((place.folder / "ports.json").read_text()) == [int(told[name]) for name in karpenter.PORTS]


def test_a_pod_without_the_controller_is_refused_by_its_name(place: Place) -> None:
    pod = {**POD, "spec": {**POD["spec"], "containers": [{"name": "another"}]}}
    with pytest.raises(LookupError, match="karpenter/karpenter-1f2e-x has no container controller"):
        karpenter.of(pod, place, (7001, 7002))
