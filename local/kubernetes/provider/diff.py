"""What an update would change: the new inputs against the old ones, and against what the state says is live.

A refresh writes what others changed into the old inputs (`drift`), so that the comparison finds it; what the API server
wrote in its own way (a quantity of `1000m` as `1`, a default) stays as the program has it, and is no change.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from local.kubernetes.provider.objects import AUTONAMED, Kind, annotation, part
from local.kubernetes.provider.schema import NOTHING, Schema
from local.plugin.values import UNKNOWN

_MISSING: Any = object()
_UNTOLD: Any = object()
"""What is there is not known: no excuse for leaving a change out."""


class Change(NamedTuple):
    """A path such as `spec.template.spec.containers[0].image`, and `add`, `update` or `delete`."""

    path: str
    kind: str


class Diff(NamedTuple):
    """The changes, the paths among them that make a replacement necessary, and its order."""

    changes: list[Change]
    replaces: list[str]
    delete_first: bool


def changes(
    old: Mapping[str, Any], new: Mapping[str, Any], live: Mapping[str, Any], schema: Schema = NOTHING
) -> list[Change]:
    """Where the new inputs ask for something else than the old ones did and than there is."""
    found: list[Change] = []
    _compare("", old, new, live, schema, found)
    return found


def _compare(path: str, old: Any, new: Any, live: Any, schema: Schema, found: list[Change]) -> None:
    if _same(new, old) or (_same(new, live) and new is not UNKNOWN):
        return
    if new is UNKNOWN:
        found.append(Change(path, "add" if old is _MISSING else "update"))
    elif isinstance(new, dict) and isinstance(old, dict):
        for key in [*new, *(key for key in old if key not in new)]:
            below = live.get(key, _MISSING) if isinstance(live, dict) else _UNTOLD
            _compare(
                _joined(path, key), old.get(key, _MISSING), new.get(key, _MISSING), below, schema.member(key), found
            )
    elif isinstance(new, list) and isinstance(old, list):
        if schema.is_set and sorted(map(repr, new)) == sorted(map(repr, old)):
            return
        alike = isinstance(live, list) and len(live) == len(new)
        for index in range(max(len(new), len(old))):
            was = old[index] if index < len(old) else _MISSING
            is_now = new[index] if index < len(new) else _MISSING
            _compare(f"{path}[{index}]", was, is_now, live[index] if alike else _UNTOLD, schema.items(), found)
    elif old is _MISSING:
        found.append(Change(path, "add"))
    else:
        found.append(Change(path, "delete" if new is _MISSING else "update"))


def _same(one: Any, other: Any) -> bool:
    # In Python `True == 1`; in JSON it is not.
    return type(one) is type(other) and bool(one == other)


def _joined(path: str, key: str) -> str:
    if not re.fullmatch(r"[A-Za-z_$][A-Za-z0-9_$]*", key):
        return f'{path}["{key}"]'
    return f"{path}.{key}" if path else key


def drift(inputs: Any, before: Any, live: Any, schema: Schema = NOTHING) -> Any:
    """Inputs as they would be, had the program asked for what is there now. `before`: what was there then."""
    if _same(live, before):
        return inputs
    if isinstance(inputs, dict) and isinstance(live, dict):
        return _members_drift(inputs, before if isinstance(before, dict) else {}, live, schema)
    if isinstance(inputs, list) and isinstance(live, list) and isinstance(before, list):
        return _elements_drift(inputs, before, live, schema)
    return live


def _members_drift(inputs: dict[str, Any], before: dict[str, Any], live: dict[str, Any], schema: Schema) -> Any:
    found: dict[str, Any] = {}
    for key, value in inputs.items():
        if key in live:
            found[key] = drift(value, before.get(key, _MISSING), live[key], schema.member(key))
        elif key not in before:
            found[key] = value  # the server never kept it
    return found


def _elements_drift(inputs: list[Any], before: list[Any], live: list[Any], schema: Schema) -> list[Any]:
    keys = schema.keys
    if not keys or not all(isinstance(one, dict) for one in [*inputs, *before, *live]):
        if len(inputs) == len(before) == len(live):
            triples = zip(inputs, before, live, strict=True)
            return [drift(mine, was, now, schema.items()) for mine, was, now in triples]
        return live

    def by_key(elements: list[Any]) -> dict[tuple[str, ...], Any]:
        return {tuple(str(one.get(key, "")) for key in keys): one for one in elements}

    was, now = by_key(before), by_key(live)
    found = []
    for position, element in enumerate(inputs):
        key = tuple(str(element.get(name, "")) for name in keys)
        if key not in was and len(inputs) == len(before):
            # A key that the server filled in (a port's protocol).
            key = list(was)[position]
        if key in now:
            found.append(drift(element, was.get(key, _MISSING), now[key], schema.items()))
    return found


def replaced(found: list[Change], kind: Kind, old: Mapping[str, Any], fixed_data: bool, patch: bool) -> list[str]:
    """The changes that no update can make. `fixed_data`: the data of a ConfigMap or Secret is not to be changed."""
    paths = ["metadata.name", "metadata.namespace"]
    if not patch:
        paths += _table().get(kind.group, {}).get(kind.kind, [])
        if kind in (Kind("v1", "ConfigMap"), Kind("v1", "Secret")) and (fixed_data or old.get("immutable") is True):
            paths += ["data", "binaryData", "stringData"]
    return [one.path for one in found if any(_within(one.path, path) for path in paths)]


def deletes_first(new: Mapping[str, Any], state: Mapping[str, Any]) -> bool:
    """Whether what replaces an object would have its name. One that was made up differs."""
    names = [(part(one, "namespace"), part(one, "name")) for one in (new, state)]
    return names[0] == names[1] and not annotation(new, AUTONAMED)


def _within(path: str, above: str) -> bool:
    return path == above or path.startswith((f"{above}.", f"{above}[")) or above.startswith(f"{path}.")


@functools.cache
def _table() -> dict[str, dict[str, list[str]]]:
    found: dict[str, dict[str, list[str]]] = yaml.safe_load((Path(__file__).parent / "immutable.yaml").read_text())
    return found
