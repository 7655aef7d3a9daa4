"""What rules over the stack read grows in a straight line with it: counted, not timed."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

import hipaa
from hipaa import resource as reading
from hipaa.resource import Resource
from hipaa.rule import Rule
from hipaa.stack import Stack

STACK_RULES = [rule for rule in hipaa.rules() if rule.scope == "stack"]
NAMES = ("id", "arn", "bucket", "name", "identifier", "namespace")


@pytest.mark.parametrize("rule", STACK_RULES, ids=lambda rule: rule.name)
def test_twice_the_stack_is_read_twice_and_no_more(rule: Rule, monkeypatch: pytest.MonkeyPatch) -> None:
    small, large = (reads(rule, all_of(rule, times), monkeypatch) for times in (10, 40))
    assert large <= 4.8 * small, f"{small} reads of 10 times its examples, {large} of 40 times"


def reads(rule: Rule, resources: list[Resource], monkeypatch: pytest.MonkeyPatch) -> int:
    """How often something is read or looked for until the rule has judged all of them."""
    count = 0

    def counted(function: Any) -> Any:
        @functools.wraps(function)
        def call(*given: Any, **named: Any) -> Any:
            nonlocal count
            count += 1
            return function(*given, **named)

        return call

    with monkeypatch.context() as patch:
        patch.setattr(reading, "_read", counted(reading._read))
        patch.setattr(reading.Properties, "at", counted(reading.Properties.at))
        stack = Stack(resources)
        for resource in stack.judged_by(rule.is_about):
            rule.judge(resource, stack)
    return count


def all_of(rule: Rule, times: int) -> list[Resource]:
    """All examples of a rule in one stack, so many times, each with names of its own."""
    examples = [example for example in (*rule.sound, *rule.unsound) if isinstance(example, Sequence)]
    return [one for number, example in enumerate(examples) for one in many(example, times, f"-{number}")]


def many(example: Sequence[Resource], times: int, of: str) -> list[Resource]:
    names = {text for resource in example for text in named(resource._values)} | {one.urn for one in example}
    return [
        Resource(
            resource.type,
            renamed(resource._values, names, f"{of}-{copy}"),
            name=f"{resource.name}{of}-{copy}",
            urn=f"{resource.urn}{of}-{copy}",
            sources={name: [f"{urn}{of}-{copy}" for urn in urns] for name, urns in resource.sources.items()},
        )
        for copy in range(times)
        for resource in example
    ]


def named(value: Any) -> set[str]:
    """The names that an object gives itself, as it says them."""
    if not isinstance(value, Mapping):
        return set()
    own = {item for name, item in value.items() if name in NAMES and isinstance(item, str)}
    return own | {text for item in value.values() for text in named(item)}


def renamed(value: Any, names: set[str], suffix: str) -> Any:
    match value:
        case str():
            return value + suffix if value in names else value
        case Mapping():
            return {name: renamed(item, names, suffix) for name, item in value.items()}
        case list() | tuple():
            return [renamed(item, names, suffix) for item in value]
        case _:
            return value
