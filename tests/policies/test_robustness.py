"""Whatever a property holds, a rule says something of it and says it at once; what is unknown refuses nothing sound.

`PARAPET_EXAMPLES` (see `tests/examples.py`) makes more of the random ones.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import hipaa
from hipaa.resource import UNKNOWN, Resource, Secret
from hipaa.rule import BrokenRule, Rule
from hipaa.stack import Stack
from hipaa.verdict import Outcome, Verdict
from local.aws import sdk_types
from tests.examples import examples

pytestmark = pytest.mark.values

MOST_SECONDS = 0.05
MISSING = object()

every_rule = pytest.mark.parametrize("rule", hipaa.rules(), ids=lambda rule: rule.name)


def nested(depth: int) -> Any:
    value: Any = "end"
    for level in range(depth):
        value = {"spec": value} if level % 2 else [value]
    return value


LONG = [
    "a" * 100_000,
    '{"Statement":' * 500,
    "[" * 5_000,
    "*" * 2_000,
    "((a+)+)+" * 200 + "!",
    ["0.0.0.0/0"] * 3_000,
    [{"name": "a", "value": "b"}] * 2_000,
    {f"key{number}": "value" for number in range(3_000)},
    nested(300),
]
ODD: list[Any] = [
    MISSING,
    None,
    UNKNOWN,
    Secret(None),
    Secret(UNKNOWN),
    "",
    "no such thing",
    "{}",
    "[1]",
    '{"Statement": [null, 3, {"Effect": null, "Action": 7, "Principal": [null], "Condition": [1]}]}',
    '{"Version": [], "Statement": "all"}',
    0,
    -1,
    2**70,
    1.5,
    float("inf"),
    True,
    [],
    [None],
    [[["a"]]],
    ["a", 3, None, {"b": UNKNOWN}],
    {},
    {"a": None},
    {"Fn::GetAtt": ["a", "b"]},
    "\x00\ud800".encode("utf-8", "replace").decode(),
]


def resources(rule: Rule, *, kinds: Sequence[str] = ("sound", "unsound")) -> Iterator[list[Resource]]:
    """A rule's examples as stacks; one over a single resource is one of that alone."""
    for kind in kinds:
        for example in getattr(rule, kind):
            if isinstance(example, Resource):
                yield [example]
            elif isinstance(example, Mapping):
                yield [Resource(rule.on[0], example)]
            else:
                yield list(example)


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands in a value, in a text that is an object too."""
    if path:
        yield path
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from paths(item, (*path, name))
    elif isinstance(value, list | tuple):
        for place, item in enumerate(value[:2]):
            yield from paths(item, (*path, place))
    elif isinstance(value, Secret):
        yield from paths(value.value, path)
    elif (read := as_object(value)) is not None:
        yield from paths(read, (*path, as_object))


def as_object(text: Any) -> Any:
    if not isinstance(text, str) or not text.startswith(("{", "[")):
        return None
    try:
        return json.loads(text)
    except ValueError:
        return None


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """A value with another at a place, or without what is there."""
    if not path:
        return new
    if isinstance(value, Secret):
        return Secret(replaced(value.value, path, new))
    head, *rest = path
    if head is as_object:
        read = replaced(as_object(value), tuple(rest), new)
        try:
            return json.dumps(read)
        except TypeError:  # what is unknown inside makes the whole text unknown
            return UNKNOWN
    changed = dict(value) if isinstance(value, Mapping) else list(value)
    if not rest and new is MISSING:
        del changed[head]
    else:
        changed[head] = replaced(changed[head], tuple(rest), new)
    return changed


def changed(stack: Sequence[Resource], place: int, values: Mapping[str, Any]) -> list[Resource]:
    """A stack whose resource at a place has other properties."""
    old = stack[place]
    new = Resource(old.type, values, name=old.name, urn=old.urn, sources=old.sources)
    return [*stack[:place], new, *stack[place + 1 :]]


def judged(rule: Rule, resources: Sequence[Resource]) -> list[Verdict]:
    """The verdicts on a stack; a rule that breaks, or thinks for too long, fails the test."""
    stack = Stack(resources)
    found = []
    for resource in stack.judged_by(rule.is_about):
        begun = time.thread_time()
        try:
            found.append(rule.judge(resource, stack))
        except BrokenRule as broken:
            raise AssertionError(f"{broken}: {broken.__cause__!r} for {str(resource._values)[:500]}") from broken
        took = time.thread_time() - begun
        for _ in range(4):  # what shares the core makes some of them slower, and none quicker
            if took <= MOST_SECONDS:
                break
            begun = time.thread_time()
            rule.judge(Resource(resource.type, resource._values, name=resource.name), Stack(resources))
            took = min(took, time.thread_time() - begun)
        assert took <= MOST_SECONDS, f"{rule.name} took {took:.3f} s for {str(resource._values)[:300]}"
    return found


def places(rule: Rule) -> tuple[tuple[tuple[Resource, ...], int, tuple[Any, ...]], ...]:
    """Each place of a rule's examples once: the example, which of its resources, and the path."""
    found: dict[tuple[Any, ...], tuple[tuple[Resource, ...], int, tuple[Any, ...]]] = {}
    for stack in resources(rule):
        for number, resource in enumerate(stack):
            for path in paths(resource._values):
                key = (resource.type, *(part for part in path if not isinstance(part, int)))
                found.setdefault(key, (tuple(stack), number, path))
    return tuple(found.values())


