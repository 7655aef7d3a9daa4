"""The rules as a Pulumi policy pack: the only module that knows pulumi-policy.

A rule that cannot be decided yet is never passed: it is reported as Pulumi's own advisory. A rule that raises is a
violation. A waived violation is left out of its rule and reported by an advisory policy of its own.

pulumi-policy asks every policy about every resource, and reads the resource's properties anew for each. Two hundred
rules of which three are about a bucket made that the most of a preview, so the answers are given here: only rules about
the resource's type are asked, and what they look at is read once, when the first of them does. This replaces parts of
the SDK that are not public; the pack's tests hold it to the pinned version.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property, partial
from importlib import metadata
from pathlib import Path
from typing import Any, NoReturn

import grpc
import yaml
from google.protobuf import struct_pb2
from pulumi.runtime.proto import analyzer_pb2
from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyComplianceFramework,
    PolicyConfigSchema,
    PolicyPack,
    ResourceValidationPolicy,
    Severity,
    StackValidationPolicy,
    deserialize,
    proxy,
)
from pulumi_policy import policy as sdk

import hipaa
from hipaa import catalogue, configured, place, signals, spelling, unruled
from hipaa.parameter import UnusableSetting
from hipaa.resource import UNKNOWN, Resource, Secret, provided
from hipaa.rule import BrokenRule, Rule
from hipaa.stack import Stack
from hipaa.verdict import Outcome, Verdict, undecided
from hipaa.waivers import MOST_RESOURCES, UnusableWaivers, Waiver, load

NAME = "hipaa"

_UNKNOWNS = frozenset(value for name, value in vars(proxy).items() if name.startswith("UNKNOWN_"))
_LONGEST_UNKNOWN = max(map(len, _UNKNOWNS))
_LEFT_OUT = "all that the provider adds, for --target or --exclude leaves this resource out"
_OTHER_TYPE = "the rule is about resources of another type"
_ACCEPTED = "A violation that a waiver accepts is reported, and does not fail the deployment."


def serve(waivers: Path) -> None:
    """Serve the pack to the engine until the engine is done with it.

    Rules, a catalogue or waivers that cannot be used end it at once, with words: the engine then refuses to go on.

    Args:
        waivers: the file of accepted risks; the version is that of the PulumiPolicy.yaml beside it.
    """
    if not hasattr(sdk, "_PolicyAnalyzerServicer") or not hasattr(deserialize, "SPECIAL_SIG_KEY"):
        _incompatible()
    try:
        rules = hipaa.rules()
        accepted = load(waivers)
        made = policies(rules, with_waivers=bool(accepted))
    except (hipaa.UnusableRules, catalogue.UnusableCatalogue, UnusableWaivers) as error:
        sys.exit(f"{NAME}: {error}")
    pack = _Pack(rules, accepted, datetime.now(UTC).date(), version_of(waivers.with_name("PulumiPolicy.yaml")))
    sdk._PolicyAnalyzerServicer = partial(_Servicer, pack)  # type: ignore[misc, assignment]
    PolicyPack(
        name=NAME,
        display_name="HIPAA Security Rule",
        description="The HIPAA Security Rule, as policies over AWS and Kubernetes resources.",
        enforcement_level=EnforcementLevel.MANDATORY,
        policies=made,
    )


def version_of(project: Path) -> str:
    """The pack's version: what the engine reads in PulumiPolicy.yaml, or that of the wheel where that says none."""
    if project.exists():
        said = yaml.safe_load(project.read_text(encoding="utf-8")) or {}
        if version := said.get("version"):
            return str(version)
    try:
        return metadata.version("parapet-hipaa")
    except metadata.PackageNotFoundError:
        return "0.0.0"


def _incompatible() -> NoReturn:
    sys.exit(f"{NAME}: this version of pulumi-policy is not the one that the pack is made for; see requirements.txt")


def policies(rules: Iterable[Rule], *, with_waivers: bool) -> list[Policy]:
    """A policy for each rule, and those that report on waivers when there are any."""
    made: list[Policy] = []
    for rule in rules:
        if rule.scope == "stack":
            made.append(StackValidationPolicy(validate=_answered_elsewhere, **_metadata(rule)))
        elif rule.remedy:
            made.append(
                ResourceValidationPolicy(validate=_answered_elsewhere, remediate=_answered_elsewhere, **_metadata(rule))
            )
        else:
            made.append(ResourceValidationPolicy(validate=_answered_elsewhere, **_metadata(rule)))
    return made + _own_policies() + (_waiver_policies() if with_waivers else [])


