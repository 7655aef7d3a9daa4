"""The addresses of Kubernetes Services."""

from ipaddress import IPv4Network
from typing import Final

OFFERED: Final = ("10.100.0.0/16", "172.20.0.0/16")
"""What EKS itself chooses from (Amazon EKS API Reference, KubernetesNetworkConfigRequest)."""


def service_range(vpc: IPv4Network) -> str:
    """The first that does not overlap the VPC. Said and not left to EKS, so that policies know it in a preview."""
    return next(each for each in OFFERED if not IPv4Network(each).overlaps(vpc))
