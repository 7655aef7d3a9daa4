"""Where the mesh lets its pods out to: AWS's services of the Region, and what is scraped; nothing else."""

from typing import Any

from cluster import namespaces as ns
from cluster.guardrails.flows import Pods, flows
from foundation.account import Account
from foundation.network.names import aws_hosts


def aws_services(account: Account) -> dict[str, Any]:
    """A ServiceEntry. Under REGISTRY_ONLY the proxies refuse every other host."""
    return {
        "hosts": aws_hosts(account),
        "location": "MESH_EXTERNAL",
        "resolution": "NONE",
        "ports": [{"number": 443, "name": "tls", "protocol": "TLS"}],
    }


def metrics(vpc_cidr: str) -> dict[str, Any]:
    """A ServiceEntry for those who scrape: kubelets, and the ports of pods at which metrics are in plain, which a
    Prometheus finds by their addresses. The network policies say whose."""
    ports = {
        port
        for flow in flows()
        if Pods(ns.MONITORING.name) in flow.source and flow.name.startswith(("scrapes", "kubelets"))
        for port in flow.ports
    }
    return {
        "hosts": ["metrics.parapet.internal"],
        "addresses": [vpc_cidr],
        "exportTo": [ns.MONITORING.name, ns.JUDGING.name],
        "location": "MESH_EXTERNAL",
        "resolution": "NONE",
        "ports": [{"number": port, "name": f"tcp-{port}", "protocol": "TCP"} for port in sorted(ports)],
    }
