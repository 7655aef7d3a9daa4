"""Whether the Region has the zones, and in them the endpoints, that the stack spans."""

from collections.abc import Iterator
from typing import Any, Final

from foundation.account import ZONES_WITHOUT_EKS
from foundation.network.endpoint_policies import GATEWAYS
from operations.account.preflight.finding import Account, Finding, ok, to_do

ABOUT: Final = "zones"
ENDPOINTS: Final = "endpoints"


def chosen(account: Account) -> list[tuple[str, str]]:
    """The ids and names of the zones that the stack will span, as `Account.read` of the program chooses them."""
    answer = account.access.client("ec2").describe_availability_zones(
        Filters=[
            {"Name": "state", "Values": ["available"]},
            {"Name": "opt-in-status", "Values": ["opt-in-not-required"]},
        ]
    )
    offered = sorted((each["ZoneId"], each["ZoneName"]) for each in answer["AvailabilityZones"])
    return [each for each in offered if each[0] not in ZONES_WITHOUT_EKS][: account.settings.zones]


def check(account: Account) -> Iterator[Finding]:
    zones = chosen(account)
    if len(zones) < account.settings.zones:
        yield to_do(
            ABOUT,
            f"{account.access.region} offers {len(zones)} zones in which EKS is, and parapet:zones is "
            f"{account.settings.zones}: ask for fewer, or choose another parapet:region",
        )
    else:
        yield ok(ABOUT, ", ".join(f"{zone_id} ({name})" for zone_id, name in zones))
    names = [name for _, name in zones]
    elsewhere = sorted({zone for group in account.settings.gpu_groups for zone in group.zones} - set(names))
    if elsewhere:
        yield to_do(ABOUT, f"parapet:gpuGroups names {', '.join(elsewhere)}; the stack spans {', '.join(names)}")


def endpoints(account: Account) -> Iterator[Finding]:
    """Each endpoint that the settings ask for, in each of the zones: the network has no other way to the service."""
    prefix = f"com.amazonaws.{account.access.region}."
    wanted = [*GATEWAYS, *account.settings.interface_endpoints]
    details = _services(account)
    offered = {each["ServiceName"].removeprefix(prefix): set(each["AvailabilityZones"]) for each in details}
    names = [name for _, name in chosen(account)]
    missing = [service for service in wanted if service not in offered]
    for service in missing:
        yield to_do(
            ENDPOINTS,
            f"{account.access.region} has no endpoint {prefix}{service}: choose another parapet:region, or, where the "
            "stack can do without it, take it out of parapet:interfaceEndpoints",
        )
    for service in account.settings.interface_endpoints:
        without = [name for name in names if service in offered and name not in offered[service]]
        if without:
            yield to_do(ENDPOINTS, f"{prefix}{service} is not in {', '.join(without)}: choose another parapet:region")
            missing.append(service)
    if not missing:
        yield ok(ENDPOINTS, f"{len(wanted)} services, each in every zone")


def _services(account: Account) -> list[dict[str, Any]]:
    ec2, found = account.access.client("ec2"), list[dict[str, Any]]()
    request: dict[str, Any] = {}
    while True:
        answer = ec2.describe_vpc_endpoint_services(**request)
        found += answer["ServiceDetails"]
        if not answer.get("NextToken"):
            return found
        request = {"NextToken": answer["NextToken"]}
