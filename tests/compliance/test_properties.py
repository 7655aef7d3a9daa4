"""Whatever the engine answers: the numbers add up, and nothing passes that no event passed."""

import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import compliance
from compliance import Review, Status
from tests.compliance.small_pack import CATALOGUE, NOON, RULES
from tests.examples import examples

ROOT = "urn:pulumi:dev::clinic::pulumi:pulumi:Stack::clinic-dev"
TYPES = sorted({kind for rule in RULES for kind in rule.on} | {"aws:sns/topic:Topic"})
RESOURCE_RULES = [rule.name for rule in RULES if rule.scope == "resource"]
STACK_RULES = [rule.name for rule in RULES if rule.scope == "stack"]

Event = dict[str, Any]
names = st.sampled_from(["a", "b", "c"])
urns = st.builds(lambda kind, name: f"urn:pulumi:dev::clinic::{kind}::{name}", st.sampled_from(TYPES), names)
answers = st.sampled_from(["passed", "broken", "unknown", "silent", "unsaid failure"])


def about(urn: str, kind: str, given: dict[str, str]) -> list[Event]:
    """The events that an engine would emit for these answers."""
    events: list[Event] = []
    for name, answer in given.items():
        if answer in ("broken", "unknown"):
            unknown = f"can't run policy '{name}' from policy pack 'hipaa@v0.1.0' during preview: x"
            events.append(
                {
                    "policyEvent": {
                        "policyPackName": "hipaa",
                        "policyName": name,
                        "resourceUrn": urn or ROOT,
                        "message": unknown if answer == "unknown" else "It is broken.",
                        "enforcementLevel": "advisory" if answer == "unknown" else "mandatory",
                    }
                }
            )
    summary = {
        "policyPackName": "hipaa",
        "passed": [name for name, answer in given.items() if answer == "passed"],
        "failed": [name for name, answer in given.items() if answer not in ("passed", "silent")],
    }
    return [*events, {kind: summary | ({"resourceUrn": urn} if urn else {})}]


@st.composite
def logs(draw: st.DrawFn) -> list[Event]:
    events: list[Event] = [{"preludeEvent": {"config": {}}}]
    events += about(ROOT, "policyAnalyzeSummaryEvent", {})
    for urn in draw(st.lists(urns, max_size=8)):
        given = {name: draw(answers) for name in draw(st.lists(st.sampled_from(RESOURCE_RULES), unique=True))}
        events += about(urn, "policyAnalyzeSummaryEvent", given)
        if draw(st.booleans()):
            events.append({"resourcePreEvent": {"metadata": {"op": "create", "urn": draw(urns)}}})
    if draw(st.booleans()):
        events += about("", "policyAnalyzeStackSummaryEvent", {name: draw(answers) for name in STACK_RULES})
    if draw(st.booleans()):
        result = draw(st.sampled_from(["succeeded", "failed", "canceled", ""]))
        events.append({"summaryEvent": {"isPreview": draw(st.booleans()), "result": result}})
    return events


configs = st.none() | st.dictionaries(
    st.sampled_from([rule.name for rule in RULES] + ["all"]), st.sampled_from(["mandatory", "advisory", "disabled"])
)


def review(events: list[Event], config: dict[str, str] | None) -> Review:
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log.jsonl"
        log.write_text("\n".join(json.dumps(event) for event in events), encoding="utf-8")
        return compliance.review(log, rules=RULES, catalogue=CATALOGUE, policy_config=config, generated_at=NOON)


@settings(max_examples=examples(), deadline=None)  # on a machine with other work, time says nothing
@given(logs(), configs)
def test_the_totals_are_the_sums_of_what_stands_behind_the_specifications(
    events: list[Event], config: dict[str, str] | None
) -> None:
    found = review(events, config)
    behind = {name for item in found.specifications for name in item.rules}
    counts = Counter(
        evaluation.status for rule in found.rules if rule.name in behind for evaluation in rule.evaluations
    )
    totals = found.totals
    assert totals.passed == counts[Status.PASSED]
    assert totals.failed == counts[Status.FAILED]
    assert totals.undecided == counts[Status.UNDECIDED]
    assert totals.waived == counts[Status.WAIVED]
    assert totals.not_applicable == counts[Status.NOT_APPLICABLE]
    assert totals.evaluations == sum(counts.values())
    assert sum(totals.rules.model_dump().values()) == len(RULES)
    assert sum(totals.specifications.model_dump().values()) == len(CATALOGUE.specifications)
    pairs = [(rule.name, evaluation.urn) for rule in found.rules for evaluation in rule.evaluations]
    assert len(pairs) == len(set(pairs))


@settings(max_examples=examples(), deadline=None)  # on a machine with other work, time says nothing
@given(logs(), configs)
def test_nothing_passes_that_no_event_passed(events: list[Event], config: dict[str, str] | None) -> None:
    found = review(events, config)
    passed: set[tuple[str, str]] = set()
    spoiled: set[tuple[str, str]] = set()
    for event in events:
        for kind in ("policyAnalyzeSummaryEvent", "policyAnalyzeStackSummaryEvent"):
            if summary := event.get(kind):
                urn = summary.get("resourceUrn", ROOT)
                passed |= {(name, urn) for name in summary["passed"]}
                spoiled |= {(name, urn) for name in summary["failed"]}
    ended = any("summaryEvent" in event for event in events)
    asked = any("policyAnalyzeStackSummaryEvent" in event for event in events)
    for rule in found.rules:
        for evaluation in rule.evaluations:
            if evaluation.status is Status.PASSED:
                assert ended
                assert (rule.name, evaluation.urn) in passed - spoiled
        if rule.status in (Status.PASSED, Status.NOT_APPLICABLE):
            assert ended
            assert asked
        if rule.status is Status.PASSED:
            assert any(evaluation.status is Status.PASSED for evaluation in rule.evaluations)
            assert all(item.status in (Status.PASSED, Status.NOT_APPLICABLE) for item in rule.evaluations)
    statuses = {rule.name: rule.status for rule in found.rules}
    for item in found.specifications:
        behind = {statuses[name] for name in item.rules}
        if item.status in (Status.PASSED, Status.PASSED_IN_PART):
            assert Status.PASSED in behind
            assert not behind & {Status.FAILED, Status.UNDECIDED, Status.WAIVED}
        if item.status is Status.PASSED:
            assert item.gaps == ()


@settings(max_examples=examples(), deadline=None)  # on a machine with other work, time says nothing
@given(logs(), configs)
def test_a_failure_is_never_lost(events: list[Event], config: dict[str, str] | None) -> None:
    found = review(events, config)
    broken = {
        event["policyEvent"]["policyName"]
        for event in events
        if event.get("policyEvent", {}).get("enforcementLevel") == "mandatory"
    }
    assert broken <= {rule.name for rule in found.rules if rule.status is Status.FAILED}
