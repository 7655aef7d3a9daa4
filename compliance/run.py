"""What one operation's events say about this pack, sorted by rule; other packs are only counted."""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

import hipaa
from compliance.events import GONE, LOOKED_UP, Diagnostic, Event, Operation, Urn, Violation
from compliance.model import Outcome
from hipaa import signals

PACK = hipaa.__name__
"""The pack is named like its package."""

STACK = ""
"""Stands for the whole stack among the URNs that a rule answered for."""

ROOT_TYPE = "pulumi:pulumi:Stack"
"""The type of the stack's own resource, the parent of all."""

_ASKED = re.compile(r"failed to run (policy|remediation|stack policy): (?P<error>.*)", re.DOTALL)
"""The engine's words when a question to a pack failed."""


class PackNotRun(Exception):
    """The log is of a run that did not load this pack; the text says which packs ran and what to do."""


@dataclass
class Run:
    """The answers of this pack's rules in one operation."""

    operation: Literal["preview", "update", "unknown"] = "unknown"
    outcome: Outcome = Outcome.CUT_SHORT
    complete: bool = False
    """The engine ended by itself, and asked the rules over the whole stack: it does that after the last resource."""
    version: str = "unknown"
    project: str = "unknown"
    stack: str = "unknown"
    root: str = STACK
    """The URN of the stack's own resource."""
    others: set[str] = field(default_factory=set)
    seen: dict[str, Urn] = field(default_factory=dict)
    """Resources that the pack was shown."""
    unseen: dict[str, Urn] = field(default_factory=dict)
    """Resources that the engine worked on and never showed to the pack."""
    passed: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    failed: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    violations: dict[str, list[Violation]] = field(default_factory=lambda: defaultdict(list))
    undecided: dict[str, list[Violation]] = field(default_factory=lambda: defaultdict(list))
    """Diagnostics that a rule waits for values unknown before the update, one for each resource."""
    waived: dict[str, list[Violation]] = field(default_factory=lambda: defaultdict(list))
    """Violations that a waiver accepts, by the rule that they are of."""
    roll: set[str] | None = None
    """The rules over single resources that were there and enabled; None when the events do not tell."""
    errors: list[str] = field(default_factory=list)
    """What the engine says of rules that raised."""

    def answered(self, rule: str) -> bool:
        """Whether the rule passed or had a diagnostic on anything: then it was not disabled."""
        return any(answers.get(rule) for answers in (self.passed, self.failed, self.violations, self.undecided))


def hear(operation: Operation) -> Run:
    """Sort an operation's events.

    Raises:
        PackNotRun: when no event is of this pack.
    """
    run = Run()
    ours = [event for event in operation.events if _hear_policies(event, run)]
    asked_stack = any(event.policy_analyze_stack_summary_event for event in ours)
    if end := operation.end:
        versions = {name.split("|", 1)[0]: version for name, version in end.packs.items()}
        run.others |= versions.keys() - {PACK}
        if PACK in versions and not ours:
            run.version = versions[PACK]
        elif not ours:
            raise PackNotRun(_not_run(run, ended=True))
    elif not ours:
        raise PackNotRun(_not_run(run, ended=False))

    steps = dict(_steps(operation.events))
    run.unseen = {urn: parsed for urn, parsed in steps.items() if urn not in run.seen}
    if somewhere := next(iter((run.seen | steps).values()), None):
        run.project, run.stack = somewhere.project, somewhere.stack
    if (preview := operation.is_preview) is not None:
        run.operation = "preview" if preview else "update"
    if end and not operation.torn:
        run.outcome = {"succeeded": Outcome.SUCCEEDED, "canceled": Outcome.CANCELED}.get(end.result, Outcome.FAILED)
    run.complete = asked_stack and run.outcome is not Outcome.CUT_SHORT
    run.errors = [
        f"{rule}: {violation.message.strip()}"
        for rule, violations in run.violations.items()
        for violation in violations
        if signals.is_broken(violation.message)
    ] + [
        event.diagnostic_event.message.strip()
        for event in operation.events
        if event.diagnostic_event and event.diagnostic_event.severity == "error" and _is_of_pack(event.diagnostic_event)
    ]
    return run


