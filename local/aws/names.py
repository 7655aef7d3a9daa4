"""Names that a program leaves to the provider: the resource's own and seven random digits."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from local.aws.declaration import Autoname, ResourceType
from local.aws.expression import evaluate
from local.aws.facts import Facts
from local.plugin.checks import NamingError, Proposal

DIGITS = 7


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
    """A new name. `seed` makes it the same for the same resource within one update."""
    end = str(evaluate(rule.end, {"in": inputs}) or "")
    if proposal and proposal.mode == "disable":
        raise NamingError(f"automatic naming is disabled in this project: give {rule.property} a value")
    if proposal and proposal.name:
        name = proposal.name
        if proposal.mode == "propose":
            name = rule.start + (name.lower() if rule.lower else name) + end
        if len(name) > rule.max:
            raise NamingError(f"the name {name!r} that pulumi:autonaming gives has more than {rule.max} characters")
        return name
    digits = hashlib.sha256(seed or urn_name.encode()).hexdigest()[:DIGITS]
    suffix = rule.separator + digits if rule.random else ""
    room = rule.max - len(rule.start) - len(suffix) - len(end)
    if room < 1:
        raise NamingError(f"{rule.property} has room for {rule.max} characters only: give it a value")
    base = rule.base or (urn_name.lower() if rule.lower else urn_name)
    return f"{rule.start}{base[:room]}{suffix}{end}"
