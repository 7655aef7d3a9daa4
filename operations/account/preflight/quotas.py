"""Whether the account's quotas hold what the settings ask for. A new account's do not."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError

from cluster.gpu_group import GpuGroup
from operations.account.access import code
from operations.account.preflight.finding import Account, Finding, State, ok, to_do

ABOUT: Final = "quotas"


@dataclass(frozen=True)
class Quota:
    """One of Service Quotas (AWS General Reference, "Amazon EC2 endpoints and quotas", "Amazon VPC quotas")."""

    service: str
    code: str
    name: str


STANDARD: Final = Quota("ec2", "L-1216C47A", "vCPUs of On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances")
G: Final = Quota("ec2", "L-DB2E81BA", "vCPUs of On-Demand G and VT instances")
P: Final = Quota("ec2", "L-417A185B", "vCPUs of On-Demand P instances")
SPOT_G: Final = Quota("ec2", "L-3819A6DF", "vCPUs of G and VT Spot Instances")
SPOT_P: Final = Quota("ec2", "L-7212CCBC", "vCPUs of P4, P3 and P2 Spot Instances")
SPOT_P5: Final = Quota("ec2", "L-C4BD4855", "vCPUs of P5 Spot Instances")
ADDRESSES: Final = Quota("ec2", "L-0263D0A3", "Elastic IP addresses in the Region")
VPCS: Final = Quota("vpc", "L-F678F1CE", "VPCs in the Region")
INTERFACE_ENDPOINTS: Final = Quota("vpc", "L-29B6F2EB", "interface endpoints in a VPC")


def check(account: Account) -> Iterator[Finding]:
    for quota, wanted in _wanted(account):
        value = _value(account, quota)
        said = f"{quota.code} ({quota.name})"
        if value is None:
            yield Finding(ABOUT, State.UNKNOWN, f"{said}: {wanted} are wanted, and no quota is told")
        elif value < wanted:
            yield to_do(
                ABOUT,
                f"{said} is {value:g}: ask for {wanted}: aws service-quotas request-service-quota-increase "
                f"--service-code {quota.service} --quota-code {quota.code} --desired-value {wanted} "
                f"--region {account.access.region}",
            )
        else:
            yield ok(ABOUT, f"{said}: {wanted} of {value:g}")
    yield from _untold(account.settings.gpu_groups)


def _wanted(account: Account) -> Iterator[tuple[Quota, int]]:
    """How much of each the stack takes where all its groups are at their largest, with what is there of others'."""
    settings = account.settings
    of_system = max(_vcpus(account, settings.system_instance_types).values())
    yield STANDARD, settings.system_nodes_max * of_system
    by_quota: dict[Quota, int] = defaultdict(int)
    for group in settings.gpu_groups:
        # A reservation was held against the quota when it was made.
        if group.reservation is None and (quota := _gpu_quota(group)):
            by_quota[quota] += group.max * max(each.vcpus for each in group.instances)
    yield from by_quota.items()
    ec2 = account.access.client("ec2")
    if settings.egress:
        yield ADDRESSES, settings.zones + _others(account, ec2.describe_addresses()["Addresses"])
    yield VPCS, 1 + _others(account, ec2.describe_vpcs()["Vpcs"])
    yield INTERFACE_ENDPOINTS, len(settings.interface_endpoints)


def _gpu_quota(group: GpuGroup) -> Quota | None:
    family = group.instance_types[0].partition(".")[0]
    if family.startswith("g"):
        return SPOT_G if group.spot else G
    if not group.spot:
        return P
    return {"p3": SPOT_P, "p4": SPOT_P, "p5": SPOT_P5}.get(family[:2])


def _untold(groups: tuple[GpuGroup, ...]) -> Iterator[Finding]:
    for group in groups:
        if group.reservation is None and _gpu_quota(group) is None:
            yield Finding(
                ABOUT,
                State.UNKNOWN,
                f"no quota is known for Spot Instances of {group.instance_types[0]} (parapet:gpuGroups, {group.name}): "
                "look for its family in the console of Service Quotas, under Amazon EC2",
            )


def _vcpus(account: Account, types: tuple[str, ...]) -> Mapping[str, int]:
    answer = account.access.client("ec2").describe_instance_types(InstanceTypes=list(types))
    return {each["InstanceType"]: int(each["VCpuInfo"]["DefaultVCpus"]) for each in answer["InstanceTypes"]}


def _others(account: Account, found: list[dict[str, Any]]) -> int:
    """How many are not this stack's own, which a later `up` finds there."""
    own = {"Key": "Environment", "Value": account.settings.environment}
    return sum(own not in each.get("Tags", []) for each in found)


def _value(account: Account, quota: Quota) -> float | None:
    """What applies to the account; AWS's default where nobody ever asked for another."""
    quotas = account.access.client("service-quotas")
    names = {"ServiceCode": quota.service, "QuotaCode": quota.code}
    asks: tuple[Callable[..., Any], ...] = (quotas.get_service_quota, quotas.get_aws_default_service_quota)
    for ask in asks:
        try:
            return float(ask(**names)["Quota"]["Value"])
        except ClientError as error:
            if code(error) != "NoSuchResourceException":
                raise
    return None
