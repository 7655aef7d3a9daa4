"""What holds for all rules at once."""

import functools
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import hipaa
from hipaa.kubernetes.pods import is_custom
from hipaa.resource import UNKNOWN, Resource, Secret
from hipaa.rule import Example, Rule, Severity
from local.aws import sdk_types
from local.aws.sdk_types import Property, ResourceModel, tokens
from tests.policies import kubernetes_types
from tests.policies.services import every_service

PINNED = Path(__file__).with_name("rule_names.txt")

resource_model = functools.cache(sdk_types.resource_model)
"""Many examples are of one type, and its source is long."""


def test_rules_are_the_pinned_ones() -> None:
    assert [rule.name for rule in hipaa.rules()] == PINNED.read_text().split(), f"a change belongs in {PINNED.name} too"


def test_name_is_kebab_case_and_a_sentence_says_it() -> None:
    rules = hipaa.rules()
    assert [rule.name for rule in rules if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+){2,}", rule.name)] == []
    assert [rule.name for rule in rules if not rule.title.endswith(".") or len(rule.title) > 150] == []


def test_rules_are_complete() -> None:
    for rule in hipaa.rules():
        assert isinstance(rule.severity, Severity), rule.name
        assert rule.fix.endswith("."), rule.name
        assert rule.sound, rule.name
        assert rule.unsound, rule.name
        assert rule.on, rule.name
        assert len(set(rule.on)) == len(rule.on), rule.name


def test_types_exist_in_the_provider() -> None:
    judged = {token for rule in hipaa.rules() for token in rule.on}
    others = {token for token in judged if is_custom(token)}
    assert judged - others - set(tokens()) - kubernetes_types.tokens() == set()
    written = r"kubernetes:[a-z0-9.-]+/v\d[a-z0-9]*:[A-Z]\w+"
    assert [token for token in others if not re.fullmatch(written, token)] == []


@every_service
def test_examples_have_the_providers_properties(rules: Sequence[Rule]) -> None:
    found = [
        f"{rule.name}: {resource.type}: {fault}"
        for rule in rules
        for example in (*rule.sound, *rule.unsound)
        for resource, scope in resources(rule, example)
        for fault in faults(resource, scope)
    ]
    assert found == []


def resources(rule: Rule, example: Example) -> list[tuple[Resource, str]]:
    """The resources of an example, and whether a rule over the stack reads them, which sees outputs too."""
    if isinstance(example, Resource):
        return [(example, "resource")]
    if isinstance(example, Mapping):
        return [(Resource(rule.on[0], example), "resource")]
    return [(resource, "stack") for resource in example]


def faults(resource: Resource, scope: str) -> list[str]:
    """What the provider would not take of a resource."""
    if is_custom(resource.type):
        return []  # what its definition takes, no SDK knows
    if resource.type.startswith(kubernetes_types.PREFIX):
        return kubernetes_types.wrong(resource.type, resource._values)
    model = resource_model(resource.type)
    if model is None:
        return ["the provider has no such type"]
    known = model.inputs if scope == "resource" else model.inputs | model.outputs | {"id": Property("str", False)}
    return wrong(resource._values, known, model)


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
