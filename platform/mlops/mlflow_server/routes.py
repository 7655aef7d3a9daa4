"""How users come to the MLflow server, and the server to its database, through the mesh."""

from collections.abc import Sequence
from typing import Any, Final

import pulumi

from cluster import namespaces as ns
from cluster.guardrails.object_rules import GATEWAY_REFERENCE
from mlops.mlflow_server.pod import PORT

SERVICE: Final = "mlflow"
SERVICE_HOST: Final = f"{SERVICE}.{ns.MLFLOW.name}.svc.cluster.local"


def in_cluster_hosts() -> list[str]:
    """The names by which other namespaces call the server, with its port."""
    names = (f"{SERVICE}.{ns.MLFLOW.name}", f"{SERVICE}.{ns.MLFLOW.name}.svc", SERVICE_HOST)
    return [f"{name}:{PORT}" for name in names]


def from_gateway(host: str) -> dict[str, Any]:
    """A VirtualService: what asks the mesh's gateway for this host is led to the server."""
    return {
        "hosts": [host],
        "gateways": [GATEWAY_REFERENCE],
        "exportTo": [ns.INGRESS.name],
        "http": [
            {
                "name": "mlflow",
                "route": [{"destination": {"host": SERVICE_HOST, "port": {"number": PORT}}}],
                # No timeout: a large artifact takes minutes. A call that reached nobody is tried on another replica.
                "retries": {"attempts": 2, "retryOn": "connect-failure,refused-stream,reset-before-request"},
            }
        ],
    }


def to_provider(hosts: Sequence[str]) -> dict[str, Any]:
    """A ServiceEntry: the identity provider, by the names in TLS that the server itself begins and verifies."""
    return {
        "hosts": list(hosts),
        "location": "MESH_EXTERNAL",
        "resolution": "DNS",
        "exportTo": ["."],
        "ports": [{"number": 443, "name": "tls", "protocol": "TLS"}],
    }


def to_database(address: pulumi.Input[str], port: pulumi.Input[int]) -> dict[str, Any]:
    """A ServiceEntry: what is in no registry is not reached. Its TLS is PostgreSQL's own, which the proxy passes on."""
    return {
        "hosts": [address],
        "location": "MESH_EXTERNAL",
        "resolution": "DNS",
        "exportTo": ["."],
        "ports": [{"number": port, "name": "tcp-postgresql", "protocol": "TCP"}],
    }