@every_rule
def test_no_value_breaks_a_rule_or_holds_it_up(rule: Rule) -> None:
    found = places(rule)
    for index, (stack, number, path) in enumerate(found):
        for value in ODD if examples(1) > 1 else ODD[index % 2 :: 2]:
            judged(rule, changed(stack, number, replaced(stack[number]._values, path, value)))
    for index, (stack, number, path) in enumerate(found):
        # AWS takes no policy that is longer than 32 KB.
        value = "a" * 20_000 if as_object in path else LONG[index % len(LONG)]
        judged(rule, changed(stack, number, replaced(stack[number]._values, path, value)))


@cache
def of_type(token: str) -> st.SearchStrategy[dict[str, Any]]:
    """Objects of the provider's own properties, most of them of the provider's own types."""
    model = sdk_types.resource_model(token)
    assert model is not None
    memo: dict[str, st.SearchStrategy[Any]] = {}

    def of(type_: Any, depth: int) -> st.SearchStrategy[Any]:
        match type_:
            case ["list", item]:
                return st.lists(of(item, depth), max_size=2)
            case ["map", item]:
                return st.dictionaries(st.sampled_from(["a", "env", "Name"]), of(item, depth), max_size=2)
            case ["ref", name] if depth < 3:
                if name not in memo:
                    memo[name] = st.deferred(lambda: an_object(model.nested[name], depth + 1))
                return memo[name]
            case ["ref", _] | "any" | "json" | "asset":
                return ODD_VALUES
        return {"str": TEXTS, "bool": st.booleans(), "int": st.integers(-2, 4000), "float": st.floats()}[type_]

    def an_object(known: Mapping[str, sdk_types.Property], depth: int) -> st.SearchStrategy[Any]:
        values = {name: st.one_of(of(each.type, depth), ODD_VALUES) for name, each in known.items()}
        some = st.lists(st.sampled_from(sorted(values)), unique=True, max_size=12) if values else st.just([])
        return some.flatmap(lambda names: st.fixed_dictionaries({name: values[name] for name in names}))

    found: st.SearchStrategy[dict[str, Any]] = an_object(model.inputs, 0)
    return found


ODD_VALUES = st.sampled_from([value for value in ODD if value is not MISSING])
TEXTS = st.one_of(
    st.sampled_from(["*", "0.0.0.0/0", "arn:aws:iam::123456789012:root", "true", "ENABLED", "10.0.0.0/8"]),
    st.text(max_size=20),
)
OF_AWS = [rule for rule in hipaa.rules() if rule.on[0].startswith("aws:")]


