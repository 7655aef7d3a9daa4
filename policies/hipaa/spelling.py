"""How a message's names of properties are spelt outside of Python, for who writes another language.

The engine tells a pack no language. Messages and fixes have Python's words; the provider's own are TypeScript's, Java's
and YAML's, and with a capital Go's and C#'s. They are never guessed: they stand in the rules' examples.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import chain
from typing import Any

import hipaa
from hipaa.resource import Resource, Secret
from hipaa.rule import Rule
from hipaa.sdk import MAPS, snake_case

_NO_EXAMPLE_HAS = (
    "activeDeadlineSeconds",
    "cloudWatchLogsRoleArn",
    "dataQualityJobOutputConfig",
    "endpointDetails",
    "monitoringRoleArn",
    "organizationalUnitArn",
    "regexesConfigs",
    "statelessRuleGroupReferences",
)
"""Names that some rule tells and none has in an example; a test against the SDKs says which are missing."""

_QUOTED = re.compile(r"'[^']*'")
_WORD = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)+")


def of_the_provider(rule: Rule, text: str) -> tuple[str, ...]:
    """The provider's names of the properties that a rule's text names in Python's words, in their order."""
    own, others = _own(rule.name), _all()
    said = dict.fromkeys(word for word in _WORD.findall(_QUOTED.sub("", text)))
    found = (own.get(word) or others.get(word) for word in said)
    return tuple(name for name in found if name)


def told(rule: Rule, text: str) -> str:
    """What a message adds for who does not write Python; nothing where all is spelt alike."""
    names = of_the_provider(rule, text)
    return f"Outside Python: {', '.join(f'`{name}`' for name in names)}" if names else ""


@cache
def _own(name: str) -> Mapping[str, str]:
    """Python's names of the properties in a rule's examples, with the provider's."""
    rule = next((rule for rule in hipaa.rules() if rule.name == name), None)
    return {} if rule is None else _spelt(_names([*rule.sound, *rule.unsound]))


@cache
def _all() -> Mapping[str, str]:
    named = (name for rule in hipaa.rules() for name in _names([*rule.sound, *rule.unsound]))
    return _spelt(chain(named, _NO_EXAMPLE_HAS))


def _spelt(names: Iterable[str]) -> Mapping[str, str]:
    return {python: name for name in names if (python := snake_case(name)) != name}


def _names(value: Any) -> Iterator[str]:
    if isinstance(value, Resource):
        value = value._values
    elif isinstance(value, Secret):
        value = value.value
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield name
            if name not in MAPS:
                yield from _names(inner)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for inner in value:
            yield from _names(inner)
