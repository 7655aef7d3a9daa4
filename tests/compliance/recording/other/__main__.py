"""Somebody else's pack, with a rule of the same name."""

from typing import Any

from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy


def dislikes_keys(args: Any, report: Any) -> None:
    if args.resource_type == "aws:kms/key:Key":
        report("no keys in this house")


PolicyPack(
    "house-rules",
    enforcement_level=EnforcementLevel.ADVISORY,
    policies=[ResourceValidationPolicy("kms-key-rotates", "Same name, other pack.", validate=dislikes_keys)],
)