def _is_of_pack(error: Diagnostic) -> bool:
    """Whether the engine says that a question to a pack failed.

    A question that it took back itself, because something else failed or the user stopped it, is none: the operation
    then ended before every resource was shown, and no rule counts as passed.
    """
    asked = _ASKED.search(error.message.strip())
    return asked is not None and asked["error"] != "context canceled"


def _hear_violation(violation: Violation, run: Run) -> None:
    if violation.policy_name in (signals.ACCEPTED_RISK, signals.ACCEPTED_RISK_IN_STACK):
        # The policy's description comes first, then the rule's name and the waiver.
        told = violation.message.strip().partition("\n")[2]
        rule, _, waiver = told.partition(": ")
        run.waived[rule].append(violation.model_copy(update={"message": waiver}))
    elif _is_undecided(violation):
        for line in violation.message.strip().partition("during preview: ")[2].split("\n"):
            for urn in signals.undecided_urns(line) or (violation.resource_urn,):
                message = line.removeprefix(f"not yet decided for {urn}: ")
                run.undecided[violation.policy_name].append(
                    violation.model_copy(update={"resource_urn": urn, "message": message})
                )
    else:
        run.violations[violation.policy_name].append(violation)


def _is_undecided(violation: Violation) -> bool:
    """Whether a diagnostic says that the rule could not run on a value unknown before the update.

    pulumi-policy 1.21 words the opening itself and makes it advisory, whatever the rule's own level is; a violation's
    message opens with the rule's description instead.
    """
    opening = f"can't run policy '{violation.policy_name}' from policy pack '{violation.policy_pack_name}@"
    return violation.enforcement_level == "advisory" and violation.message.startswith(opening)


def _hear_policies(event: Event, run: Run) -> bool:
    """Note what the event says of this pack; whether it was about this pack."""
    part = (
        event.policy_event
        or event.policy_analyze_summary_event
        or event.policy_remediate_summary_event
        or event.policy_analyze_stack_summary_event
    )
    if part is None:
        return False
    if part.policy_pack_name != PACK:
        run.others.add(part.policy_pack_name)
        return False
    run.version = part.policy_pack_version or run.version
    if violation := event.policy_event:
        _hear_violation(violation, run)
    if summary := event.policy_analyze_summary_event:
        _note(run, summary.resource_urn, summary.passed, summary.failed)
        if parsed := Urn.parse(summary.resource_urn):
            run.seen[summary.resource_urn] = parsed
            if parsed.type == ROOT_TYPE:
                run.root = summary.resource_urn
    if call := event.policy_remediate_summary_event:
        run.roll = (run.roll or set()) | {*call.passed, *call.failed}
    if stack := event.policy_analyze_stack_summary_event:
        _note(run, STACK, stack.passed, stack.failed)
    return True


def _note(run: Run, urn: str, passed: Iterable[str], failed: Iterable[str]) -> None:
    for name in passed:
        run.passed[name].add(urn)
    for name in failed:
        run.failed[name].add(urn)


def _steps(events: Iterable[Event]) -> Iterable[tuple[str, Urn]]:
    for event in events:
        step = event.resource_pre_event
        if step and step.metadata.op not in GONE | LOOKED_UP and (parsed := Urn.parse(step.metadata.urn)):
            yield step.metadata.urn, parsed


def _not_run(run: Run, *, ended: bool) -> str:
    ran = ", ".join(sorted(run.others)) or "none"
    if not ended:
        return (
            f"The engine stopped before the policy pack {PACK!r} looked at anything (packs heard of: {ran}): "
            "there is nothing to review. Run it again."
        )
    return (
        f"This run did not load the policy pack {PACK!r} (packs that ran: {ran}): there is nothing to review. "
        "Run it with --policy-pack and the path of this pack."
    )
