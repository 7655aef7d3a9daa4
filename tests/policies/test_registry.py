"""What holds for all rules at once."""

import functools
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

import hipaa
from hipaa.kubernetes.pods import is_custom
from hipaa.resource import UNKNOWN, Resource, Secret
from hipaa.rule import Rule, Severity
from local.aws import sdk_types
from local.aws.sdk_types import Property, ResourceModel, tokens
from tests.policies import kubernetes_types

PINNED = Path(__file__).with_name("rule_names.txt")

resource_model = functools.cache(sdk_types.resource_model)
"""Many examples are of one type, and its source is long."""
every_rule = pytest.mark.parametrize("rule", hipaa.rules(), ids=lambda rule: rule.name)


def test_rules_are_the_pinned_ones() -> None:
    assert [rule.name for rule in hipaa.rules()] == PINNED.read_text().split(), f"a change belongs in {PINNED.name} too"


@every_rule
def test_name_is_kebab_case_and_a_sentence_says_it(rule: Rule) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+){2,}", rule.name)
    assert rule.title.endswith(".")
    assert len(rule.title) <= 150


@every_rule
def test_rule_is_complete(rule: Rule) -> None:
    assert isinstance(rule.severity, Severity)
    assert rule.fix.endswith(".")
    assert rule.sound
    assert rule.unsound
    assert rule.on
    assert len(set(rule.on)) == len(rule.on)


@every_rule
def test_types_exist_in_the_provider(rule: Rule) -> None:
    others = {token for token in rule.on if is_custom(token)}
    assert set(rule.on) - others <= set(tokens()) | kubernetes_types.tokens()
    assert all(re.fullmatch(r"kubernetes:[a-z0-9.-]+/v\d[a-z0-9]*:[A-Z]\w+", token) for token in others)


def resources() -> list[object]:
    found: dict[str, object] = {}
    for rule in hipaa.rules():
        for example in (*rule.sound, *rule.unsound):
            if isinstance(example, Sequence):
                for resource in example:
                    found[repr((resource.type, dict(resource._values)))] = pytest.param(resource, "stack")
            else:
                resource = example if isinstance(example, Resource) else Resource(rule.on[0], example)
                found[repr((resource.type, dict(resource._values)))] = pytest.param(resource, "resource")
    return list(found.values())


@pytest.mark.parametrize(("resource", "scope"), resources())
def test_example_has_the_providers_properties(resource: Resource, scope: str) -> None:
    if is_custom(resource.type):
        return  # what its definition takes, no SDK knows
    if resource.type.startswith(kubernetes_types.PREFIX):
        assert kubernetes_types.wrong(resource.type, resource._values) == []
        return
    model = resource_model(resource.type)
    assert model is not None, f"the provider has no type {resource.type}"
    known = model.inputs if scope == "resource" else model.inputs | model.outputs | {"id": Property("str", False)}
    assert list(wrong(resource._values, known, model)) == []


def wrong(values: Mapping[str, Any], known: Mapping[str, Property], model: ResourceModel, path: str = "") -> list[str]:
    """What the provider would not take, by path."""
    found = []
    for name, value in values.items():
        if name not in known:
            found.append(f"{path}{name} does not exist")
        else:
            found += wrong_type(value, known[name].type, model, f"{path}{name}")
    return found


def wrong_type(value: Any, type_: Any, model: ResourceModel, path: str) -> list[str]:
    if value is UNKNOWN:
        return []
    if isinstance(value, Secret):
        return wrong_type(value.value, type_, model, path)
    match type_:
        case ["list", item]:
            if not isinstance(value, list):
                return [f"{path} must be a list"]
            return [text for one in value for text in wrong_type(one, item, model, path)]
        case ["map", item]:
            return [text for one in value.values() for text in wrong_type(one, item, model, path)]
        case ["ref", name]:
            if not isinstance(value, Mapping):
                return [f"{path} must be an object"]
            return wrong(value, model.nested[name], model, f"{path}.")
        case "any" | "json":
            return []
    python = {"str": str, "bool": bool, "int": int, "float": float}[type_]
    return [] if type(value) is python else [f"{path} must be a {type_}"]
