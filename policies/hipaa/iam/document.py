"""Policy documents, read once: what a rule asks of one it asks of this.

Elements are read as "IAM JSON policy elements" of the IAM User Guide says: a single value may stand for a list of one,
names of elements are as they are written. A part that is not known before the update leaves its statement out of what
is known, and is told by its path.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from hipaa.iam.conditions import Condition
from hipaa.iam.patterns import variables
from hipaa.resource import Properties, UnknownValue
from hipaa.rule import Unreadable

_VARIABLES_SINCE = "2012-10-17"
_LONGEST = 131_072  # characters; the longest that a service takes are OpenSearch's 102,400
_MOST_PATTERNS, _LONGEST_PATTERN = 1_000, 2_048
_UNKNOWN_HERE = "an unknown part"
_NTH = ["zeroth", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"]


@dataclass(frozen=True)
class Statement:
    """One statement; every element is a tuple, whatever form it had."""

    sid: str
    """Its name; empty where it has none."""
    place: int
    """Which of its document's statements it is, from 1."""
    allows: bool
    principals: tuple[tuple[str, str], ...] | None
    """Each kind (`AWS`, `Service`, `Federated`, `CanonicalUser`, or `*` for everyone) with who it names; None where it
    has neither element, as in an identity policy."""
    not_principals: bool
    actions: tuple[str, ...]
    not_actions: bool
    resources: tuple[str, ...] | None
    """None where it has neither element, as in a trust policy."""
    not_resources: bool
    conditions: tuple[Condition, ...]

    def __str__(self) -> str:
        if not self.sid:
            return f"the {_NTH[self.place]} statement" if self.place < len(_NTH) else f"statement no. {self.place}"
        shown = self.sid if len(self.sid) <= 40 else f"{self.sid[:37]}..."
        return f"statement {shown!r}"


@dataclass(frozen=True, eq=False)
class Document:
    """A policy. Two of the same text are the same object, so that what was found of one is found of the other."""

    statements: tuple[Statement, ...] = ()
    unknown: tuple[str, ...] = ()
    """The paths of what is not known before the update; the statements with it are not in `statements`."""
    hidden_deny: bool = False
    """Whether something unknown may deny what the known statements allow."""
    has_variables: bool = False
    text: str = ""
    is_intricate: bool = False
    """Whether it has more patterns, or longer ones, than any policy that AWS takes: it is read and not judged."""


NONE = Document()


def document(resource: Properties, path: str = "policy") -> Document:
    """The policy at `path`; an empty one when none is set.

    Raises:
        UnknownValue: when it is not known before the update.
        Unreadable: when it is no JSON policy document.
    """
    found = resource.at(path)
    if found is None or found == "":
        return NONE
    where = resource.where(path)
    unknown: list[str] = []
    text = json.dumps(_plain(found, unknown)) if isinstance(found, Properties) else str(found)
    try:
        if len(text) > _LONGEST:
            raise ValueError
        parsed = parse(text)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise Unreadable(f"`{where}` is not a JSON policy document; it must have a list named Statement") from None
    return replace(parsed, unknown=tuple(unknown)) if unknown else parsed


@lru_cache(maxsize=2048)
def parse(text: str) -> Document:
    """The policy in a JSON text.

    Raises:
        ValueError, TypeError, KeyError, AttributeError, RecursionError: when it is none.
    """
    policy = json.loads(text)
    if policy == {_UNKNOWN_HERE: None}:
        return Document(hidden_deny=True)
    found = policy["Statement"]
    if found == {_UNKNOWN_HERE: None}:
        return Document(hidden_deny=True)
    items = [found] if isinstance(found, dict) else [item for item in found if item is not None]
    known = [(item, number) for number, item in enumerate(items, 1) if not _is_unknown(item)]
    hidden = any(_is_unknown(item) and item.get("Effect") != "Allow" for item in items)
    statements = tuple(_statement(item, number) for item, number in known)
    newer = policy.get("Version") == _VARIABLES_SINCE
    texts = [text for each in statements for text in _texts(each)]
    intricate = len(texts) > _MOST_PATTERNS or any(len(each) > _LONGEST_PATTERN for each in texts)
    intricate = intricate or sum(each.count("*") for each in texts) > _MOST_PATTERNS
    return Document(statements, (), hidden, newer and any(map(_has_variables, statements)), text, intricate)


def _statement(item: Mapping[str, Any], number: int) -> Statement:
    effect = item["Effect"]
    if effect not in ("Allow", "Deny"):
        raise ValueError(effect)
    actions, not_actions = _pair(item, "Action")
    if actions is None:
        raise ValueError("neither Action nor NotAction")
    resources, not_resources = _pair(item, "Resource")
    principals, not_principals = _pair(item, "Principal")
    return Statement(
        sid=str(item.get("Sid") or ""),
        place=number,
        allows=effect == "Allow",
        principals=None if principals is None else _principals(principals),
        not_principals=not_principals,
        actions=_strings(actions),
        not_actions=not_actions,
        resources=None if resources is None else _strings(resources),
        not_resources=not_resources,
        conditions=tuple(
            Condition.of(operator, key, _strings(values))
            for operator, keys in (item.get("Condition") or {}).items()
            for key, values in keys.items()
        ),
    )


def _pair(item: Mapping[str, Any], element: str) -> tuple[Any, bool]:
    negated = item.get(f"Not{element}")
    return (item.get(element), False) if negated is None else (negated, True)


def _principals(value: Any) -> tuple[tuple[str, str], ...]:
    if isinstance(value, Mapping):
        return tuple((kind, name) for kind, names in value.items() for name in _strings(names))
    return tuple(("*" if name == "*" else "AWS", name) for name in _strings(value))


def _strings(value: Any) -> tuple[str, ...]:
    items: Sequence[Any] = value if isinstance(value, list) else [value]
    return tuple(str(item).lower() if isinstance(item, bool) else str(item) for item in items if item is not None)


def _texts(statement: Statement) -> list[str]:
    wanted = [text for each in statement.conditions for text in each.wanted]
    names = [name for _, name in statement.principals or ()]
    return [*statement.actions, *(statement.resources or ()), *names, *wanted]


def _has_variables(statement: Statement) -> bool:
    texts = (*(statement.resources or ()), *(text for each in statement.conditions for text in each.wanted))
    return any(map(variables, texts))


def _is_unknown(item: Any) -> bool:
    if isinstance(item, dict):
        return _UNKNOWN_HERE in item or any(map(_is_unknown, item.values()))
    return isinstance(item, list) and any(map(_is_unknown, item))


def _plain(value: Any, unknown: list[str]) -> Any:
    """An object of the program's as JSON has it, with a mark where something is not known."""
    if isinstance(value, Mapping):
        return {key: _read(value, key, unknown) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_read(value, index, unknown) for index in range(len(value))]
    return value


def _read(value: Any, place: Any, unknown: list[str]) -> Any:
    try:
        return _plain(value[place], unknown)
    except UnknownValue as error:
        unknown.append(error.path)
        return {_UNKNOWN_HERE: None}