@settings(max_examples=examples(60), deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(st.data())
def test_no_object_of_the_providers_types_breaks_a_rule(data: st.DataObject) -> None:
    rule = data.draw(st.sampled_from(OF_AWS))
    token = data.draw(st.sampled_from(rule.on))
    other = data.draw(st.sampled_from(sorted(type_ for type_ in rule.looks_at if type_.startswith("aws:"))))
    judged(rule, [Resource(type_, data.draw(of_type(type_))) for type_ in (token, other)])


ELSEWHERE = "urn:pulumi:example::example::other::elsewhere"


def unknown_at(stack: Sequence[Resource], number: int, path: tuple[Any, ...], *, whole: bool) -> list[Resource]:
    """A stack in which the engine knows something later, and what was made of it too; it knows of whom that is."""
    resource = stack[number]
    top = path[0]
    names = set(texts(resource._values[top]))
    found = []
    for place, other in enumerate(stack):
        values, sources = dict(other._values), dict(other.sources)
        if place == number:
            values = replaced(values, path if whole else path[:1], UNKNOWN)
            if top not in ("id", "arn"):
                namesakes = [one.urn for one in stack if one is not other and linked(names, texts(one._values))]
                sources.setdefault(top, tuple(namesakes or [ELSEWHERE]))
        elif top in ("id", "arn", "name", "metadata") or resource.type.endswith((":Bucket", ":BucketV2")):
            for property_ in set(values) - {"id", "arn"}:
                if linked(names, texts(values[property_])):
                    values[property_] = UNKNOWN
                    sources[property_] = (resource.urn,)
        found.append(Resource(other.type, values, name=other.name, urn=other.urn, sources=sources))
    return found


def texts(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [text for item in value.values() for text in texts(item)]
    if isinstance(value, list | tuple):
        return [text for item in value for text in texts(item)]
    return [value] if isinstance(value, str) and len(value) > 2 else []


def linked(names: set[str], others: Sequence[str]) -> bool:
    """Whether one of the names is in another's text, or the other way about: one was made from the other."""
    return any(name in other or other in name for name in names for other in others)


@every_rule
@pytest.mark.parametrize("whole", [True, False], ids=["whole", "collapsed"])
def test_a_sound_program_of_which_something_is_unknown_is_refused_by_nobody(rule: Rule, whole: bool) -> None:
    for stack in resources(rule, kinds=("sound",)):
        for number, resource in enumerate(stack):
            for path in paths(resource._values):
                if "!" in str(resource._values[path[0]]):
                    continue  # a secret that a service makes is named so, and a program makes none of these
                found = judged(rule, unknown_at(stack, number, path, whole=whole))
                wrong = [verdict.violations for verdict in found if verdict.outcome is Outcome.FAILED]
                assert not wrong, f"{resource.type} {path} unknown: {wrong}"


HUNTER = "hunter2"


def planted(value: Any) -> Any:
    """A value as a secret, and with the word in it wherever a text can hold it."""
    return Secret(f"{value}{HUNTER}") if isinstance(value, str) else Secret(value)


@every_rule
def test_no_verdict_tells_a_secret(rule: Rule) -> None:
    """Planted as a text in every place of every example, and behind what is there; whole objects as secrets too."""
    told: list[str] = []
    for stack in resources(rule):
        for number, resource in enumerate(stack):
            for path in paths(resource._values):
                old = at(resource._values, path)
                for new in (Secret(HUNTER), planted(old)):
                    if as_object in path:  # a text that is an object is a secret whole
                        top = path[: path.index(as_object)]
                        new = Secret(json_with(at(resource._values, top), path[len(top) :], HUNTER))
                        values = replaced(resource._values, top, new)
                    else:
                        values = replaced(resource._values, path, new)
                    for verdict in judged(rule, changed(stack, number, values)):
                        told += [*verdict.violations, *verdict.unknown, verdict.not_applicable or ""]
    assert not [message for message in told if HUNTER in message]


def json_with(text: str, path: tuple[Any, ...], new: str) -> str:
    return str(replaced(text, path, new))


def at(value: Any, path: tuple[Any, ...]) -> Any:
    for part in path:
        if isinstance(value, Secret):
            value = value.value
        value = as_object(value) if part is as_object else value[part]
    return value
