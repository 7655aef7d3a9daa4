"""Names that a program leaves to the provider: the resource's own and seven random digits.

As pulumi-terraform-bridge makes them (`pkg/tfbridge/info/autonaming.go`), with the numbers of pulumi-aws
(`provider/resource_overrides.go`, `aliases.go`, `autonaming.go`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from local.aws.declaration import Autoname, ResourceType
from local.aws.expression import evaluate
from local.aws.facts import Facts
from local.plugin.checks import NamingError, Proposal

DIGITS = 7
UNIQUE = 26
"""What Terraform adds to a prefix (`UniqueIDSuffixLength` of its plugin SDK's package `id`)."""


def rule_for(declared: ResourceType, facts: Facts) -> Autoname | None:
    """How a type's automatic name is made; by default an optional `name` gets one of at most 255 characters."""
    if isinstance(declared.autoname, Autoname):
        return declared.autoname
    if declared.autoname is False:
        return None
    own = facts.model.inputs.get("name")
    return Autoname() if own and not own.required and facts.is_computed("name") else None


def automatic_name(
    rule: Autoname, urn_name: str, seed: bytes, inputs: Mapping[str, Any], proposal: Proposal | None
) -> str:
    """A new name. `seed` makes it the same for the same resource within one update.

    Raises `NamingError`, in the provider's words, where the resource's own name leaves no room for the digits: nothing
    is shortened. What is put before and after it is not counted; whether the whole is a name that AWS takes is checked
    as for a name that the program gave.
    """
    if proposal and proposal.mode == "disable":
        raise NamingError(f"automatic naming is disabled in this project: give {rule.property} a value")
    base = rule.base or urn_name
    if proposal and proposal.name:
        if proposal.mode == "enforce":
            return proposal.name
        base = proposal.name
    base = base.lower() if rule.lower else base
    if proposal and proposal.name:
        if len(base) > rule.max:
            raise NamingError(f"calculated name {base!r} exceeds maximum length of {rule.max}")
    elif rule.random:
        digits = hashlib.sha256(seed or urn_name.encode()).hexdigest()[:DIGITS]
        base += rule.separator
        if len(base) + DIGITS > rule.max:
            raise NamingError(
                f"name {base!r} plus {DIGITS} random chars is longer than maximum length {rule.max}: "
                f"give {rule.property} a value, or the resource a shorter name"
            )
        base += digits
    return f"{rule.start}{base}{_end(rule, inputs)}"


def longest_prefix(rule: Autoname, facts: Facts, inputs: Mapping[str, Any]) -> int:
    """How many characters of `namePrefix` leave room for those that the provider adds."""
    constraint = facts.constraints.get(rule.property, {})
    most = min(rule.max, constraint.get("maxLength", rule.max))
    return int(most) - UNIQUE - len(_end(rule, inputs))


def prefixed_name(rule: Autoname, prefix: str, inputs: Mapping[str, Any], unique: str) -> str:
    """The name that the provider makes of `namePrefix` when it creates the resource."""
    return f"{prefix}{unique[:UNIQUE]}{_end(rule, inputs)}"


def _end(rule: Autoname, inputs: Mapping[str, Any]) -> str:
    return str(evaluate(rule.end, {"in": inputs}) or "")
