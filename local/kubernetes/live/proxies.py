"""Proxies of the mesh: the agent and Envoy that stand for a pod's container `istio-proxy`, at an address of their own.

A pod has a network, whose traffic Istio's node agent leads through the proxy. Here the proxy listens where it is told
to: a gateway at the address that its Gateway binds, a workload's at one where a `Sidecar` leads to the workload's
process. A `WorkloadEntry` makes that address an endpoint of the workload's Service.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from local.files import write_private
from local.kubernetes.live import istiod
from local.kubernetes.live.process import Place, Process, container, variables
from local.kubernetes.live.standing import PROXY, Replica
from local.kubernetes.workloads.confined import in_memory
from local.kubernetes.workloads.pod import HTTP
from local.kubernetes.workloads.replicas import OF_A_DEPLOYMENT

GATEWAY_ADDRESS, MLFLOW_ADDRESS = 2, 3
"""The last numbers of their addresses."""
ADDRESSES: Final = range(20, 255)
"""And of those of the other workloads' proxies, of which none is known before."""
FIXED: Final = {"mlflow-proxy": MLFLOW_ADDRESS}
ADMIN = 15300
"""Envoy's own API, at the proxy's address. Not Envoy's usual port: the agent asks 127.0.0.1 to drain, where another's
Envoy may be."""
TEMPLATE: Final = "envoy_bootstrap.json"
ROOT: Final = "var/run/secrets/istio/root-cert.pem"
POD: Final = "etc/istio/pod"
NO_STATUS: Final = {"status.sidecar.istio.io/port": "0"}
"""No status server, which would listen at every address (Istio, "Resource Annotations")."""

TLS_MODE: Final = {"security.istio.io/tlsMode": "istio"}
REACHED: Final = {
    # Endpoints of no network, so none of the pods that KWOK plays (`istiod.NETWORKS`).
    "ISTIO_META_REQUESTED_NETWORK_VIEW": "here",
    "ISTIOD_SAN": "istiod.istio-system.svc",
    "GOMAXPROCS": "1",
}


def gateway(pod: Mapping[str, Any], place: Place) -> Process:
    """The process for a gateway's pod, in whose folder `configure` has written by then.

    It writes its certificate where the pod's volume in memory is, seen by nobody else.
    """
    return _process(pod, place, place.address(GATEWAY_ADDRESS), {})


def sidecar(pod: Mapping[str, Any], place: Place, address: str) -> Process:
    """The process for the proxy beside a workload; `objects` tells istiod where it listens."""
    # No iptables lead here: it binds its ports.
    return _process(pod, place, address, {"ISTIO_META_INTERCEPTION_MODE": "NONE"})


def beside(name: str, place: Place) -> str:
    """The address of the proxy of this name beside a workload: the same each time that it is asked for."""
    file = place.folder / "address"
    if not file.exists():
        taken = {int(each.read_text()) for each in place.workspace.live.glob("*/address")}
        file.write_text(str(FIXED.get(name) or next(each for each in ADDRESSES if each not in taken)))
    return place.address(int(file.read_text()))


def configure(pod: Mapping[str, Any], place: Place, address: str, *, template: str, authority: str) -> None:
    """Writes what the agent reads, but for the token.

    Args:
        pod: as the API server has it.
        place: what the proxy is given.
        address: where it listens.
        template: Istio's own of an Envoy's start.
        authority: the certificate by which it knows istiod, of the ConfigMap in the pod's namespace.
    """
    for path, content in {
        TEMPLATE: bound(template, address),
        ROOT: authority,
        f"{POD}/labels": _downward(pod["metadata"].get("labels", {})),
        f"{POD}/annotations": _downward(NO_STATUS),
    }.items():
        write_private(place.folder / path, content.encode())


