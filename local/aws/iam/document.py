"""Policy documents, read once and whole: what is not understood is refused, since it would decide nothing unseen."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeAlias

from local.aws.iam import conditions

Texts: TypeAlias = tuple[str, ...]

VARIABLES_SINCE: Final = "2012-10-17"
"""The version of the language that has variables; in the one before, `${...}` is text."""
PAIRS: Final = (("Action", "NotAction"), ("Resource", "NotResource"), ("Principal", "NotPrincipal"))
ELEMENTS: Final = {"Sid", "Effect", "Condition", *(name for pair in PAIRS for name in pair)}


class PolicyError(ValueError):
    """A document is no policy. The text says where and why."""


@dataclass(frozen=True)
class Statement:
    """One statement; each pair of elements as its values and whether it is the negated one."""

    name: str
    """Its Sid, or its place in the document, from 1."""
    allows: bool
    actions: Texts
    not_actions: bool
    resources: Texts | None
    """None where it has neither element, as in a trust policy."""
    not_resources: bool
    principals: Mapping[str, Texts] | None
    """By kind (`AWS`, `Service`, ...); None in an identity policy."""
    not_principals: bool
    conditions: tuple[conditions.Condition, ...]


@dataclass(frozen=True)
class Document:
    """A policy, and what it is called in a verdict."""

    name: str
    statements: tuple[Statement, ...]
    has_variables: bool


def parse(text: str, name: str) -> Document:
    """The policy in a JSON text. Raises PolicyError."""
    return Document(name, *_parsed(text))


@lru_cache(maxsize=4096)
def _parsed(text: str) -> tuple[tuple[Statement, ...], bool]:
    try:
        policy = json.loads(text)
    except ValueError as error:
        raise PolicyError(f"no JSON: {error}") from None
    if not isinstance(policy, dict):
        raise PolicyError(f"a policy is an object, not {policy!r}")
    given = policy.get("Statement", [])
    statements = given if isinstance(given, list) else [given]
    read = tuple(_statement(each, str(place)) for place, each in enumerate(statements, 1))
    return read, policy.get("Version") == VARIABLES_SINCE


def _statement(given: Any, place: str) -> Statement:
    if not isinstance(given, dict):
        raise PolicyError(f"statement {place} is an object, not {given!r}")
    name = given.get("Sid") or place
    if unknown := given.keys() - ELEMENTS:
        raise PolicyError(f"statement {name} has the unknown elements {sorted(unknown)}")
    if given.get("Effect") not in ("Allow", "Deny"):
        raise PolicyError(f"statement {name} has the Effect {given.get('Effect')!r}; it must be Allow or Deny")
    for plain, negated in PAIRS:
        if plain in given and negated in given:
            raise PolicyError(f"statement {name} has both {plain} and {negated}")
    if not given.keys() & {"Action", "NotAction"}:
        raise PolicyError(f"statement {name} has neither Action nor NotAction")
    actions, not_actions = _pair(given, "Action")
    resources, not_resources = _pair(given, "Resource")
    principals, not_principals = _pair(given, "Principal")
    if not_principals and given["Effect"] == "Allow":
        raise PolicyError(f"statement {name} allows everyone but NotPrincipal")
    return Statement(
        name=name,
        allows=given["Effect"] == "Allow",
        actions=texts(actions),
        not_actions=not_actions,
        resources=None if resources is None else texts(resources),
        not_resources=not_resources,
        principals=None if principals is None else _principals(principals),
        not_principals=not_principals,
        conditions=_conditions(given.get("Condition") or {}, name),
    )


def _pair(given: Mapping[str, Any], element: str) -> tuple[Any, bool]:
    negated = f"Not{element}"
    return (given[negated], True) if negated in given else (given.get(element), False)


def _principals(given: Any) -> Mapping[str, Texts]:
    if given == "*":
        return {"*": ("*",)}
    if not isinstance(given, dict):
        raise PolicyError(f"a principal is '*' or an object, not {given!r}")
    return {kind: texts(who) for kind, who in given.items()}


def _conditions(given: Mapping[str, Mapping[str, Any]], name: str) -> tuple[conditions.Condition, ...]:
    try:
        return tuple(
            conditions.Condition.of(operator, key, texts(wanted))
            for operator, keys in given.items()
            for key, wanted in keys.items()
        )
    except ValueError as error:
        raise PolicyError(f"statement {name}: {error}") from None


def texts(value: Any) -> Texts:
    """One value or a list of them, as texts; JSON's true and false as IAM writes them."""
    return tuple(
        str(each).lower() if isinstance(each, bool) else str(each)
        for each in (value if isinstance(value, list) else [value])
    )
