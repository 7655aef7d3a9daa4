"""What each rule found, from the engine's answers; a verdict that no event gave is not made up."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from compliance.events import Urn
from compliance.model import Enforcement, Evaluation, Outcome, RuleReview, Status, worst
from compliance.run import ROOT_TYPE, STACK, Run
from hipaa import signals
from hipaa.rule import Level, Rule

OF_THE_PACK = frozenset(signals.OWN_LEVELS)
"""Policies of the pack that are no rules: what they report is told of the rules or types that they are about."""

Levels = dict[str, Enforcement]
"""Enforcement levels that a policy configuration sets, by rule; `all` stands for the rest."""


def levels_of(config: Mapping[str, Any]) -> Levels:
    """Enforcement levels of a policy configuration: `{"a-rule": "advisory"}` or with `enforcementLevel` inside."""
    levels: Levels = {}
    for name, value in config.items():
        level = value.get("enforcementLevel") if isinstance(value, Mapping) else value
        if level in ("mandatory", "remediate"):
            levels[name] = Enforcement.MANDATORY
        elif level in ("advisory", "disabled"):
            levels[name] = Enforcement(level)
    return levels


def review_rules(
    rules: Sequence[Rule], run: Run, configured: Levels | None, citations: Mapping[str, tuple[str, ...]]
) -> tuple[RuleReview, ...]:
    """Each rule's evaluations and status, by name. `configured` is None where nobody knows what was configured."""
    is_known = _is_known(rules, run, configured)
    return tuple(
        _review_rule(rule, run, _ran(rule, is_known, run, configured), configured, citations.get(rule.name, ()))
        for rule in sorted(rules, key=lambda rule: rule.name)
    )


def _is_known(rules: Sequence[Rule], run: Run, configured: Levels | None) -> bool:
    """Whether the pack that ran is the one that is known here, as its roll call tells."""
    known = {
        rule.name
        for rule in rules
        if rule.scope == "resource" and _level(rule.name, configured) is not Enforcement.DISABLED
    }
    return configured is not None and known == (run.roll or set()) - OF_THE_PACK


def _ran(rule: Rule, is_known: bool, run: Run, configured: Levels | None) -> bool | None:
    """Whether the rule was in the pack that ran, and enabled; None when nothing tells."""
    if run.answered(rule.name):
        return True
    if _level(rule.name, configured) is Enforcement.DISABLED:
        return False
    if rule.scope == "resource":
        return None if run.roll is None else rule.name in run.roll
    # Rules over the whole stack are in no roll call: a silent one is there if the pack is the one that is known here.
    return True if is_known else None


def _level(rule: str, configured: Levels | None) -> Enforcement | None:
    return None if configured is None else configured.get(rule, configured.get("all"))


def _review_rule(
    rule: Rule, run: Run, ran: bool | None, configured: Levels | None, citations: tuple[str, ...]
) -> RuleReview:
    of_kind = {
        urn: parsed
        for urn, parsed in (run.seen | run.unseen).items()
        if parsed.type in rule.on or (rule.may_be_about(parsed.type) and _is_its_own(rule, urn, run))
    }
    found: tuple[Evaluation, ...] = ()
    if ran is False:
        status = Status.DISABLED
        reason = "It did not run: the policy configuration turned it off, or the pack that ran does not have it."
    else:
        found = _stack_evaluations(rule, run, of_kind) if rule.scope == "stack" else _evaluations(rule, run, of_kind)
        if ran is None:
            found = tuple(_untold(evaluation) for evaluation in found)
        status, reason = _rule_status(rule, run, found, bool(of_kind))
    return RuleReview(
        name=rule.name,
        title=rule.title,
        severity=rule.severity.value,
        scope=rule.scope,
        on=rule.on,
        fix=rule.fix,
        status=status,
        enforcement=Enforcement.DISABLED if ran is False else _enforcement(rule.name, run, configured),
        reason=reason,
        resources_of_kind=len(of_kind),
        specifications=citations,
        evaluations=found,
    )


def _is_its_own(rule: Rule, urn: str, run: Run) -> bool:
    """Whether a resource is of a kind that the rule found something to judge in, or may have; no type tells."""
    return urn in run.unseen or urn in run.passed.get(rule.name, set()) or urn in _diagnosed(rule, run)


def _enforcement(rule: str, run: Run, configured: Levels | None) -> Enforcement:
    """What the events show wins over what a configuration says."""
    levels = {violation.enforcement_level for violation in run.violations.get(rule, [])}
    if levels:
        return Enforcement.ADVISORY if levels == {"advisory"} else Enforcement.MANDATORY
    level = _level(rule, configured)
    return Enforcement.UNSAID if level in (None, Enforcement.DISABLED) else level


