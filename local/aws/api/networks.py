"""By which VPC endpoint a call leaves the network that it comes from.

Source: AWS PrivateLink Guide, "Control access to VPC endpoints using endpoint policies". With private DNS, as the stack
has it, every call from a VPC goes by the endpoint of its service where there is one.
"""

from collections.abc import Iterable

from moto.ec2.models import ec2_backends
from moto.ec2.models.vpcs import VPCEndPoint

ENDPOINTS = {"ecr": "ecr.api"}
"""Names of endpoints that are not those by which requests are signed."""


def vpc_of(account: str, region: str, subnets: Iterable[str]) -> str | None:
    """The VPC of the first of these subnets that exists."""
    held = {name: one for zone in ec2_backends[account][region].subnets.values() for name, one in zone.items()}
    return next((str(held[each].vpc_id) for each in subnets if each in held), None)


def endpoint(vpc: str, account: str, region: str, service: str) -> VPCEndPoint | None:
    """The endpoint of a service in a VPC, if it has one."""
    name = f"com.amazonaws.{region}.{ENDPOINTS.get(service, service)}"
    found = list(ec2_backends[account][region].vpc_end_points.values())
    return next((each for each in found if (each.vpc_id, each.service_name) == (vpc, name)), None)
