"""Istiod: its pod's own arguments and variables, at loopback addresses, and a mesh that this Envoy can be part of."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from local.kubernetes.live.process import Place, Process, container, variables
from local.kubernetes.live.tokens import KUBECONFIG

ADDRESS = 10
"""The last number of its address."""
HTTP, MONITORING, XDS, WEBHOOKS = 8080, 15014, 15012, 15017
SERVICE = "istio-system/istiod"
KWOK_PODS = "100.64.0.0/10"
KWOK_NETWORK = "kwok"
"""A network whose endpoints no proxy asks for: the pods that KWOK plays answer nobody."""
NOT_OF_THIS_ENVOY = {
    # The wheel's Envoy has no filters of Istio's own.
    "PILOT_ENABLE_METADATA_EXCHANGE": "false",
    "PILOT_ENABLE_ALPN_FILTER": "false",
}
MESH = "mesh.yaml"
NETWORKS = "networks.yaml"
OBJECTS = "objects"
"""The folder with objects that are true of this machine alone. Istiod reads them beside those of the API server, where
the stack's own rules would refuse them: on EKS nobody leads the mesh to another address."""


def process(pod: Mapping[str, Any], place: Place) -> Process:
    """The process; `MESH` and `NETWORKS` are in its folder by then (`configure`)."""
    of = container(pod, "discovery")
    address = place.address(ADDRESS)
    replaced = ("--monitoringAddr", "--httpAddr", "--grpcAddr", "--secureGRPCAddr", "--httpsAddr")
    arguments = [each for each in of["args"] if not each.startswith(replaced)]
    own = {
        "monitoringAddr": f"{address}:{MONITORING}",
        "httpAddr": f"{address}:{HTTP}",
        "grpcAddr": "",
        "secureGRPCAddr": f"{address}:{XDS}",
        "httpsAddr": f"{address}:{WEBHOOKS}",
        "ctrlz_port": "0",
        "kubeconfig": str(place.folder / KUBECONFIG),
        "meshConfig": str(place.folder / MESH),
        "networksConfig": str(place.folder / NETWORKS),
    }
    return Process(
        command=(
            str(place.workspace.bin / "pilot-discovery"),
            *arguments,
            *(f"--{name}={value}" for name, value in own.items()),
        ),
        environment=variables(pod, of)
        | NOT_OF_THIS_ENVOY
        | {"KUBECONFIG": str(place.folder / KUBECONFIG), "GOMAXPROCS": "1"},
        ready=f"http://{address}:{HTTP}/ready",
        services={
            SERVICE: {"443": f"{address}:{WEBHOOKS}", "15012": f"{address}:{XDS}", "15014": f"{address}:{MONITORING}"}
        },
    )


def configure(mesh: str, folder: Path) -> None:
    """Writes the mesh's configuration, and which endpoints are of another network.

    `mesh`: what the chart's ConfigMap holds. Two things of it are changed: no default providers, since they are filters
    of Istio's own Envoy, and `OBJECTS` beside the API server (Istio, "Global Mesh Options", configSources).
    """
    content = yaml.load(mesh, yaml.CSafeLoader)
    (folder / OBJECTS).mkdir(exist_ok=True)
    content["configSources"] = [{"address": f"fs://{folder / OBJECTS}"}, {"address": "k8s:///"}]
    content["defaultProviders"] = {"metrics": [], "tracing": [], "accessLogging": []}
    (folder / MESH).write_text(yaml.dump(content, Dumper=yaml.CSafeDumper))
    networks = {"networks": {KWOK_NETWORK: {"endpoints": [{"fromCidr": KWOK_PODS}]}}}
    (folder / NETWORKS).write_text(yaml.dump(networks, Dumper=yaml.CSafeDumper))