def _evaluations(rule: Rule, run: Run, of_kind: Mapping[str, Urn]) -> tuple[Evaluation, ...]:
    """One for each resource of the rule's kind, and for any other that the rule had a diagnostic on."""
    diagnosed = _diagnosed(rule, run)
    found = []
    for urn in sorted(of_kind.keys() | diagnosed.keys()):
        if urn in diagnosed:
            found.append(diagnosed[urn])
        elif urn in run.unseen:
            found.append(_evaluation(urn, Status.UNDECIDED, "The engine did not show this resource to the pack."))
        elif run.outcome is Outcome.CUT_SHORT:
            found.append(_evaluation(urn, Status.UNDECIDED, "The log was cut short: no pass in it counts."))
        elif urn in run.passed.get(rule.name, set()):
            found.append(_evaluation(urn, Status.PASSED))
        else:
            found.append(_evaluation(urn, Status.NOT_APPLICABLE))
    return tuple(found)


def _stack_evaluations(rule: Rule, run: Run, of_kind: Mapping[str, Urn]) -> tuple[Evaluation, ...]:
    """One for each resource that has a diagnostic; and one on the stack when it passed: no resource is named then."""
    diagnosed = _diagnosed(rule, run)
    found = [diagnosed[urn] for urn in sorted(diagnosed)]
    if (of_kind or rule.besides) and run.complete and STACK in run.passed.get(rule.name, set()):
        found.append(_evaluation(run.root, Status.PASSED))
    elif of_kind and run.complete and not found:
        found.append(_evaluation(run.root, Status.NOT_APPLICABLE))
    return tuple(found)


def _diagnosed(rule: Rule, run: Run) -> dict[str, Evaluation]:
    """The worst that the rule's diagnostics say, by URN; one that the engine lists without a message is a failure."""
    said: dict[str, Evaluation] = {}
    violations = run.violations.get(rule.name, [])
    # A rule that a configuration made advice of is broken all the same.
    is_advice = rule.level() is Level.ADVISORY
    advice = [one for one in violations if is_advice and one.enforcement_level == "advisory"]
    for status, diagnostics in (
        (Status.ERROR, [one for one in violations if signals.is_broken(one.message)]),
        (Status.FAILED, [one for one in violations if one not in advice]),
        (Status.ADVISED, advice),
        (Status.UNDECIDED, run.undecided.get(rule.name, [])),
        (Status.WAIVED, run.waived.get(rule.name, [])),
    ):
        messages: dict[str, list[str]] = defaultdict(list)
        for violation in diagnostics:
            messages[violation.resource_urn].append(
                # The SDK puts the policy's description, which is the rule's title, before each message.
                signals.without_fix(violation.message).strip().removeprefix(rule.title).strip()
            )
        for urn, texts in messages.items():
            said.setdefault(urn, _evaluation(urn, status, *dict.fromkeys(texts)))
    for urn in run.failed.get(rule.name, set()):
        where = urn or run.root
        if where not in said and not (urn == STACK and said):
            said[where] = _evaluation(
                where, Status.FAILED, f"The engine lists {rule.name} as failed and gives no message."
            )
    return said


def _untold(evaluation: Evaluation) -> Evaluation:
    """Where a rule is silent and nothing says that it ran, "not applicable" would be a guess."""
    if evaluation.status is not Status.NOT_APPLICABLE:
        return evaluation
    return _evaluation(evaluation.urn, Status.UNDECIDED, "No event tells whether the rule ran.")


def _evaluation(urn: str, status: Status, *messages: str) -> Evaluation:
    parsed = Urn.parse(urn)
    name = parsed.name if parsed else urn or "unknown"
    return Evaluation(
        urn=urn,
        type=parsed.type if parsed else "unknown",
        name="the whole stack" if parsed and parsed.type == ROOT_TYPE else name,
        status=status,
        messages=messages,
    )


def _rule_status(rule: Rule, run: Run, found: Sequence[Evaluation], met: bool) -> tuple[Status, str]:
    status = worst((evaluation.status for evaluation in found), Status.NOT_APPLICABLE)
    if status in (Status.ERROR, Status.FAILED, Status.UNDECIDED):
        return status, ""
    if not run.complete:
        return Status.UNDECIDED, "The operation stopped before the pack was shown every resource."
    if status is Status.NOT_APPLICABLE:
        nothing = f"No resource is of the type {' or '.join(rule.on)}."
        return status, "It has nothing to say about the resources of its kind." if met else nothing
    return status, ""
