"""What a rule is: one requirement on one kind of resource, with its check, its fix and its examples.

A rule knows the resource and not the law; `catalogue.yaml` knows which specification it serves. Its examples are its
tests and its documentation. Rules are plain functions over plain properties: nothing here needs Pulumi.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Literal

from hipaa.resource import Properties, Resource, UnknownValue, reading
from hipaa.stack import Stack
from hipaa.verdict import Verdict, undecided, violation


class Severity(StrEnum):
    """How much a violation matters: critical exposes ePHI by itself, low is hygiene."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


LOW, MEDIUM, HIGH, CRITICAL = Severity

ResourceExample = Mapping[str, Any] | Resource
StackExample = Sequence[Resource]
Example = ResourceExample | StackExample


class Unreadable(Exception):
    """A property is not what its type says (a policy that is no JSON): the rule reports it as a violation."""


@dataclass(frozen=True)
class Rule:
    """One requirement.

    `on` are the type tokens of the resources that it judges, aliases and older names included; `besides` tells of
    other types, which no list can have, whether one may be such a resource. A rule of scope `resource` judges a
    resource by its own inputs; one of scope `stack` also looks at the resources around it.
    """

    name: str
    on: tuple[str, ...]
    severity: Severity
    fix: str
    sound: tuple[Example, ...]
    unsound: tuple[Example, ...]
    scope: Literal["resource", "stack"]
    check: Callable[..., Verdict]
    besides: Callable[[str], bool] | None = None
    advisory: str = ""
    """Why it is good practice and no more; empty for a rule whose violation breaks the Security Rule as it stands."""

    def is_about(self, type_: str) -> bool:
        """Whether it judges resources of this type."""
        return type_ in self.on or self.may_be_about(type_)

    def may_be_about(self, type_: str) -> bool:
        """Whether some of this type, which is not in `on`, are its own to judge: its verdict on one tells."""
        return self.besides is not None and self.besides(type_)

    @property
    def title(self) -> str:
        """The requirement in one sentence: the first line of the check's docstring."""
        return self.doc.partition("\n")[0]

    @property
    def why(self) -> str:
        """Why it matters: the rest of the docstring, or nothing."""
        return " ".join(self.doc.partition("\n")[2].split())

    @property
    def doc(self) -> str:
        """The check's whole docstring."""
        return inspect.getdoc(self.check) or ""

    def judge(self, resource: Resource, stack: Stack | None = None) -> Verdict:
        """The verdict on one resource; what the check cannot read is undecided or a violation, never passed.

        A check that read a secret speaks only in general terms: its messages are withheld.

        Raises:
            Exception: whatever a defective check raises. The caller must treat that as a failure.
        """
        with reading() as noted:
            try:
                verdict = self.check(resource) if self.scope == "resource" else self.check(resource, stack or Stack(()))
            except UnknownValue as unknown:
                return undecided(unknown.path)
            except Unreadable as unreadable:
                return violation(str(unreadable))
        if noted.secrets and verdict.violations:
            return replace(verdict, violations=(f"what is wrong is withheld, for `{noted.secrets[0]}` is secret",))
        return verdict

    def judge_example(self, example: Example) -> list[Verdict]:
        """The verdicts on an example: on the resource, or on each resource of the rule's kind in the stack."""
        if isinstance(example, Resource):
            return [self.judge(example)]
        if isinstance(example, Mapping):
            return [self.judge(Resource(self.on[0], example))]
        stack = Stack(example)
        return [self.judge(resource, stack) for resource in stack.judged_by(self.is_about)]


def rule(
    name: str,
    *,
    on: str | tuple[str, ...],
    severity: Severity,
    fix: str,
    sound: Sequence[ResourceExample],
    unsound: Sequence[ResourceExample],
    besides: Callable[[str], bool] | None = None,
    advisory: str = "",
) -> Callable[[Callable[[Resource], Verdict] | Callable[[Properties], Verdict]], Rule]:
    """Make a rule of a check over one resource's inputs.

    An example is an object of properties, of the first type in `on`, or a `Resource` of another one. `advisory` says
    why an auditor would not say of a violation that it breaks the Security Rule: the rule is then advice.
    """

    def decorate(check: Callable[..., Verdict]) -> Rule:
        types = (on,) if isinstance(on, str) else on
        return Rule(name, types, severity, fix, tuple(sound), tuple(unsound), "resource", check, besides, advisory)

    return decorate


def stack_rule(
    name: str,
    *,
    on: str | tuple[str, ...],
    severity: Severity,
    fix: str,
    sound: Sequence[StackExample],
    unsound: Sequence[StackExample],
    besides: Callable[[str], bool] | None = None,
    advisory: str = "",
) -> Callable[[Callable[[Resource, Stack], Verdict]], Rule]:
    """Make a rule of a check over one resource and the stack around it. An example is a list of resources."""

    def decorate(check: Callable[[Resource, Stack], Verdict]) -> Rule:
        types = (on,) if isinstance(on, str) else on
        return Rule(name, types, severity, fix, tuple(sound), tuple(unsound), "stack", check, besides, advisory)

    return decorate
