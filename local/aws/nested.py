"""Paths of nested properties as declarations write them: elements of a list share the path of the list."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from local.aws.sdk_types import Property, Type

Nested = Mapping[str, Mapping[str, Property]]


def indexless(path: str) -> str:
    """`rules[0].status` as `rules.status`."""
    return re.sub(r"\[\d+\]", "", path)


def at(value: Any, path: list[str]) -> Any:
    """What lies at a path, for a list a list of what lies there in each element."""
    if isinstance(value, list):
        return [at(item, path) for item in value]
    if not path:
        return value
    return at(value.get(path[0]), path[1:]) if isinstance(value, dict) else None


def segments(path: str) -> list[str]:
    """The steps of a path as a program writes it: `a.b[0].c`, `a["b"]`, `a[*]`; indices as texts."""
    return [next(filter(None, one), "") for one in re.findall(r'\["([^"]*)"\]|\[(\d+|\*)\]|([^.\[\]]+)', path)]


def keep(target: Any, source: Any, path: list[str]) -> None:
    """Give `target` what `source` has at a path, be it nothing; where either lacks the way there, nothing happens."""
    first, *rest = path
    if isinstance(target, list) and isinstance(source, list):
        for index in range(len(target)) if first == "*" else [int(first)] if first.isdigit() else []:
            if index < min(len(target), len(source)):
                if rest:
                    keep(target[index], source[index], rest)
                else:
                    target[index] = source[index]
    elif isinstance(target, dict) and isinstance(source, dict):
        for key in {*target, *source} if first == "*" else {first}:
            if rest:
                keep(target.get(key), source.get(key), rest)
            elif key in source:
                target[key] = source[key]
            else:
                target.pop(key, None)


def fill_in(value: Any, path: list[str], default: Any) -> None:
    """Set a nested property that was left out, in every object that is there to hold it."""
    if isinstance(value, list):
        for item in value:
            fill_in(item, path, default)
    elif isinstance(value, dict):
        if len(path) == 1:
            value.setdefault(path[0], default)
        else:
            fill_in(value.get(path[0]), path[1:], default)


def filled_up(desired: Any, live: Any, filled: Collection[str], path: str) -> Any:
    """A desired value with what `filled` paths hold in the live one, where it leaves them out."""
    if isinstance(desired, list) and isinstance(live, list) and len(desired) == len(live):
        return [filled_up(one, other, filled, path) for one, other in zip(desired, live, strict=True)]
    if not isinstance(desired, dict) or not isinstance(live, dict):
        return desired
    kept = {key: value for key, value in live.items() if key not in desired and f"{path}.{key}" in filled}
    return kept | {key: filled_up(item, live.get(key), filled, f"{path}.{key}") for key, item in desired.items()}


def left_out(desired: Any, live: Any, kind: Type, nested: Nested, path: str) -> set[str]:
    """Paths of what the live objects have and no desired one at the same place has."""
    if isinstance(kind, list) and kind[0] == "list" and isinstance(desired, list) and isinstance(live, list):
        given: dict[str, Any] = {}
        for item in desired:
            given |= item if isinstance(item, dict) else {}
        return {one for item in live for one in left_out(given, item, kind[1], nested, path)} if desired else set()
    members = nested.get(kind[1]) if isinstance(kind, list) and kind[0] == "ref" else None
    if members is None or not isinstance(desired, dict) or not isinstance(live, dict):
        return set()
    found = {f"{path}.{key}" for key in live if key not in desired}
    for key in desired.keys() & live.keys() & members.keys():
        found |= left_out(desired[key], live[key], members[key].type, nested, f"{path}.{key}")
    return found
