"""Every rule passes what it calls sound and fails what it calls unsound."""

from collections.abc import Iterator, Sequence

from hipaa.resource import Resource
from hipaa.rule import Example, Rule
from hipaa.verdict import Outcome, Verdict
from tests.policies.services import every_service


def judged(rules: Sequence[Rule], kind: str) -> Iterator[tuple[str, list[Verdict]]]:
    """What each rule says of each of its examples of a kind, by the rule's name and the example's number."""
    for rule in rules:
        examples: Sequence[Example] = getattr(rule, kind)
        for number, example in enumerate(examples, start=1):
            yield f"{rule.name}, {kind} example {number}", rule.judge_example(example)


@every_service
def test_sound_examples_pass(rules: Sequence[Rule]) -> None:
    """And each holds a resource that the rule judges."""
    said = {of: [verdict.outcome for verdict in verdicts] for of, verdicts in judged(rules, "sound")}
    well = {Outcome.PASSED, Outcome.NOT_APPLICABLE}
    assert {of: outcomes for of, outcomes in said.items() if not outcomes or not set(outcomes) <= well} == {}


@every_service
def test_unsound_examples_fail(rules: Sequence[Rule]) -> None:
    said = dict(judged(rules, "unsound"))
    assert [of for of, found in said.items() if Outcome.FAILED not in [verdict.outcome for verdict in found]] == []
    messages = [(of, text) for of, found in said.items() for verdict in found for text in verdict.violations]
    assert [(of, text) for of, text in messages if not text or len(text) >= 300] == []


@every_service
def test_some_sound_example_is_decided(rules: Sequence[Rule]) -> None:
    """A rule whose sound examples are all not applicable has shown nothing."""
    decided = {
        rule.name
        for rule in rules
        for example in rule.sound
        if Outcome.PASSED in [verdict.outcome for verdict in rule.judge_example(example)]
    }
    assert {rule.name for rule in rules} - decided == set()


@every_service
def test_every_judged_type_is_judged_without_error(rules: Sequence[Rule]) -> None:
    for rule in rules:
        for type_ in rule.on:
            assert rule.judge(Resource(type_, {})).outcome in Outcome
