"""A message names a property in the words of the Python SDK: those of the installed SDKs, all of them."""

import re
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

import hipaa
from hipaa import spelling
from hipaa.resource import UNKNOWN, Resource, UnknownValue
from hipaa.rule import Rule
from hipaa.sdk import snake_case, words_of
from tests.policies.services import every_service

_GETTER = re.compile(r'getter\(name="([a-z][^"]*)"\)\n(?:    @[^\n]*\n)*    def (\w+)\(')
_CAMEL = re.compile(r"\b[a-z][a-z0-9]*[A-Z]\w*")


SDKS = ("pulumi_aws", "pulumi_kubernetes")


@cache
def names(sdk: str) -> frozenset[tuple[str, str]]:
    """The provider's name and Python's of every property that an installed SDK knows."""
    spec = find_spec(sdk)
    assert spec is not None
    assert spec.origin is not None
    files = Path(spec.origin).parent.rglob("*.py")
    return frozenset(pair for file in files for pair in _GETTER.findall(file.read_text()))


@cache
def providers_words() -> frozenset[str]:
    """What an SDK calls otherwise than its provider."""
    return frozenset(camel for sdk in SDKS for camel, python in names(sdk) if camel != python)


def in_the_providers_words(text: str) -> list[str]:
    # What is quoted is said as it is, and so is what is inside of a document that the user writes as JSON.
    said = re.sub(r"'[^']*'|`container_definitions\.\d+\.[^`]*`", "", text)
    return [word for word in _CAMEL.findall(said) if word in providers_words()]


@pytest.mark.parametrize("sdk", SDKS)
def test_words_are_the_sdks_own(sdk: str) -> None:
    assert len(names(sdk)) > 500
    assert {(camel, python) for camel, python in names(sdk) if snake_case(camel) != python.rstrip("_")} == set()


def test_what_the_user_named_stays() -> None:
    assert snake_case("spec.template.metadata.labels.myTeam") == "spec.template.metadata.labels.myTeam"
    table = Resource("aws:s3/bucket:Bucket", {"tags": {"dataClass": UNKNOWN}, "serverRules": [{"kmsKeyId": UNKNOWN}]})
    for path, told in (("tags.dataClass", r"^tags\.dataClass$"), ("serverRules.0.kmsKeyId", r"^server_rules\.0\.kms_")):
        with pytest.raises(UnknownValue, match=told):
            table.at(path)


def test_a_custom_resource_is_written_as_its_definition_has_it() -> None:
    assert words_of("kubernetes:argoproj.io/v1alpha1:Rollout")("spec.workloadRef") == "spec.workloadRef"
    assert words_of("kubernetes:rbac.authorization.k8s.io/v1:Role")("aggregationRule") == "aggregation_rule"


@every_service
def test_messages_are_in_the_users_words(rules: Sequence[Rule]) -> None:
    """Of the types that the SDK gives words of its own."""
    found = [
        f"{rule.name}: {message}"
        for rule in rules
        for example in rule.unsound
        if words_of(example.type if isinstance(example, Resource) else rule.on[0]) is snake_case
        for verdict in rule.judge_example(example)
        for message in verdict.violations
        if in_the_providers_words(message)
    ]
    assert found == [], "write it as the SDK does"


def test_fixes_are_in_the_users_words() -> None:
    assert {rule.name: rule.fix for rule in hipaa.rules() if in_the_providers_words(rule.fix)} == {}


@cache
def pythons_words() -> dict[str, set[str]]:
    """What Python has another word for than the provider, with the provider's."""
    found: dict[str, set[str]] = {}
    for sdk in SDKS:
        for camel, python in names(sdk):
            if camel != python.rstrip("_"):
                found.setdefault(python, set()).add(camel)
    return found


@every_service
def test_who_does_not_write_python_is_told_the_providers_words(rules: Sequence[Rule]) -> None:
    """Each name of a property in a message, by itself and never by a guess."""
    for rule in rules:
        messages = [message for each in rule.unsound for one in rule.judge_example(each) for message in one.violations]
        for text in (rule.fix, *messages):
            told = spelling.of_the_provider(rule, text)
            said = re.findall(r"(?<![\w'.])[a-z][a-z0-9]*(?:_[a-z0-9]+)+(?!\w)", re.sub(r"'[^']*'", "", text))
            for word in dict.fromkeys(said):
                if word in pythons_words():
                    assert pythons_words()[word] & set(told), (rule.name, word, text)
            assert all(any(name in wanted for wanted in pythons_words().values()) for name in told), (rule.name, told)
