"""The rules as a Pulumi policy pack: the only module that knows pulumi-policy.

A rule that cannot be decided yet is never passed: it is reported as Pulumi's own advisory. A rule that raises is a
violation. A waived violation is left out of its rule and reported by an advisory policy of its own.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

from google.protobuf import json_format
from google.protobuf.message import Message
from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyComplianceFramework,
    PolicyPack,
    PolicyResource,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    Severity,
    StackValidationArgs,
    StackValidationPolicy,
    deserialize,
    proxy,
)
from pulumi_policy import policy as sdk

import hipaa
from hipaa import catalogue, signals
from hipaa.resource import UNKNOWN, Resource, Secret
from hipaa.rule import Rule
from hipaa.stack import Stack
from hipaa.verdict import Outcome, Verdict, violation
from hipaa.waivers import UnusableWaivers, Waiver, load, waiver_of

NAME = "hipaa"

Report = Callable[..., None]

_UNKNOWNS = frozenset(value for name, value in vars(proxy).items() if name.startswith("UNKNOWN_"))


def serve(waivers: Path) -> None:
    """Serve the pack to the engine until the engine is done with it.

    Rules, a catalogue or waivers that cannot be used end it at once, with words: the engine then refuses to go on.
    """
    try:
        made = policies(hipaa.rules(), load(waivers), datetime.now(UTC).date())
    except (hipaa.UnusableRules, catalogue.UnusableCatalogue, UnusableWaivers) as error:
        sys.exit(f"{NAME}: {error}")
    keep_secrets_and_unknowns()
    PolicyPack(
        name=NAME,
        display_name="HIPAA Security Rule",
        description="The HIPAA Security Rule, as policies over AWS and Kubernetes resources.",
        enforcement_level=EnforcementLevel.MANDATORY,
        policies=made,
    )


def policies(rules: Iterable[Rule], waivers: tuple[Waiver, ...], today: date) -> list[Policy]:
    """A policy for each rule, and those that report on waivers when there are any."""
    rules = tuple(rules)
    made: list[Policy] = []
    for rule in rules:
        if rule.scope == "resource":
            made.append(ResourceValidationPolicy(validate=_resource_check(rule, waivers, today), **_metadata(rule)))
        else:
            made.append(StackValidationPolicy(validate=_stack_check(rule, waivers, today), **_metadata(rule)))
    return made + (_waiver_policies(rules, waivers, today) if waivers else [])


def _metadata(rule: Rule) -> dict[str, Any]:
    law = catalogue.load()
    citations = law.citations(rule.name)
    return {
        "name": rule.name,
        "description": rule.title,
        "enforcement_level": EnforcementLevel.ADVISORY if rule.advisory else EnforcementLevel.MANDATORY,
        "severity": Severity(rule.severity.value),
        "framework": PolicyComplianceFramework(
            name="HIPAA Security Rule",
            version="45 CFR part 164, subpart C",
            reference="; ".join(citations),
            specification="; ".join(dict.fromkeys(law.specifications[citation].title for citation in citations)),
        ),
        "tags": ["hipaa", rule.scope],
        "remediation_steps": rule.fix,
    }


def _resource_check(
    rule: Rule, waivers: tuple[Waiver, ...], today: date
) -> Callable[[ResourceValidationArgs, Report], None]:
    def validate(args: ResourceValidationArgs, report: Report) -> None:
        if not rule.is_about(args.resource_type):
            args.not_applicable("the rule is about resources of another type")
        verdict = _judge(rule, _resource_of(args))
        waiver = waiver_of(waivers, rule.name, args.urn, today)
        if verdict.violations and waiver and not _is_broken(verdict):
            args.not_applicable(str(waiver))
        for message in verdict.violations:
            report(message)
        if verdict.unknown:
            raise _NotYetDecided([(args.urn, verdict.unknown)])
        if verdict.outcome is Outcome.NOT_APPLICABLE:
            args.not_applicable(verdict.not_applicable)

    return validate


def _stack_check(rule: Rule, waivers: tuple[Waiver, ...], today: date) -> Callable[[StackValidationArgs, Report], None]:
    def validate(args: StackValidationArgs, report: Report) -> None:
        reasons: list[str] = []
        unknown: list[tuple[str, tuple[str, ...]]] = []
        held = waived = False
        for resource, verdict in _judge_stack(rule, args):
            waiver = waiver_of(waivers, rule.name, resource.urn, today)
            if verdict.violations and waiver and not _is_broken(verdict):
                waived = True
                reasons.append(str(waiver))
                continue
            for message in verdict.violations:
                report(message, resource.urn)
            if verdict.unknown:
                unknown.append((resource.urn, verdict.unknown))
            if verdict.outcome is Outcome.NOT_APPLICABLE:
                reasons.append(verdict.not_applicable or "")
            else:
                held = True
        if unknown:
            raise _NotYetDecided(unknown)
        # A stack has one answer to a rule: with a waived violation in it, that answer is not "passed".
        if waived or not held:
            args.not_applicable("; ".join(dict.fromkeys(reasons)) or "the stack has no resource of the rule's types")

    return validate


def _judge(rule: Rule, resource: Resource, stack: Stack | None = None) -> Verdict:
    """The verdict, once for a request: what is waived is told by a policy of its own, which asks for it too."""
    asked = _ASKED.get()
    if asked is None:
        return _judged(rule, resource, stack)
    place = rule.name, id(resource)  # a request's resources are there as long as what was made of it
    if place not in asked.verdicts:
        asked.verdicts[place] = _judged(rule, resource, stack)
    return asked.verdicts[place]


def _judged(rule: Rule, resource: Resource, stack: Stack | None) -> Verdict:
    try:
        return rule.judge(resource, stack)
    except Exception as error:  # a defect in one rule must neither pass nor hide the others
        return violation(signals.broken(error))


def _judge_stack(rule: Rule, args: StackValidationArgs) -> Iterator[tuple[Resource, Verdict]]:
    stack = _stack_of(args)
    for resource in stack.judged_by(rule.is_about):
        yield resource, _judge(rule, resource, stack)


def _is_broken(verdict: Verdict) -> bool:
    return any(map(signals.is_broken, verdict.violations))


class _NotYetDecided(proxy.UnknownValueError):
    """What the SDK turns into an advisory that the policy could not run."""

    def __init__(self, unknown: list[tuple[str, tuple[str, ...]]]) -> None:
        Exception.__init__(self)
        self.message = signals.undecided(unknown)


def _waiver_policies(rules: tuple[Rule, ...], waivers: tuple[Waiver, ...], today: date) -> list[Policy]:
    """Policies that say which violations are waived, and fail when a waiver has expired."""

    def told(rule: Rule, resource: Resource, verdict: Verdict) -> str | None:
        waiver = waiver_of(waivers, rule.name, resource.urn, today)
        if not waiver or not verdict.violations or _is_broken(verdict):
            return None
        return f"{rule.name}: {waiver} ({'; '.join(verdict.violations)})"

    def one(args: ResourceValidationArgs, report: Report) -> None:
        judged = [rule for rule in rules if rule.scope == "resource" and rule.is_about(args.resource_type)]
        if not judged:
            args.not_applicable("nothing is waived here")
        resource = _resource_of(args)
        messages = [message for rule in judged if (message := told(rule, resource, _judge(rule, resource)))]
        for message in messages:
            report(message)
        if not messages:
            args.not_applicable("nothing is waived here")

    def all_(args: StackValidationArgs, report: Report) -> None:
        waived = False
        for rule in rules:
            if rule.scope == "stack" and any(waiver.rule == rule.name for waiver in waivers):
                for resource, verdict in _judge_stack(rule, args):
                    if message := told(rule, resource, verdict):
                        waived = True
                        report(message, resource.urn)
        if not waived:
            args.not_applicable("nothing is waived here")

    def current(_args: StackValidationArgs, report: Report) -> None:
        for waiver in waivers:
            if not waiver.holds(today):
                report(
                    f"the waiver of {waiver.rule} for {waiver.urn} by {waiver.owner} expired on {waiver.expires}; "
                    "mend the resource and remove the waiver, or have it renewed"
                )

    accepted = "A violation that a waiver accepts is reported, and does not fail the deployment."
    advisory = EnforcementLevel.ADVISORY
    return [
        ResourceValidationPolicy(signals.ACCEPTED_RISK, accepted, one, advisory),
        StackValidationPolicy(signals.ACCEPTED_RISK_IN_STACK, accepted, all_, advisory),
        StackValidationPolicy(
            signals.WAIVERS_ARE_CURRENT, "No waiver has expired.", current, EnforcementLevel.MANDATORY
        ),
    ]


class _Wire:
    """Properties as the engine sent them, not looked at until a rule wants them."""

    __slots__ = ("values",)

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = values


class _Asked:
    """What was made of one request of the engine, for all policies that look at it. What it holds is only read."""

    def __init__(self) -> None:
        self.read: dict[int, tuple[Message, dict[str, Any]]] = {}
        self.made: dict[tuple[str, int], tuple[Message, Any]] = {}
        self.resource: Resource | None = None
        self.stack: Stack | None = None
        self.verdicts: dict[tuple[str, int], Verdict] = {}


_ASKED: ContextVar[_Asked | None] = ContextVar("asked", default=None)


def keep_secrets_and_unknowns() -> None:
    """Have the SDK hand properties over as they came, read from the wire once a request.

    The SDK opens secrets before a policy sees them, so that no policy could keep them out of its messages. And it reads
    the properties anew for each policy, most of which are about another type: that made a preview half as long again.
    This replaces functions of the SDK that are not public; the pack's tests hold it to the pinned version.
    """
    opened = deserialize.deserialize_properties

    def deserialize_properties(props: dict[str, Any], proxy_secrets: bool = False) -> Any:
        return _Wire(props)  # `proxy_secrets` is for remediations, and there are none

    if sdk.deserialize_properties is not opened or sdk.json_format is not json_format:
        _incompatible()
    sdk.deserialize_properties = deserialize_properties  # type: ignore[assignment]
    sdk.json_format = SimpleNamespace(MessageToDict=_read_once)  # type: ignore[assignment]
    servicer = sdk._PolicyAnalyzerServicer
    servicer.Analyze = _as_one_request(servicer.Analyze)  # type: ignore[method-assign]
    servicer.AnalyzeStack = _as_one_request(servicer.AnalyzeStack)  # type: ignore[method-assign]
    # What goes with a resource, its options and its provider, it takes off the wire for each policy too.
    servicer._get_resource_options = _made_once(servicer._get_resource_options)  # type: ignore[method-assign]
    servicer._get_provider_resource = _made_once(servicer._get_provider_resource)  # type: ignore[method-assign]


def _as_one_request(answer: Callable[..., Any]) -> Callable[..., Any]:
    def answered(servicer: object, request: Message, context: object) -> Any:
        token = _ASKED.set(_Asked())
        try:
            return answer(servicer, request, context)
        finally:
            _ASKED.reset(token)

    return answered


def _made_once(make: Callable[..., Any]) -> Callable[..., Any]:
    def made(servicer: object, message: Message) -> Any:
        asked = _ASKED.get()
        if asked is None:
            return make(servicer, message)
        place = make.__name__, id(message)
        if place not in asked.made:
            asked.made[place] = message, make(servicer, message)  # the message is kept, as in `_read_once`
        return asked.made[place][1]

    return made


def _read_once(message: Message) -> dict[str, Any]:
    asked = _ASKED.get()
    if asked is None:
        return json_format.MessageToDict(message)
    # The message is kept beside what was read: no other one can take its place, and with it its identity.
    if id(message) not in asked.read:
        asked.read[id(message)] = message, json_format.MessageToDict(message)
    return asked.read[id(message)][1]


def _incompatible() -> NoReturn:
    sys.exit(f"{NAME}: this version of pulumi-policy is not the one that the pack is made for; see requirements.txt")


def _resource_of(args: ResourceValidationArgs) -> Resource:
    """The resource that a request is about, made once for all rules."""
    asked = _ASKED.get()
    if asked is None:
        return _resource(args)
    if asked.resource is None:
        asked.resource = _resource(args)
    return asked.resource


def _stack_of(args: StackValidationArgs) -> Stack:
    """The stack that a request is about, made once for all rules."""
    asked = _ASKED.get()
    if asked is None:
        return Stack(map(_resource, args.resources))
    if asked.stack is None:
        asked.stack = Stack(map(_resource, args.resources))
    return asked.stack


def _resource(given: ResourceValidationArgs | PolicyResource) -> Resource:
    assert isinstance(given.props, _Wire), "keep_secrets_and_unknowns() comes first"
    origins = getattr(given, "property_dependencies", {})
    return Resource(
        given.resource_type,
        _plain(given.props.values),
        name=given.name,
        urn=given.urn,
        sources={name: [origin.urn for origin in resources] for name, resources in origins.items()},
    )


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        if value.get(deserialize.SPECIAL_SIG_KEY) == deserialize.SPECIAL_SECRET_SIG:
            return Secret(_plain(value.get("value")))
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return UNKNOWN if isinstance(value, str) and value in _UNKNOWNS else value
