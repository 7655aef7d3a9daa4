"""Whether the zones of a group of nodes have its instance types: not every zone of a Region has every one.

A managed node group whose zone has none cannot be launched there, and EKS gives it up (Amazon EKS User Guide, "Managed
node group error codes", AsgInstanceLaunchFailures). Karpenter and the operators' host take a zone that has one.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cluster.operators_host import INSTANCE_TYPE as HOST
from operations.account.preflight.finding import Account, Finding, ok, to_do
from operations.account.preflight.zones import chosen

ABOUT: Final = "instance types"


@dataclass(frozen=True)
class Group:
    setting: str
    types: Sequence[str]
    zones: Sequence[str]
    everywhere: bool
    """Whether each of the zones must have one of the types, or one zone will do."""
    of_gpus: bool = False


def check(account: Account) -> Iterator[Finding]:
    groups = list(_groups(account))
    offered = _offered(account, {each for group in groups for each in group.types})
    told = 0
    for group in groups:
        without = [zone for zone in group.zones if not offered[zone] & set(group.types)]
        having = [zone for zone in group.zones if zone not in without]
        if without and (group.everywhere or not having):
            told += 1
            narrower = f"set its zones to [{', '.join(having)}], or " if having and group.of_gpus else ""
            yield to_do(
                ABOUT,
                f"{', '.join(without)} has no {' or '.join(group.types)} (parapet:{group.setting}): {narrower}take a "
                "type that is there: aws ec2 describe-instance-type-offerings --location-type availability-zone "
                f"--region {account.access.region}",
            )
    if not told:
        yield ok(ABOUT, ", ".join(dict.fromkeys(each for group in groups for each in group.types)))


def _groups(account: Account) -> Iterator[Group]:
    settings, every = account.settings, [name for _, name in chosen(account)]
    for role, nodes in settings.plain_nodes.items():
        yield Group(f"{role}InstanceTypes", nodes.instance_types, every, everywhere=True)
    for each in settings.gpu_groups:
        setting, zones = f"gpuGroups, {each.name}", each.zones or every
        yield Group(setting, each.instance_types, zones, everywhere=each.min > 0, of_gpus=True)
    if settings.operators_host:
        yield Group("operatorsHost", (HOST,), every, everywhere=False)


def _offered(account: Account, types: set[str]) -> Mapping[str, set[str]]:
    """By zone, those of the types that it has."""
    found: dict[str, set[str]] = defaultdict(set)
    pages = account.access.client("ec2").get_paginator("describe_instance_type_offerings")
    named = [{"Name": "instance-type", "Values": sorted(types)}]
    for page in pages.paginate(LocationType="availability-zone", Filters=named):
        for each in page["InstanceTypeOfferings"]:
            found[each["Location"]].add(each["InstanceType"])
    return found
