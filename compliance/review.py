"""Computes a review from the engine's events. Evaluates no rule: a verdict that no event gave is not in it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import hipaa
import hipaa.catalogue
from compliance.choice import choice_of
from compliance.events import last_operation
from compliance.law import citations_of, review_law
from compliance.model import Outcome, Pack, Review, RuleReview, SpecificationReview, Tally, Totals, UnruledType
from compliance.rules import OF_THE_PACK, levels_of, review_rules
from compliance.run import PACK, ROOT_TYPE, Run, hear
from hipaa import configured, signals
from hipaa.catalogue import Catalogue
from hipaa.rule import Rule
from hipaa.unruled import MAKERS, is_bookkeeping, knows_what_it_judges

_BOOKKEEPING = (ROOT_TYPE, "pulumi:providers:")


def review(
    events: Path,
    *,
    catalogue: Catalogue | None = None,
    rules: Sequence[Rule] | None = None,
    policy_config: Mapping[str, Any] | None = None,
    engine_version: str | None = None,
    generated_at: datetime | None = None,
) -> Review:
    """Review the operation that an event log ends with.

    Args:
        events: what `pulumi up --event-log` or a streaming `pulumi preview --json` wrote.
        catalogue: the law; the pack's own when not given.
        rules: the rules of the pack that ran; the pack's own when not given.
        policy_config: the content of that run's `--policy-pack-config` file, `{}` if it had none; None when not known.
            The events do not tell every level that it sets.
        engine_version: of the engine that wrote the log, which does not say it.
        generated_at: an aware datetime; now when not given.

    Raises:
        compliance.UnreadableLog: the file is no event log.
        compliance.PackNotRun: the run did not load this pack.
    """
    catalogue = hipaa.catalogue.load() if catalogue is None else catalogue
    rules = hipaa.rules() if rules is None else rules
    run = hear(last_operation(events))
    law = catalogue.specifications.values()
    levels = None if policy_config is None else levels_of(policy_config)
    reviewed = review_rules(rules, run, levels, citations_of(law))
    by_name = {rule.name: rule for rule in reviewed}
    specifications = review_law(law, by_name)
    return Review(
        generated_at=(generated_at or datetime.now(UTC)).astimezone(UTC),
        project=run.project,
        stack=run.stack,
        operation=run.operation,
        outcome=run.outcome,
        complete=run.complete,
        warnings=_warnings(run, by_name, policy_config),
        engine_version=engine_version,
        pack=Pack(name=PACK, version=run.version),
        other_packs=len(run.others),
        choice=None if policy_config is None else choice_of(rules, policy_config),
        unruled=_unruled(run, rules, reviewed),
        totals=_totals(run, reviewed, specifications),
        specifications=specifications,
        rules=reviewed,
    )


def _warnings(run: Run, rules: Mapping[str, RuleReview], policy_config: Mapping[str, Any] | None) -> tuple[str, ...]:
    warnings = []
    if run.outcome is Outcome.CUT_SHORT:
        warnings.append(
            "The engine's log was cut short: it was killed, or the log is a part of one. Nothing here counts as passed."
        )
    elif not run.complete:
        warnings.append(
            f"The {run.operation} stopped before the pack was shown every resource: no rule counts as passed."
        )
    warnings += configured.strangers(policy_config or {}, rules)
    warnings += [f"A rule is broken: {error}" for error in run.errors]
    warnings += [
        violation.message.strip().partition("\n")[2]
        for policy in (signals.WAIVERS_ARE_CURRENT, signals.WAIVERS_ARE_NARROW, signals.WAIVERS_ARE_USED)
        for violation in run.violations.get(policy, [])
    ]
    strangers = ({*run.passed, *run.failed, *(run.roll or ())}) - rules.keys() - OF_THE_PACK
    if strangers:
        failed = sorted(strangers & run.failed.keys())
        warnings.append(
            "The pack that ran is not the one that this review knows. Not in the review: "
            f"{', '.join(sorted(strangers))}{'; of these reported something: ' + ', '.join(failed) if failed else ''}."
        )
    return tuple(warnings)


def _unruled(run: Run, rules: Sequence[Rule], reviewed: Sequence[RuleReview]) -> tuple[UnruledType, ...]:
    """What the pack was shown, and no rule is about or looks at beside another; and what makes what no rule sees."""
    looked_at = {type_ for rule in rules for type_ in rule.looks_at}
    knowing = {rule.name for rule in rules if knows_what_it_judges(rule)}
    judged = {evaluation.urn for rule in reviewed if rule.name in knowing for evaluation in rule.evaluations}
    names: dict[str, list[str]] = {}
    for urn, parsed in run.seen.items():
        silent = parsed.type not in looked_at and urn not in judged and not is_bookkeeping(parsed.type)
        if silent or parsed.type in MAKERS:
            names.setdefault(parsed.type, []).append(parsed.name)
    return tuple(UnruledType(type=type_, resources=tuple(sorted(names[type_]))) for type_ in sorted(names))


def _totals(run: Run, rules: Sequence[RuleReview], specifications: Sequence[SpecificationReview]) -> Totals:
    evaluations = [evaluation for rule in rules for evaluation in rule.evaluations]
    tally = Tally.of(evaluation.status for evaluation in evaluations)
    resources = {urn for urn, parsed in run.seen.items() if not parsed.type.startswith(_BOOKKEEPING)}
    kinds = {kind for rule in rules for kind in rule.on}
    judged = {evaluation.urn for evaluation in evaluations}
    return Totals(
        resources=len(resources),
        resources_with_rules=sum(run.seen[urn].type in kinds or urn in judged for urn in resources),
        evaluations=len(evaluations),
        passed=tally.passed,
        failed=tally.failed,
        not_applicable=tally.not_applicable,
        undecided=tally.not_yet_decided,
        waived=tally.waived,
        advised=tally.advised,
        errors=tally.error,
        rules=Tally.of(rule.status for rule in rules),
        specifications=Tally.of(specification.status for specification in specifications),
    )
