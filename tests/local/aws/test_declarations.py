"""Every declaration fits the SDK, AWS's schemas and botocore's operations, and nothing in it is written for nothing."""

from __future__ import annotations

import re

import pytest

from local.aws import sdk_types
from local.aws.calls import operation_model
from local.aws.declaration import FOLDER, Call, ResourceType, declared_tokens, service_file
from local.aws.expression import evaluate, parsed
from local.aws.facts import facts

TYPES = declared_tokens()


def _calls(declared: ResourceType) -> list[Call]:
    calls: list[Call] = [*declared.create, *declared.read, *declared.update, *declared.delete]
    calls += [one for one in (declared.taken, declared.found, declared.siblings) if one]
    for part in declared.parts:
        calls += [*part.read, *part.write]
    if declared.tags and not isinstance(declared.tags, bool):
        calls += [*declared.tags.read, *declared.tags.write]
    return calls


@pytest.mark.parametrize("token", TYPES)
def test_it_fits(token: str) -> None:
    declared = TYPES[token]
    _is_a_type_of_the_sdk_and_names_its_properties(token, declared)
    _its_operations_and_their_members_exist(declared)
    _its_expressions_can_be_read(declared)
    _it_can_be_read_and_removed(declared)


def _is_a_type_of_the_sdk_and_names_its_properties(token: str, declared: ResourceType) -> None:
    known = facts(token)
    assert known is not None
    inputs, outputs = known.model.inputs.keys(), known.model.outputs.keys()
    named = {
        *declared.defaults, *declared.replaces, *declared.updates, *declared.local, *declared.reset, *declared.secret,
        *(name for group in [*declared.conflicts, *declared.one_of] for name in group), *declared.needs,
        *(name for part in declared.parts for name in part.properties),
        *declared.replaces_when, *declared.filled, *declared.imported,
    }  # fmt: skip
    assert {path.split(".")[0] for path in named} <= inputs | outputs
    assert {path.split(".")[0] for path in declared.constraints} <= inputs
    assert set(declared.value) <= outputs


def _its_operations_and_their_members_exist(declared: ResourceType) -> None:
    for call in _calls(declared):
        shape = operation_model(call.service or declared.service, call.call).input_shape
        members = set(shape.members) if shape is not None else set()
        assert {path.split(".")[0] for path in call.arguments} <= members, call.call


def _its_expressions_can_be_read(declared: ResourceType) -> None:
    expressions = [declared.id, declared.ready, *declared.value.values()]
    for call in _calls(declared):
        expressions += [call.when, *call.arguments.values()]
    for rule in declared.rules:
        expressions += [rule.when, rule.unless]
    for expression in expressions:
        if isinstance(expression, str) and not expression.startswith("f'"):
            parsed(expression)


def _it_can_be_read_and_removed(declared: ResourceType) -> None:
    if declared.recorded:
        # Tags that the service's other types share are not called for it.
        assert not _calls(declared.model_copy(update={"tags": None}))
    else:
        assert declared.read
        assert declared.create
        assert declared.id is not None
        assert bool(declared.delete) != declared.stays
    if declared.imports:
        re.compile(declared.imports)


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.yaml")))
def test_a_file_holds_its_own_module(name: str) -> None:
    file = service_file(name)
    module = name.split("_")[0]
    assert {token.split(":")[1].split("/")[0] for token in [*file.types, *file.functions]} <= {module}
    for token in file.functions:
        sdk_types.function_model(token)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("f'arn:{region}:{in.name}'", "arn:r:n"),
        ("f'{in.none}'", None),
        ("in.name && f'{region}/{in.name}' || 'x'", "r/n"),
        ("items[?name==$(in.name)] | [0].at", 1),
        ("!in.none && !contains(in.name, 'x')", True),
        ("[in.name, in.none]", ["n", None]),
        (False, False),
    ],
)
def test_expressions(expression: object, value: object) -> None:
    assert evaluate(expression, {"region": "r", "in": {"name": "n"}, "items": [{"name": "n", "at": 1}]}) == value
