"""What a rule is: one requirement on one kind of resource, with its check, its fix and its examples.

A rule knows the resource and not the law; `catalogue.yaml` knows which specification it serves. Its examples are its
tests and its documentation. Rules are plain functions over plain properties: nothing here needs Pulumi.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Literal

from hipaa.parameter import Parameter, UnusableSetting
from hipaa.resource import Resource, UnknownValue, reading
from hipaa.stack import Stack
from hipaa.verdict import Verdict, undecided, violation


class Severity(StrEnum):
    """How much a violation matters: critical exposes ePHI by itself, low is hygiene."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


LOW, MEDIUM, HIGH, CRITICAL = Severity


class Profile(StrEnum):
    """Which text is held to: it decides what is mandatory, and nothing else."""

    LAW = "hipaa-2013"
    PROPOSAL = "hipaa-nprm-2025"

    @property
    def text(self) -> str:
        """What the text is, and whether it is in force."""
        if self is Profile.LAW:
            return "the Security Rule as it is in force: 45 CFR part 164, subpart C, last changed in 2013 (78 FR 5566)"
        return (
            "the Security Rule as HHS proposed it on January 6, 2025 (90 FR 898): a proposal and no law; it may be "
            "changed or withdrawn"
        )


class Level(StrEnum):
    """What the engine does when a rule is broken: refuse to go on, or warn."""

    MANDATORY = "mandatory"
    ADVISORY = "advisory"


ResourceExample = Mapping[str, Any] | Resource
StackExample = Sequence[Resource]
Example = ResourceExample | StackExample


class BrokenRule(Exception):
    """A check raised: a defect in the rule, whose cause is this one's. `reading` is the property that it read last."""

    def __init__(self, rule: str, reading: str) -> None:
        super().__init__(f"{rule} broke while it read {reading or 'nothing yet'}")
        self.rule = rule
        self.reading = reading


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
    mending: str
    """What to write instead; the name of a parameter in braces stands for its value."""
    sound: tuple[Example, ...]
    unsound: tuple[Example, ...]
    scope: Literal["resource", "stack"]
    check: Callable[..., Verdict]
    besides: Callable[[str], bool] | None = None
    advisory: str = ""
    """Why it is good practice and no more; empty for a rule whose violation breaks the Security Rule as it stands."""
    proposed: str = ""
    """What the proposal of 2025 says that makes a rule mandatory which is good practice under the law; else empty."""
    parameters: tuple[Parameter, ...] = ()
    """What the policy configuration may set; the check takes each as an argument by its name."""
    remedy: Mapping[str, Any] = field(default_factory=dict)
    """Properties of the resource, and the values that mend it and break nobody who uses it; empty where none do."""

    def __post_init__(self) -> None:
        if self.proposed and not self.advisory:
            raise ValueError(f"{self.name}: what the proposal says matters for what is advisory under the law alone")

    @property
    def fix(self) -> str:
        """What to write instead, where the configuration sets nothing."""
        return self.fix_for(self.settings({}))

    def fix_for(self, settings: Mapping[str, Any]) -> str:
        """What to write instead, given what `settings` made of a configuration."""
        return self.mending.format(**settings) if self.parameters else self.mending

    def level(self, profile: Profile = Profile.LAW) -> Level:
        """What its violation does, under a profile."""
        if self.advisory and not (self.proposed and profile is Profile.PROPOSAL):
            return Level.ADVISORY
        return Level.MANDATORY

    @property
    def looks_at(self) -> frozenset[str]:
        """The types of resources that it is about or looks at beside them, as its examples tell."""
        examples = (one for one in (*self.sound, *self.unsound) if isinstance(one, Sequence))
        return frozenset(self.on) | {resource.type for example in examples for resource in example}

    def settings(self, configured: Mapping[str, Any]) -> dict[str, Any]:
        """What its parameters are, given what a policy configuration says of it.

        Raises:
            UnusableSetting: when a value is none that is allowed.
        """
        known = {parameter.name: parameter for parameter in self.parameters}
        values: dict[str, Any] = {name: parameter.default for name, parameter in known.items()}
        for name, value in configured.items():
            if name not in known:
                has = f"it has {', '.join(known)}" if known else "it has none"
                raise UnusableSetting(f"{self.name} has no parameter {name!r}: {has}; take it out of the configuration")
            if isinstance(value, float) and value.is_integer():
                value = int(value)  # the engine knows one kind of number
            if (read := known[name].read(value)) is None:
                raise UnusableSetting(
                    f"{self.name}: {name} is {value!r}; it must be {known[name].allowed}. "
                    "Change it in the file that --policy-pack-config names"
                )
            values[name] = read
        return values

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

    def judge(
        self, resource: Resource, stack: Stack | None = None, settings: Mapping[str, Any] | None = None
    ) -> Verdict:
        """The verdict on one resource; what the check cannot read is undecided or a violation, never passed.

        A check that read a secret speaks only in general terms: its messages are withheld. `settings` are those of
        `Rule.settings`, the defaults where none are given.

        Raises:
            BrokenRule: when the check raises. The caller must treat that as a failure.
        """
        given = self.settings({}) if settings is None else settings
        with reading() as noted:
            try:
                if self.scope == "resource":
                    verdict = self.check(resource, **given)
                else:
                    verdict = self.check(resource, (stack or Stack(())).seen_from(resource), **given)
            except UnknownValue as unknown:
                return undecided(unknown.path)
            except Unreadable as unreadable:
                verdict = violation(str(unreadable))
            except Exception as error:
                raise BrokenRule(self.name, noted.last) from error
        return _withheld(verdict, noted.secrets[0]) if noted.secrets else verdict

    def judge_example(self, example: Example) -> list[Verdict]:
        """The verdicts on an example: on the resource, or on each resource of the rule's kind in the stack."""
        if isinstance(example, Resource):
            return [self.judge(example)]
        if isinstance(example, Mapping):
            return [self.judge(Resource(self.on[0], example))]
        stack = Stack(example)
        return [self.judge(resource, stack) for resource in stack.judged_by(self.is_about)]


