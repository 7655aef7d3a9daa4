"""What stands for a pod's proxy: its command, its files, and what the mesh is told of it. No process is started."""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from cluster import mesh_webhooks
from local.kubernetes.live import parts, proxies
from local.kubernetes.live.process import Place
from local.kubernetes.live.standing import Replica
from local.kubernetes.workloads import State, Workload
from local.workspace import Workspace

PROXY_CONFIG = {"holdApplicationUntilProxyStarts": True, "proxyAdminPort": 15000}
TEMPLATE = """{
  "admin": {"address": "{{ .localhost }}", "port_value": {{ .config.ProxyAdminPort }}},
  "listeners": [
    {"name": "{{ .wildcard }}_{{ .envoy_status_port }}", "address": "{{.wildcard}}"}
    {{- if .dual_stack }}, {"address": "{{ .additional_wildcard }}"}{{ end }}
  ]
}"""


def variable(name: str, path: str) -> dict[str, Any]:
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}


def pod(kind: str, **more: str) -> dict[str, Any]:
    """As the injector leaves it, as far as it is read."""
    proxy = {
        "name": "istio-proxy",
        "args": ["proxy", kind, "--domain", "$(POD_NAMESPACE).svc.cluster.local", "--log_as_json", "$(UNKNOWN)"],
        "env": [
            variable("POD_NAME", "metadata.name"),
            variable("POD_NAMESPACE", "metadata.namespace"),
            variable("INSTANCE_IP", "status.podIP"),
            variable("SERVICE_ACCOUNT", "spec.serviceAccountName"),
            {"name": "CA_ADDR", "value": "istiod.istio-system.svc:15012"},
            {"name": "ISTIO_META_INTERCEPTION_MODE", "value": "REDIRECT"},
            {"name": "PROXY_CONFIG", "value": json.dumps(PROXY_CONFIG) + "\n"},
            *({"name": name, "value": value} for name, value in more.items()),
        ],
    }
    server = {"name": "server", "ports": [{"name": "http", "containerPort": 5000}, {"containerPort": 9000}]}
    labels = {"app": "mlflow", "pod-template-hash": "1f2e", "security.istio.io/tlsMode": "istio"}
    return {
        "metadata": {"name": "mlflow-1f2e-x", "namespace": "mlflow", "labels": labels},
        "spec": {"serviceAccountName": "mlflow", "initContainers": [proxy], "containers": [server]},
        "status": {"podIP": "100.64.0.7"},
    }


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(Workspace(home=tmp_path), tmp_path / "proxy", "127.9.8", "https://127.0.0.1:1", "http://127.0.0.1:2")


def test_the_agent_runs_with_what_the_pod_gives_it_and_finds_istiod_here(place: Place) -> None:
    process = proxies.sidecar(pod("sidecar"), place, "127.9.8.3")
    home = place.workspace.home
    assert process.command == (
        str(home / "bin" / "pilot-agent"),
        *("proxy", "sidecar", "--domain", "mlflow.svc.cluster.local", "--log_as_json", "$(UNKNOWN)"),
        f"--templateFile={home / 'proxy' / 'envoy_bootstrap.json'}",
    )
    told = process.environment
    assert (told["POD_NAME"], told["SERVICE_ACCOUNT"]) == ("mlflow-1f2e-x", "mlflow")
    assert told["INSTANCE_IP"] == "127.9.8.3", "it listens there, and not at the pod's address"
    assert told["ISTIO_META_INTERCEPTION_MODE"] == "NONE", "no iptables lead to it"
    assert "CA_ADDR" not in told, "else istiod's certificate would have to be of its address"
    assert told["ISTIOD_SAN"] == "istiod.istio-system.svc"
    assert json.loads(told["PROXY_CONFIG"]) == {
        "holdApplicationUntilProxyStarts": True,
        "binaryPath": str(home / "bin" / "envoy"),
        "discoveryAddress": "127.9.8.10:15012",
        "proxyAdminPort": proxies.ADMIN,
        "concurrency": 1,
    }
    assert process.ready == f"http://127.9.8.3:{proxies.ADMIN}/ready"


def test_no_proxy_sees_the_endpoints_that_answer_nobody(place: Place) -> None:
    """Istiod has the pods of KWOK on a network of their own, and a view is of the networks that it names."""
    for process in (proxies.sidecar(pod("sidecar"), place, "127.9.8.3"), proxies.gateway(pod("router"), place)):
        assert process.environment["ISTIO_META_REQUESTED_NETWORK_VIEW"] == "here"


def test_the_gateway_writes_its_certificate_into_memory_of_its_own(place: Place) -> None:
    folder = "/var/run/parapet/certificates"
    process = proxies.gateway(pod("router", OUTPUT_CERTS=folder), place)
    assert process.command[0] == "unshare"
    agent = process.command.index(str(place.workspace.bin / "pilot-agent"))
    assert process.command[agent - 1] == folder
    assert process.command[agent + 1 : agent + 3] == ("proxy", "router")
    assert process.environment["INSTANCE_IP"] == "127.9.8.2"


