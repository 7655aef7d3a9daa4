"""Amazon EBS volumes, and instances with their own disks, with what copies them: AWS Backup, or a lifecycle policy."""

from __future__ import annotations

from typing import Any

from hipaa.aws.advice import PROPOSED_BACKUPS
from hipaa.aws.backup_plans import SELECTION, is_backed_up
from hipaa.aws.ebs import VOLUME
from hipaa.resource import Properties, Resource
from hipaa.rule import LOW, MEDIUM, stack_rule
from hipaa.stack import Stack
from hipaa.verdict import Verdict, violation

INSTANCE = "aws:ec2/instance:Instance"
LIFECYCLE = "aws:dlm/lifecyclePolicy:LifecyclePolicy"

_VOLUME = Resource(
    VOLUME,
    {"arn": "arn:aws:ec2:us-east-1:111122223333:volume/vol-1a2b3c4d", "tags": {"backup": "daily"}},
    name="records",
)


def _policy(state: str = "ENABLED", **details: Any) -> Resource:
    return Resource(LIFECYCLE, {"description": "daily", "state": state, "policyDetails": details})


@stack_rule(
    "volume-is-backed-up",
    on=VOLUME,
    severity=MEDIUM,
    advisory="a volume may hold nothing that is not elsewhere too; where it does, make this mandatory",
    proposed=PROPOSED_BACKUPS,
    fix="Tag the volume for a Selection of AWS Backup, or for a LifecyclePolicy of the Data Lifecycle Manager.",
    sound=[
        [_VOLUME, Resource(SELECTION, {"resources": ["arn:aws:ec2:*:*:volume/*"]})],
        [_VOLUME, _policy(resourceTypes=["VOLUME"], targetTags={"backup": "daily"})],
        [_VOLUME, Resource(LIFECYCLE, {"description": "all", "defaultPolicy": "VOLUME", "state": "ENABLED"})],
    ],
    unsound=[
        [_VOLUME],
        [_VOLUME, _policy(resourceTypes=["VOLUME"], targetTags={"backup": "weekly"})],
        [_VOLUME, _policy("DISABLED", resourceTypes=["VOLUME"], targetTags={"backup": "daily"})],
        [_VOLUME, Resource(SELECTION, {"resources": ["arn:aws:rds:*:*:db:*"]})],
    ],
)
def volume_is_backed_up(volume: Resource, stack: Stack) -> Verdict:
    """A volume is copied by plan: a snapshot that somebody thinks of is none on the day that it is wanted."""
    if is_backed_up(volume, stack, "ec2") or any(_takes(policy, volume) for policy in stack.of(LIFECYCLE)):
        return Verdict()
    return violation("no selection of AWS Backup and no LifecyclePolicy of the program takes up the volume")


_MACHINE = Resource(
    INSTANCE,
    {"arn": "arn:aws:ec2:us-east-1:111122223333:instance/i-1a2b3c4d", "tags": {"backup": "daily"}},
    name="records",
)


@stack_rule(
    "instance-is-backed-up",
    on=INSTANCE,
    severity=LOW,
    advisory="an instance may hold nothing that is not elsewhere too; where it does, make this mandatory",
    proposed=PROPOSED_BACKUPS,
    fix="Tag the instance for a Selection of AWS Backup, or it or its volumes (volume_tags) for a LifecyclePolicy.",
    sound=[
        [_MACHINE, Resource(SELECTION, {"resources": ["arn:aws:ec2:*:*:instance/*"]})],
        [_MACHINE, _policy(resourceTypes=["INSTANCE"], targetTags={"backup": "daily"})],
        [_MACHINE, Resource(LIFECYCLE, {"description": "all", "defaultPolicy": "INSTANCE", "state": "ENABLED"})],
        [
            Resource(INSTANCE, {"volumeTags": {"backup": "daily"}}, name="records"),
            _policy(resourceTypes=["VOLUME"], targetTags={"backup": "daily"}),
        ],
    ],
    unsound=[
        [_MACHINE],
        [_MACHINE, _policy(resourceTypes=["VOLUME"], targetTags={"backup": "daily"})],
        [_MACHINE, Resource(SELECTION, {"resources": ["arn:aws:ec2:us-east-1:111122223333:volume/*"]})],
    ],
)
def instance_is_backed_up(instance: Resource, stack: Stack) -> Verdict:
    """An instance's own disks are copied by plan; those of a volume of the program's are that volume's to say."""
    if is_backed_up(instance, stack, "ec2"):
        return Verdict()
    for policy in stack.of(LIFECYCLE):
        if _takes(policy, instance, "INSTANCE") or _takes(policy, instance, "VOLUME", "volumeTags"):
            return Verdict()
    return violation("no selection of AWS Backup and no LifecyclePolicy of the program takes up the instance")


def _takes(policy: Resource, resource: Resource, kind: str = "VOLUME", named: str = "tags") -> bool:
    if policy.at("state", "ENABLED") != "ENABLED":
        return False
    if policy.at("defaultPolicy") == kind:
        return True
    wanted, tags = policy.at("policyDetails.targetTags"), resource.at(named)
    if kind not in policy.texts("policyDetails.resourceTypes") or not isinstance(wanted, Properties):
        return False
    return isinstance(tags, Properties) and any(tags.get(name) == wanted[name] for name in wanted)