def _withheld(verdict: Verdict, secret: str) -> Verdict:
    """A verdict without what its check said, which may hold what it read."""
    why = f"is withheld, for `{secret}` is secret"
    return replace(
        verdict,
        violations=(f"what is wrong {why}",) if verdict.violations else (),
        not_applicable=None if verdict.not_applicable is None else f"why {why}",
    )


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
    proposed: str = "",
    parameters: Sequence[Parameter] = (),
    remedy: Mapping[str, Any] | None = None,
) -> Callable[[Callable[..., Verdict]], Rule]:
    """Make a rule of a check over one resource's inputs; the check takes its parameters as arguments of their names.

    An example is an object of properties, of the first type in `on`, or a `Resource` of another one. `advisory` says
    why an auditor would not say of a violation that it breaks the Security Rule: the rule is then advice. `proposed`
    says what in the proposal of 2025 makes it mandatory there.
    """

    def decorate(check: Callable[..., Verdict]) -> Rule:
        types = (on,) if isinstance(on, str) else on
        return Rule(
            name,
            types,
            severity,
            fix,
            tuple(sound),
            tuple(unsound),
            "resource",
            check,
            besides,
            advisory,
            proposed,
            tuple(parameters),
            remedy or {},
        )

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
    proposed: str = "",
    parameters: Sequence[Parameter] = (),
) -> Callable[[Callable[..., Verdict]], Rule]:
    """Make a rule of a check over one resource and the stack around it. An example is a list of resources."""

    def decorate(check: Callable[..., Verdict]) -> Rule:
        types = (on,) if isinstance(on, str) else on
        return Rule(
            name,
            types,
            severity,
            fix,
            tuple(sound),
            tuple(unsound),
            "stack",
            check,
            besides,
            advisory,
            proposed,
            tuple(parameters),
        )

    return decorate
