"""Good programs, written from documentation of AWS, Kubernetes and others, are refused by no mandatory rule.

Each file of `good/` is one program: its resources as the engine shows them at an update, with the pattern's source.
"""

from pathlib import Path
from typing import Any

import pytest
import yaml

import hipaa
from hipaa.kubernetes.pods import is_custom
from hipaa.resource import Resource, Secret
from hipaa.stack import Stack
from hipaa.verdict import Outcome
from local.aws.sdk_types import Property
from tests.policies import kubernetes_types
from tests.policies.test_registry import resource_model, wrong

# The programs of pulumi/examples over AWS in Python, each with what breaks the Security Rule in it.
EXAMPLES: dict[str, list[str]] = yaml.safe_load(Path(__file__).with_name("pulumi_examples.yaml").read_text("utf-8"))

PROGRAMS = sorted(Path(__file__).with_name("good").glob("*.yaml"))

every_program = pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)


def resources(program: Path) -> list[Resource]:
    entries = yaml.safe_load(program.read_text(encoding="utf-8"))
    return [Resource(each["type"], _as_sent(each.get("properties") or {}), name=each["name"]) for each in entries]


def _as_sent(value: Any) -> Any:
    """With Pulumi's secrets as such: a file has words in the place of each."""
    if isinstance(value, dict):
        return {name: _as_sent(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_as_sent(inner) for inner in value]
    return Secret(value) if value == "a-secret-of-the-program" else value


def judged(stack: Stack) -> list[tuple[str, Resource, Outcome, tuple[str, ...]]]:
    return [
        (rule.name, resource, verdict.outcome, verdict.violations)
        for rule in hipaa.rules()
        if not rule.advisory
        for resource in stack.judged_by(rule.is_about)
        for verdict in [rule.judge(resource, stack)]
    ]


@every_program
def test_mandatory_rules_pass_it(program: Path) -> None:
    found = judged(Stack(resources(program)))
    assert Outcome.PASSED in {outcome for _name, _resource, outcome, _violations in found}
    refused = [
        f"{name} of {resource.type} {resource.name}: {'; '.join(violations)}"
        for name, resource, outcome, violations in found
        if outcome is Outcome.FAILED
    ]
    assert refused == []


@every_program
def test_it_is_written_with_the_providers_properties(program: Path) -> None:
    assert program.read_text(encoding="utf-8").startswith("# "), "the pattern's source comes first"
    for resource in resources(program):
        if resource.type.startswith(kubernetes_types.PREFIX):
            assert is_custom(resource.type) or kubernetes_types.wrong(resource.type, resource._values) == []
            continue
        model = resource_model(resource.type)
        assert model is not None, f"the provider has no type {resource.type}"
        known = model.inputs | model.outputs | {"id": Property("str", False)}
        assert list(wrong(resource._values, known, model)) == []


def test_every_example_of_pulumi_has_a_sound_part_that_is_judged() -> None:
    assert len(EXAMPLES) == 26, "at the commit that the table names"
    assert {name for name in (path.stem for path in PROGRAMS) if name.startswith("aws-py-")} == set(EXAMPLES)
    mandatory = {rule.name for rule in hipaa.rules() if not rule.advisory}
    assert {rule for broken in EXAMPLES.values() for rule in broken} <= mandatory
    assert [name for name, broken in EXAMPLES.items() if not broken] == [
        "aws-py-secrets-manager",
        "aws-py-stepfunctions",
    ]
