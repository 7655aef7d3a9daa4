"""Good programs, written from documentation of AWS, Kubernetes and others, are refused by no mandatory rule.

Each file of `good/` is one program: its resources as the engine shows them at an update, with the pattern's source.
"""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

import hipaa
from hipaa.kubernetes.pods import is_custom
from hipaa.resource import UNKNOWN, Resource, Secret
from hipaa.stack import Stack
from hipaa.verdict import Outcome
from local.aws.sdk_types import Property
from tests.policies import kubernetes_types
from tests.policies.test_registry import resource_model, wrong
from tests.policies.test_robustness import texts

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


def judged(stack: Stack, *scopes: str) -> list[tuple[str, Resource, Outcome, tuple[str, ...]]]:
    return [
        (rule.name, resource, verdict.outcome, verdict.violations)
        for rule in hipaa.rules()
        if not rule.advisory and (not scopes or rule.scope in scopes)
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


# What only the provider tells: ARNs, and the identifiers that it makes. A text with one in it was made from it.
MADE = re.compile(
    r"arn:aws|\b(vpc|subnet|sg|igw|eigw|nat|rtb|tgw|eni|eipalloc|i|lt|fs|fsap|vpce|pl|ami|ns|sn|d|r|s)-[0-9a-z-]*[0-9a-z]\b"
)
ELSEWHERE = "urn:pulumi:dev::program::other:index:Other::elsewhere"
OWN = ("id", "arn")


def before(stack: list[Resource], way: str) -> list[Resource]:
    """The program before it is there for the first time: what was made of another's output is known by origin alone.

    A text is unknown as a whole. In an object or a list what is unknown is so in its place, makes all of it unknown, or
    is not there.
    """
    named = {text: one.urn for one in stack for name in OWN if isinstance(text := one._values.get(name), str)}

    def is_made(value: Any) -> bool:
        return isinstance(value, str) and (value in named or bool(MADE.search(value)))

    def without(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: without(item) for key, item in value.items() if way == "whole" or not is_made(item)}
        if isinstance(value, list):
            return [without(item) for item in value if way == "whole" or not is_made(item)]
        return UNKNOWN if is_made(value) else value

    found = []
    for resource in stack:
        values, sources = dict(resource._values), {}
        for name, value in values.items():
            if name in OWN:
                values[name] = UNKNOWN
            elif said := [text for text in texts(value) if is_made(text)]:
                values[name] = UNKNOWN if way == "collapsed" else without(value)
                sources[name] = [urn for text in said for key, urn in named.items() if key in text] or [ELSEWHERE]
        found.append(Resource(resource.type, values, name=resource.name, urn=resource.urn, sources=sources))
    return found


@every_program
@pytest.mark.parametrize("way", ["whole", "collapsed", "left out"])
def test_it_is_refused_no_more_before_it_is_there(program: Path, way: str) -> None:
    """A rule over one resource is sent its inputs, where nothing is left out; one over the stack what comes of them."""
    there = before(resources(program), way)
    alone = [Resource(each.type, each._values, name=each.name) for each in there]
    found = judged(Stack(there), "stack")
    if way != "left out":
        found += judged(Stack(alone), "resource")
    refused = [
        f"{name} of {resource.type} {resource.name}: {'; '.join(violations)}"
        for name, resource, outcome, violations in found
        if outcome is Outcome.FAILED
    ]
    assert refused == []