def _answered_elsewhere(*_asked: object) -> NoReturn:
    """What the SDK would call: `_Servicer` answers without it, and anything else must not get a "passed"."""
    raise RuntimeError("the pack answers through its own servicer")


def _own_policies() -> list[Policy]:
    every = "Each type of the program's resources is looked at by some rule."
    weakens = "The policy configuration weakens no rule. What it weakens is told whatever level this has."
    return [
        _over_stack(signals.EVERY_TYPE_IS_JUDGED, every),
        _over_stack(signals.CONFIGURATION_WEAKENS_NO_RULE, weakens),
    ]


def _waiver_policies() -> list[Policy]:
    narrow = f"A waiver names the resource that it is for, and is for at most {MOST_RESOURCES} of a stack."
    return [
        ResourceValidationPolicy(signals.ACCEPTED_RISK, _ACCEPTED, _answered_elsewhere, EnforcementLevel.ADVISORY),
        _over_stack(signals.ACCEPTED_RISK_IN_STACK, _ACCEPTED),
        _over_stack(signals.WAIVERS_ARE_CURRENT, "No waiver has expired."),
        _over_stack(signals.WAIVERS_ARE_NARROW, narrow),
        _over_stack(signals.WAIVERS_ARE_USED, "A waiver is gone when nothing needs it."),
    ]


def _over_stack(name: str, text: str) -> Policy:
    return StackValidationPolicy(name, text, _answered_elsewhere, EnforcementLevel(signals.OWN_LEVELS[name]))


def _metadata(rule: Rule) -> dict[str, Any]:
    law = catalogue.load()
    citations = law.citations(rule.name)
    schema = {parameter.name: parameter.schema for parameter in rule.parameters}
    return {
        "name": rule.name,
        "description": rule.title,
        "enforcement_level": EnforcementLevel(rule.level().value),
        "severity": Severity(rule.severity.value),
        "framework": PolicyComplianceFramework(
            name="HIPAA Security Rule",
            version="45 CFR part 164, subpart C",
            reference="; ".join(citations),
            specification="; ".join(dict.fromkeys(law.specifications[citation].title for citation in citations)),
        ),
        "tags": ["hipaa", rule.scope],
        "remediation_steps": rule.fix,
        "config_schema": PolicyConfigSchema(schema) if schema else None,
    }


class _Pack:
    """The rules, and what was accepted of their violations."""

    def __init__(self, rules: tuple[Rule, ...], waivers: tuple[Waiver, ...], today: date, version: str) -> None:
        self.rules = {rule.name: rule for rule in rules}
        self.waivers = waivers
        self.today = today
        self.version = version
        self._in_force: defaultdict[str, list[Waiver]] = defaultdict(list)
        for waiver in waivers:
            if waiver.holds(today):
                self._in_force[waiver.rule].append(waiver)

    @cached_property
    def looked_at(self) -> frozenset[str]:
        """The types that some rule is about or looks at."""
        return frozenset(type_ for rule in self.rules.values() for type_ in rule.looks_at)

    def waiver(self, rule: Rule, urn: str) -> Waiver | None:
        """The first waiver that accepts this rule's violation by this resource today."""
        return next((waiver for waiver in self._in_force.get(rule.name, ()) if waiver.matches(urn)), None)

    def expired(self) -> Iterator[str]:
        for waiver in self.waivers:
            if waiver.has_expired(self.today):
                yield (
                    f"the waiver of {waiver.rule} for {waiver.urn} by {waiver.owner} expired on {waiver.expires}; "
                    "mend the resource and remove the waiver, or have it approved anew"
                )

    def broad(self, waived: Mapping[Waiver, set[str]]) -> Iterator[str]:
        for waiver in self.waivers:
            if not waiver.is_narrow:
                yield (
                    f"the waiver of {waiver.rule} for {waiver.urn} names no resource, and waives nothing; "
                    "end its urn in the resource's name"
                )
            elif len(urns := waived.get(waiver, ())) > MOST_RESOURCES:
                yield (
                    f"the waiver of {waiver.rule} for {waiver.urn} is for {len(urns)} resources of this stack, more "
                    f"than {MOST_RESOURCES}; name those that need it, or lower the rule's level in the configuration"
                )

    def unused(
        self,
        waived: Mapping[Waiver, set[str]],
        open_: Mapping[Waiver, bool],
        urns: list[str],
        is_asked: Callable[[str], bool],
    ) -> Iterator[str]:
        """Waivers that nothing in this stack needs.

        One whose stack is a wildcard is for several, and is unused in this one only where what it names is there and
        does not need it. Of one whose rule is disabled nobody knows whether it is needed.
        """
        for waiver in self.waivers:
            if waived.get(waiver) or not waiver.holds(self.today) or open_.get(waiver) or not is_asked(waiver.rule):
                continue
            named = [urn for urn in urns if waiver.matches(urn)]
            if named or (urns and waiver.names_stack_of(urns[0])):
                what = f"{named[0]} does not break the rule" if named else "no resource of this stack is named so"
                yield f"the waiver of {waiver.rule} for {waiver.urn} is not needed: {what}; remove it"