def bound(template: str, address: str) -> str:
    """The template with every listener of its own at this address; raises LookupError where it has none to move."""
    moved = template
    for word in ("wildcard", "localhost"):
        named = re.compile(r"\{\{ *\." + word + r" *\}\}")
        if not named.search(moved):
            raise LookupError(f"Envoy's template says .{word} nowhere: Istio changed, and it would listen everywhere")
        moved = named.sub(address, moved)
    if "0.0.0.0" in moved:  # noqa: S104 (what must not be)
        raise LookupError("Envoy's template listens at 0.0.0.0: Istio changed")
    return moved


def objects(replica: Replica, address: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The `Sidecar` and the `WorkloadEntry` by which the mesh finds a workload here, whose process runs.

    Its proxy listens at `address`, at the container's port, so that policies of that port hold. Raises LookupError
    where the pod names no port `http`.
    """
    pod, workload = replica.pod, replica.workload
    # Of a Deployment, whichever pods: it goes on while another template's come.
    labels = {name: value for name, value in pod["metadata"]["labels"].items() if name != OF_A_DEPLOYMENT}
    port = _port_of(pod)
    meta = {"name": workload.name, "namespace": workload.namespace}
    version = "networking.istio.io/v1"
    inbound = {
        "port": {"number": port, "name": HTTP, "protocol": "HTTP"},
        "bind": address,
        "captureMode": "NONE",
        "defaultEndpoint": f"127.0.0.1:{workload.port}",
    }
    listening = {
        "workloadSelector": {"labels": labels},
        "ingress": [inbound],
        # What the workload calls is on loopback addresses, past its proxy.
        "egress": [{"hosts": ["~/*"]}],
    }
    entry = {
        "address": address,
        "labels": {**labels, **TLS_MODE},
        "serviceAccount": pod["spec"]["serviceAccountName"],
        "ports": {HTTP: port},
    }
    return (
        {"apiVersion": version, "kind": "Sidecar", "metadata": meta, "spec": listening},
        {"apiVersion": version, "kind": "WorkloadEntry", "metadata": meta, "spec": entry},
    )


def _process(pod: Mapping[str, Any], place: Place, address: str, more: Mapping[str, str]) -> Process:
    of = container(pod, PROXY)
    told = variables(pod, of)
    environment = {**told, **REACHED, **more, "INSTANCE_IP": address}
    # The address of istiod, which is known by `ISTIOD_SAN` there, is where certificates come from too.
    environment.pop("CA_ADDR", None)
    environment["PROXY_CONFIG"] = json.dumps(
        {
            **json.loads(told.get("PROXY_CONFIG") or "{}"),
            "binaryPath": str(place.workspace.bin / "envoy"),
            "discoveryAddress": f"{place.address(istiod.ADDRESS)}:{istiod.XDS}",
            "proxyAdminPort": ADMIN,
            "concurrency": 1,
        }
    )
    words = [_expanded(word, told) for word in of["args"]]
    command = [str(place.workspace.bin / "pilot-agent"), *words, f"--templateFile={place.folder / TEMPLATE}"]
    if folder := told.get("OUTPUT_CERTS"):
        command = in_memory(folder, command)
    return Process(tuple(command), environment, f"http://{address}:{ADMIN}/ready")


def _port_of(pod: Mapping[str, Any]) -> int:
    """The port `http` of the pod's containers; raises LookupError where none has it."""
    for each in pod["spec"]["containers"]:
        for offered in each.get("ports", []):
            if offered.get("name") == HTTP:
                return int(offered["containerPort"])
    meta = pod["metadata"]
    raise LookupError(f"the pod {meta['namespace']}/{meta['name']} names no port {HTTP}")


def _expanded(word: str, given: Mapping[str, str]) -> str:
    """A container's argument with its variables, as a kubelet puts them in; what is not given stays."""
    return re.sub(r"\$\(([A-Za-z_][\w.-]*)\)", lambda found: given.get(found[1], found[0]), word)


def _downward(values: Mapping[str, str]) -> str:
    """A volume of the downward API, as a kubelet writes it."""
    return "".join(f"{name}={json.dumps(value, ensure_ascii=False)}\n" for name, value in sorted(values.items()))