def test_its_folder_is_what_a_kubelet_mounts_and_nothing_listens_at_every_address(place: Place) -> None:
    proxies.configure(pod("sidecar"), place, "127.9.8.3", template=TEMPLATE, authority="PEM")
    assert (place.folder / "var/run/secrets/istio/root-cert.pem").read_text() == "PEM"
    labels = (place.folder / "etc/istio/pod/labels").read_text()
    assert labels == 'app="mlflow"\npod-template-hash="1f2e"\nsecurity.istio.io/tlsMode="istio"\n'
    # The agent's own server would listen at every address.
    assert (place.folder / "etc/istio/pod/annotations").read_text() == 'status.sidecar.istio.io/port="0"\n'
    template = (place.folder / "envoy_bootstrap.json").read_text()
    assert '"name": "127.9.8.3_{{ .envoy_status_port }}", "address": "127.9.8.3"' in template
    assert '"admin": {"address": "127.9.8.3", "port_value": {{ .config.ProxyAdminPort }}}' in template


@pytest.mark.parametrize(
    ("template", "says"),
    [
        (TEMPLATE.replace(".wildcard", ".anywhere"), "says .wildcard nowhere"),
        (TEMPLATE.replace(".localhost", ".inside"), "says .localhost nowhere"),
        (TEMPLATE.replace("{{.wildcard}}", "0.0.0.0"), "listens at 0.0.0.0"),
    ],
)
def test_a_template_that_says_its_addresses_in_another_way_is_refused(template: str, says: str) -> None:
    with pytest.raises(LookupError, match=says):
        proxies.bound(template, "127.9.8.3")


def replica(**changed: Any) -> Replica:
    return Replica(Workload("mlflow", "mlflow", State.RUNNING, 23456), pod("sidecar") | changed)


def test_the_mesh_is_told_where_the_workload_is_and_that_it_speaks_mutual_tls() -> None:
    sidecar, entry = proxies.objects(replica(), "127.9.8.3")
    for each in (sidecar, entry):
        assert each["metadata"] == {"name": "mlflow", "namespace": "mlflow"}
    labels = {"app": "mlflow", "security.istio.io/tlsMode": "istio"}
    assert sidecar["spec"] == {
        "workloadSelector": {"labels": labels},
        "ingress": [
            {
                "port": {"number": 5000, "name": "http", "protocol": "HTTP"},
                "bind": "127.9.8.3",
                "captureMode": "NONE",
                "defaultEndpoint": "127.0.0.1:23456",
            }
        ],
        "egress": [{"hosts": ["~/*"]}],
    }
    assert entry["spec"] == {
        "address": "127.9.8.3",
        "labels": labels,
        "serviceAccount": "mlflow",
        "ports": {"http": 5000},
    }


def test_of_a_version_the_mesh_is_told_which_it_is() -> None:
    """Two Services lead to one version each, by this label."""
    one = pod("sidecar")
    one["metadata"]["labels"]["rollouts-pod-template-hash"] = "5d8f"
    sidecar, entry = proxies.objects(replica(metadata=one["metadata"]), "127.9.8.20")
    assert sidecar["spec"]["workloadSelector"]["labels"]["rollouts-pod-template-hash"] == "5d8f"
    assert entry["spec"]["labels"]["rollouts-pod-template-hash"] == "5d8f"


def test_each_proxy_has_an_address_of_its_own_which_it_keeps(place: Place) -> None:
    def folder(name: str) -> Place:
        own = dataclasses.replace(place, folder=place.workspace.live / name)
        own.folder.mkdir(parents=True, exist_ok=True)
        return own

    def address(name: str) -> str:
        return proxies.beside(name, folder(name))

    assert [address(each) for each in ("a-proxy", "mlflow-proxy", "b-proxy", "a-proxy")] == [
        "127.9.8.20",
        "127.9.8.3",
        "127.9.8.21",
        "127.9.8.20",
    ]
    shutil.rmtree(folder("a-proxy").folder)
    assert [address(each) for each in ("c-proxy", "b-proxy")] == ["127.9.8.20", "127.9.8.21"]


def test_a_pod_that_names_no_port_of_http_is_refused() -> None:
    spec = pod("sidecar")["spec"]
    for each in spec["containers"]:
        each.pop("ports", None)
    with pytest.raises(LookupError, match="the pod mlflow/mlflow-1f2e-x names no port http"):
        proxies.objects(replica(spec=spec), "127.9.8.3")


def test_it_trusts_what_the_stack_calls_the_mesh_s_authority() -> None:
    """The local world knows no room, so the name stands in both."""
    assert parts.ROOT_CERTIFICATES == mesh_webhooks.AUTHORITY
