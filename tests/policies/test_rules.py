"""Every rule passes what it calls sound and fails what it calls unsound."""

import pytest

import hipaa
from hipaa.resource import Resource
from hipaa.rule import Example, Rule
from hipaa.verdict import Outcome


def examples(kind: str) -> list[object]:
    return [
        pytest.param(rule, example, id=f"{rule.name}-{kind}-{number}")
        for rule in hipaa.rules()
        for number, example in enumerate(getattr(rule, kind), start=1)
    ]


@pytest.mark.parametrize(("rule", "example"), examples("sound"))
def test_sound_example_passes(rule: Rule, example: Example) -> None:
    outcomes = [verdict.outcome for verdict in rule.judge_example(example)]
    assert outcomes, "the example holds no resource of the rule's types"
    assert set(outcomes) <= {Outcome.PASSED, Outcome.NOT_APPLICABLE}


@pytest.mark.parametrize(("rule", "example"), examples("unsound"))
def test_unsound_example_fails(rule: Rule, example: Example) -> None:
    verdicts = rule.judge_example(example)
    assert Outcome.FAILED in [verdict.outcome for verdict in verdicts]
    assert all(message and len(message) < 300 for verdict in verdicts for message in verdict.violations)


@pytest.mark.parametrize("rule", hipaa.rules(), ids=lambda rule: rule.name)
def test_some_sound_example_is_decided(rule: Rule) -> None:
    outcomes = [verdict.outcome for example in rule.sound for verdict in rule.judge_example(example)]
    assert Outcome.PASSED in outcomes, "a rule whose sound examples are all not applicable has shown nothing"


@pytest.mark.parametrize("rule", hipaa.rules(), ids=lambda rule: rule.name)
def test_every_judged_type_is_judged_without_error(rule: Rule) -> None:
    for type_ in rule.on:
        assert rule.judge(Resource(type_, {})).outcome in Outcome