@dataclass(frozen=True)
class _Plan:
    """Who is asked about resources of one type, and what is answered for all others."""

    asked: tuple[tuple[Policy, Rule, EnforcementLevel], ...]
    others: analyzer_pb2.AnalyzeResponse


class _Servicer(sdk._PolicyAnalyzerServicer):
    """What the engine asks over gRPC. Configuration and the list of policies are the SDK's own."""

    def __init__(self, pack: _Pack, name: str, _version: str, policies: list[Policy], *more: Any) -> None:
        # The SDK tells 0.0.1 of every pack, and the engine shows that in places.
        super().__init__(name, pack.version, policies, *more)
        self._pack = pack
        self._policies = policies
        self._named = {policy.name: policy for policy in policies}
        self._mending: list[tuple[Policy, Rule]] = []
        """The rules that the configuration has mend what they find."""
        self._plans: dict[str, _Plan] = {}
        self._settings: dict[str, dict[str, Any]] = {}
        self._waived: defaultdict[Waiver, set[str]] = defaultdict(set)
        self._open: dict[Waiver, bool] = {}
        """Waivers of resources of which a rule is not decided yet: they may be needed."""
        self._weakened: tuple[str, ...] = ()
        self._spoken: set[str] = set()
        """Resources that a rule spoke of though no list has their types."""

    def Configure(self, request: Any, _context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Takes levels and parameters, and refuses what a parameter cannot be, and a name that nothing has."""
        answer = super().Configure(request, _context)
        rules = self._pack.rules
        levels = {policy.name: _weight(self._level(policy)) for policy in self._policies}
        waived = {waiver.rule for waiver in self._pack.waivers if self._is_asked(waiver.rule)}
        wrong = [*configured.strangers(request.policyConfig, rules), *configured.without_watch(levels, waived)]
        self._plans.clear()
        self._settings.clear()
        self._mending.clear()
        for rule in self._pack.rules.values():
            if rule.remedy and self._level(self._named[rule.name]) is EnforcementLevel.REMEDIATE:
                self._mending.append((self._named[rule.name], rule))
            try:
                self._settings[rule.name] = rule.settings(self._get_policy_config(rule.name) or {})
            except UnusableSetting as error:
                wrong.append(str(error))
        if wrong:
            _context.abort(grpc.StatusCode.INVALID_ARGUMENT, "\n".join(wrong))
        self._weakened = configured.weakened(rules.values(), levels, self._settings)
        return answer

    def Analyze(self, request: Any, _context: object) -> Any:  # noqa: N802
        """What the rules about one resource say of it."""
        plan = self._plan(provided(request.type))
        response = analyzer_pb2.AnalyzeResponse()
        response.CopyFrom(plan.others)
        if not plan.asked:
            return response
        resource = _Sent(request)
        accepted: list[str] = []
        for policy, rule, level in plan.asked:
            verdict = self._judge(rule, resource)
            if told := self._accept(rule, resource.urn, verdict):
                accepted.append(told)
                self._not_applicable(response, policy, "")
                continue
            self._report(response, policy, rule, level, verdict, resource)
            if verdict.unknown:
                self._not_yet_decided(response, policy, [(resource.urn, verdict.unknown)])
            elif verdict.outcome is Outcome.NOT_APPLICABLE:
                self._not_applicable(response, policy, verdict.not_applicable or "")
        self._tell(response, signals.ACCEPTED_RISK, [(message, "") for message in accepted])
        return response

    def AnalyzeStack(self, request: Any, _context: object) -> Any:  # noqa: N802
        """What the rules about several resources at once say of a stack."""
        response = analyzer_pb2.AnalyzeResponse()
        stack = Stack(_placed(request.resources))
        accepted: list[tuple[str, str]] = []
        for policy in self._policies:
            rule = self._pack.rules.get(policy.name)
            level = self._level(policy)
            if rule is not None and rule.scope == "stack" and level is not EnforcementLevel.DISABLED:
                accepted += self._analyze_stack(response, policy, rule, level, stack)
        self._tell(response, signals.ACCEPTED_RISK_IN_STACK, accepted)
        types = ((resource.type, resource.urn in self._spoken) for resource in stack.resources)
        self._tell_own(response, signals.EVERY_TYPE_IS_JUDGED, unruled.told(types, self._pack.looked_at))
        self._tell_own(response, signals.CONFIGURATION_WEAKENS_NO_RULE, self._weakened)
        if self._pack.waivers:
            urns = [resource.urn for resource in stack.resources]
            for name, messages in (
                (signals.WAIVERS_ARE_CURRENT, self._pack.expired()),
                (signals.WAIVERS_ARE_NARROW, self._pack.broad(self._waived)),
                (signals.WAIVERS_ARE_USED, self._pack.unused(self._waived, self._open, urns, self._is_asked)),
            ):
                self._tell_own(response, name, messages)
        return response

    def _analyze_stack(
        self, response: Any, policy: Policy, rule: Rule, level: EnforcementLevel, stack: Stack
    ) -> list[tuple[str, str]]:
        """One rule's answers on a stack; the risks accepted, with their URNs."""
        reasons: list[str] = []
        unknown: list[tuple[str, tuple[str, ...]]] = []
        accepted: list[tuple[str, str]] = []
        held = False
        for resource in stack.judged_by(rule.is_about):
            verdict = self._judge(rule, resource, stack)
            if isinstance(resource, _Sent) and resource.is_left_out and verdict.violations and not verdict.error:
                verdict = undecided(_LEFT_OUT)
            if told := self._accept(rule, resource.urn, verdict):
                accepted.append((told, resource.urn))
                continue
            self._report(response, policy, rule, level, verdict, resource, resource.urn)
            if verdict.unknown:
                unknown.append((resource.urn, verdict.unknown))
            if verdict.outcome is Outcome.NOT_APPLICABLE:
                reasons.append(verdict.not_applicable or "")
            else:
                held = True
        if unknown:
            self._not_yet_decided(response, policy, unknown)
        # A stack has one answer to a rule: with a waived violation in it, that answer is not "passed".
        elif accepted or not held:
            none = "the stack has no resource of the rule's types"
            self._not_applicable(response, policy, "; ".join(dict.fromkeys(reasons)) or none)
        return accepted

    def Remediate(self, request: Any, _context: object) -> Any:  # noqa: N802
        """Mends what is broken, where the configuration says `remediate` and the rule knows a safe way."""
        response = analyzer_pb2.RemediateResponse()
        mended = struct_pb2.Struct()
        for policy, rule in self._mending:
            if not mended.fields:
                mended.CopyFrom(request.properties)
            verdict = Verdict()
            if rule.is_about(provided(request.type)) and not self._pack.waiver(rule, request.urn):
                verdict = self._judge(rule, _Sent(request))
            if not verdict.violations or verdict.error:
                self._not_applicable(response, policy, "nothing is to be mended")
                continue
            mended.update(self._needed(rule, request))
            response.remediations.add(
                policyName=policy.name,
                policyPackName=NAME,
                policyPackVersion=self._pack.version,
                description=policy.description,
                properties=mended,
            )
        return response

    def _needed(self, rule: Rule, request: Any) -> dict[str, Any]:
        """As much of a rule's remedy as mends a resource: what was sound stays as it is."""
        needed = dict(rule.remedy)
        for name in rule.remedy:
            less = {other: value for other, value in needed.items() if other != name}
            tried = struct_pb2.Struct()
            tried.CopyFrom(request.properties)
            tried.update(less)
            if not self._judge(rule, _Sent(request, tried)).violations:
                needed = less
        return needed

    def _judge(self, rule: Rule, resource: Resource, stack: Stack | None = None) -> Verdict:
        try:
            verdict = rule.judge(resource, stack, self._settings.get(rule.name))
        except BrokenRule as error:  # a defect in one rule must neither pass nor hide the others
            verdict = Verdict(violations=(signals.broken(error),), error=True)
        if rule.besides and verdict.outcome is not Outcome.NOT_APPLICABLE and unruled.knows_what_it_judges(rule):
            self._spoken.add(resource.urn)
        return verdict

    def _accept(self, rule: Rule, urn: str, verdict: Verdict) -> str | None:
        """What a waiver says of a violation; None where none accepts it. A rule that broke cannot be waived."""
        if not (verdict.violations or verdict.unknown) or verdict.error:
            return None
        waiver = self._pack.waiver(rule, urn)
        if waiver is None:
            return None
        if not verdict.violations:
            self._open[waiver] = True
            return None
        self._waived[waiver].add(urn)
        return f"{rule.name}: {waiver} ({rule.severity.value}: {'; '.join(verdict.violations)})"

    def _plan(self, type_: str) -> _Plan:
        """The enabled rules about resources of a type. There are few types and many resources."""
        if type_ not in self._plans:
            asked: list[tuple[Policy, Rule, EnforcementLevel]] = []
            others = analyzer_pb2.AnalyzeResponse()
            for policy in self._policies:
                rule = self._pack.rules.get(policy.name)
                level = self._level(policy)
                if rule is None or rule.scope == "stack" or level is EnforcementLevel.DISABLED:
                    continue
                if rule.is_about(type_):
                    asked.append((policy, rule, level))
                else:
                    self._not_applicable(others, policy, _OTHER_TYPE)
            if not asked and self._pack.waivers:
                self._tell(others, signals.ACCEPTED_RISK, [])
            self._plans[type_] = _Plan(tuple(asked), others)
        return self._plans[type_]

    def _is_asked(self, rule: str) -> bool:
        """Whether the configuration leaves a rule on."""
        return self._level(self._named[rule]) is not EnforcementLevel.DISABLED

    def _level(self, policy: Policy) -> EnforcementLevel:
        return self._get_enforcement_level(policy)

    def _report(
        self,
        response: Any,
        policy: Policy,
        rule: Rule,
        level: EnforcementLevel,
        verdict: Verdict,
        resource: Resource,
        urn: str = "",
    ) -> None:
        if not verdict.violations:
            return
        if verdict.error or level is EnforcementLevel.REMEDIATE:
            # A rule that broke stops everything, good practice or not; what a remedy did not mend is a violation.
            level = EnforcementLevel.MANDATORY
        told = self._create_report_violation(response, policy.name, policy.description, level, policy.severity)
        fix = rule.fix_for(self._settings.get(rule.name) or rule.settings({}))
        maker = signals.made_by(getattr(resource, "parent", ""))
        for message in verdict.violations:
            more = (spelling.told(rule, f"{message} {fix}"), maker)
            told(message if verdict.error else signals.mended(message, fix, *more), urn)

    def _not_yet_decided(self, response: Any, policy: Policy, unknown: list[tuple[str, tuple[str, ...]]]) -> None:
        """The SDK's own advisory for a policy that reads what is not known yet, in its own words."""
        response.diagnostics.add(
            policyName=policy.name,
            policyPackName=NAME,
            policyPackVersion=self._pack.version,
            message=(
                f"can't run policy '{policy.name}' from policy pack '{NAME}@v{self._pack.version}' during preview: "
                f"{signals.undecided(unknown)}"
            ),
            urn="",
            description=policy.description,
            enforcementLevel=analyzer_pb2.ADVISORY,
        )

    def _not_applicable(self, response: Any, policy: Policy, reason: str) -> None:
        response.not_applicable.add(policy_name=policy.name, reason=reason)

    def _tell_own(self, response: Any, name: str, messages: Iterable[str]) -> None:
        """The answer of a policy of the pack over the stack, which passes where it has nothing to tell."""
        self._tell(response, name, [(message, "") for message in messages], passes=True)

    def _tell(self, response: Any, name: str, messages: list[tuple[str, str]], *, passes: bool = False) -> None:
        """The answer of a policy that is no rule; those on waivers are in the pack where there are any."""
        policy = self._named.get(name)
        if policy is None:
            return
        level = self._level(policy)
        if level is EnforcementLevel.DISABLED:
            if name != signals.CONFIGURATION_WEAKENS_NO_RULE:
                return
            level = EnforcementLevel.ADVISORY  # what weakens the rules does not take away its own trace
        told = self._create_report_violation(response, name, policy.description, level, policy.severity)
        for message, urn in messages:
            told(message, urn)
        if not messages and not passes:
            self._not_applicable(response, policy, "nothing is waived here")


def _weight(level: EnforcementLevel) -> str:
    """A level as the configuration's words for what it stops; what `remediate` did not mend is refused."""
    return "mandatory" if level is EnforcementLevel.REMEDIATE else str(level.value)


class _Untold(dict[str, Any]):
    """The properties of a resource of which the engine told nothing: any may be there."""

    def __contains__(self, _name: object) -> bool:
        return True

    def __missing__(self, _name: str) -> Any:
        return UNKNOWN


class _Sent(Resource):
    """A resource as the engine sent it; its properties are read when the first rule wants one.

    `properties` are others in place of those sent.
    """

    is_left_out = False
    """Whether this run makes and changes nothing of it, and the engine tells nothing but that it is there."""

    def __init__(self, sent: Any, properties: struct_pb2.Struct | None = None) -> None:
        origins = getattr(sent, "propertyDependencies", {})
        super().__init__(
            sent.type,
            name=sent.name,
            urn=sent.urn,
            sources={name: tuple(origins[name].urns) for name in origins},
        )
        self.sent = sent.properties if properties is None else properties
        self.parent = getattr(sent, "parent", "") or sent.options.parent
        """The URN of what it belongs to, which may be a component."""
        del self._values

    @cached_property
    def _values(self) -> dict[str, Any]:  # type: ignore[override]
        return _object(self.sent)


def _placed(sent: Iterable[Any]) -> Iterator[Resource]:
    """The resources of a stack, each with the place that its provider and its own `region` tell.

    One that the program has for the first time and that `--target` leaves out of the run is sent without any property,
    as no provider leaves one: it counts as not known, as another's companion too.
    """
    sent = tuple(sent)
    origins = {
        each.urn: {name: tuple(each.propertyDependencies[name].urns) for name in each.propertyDependencies}
        for each in sent
        if each.type.startswith("pulumi:providers:")
    }
    places: dict[str, place.Place | None] = {}
    for each in sent:
        resource = _Sent(each)
        if not each.properties.fields and each.HasField("provider"):
            resource._values = _Untold()
            resource.is_left_out = True
        if each.HasField("provider"):
            by = each.provider
            if by.urn not in places:
                places[by.urn] = place.of_provider(by.type, _object(by.properties), origins.get(by.urn, {}))
            if (where := places[by.urn]) is not None:
                resource.place = where.of(each.type, _region(resource.sent))
        yield resource


def _region(properties: struct_pb2.Struct) -> str | None:
    """The Region of a resource's own, where it is known."""
    if "region" not in properties.fields:
        return None
    text = properties.fields["region"].string_value
    return text if text and text not in _UNKNOWNS else None


def _object(struct: struct_pb2.Struct) -> Any:
    fields = struct.fields
    return {name: _plain(fields[name]) for name in fields}


def _plain(value: struct_pb2.Value) -> Any:
    """What a property is; a secret stays closed, so that a message can keep it to itself."""
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        text = value.string_value
        return UNKNOWN if len(text) <= _LONGEST_UNKNOWN and text in _UNKNOWNS else text
    if kind == "struct_value":
        read = _object(value.struct_value)
        if read.get(deserialize.SPECIAL_SIG_KEY) == deserialize.SPECIAL_SECRET_SIG:
            return Secret(read.get("value"))
        return read
    if kind == "list_value":
        return [_plain(item) for item in value.list_value.values]
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    return value.bool_value if kind == "bool_value" else None
