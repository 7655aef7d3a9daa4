"""Why a rule has its level under the law: advice says so itself, what is mandatory by the concern that it serves."""

from __future__ import annotations

from functools import cache

from pydantic import BaseModel, ConfigDict, Field

from hipaa import catalogue, own_yaml
from hipaa.rule import Rule


class Reasons(BaseModel):
    """Why violations break the Security Rule."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    specifications: dict[str, str] = Field(description="By citation; of several that a rule serves, the first here.")
    rules: dict[str, str] = Field(description="By the name of a rule that has a reason of its own.")


@cache
def load() -> Reasons:
    """The reasons of `reasons.yaml`.

    Raises:
        pydantic.ValidationError: when it is not as it must be.
    """
    return Reasons.model_validate(own_yaml.read("reasons.yaml"))


def reason(rule: Rule) -> str:
    """Why a rule is advice, or why its violation breaks the Security Rule.

    Raises:
        LookupError: when nothing says so, which a test finds.
    """
    if rule.advisory:
        return rule.advisory
    told = load()
    if rule.name in told.rules:
        return told.rules[rule.name]
    served = catalogue.load().citations(rule.name)
    for citation, why in told.specifications.items():
        if citation in served:
            return f"{why} ({citation})"
    raise LookupError(f"reasons.yaml has no reason for {rule.name}, nor for any of {', '.join(served)}")
