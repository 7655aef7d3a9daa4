"""Computes a review from the engine's events. Evaluates no rule: a verdict that no event gave is not in it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import hipaa
import hipaa.catalogue
from compliance.events import last_operation
from compliance.law import citations_of, review_law
from compliance.model import Outcome, Pack, Review, RuleReview, SpecificationReview, Tally, Totals
from compliance.rules import OF_THE_PACK, levels_of, review_rules
from compliance.run import PACK, ROOT_TYPE, Run, hear
from hipaa import signals
from hipaa.catalogue import Catalogue
from hipaa.rule import Rule

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
    configured = None if policy_config is None else levels_of(policy_config)
    reviewed = review_rules(rules, run, configured, citations_of(law))
    by_name = {rule.name: rule for rule in reviewed}
    specifications = review_law(law, by_name)
    return Review(
        generated_at=(generated_at or datetime.now(UTC)).astimezone(UTC),
        project=run.project,
        stack=run.stack,
        operation=run.operation,
        outcome=run.outcome,
        complete=run.complete,
        warnings=_warnings(run, by_name),
        engine_version=engine_version,
        pack=Pack(name=PACK, version=run.version),
        other_packs=len(run.others),
        totals=_totals(run, reviewed, specifications),
        specifications=specifications,
        rules=reviewed,
    )


def _warnings(run: Run, rules: Mapping[str, RuleReview]) -> tuple[str, ...]:
    warnings = []
    if run.outcome is Outcome.CUT_SHORT:
        warnings.append(
            "The engine's log was cut short: it was killed, or the log is a part of one. Nothing here counts as passed."
        )
    elif not run.complete:
        warnings.append(
            f"The {run.operation} stopped before the pack was shown every resource: no rule counts as passed."
        )
    warnings += [f"A rule is broken: {error}" for error in run.errors]
    warnings += [
        violation.message.strip().partition("\n")[2]
        for violation in run.violations.get(signals.WAIVERS_ARE_CURRENT, [])
    ]
    strangers = ({*run.passed, *run.failed, *(run.roll or ())}) - rules.keys() - OF_THE_PACK
    if strangers:
        failed = sorted(strangers & run.failed.keys())
        warnings.append(
            "The pack that ran is not the one that this review knows. Not in the review: "
            f"{', '.join(sorted(strangers))}{'; of these reported something: ' + ', '.join(failed) if failed else ''}."
        )
    return tuple(warnings)


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
        rules=Tally.of(rule.status for rule in rules),
        specifications=Tally.of(specification.status for specification in specifications),
    )
