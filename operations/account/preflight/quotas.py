"""Whether the account's quotas hold what the settings ask for. A new account's do not."""

import string
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError

from cluster.node_groups import surge
from cluster.operators_host import INSTANCE_TYPE as HOST
from foundation.network.query_logs import policy_name
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
SPOT_STANDARD: Final = Quota("ec2", "L-34B43A08", "vCPUs of Standard (A, C, D, H, I, M, R, T, Z) Spot Instances")
FAMILIES: Final = {
    **dict.fromkeys(("a", "c", "d", "h", "i", "im", "is", "m", "r", "t", "z"), (STANDARD, SPOT_STANDARD)),
    **dict.fromkeys(("g", "gr", "vt"), (G, SPOT_G)),
}
"""The quotas of a family by the letters that its name begins with, on demand and by Spot; those of P differ in the
number too."""
ADDRESSES: Final = Quota("ec2", "L-0263D0A3", "Elastic IP addresses in the Region")
VPCS: Final = Quota("vpc", "L-F678F1CE", "VPCs in the Region")
INTERFACE_ENDPOINTS: Final = Quota("vpc", "L-29B6F2EB", "interface endpoints in a VPC")
LOG_POLICIES: Final = 10
"""Resource policies that CloudWatch Logs takes in a Region. Nobody can ask for more (Amazon CloudWatch Logs User Guide,
"CloudWatch Logs quotas")."""


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
    yield from _untold(account)
    yield from _log_policies(account)


def _wanted(account: Account) -> Iterator[tuple[Quota, int]]:
    """How much of each the stack takes where all its groups are at their largest, with what is there of others'."""
    settings = account.settings
    ec2 = account.access.client("ec2")
    by_quota: dict[Quota, int] = defaultdict(int)
    hosts = (HOST,) if settings.operators_host else ()
    plain = settings.plain_nodes.values()
    vcpus = _vcpus(account, (*{each for nodes in plain for each in nodes.instance_types}, *hosts))
    for host in hosts:
        by_quota[STANDARD] += vcpus[host]
    # A group may launch any of its types; each family has a quota of its own.
    for nodes in plain:
        largest: dict[Quota, int] = defaultdict(int)
        for each in nodes.instance_types:
            if quota := of_type(each, spot=False):
                largest[quota] = max(largest[quota], vcpus[each])
        for quota, most in largest.items():
            by_quota[quota] += (nodes.max + surge(settings.zones)) * most
    for group in settings.gpu_groups:
        # A reservation was held against the quota when it was made.
        if group.reservation is None and (quota := of_type(group.instance_types[0], spot=group.spot)):
            by_quota[quota] += group.max * max(each.vcpus for each in group.instances)
    for quota, vcpus_of_others in _running(account, ec2).items():
        if quota in by_quota:
            by_quota[quota] += vcpus_of_others
    yield from by_quota.items()
    if settings.egress:
        yield ADDRESSES, settings.zones + _others(account, ec2.describe_addresses()["Addresses"])
    yield VPCS, 1 + _others(account, ec2.describe_vpcs()["Vpcs"])
    yield INTERFACE_ENDPOINTS, len(settings.interface_endpoints)


def of_type(instance_type: str, *, spot: bool) -> Quota | None:
    """The quota that an instance of the type counts against; None for one that no stack here asks for."""
    family = instance_type.partition(".")[0]
    letters = family[: len(family) - len(family.lstrip(string.ascii_lowercase))]
    if letters == "p":
        return {"p2": SPOT_P, "p3": SPOT_P, "p4": SPOT_P, "p5": SPOT_P5}.get(family[:2]) if spot else P
    quotas = FAMILIES.get(letters)
    return quotas[spot] if quotas else None


def _running(account: Account, ec2: Any) -> Mapping[Quota, int]:
    """The vCPUs of others' instances, by the quota that they count against."""
    found: dict[Quota, int] = defaultdict(int)
    live = [{"Name": "instance-state-name", "Values": ["pending", "running"]}]
    pages = ec2.get_paginator("describe_instances").paginate(Filters=live)
    instances = [each for page in pages for one in page["Reservations"] for each in one["Instances"]]
    others = [each for each in instances if not _own(account, each)]
    if not others:
        return found
    vcpus = _vcpus(account, tuple({each["InstanceType"] for each in others}))
    for each in others:
        quota = of_type(each["InstanceType"], spot=each.get("InstanceLifecycle") == "spot")
        # What a reservation holds was counted when it was made.
        if quota and not each.get("CapacityReservationId"):
            found[quota] += vcpus.get(each["InstanceType"], 0)
    return found


def _untold(account: Account) -> Iterator[Finding]:
    asked = [
        (f"{role}InstanceTypes", each, False)
        for role, nodes in account.settings.plain_nodes.items()
        for each in nodes.instance_types
    ] + [
        (f"gpuGroups, {group.name}", group.instance_types[0], group.spot)
        for group in account.settings.gpu_groups
        if group.reservation is None
    ]
    for setting, instance_type, spot in asked:
        if of_type(instance_type, spot=spot) is None:
            yield Finding(
                ABOUT,
                State.UNKNOWN,
                f"no quota is known for {'Spot' if spot else 'On-Demand'} Instances of {instance_type} "
                f"(parapet:{setting}): look for its family in the console of Service Quotas, under Amazon EC2",
            )


def _log_policies(account: Account) -> Iterator[Finding]:
    pages = account.access.client("logs").get_paginator("describe_resource_policies").paginate()
    names = {each["policyName"] for page in pages for each in page["resourcePolicies"]}
    wanted = len(names | {policy_name(account.settings.name)})
    said = "resource policies of CloudWatch Logs in the Region"
    if wanted > LOG_POLICIES:
        yield to_do(
            ABOUT,
            f"{said}: {wanted} are wanted, and AWS takes {LOG_POLICIES}, which it does not raise: see who needs them "
            f"(aws logs describe-resource-policies --region {account.access.region}), and delete one",
        )
    else:
        yield ok(ABOUT, f"{said}: {wanted} of {LOG_POLICIES}")


def _vcpus(account: Account, types: tuple[str, ...]) -> Mapping[str, int]:
    answer = account.access.client("ec2").describe_instance_types(InstanceTypes=list(types))
    return {each["InstanceType"]: int(each["VCpuInfo"]["DefaultVCpus"]) for each in answer["InstanceTypes"]}


def _others(account: Account, found: list[dict[str, Any]]) -> int:
    """How many are not this stack's own, which a later `up` finds there."""
    return sum(not _own(account, each) for each in found)


def _own(account: Account, found: Mapping[str, Any]) -> bool:
    return {"Key": "Environment", "Value": account.settings.environment} in found.get("Tags", [])


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
