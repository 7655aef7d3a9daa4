"""How a VPC's range is divided."""

from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Final

MAX_ZONES: Final = 4


@dataclass(frozen=True)
class Subnets:
    """The subnets' ranges by tier, one a zone, in the zones' order."""

    private: tuple[str, ...]
    """An eighth of the VPC a zone: workloads, each pod with an address of its own."""
    isolated: tuple[str, ...]
    """A thirty-second of the VPC a zone: databases, which never have a way out."""
    public: tuple[str, ...]
    """As large as the isolated ones: NAT gateways, where egress is asked for."""


def divide(vpc: IPv4Network, zones: int) -> Subnets:
    """Divide the range for up to four zones.

    A zone's ranges stay the same when a zone is added or egress is turned on, since either would otherwise replace
    subnets that are in use. The last quarter of the VPC stays free.
    """
    if zones > MAX_ZONES:
        raise ValueError(f"zones is {zones}; the plan has room for {MAX_ZONES}")
    eighths = list(vpc.subnets(prefixlen_diff=3))
    return Subnets(
        private=tuple(str(subnet) for subnet in eighths[:zones]),
        isolated=_quarters(eighths[MAX_ZONES], zones),
        public=_quarters(eighths[MAX_ZONES + 1], zones),
    )


def _quarters(block: IPv4Network, zones: int) -> tuple[str, ...]:
    return tuple(str(subnet) for subnet in block.subnets(prefixlen_diff=2))[:zones]
