"""Where the mesh lets its pods out to: AWS's services of the Region, and what is scraped; nothing else."""

from typing import Any, Final

from cluster import namespaces as ns
from cluster.guardrails.flows import Pods, flows
from foundation.account import Account

GLOBAL_S3_REGION: Final = "us-east-1"
"""The Region whose buckets S3 also knows by the names without one. SDKs call them so there unless told otherwise (AWS
SDKs and Tools Reference Guide, "Amazon S3 access settings", s3_us_east_1_regional_endpoint)."""


def aws_services(account: Account) -> dict[str, Any]:
    """A ServiceEntry. Under REGISTRY_ONLY the proxies refuse every other host.

    A name such as IAM's, which is of no Region and has no endpoint in a VPC, is deliberately not in it.
    """
    return {
        "hosts": aws_hosts(account),
        "location": "MESH_EXTERNAL",
        "resolution": "NONE",
        "ports": [{"number": 443, "name": "tls", "protocol": "TLS"}],
    }


def aws_hosts(account: Account) -> list[str]:
    """The names of the services, as a client's TLS hello says them; a star stands for one label or several."""
    regional = f"*.{account.region}.{account.dns_suffix}"
    if account.region != GLOBAL_S3_REGION:
        return [regional]
    return [regional, f"s3.{account.dns_suffix}", f"*.s3.{account.dns_suffix}"]


def metrics(vpc_cidr: str) -> dict[str, Any]:
    """A ServiceEntry for `monitoring` alone: kubelets, and the ports of pods at which metrics are in plain, which
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
        "exportTo": [ns.MONITORING.name],
        "location": "MESH_EXTERNAL",
        "resolution": "NONE",
        "ports": [{"number": port, "name": f"tcp-{port}", "protocol": "TCP"} for port in sorted(ports)],
    }
