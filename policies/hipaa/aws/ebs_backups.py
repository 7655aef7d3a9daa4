"""Amazon EBS volumes with what keeps copies of them: a plan of AWS Backup or a policy of the Data Lifecycle Manager."""

from __future__ import annotations

from typing import Any

from hipaa.aws.backup_plans import SELECTION, is_backed_up
from hipaa.aws.ebs import VOLUME
from hipaa.resource import Properties, Resource
from hipaa.rule import MEDIUM, stack_rule
from hipaa.stack import Stack
from hipaa.verdict import Verdict, violation

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


def _takes(policy: Resource, volume: Resource) -> bool:
    if policy.at("state", "ENABLED") != "ENABLED":
        return False
    if policy.at("defaultPolicy") == "VOLUME":
        return True
    wanted, tags = policy.at("policyDetails.targetTags"), volume.at("tags")
    if "VOLUME" not in policy.texts("policyDetails.resourceTypes") or not isinstance(wanted, Properties):
        return False
    return isinstance(tags, Properties) and any(tags.get(name) == wanted[name] for name in wanted)
