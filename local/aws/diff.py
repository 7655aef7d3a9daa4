"""What changes between a resource's state and the inputs that the program gives it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pulumi

from local.aws.archive import content
from local.aws.expression import evaluate
from local.aws.facts import Facts
from local.aws.nested import at, indexless, segments
from local.aws.policies import same_json
from local.aws.sdk_types import Type
from local.plugin.elided import hash_of
from local.plugin.values import UNKNOWN

_HIDDEN = {"__defaults", "__meta", "timeouts"}


@dataclass(frozen=True)
class Change:
    """One change, at a path as the engine writes it (`tags.owner`, `rules[0].status`)."""

    path: str
    kind: str
    """`add`, `delete` or `update`."""

    @property
    def property(self) -> str:
        """The top-level property that it is in."""
        return re.split(r"[.\[]", self.path, maxsplit=1)[0]


@dataclass(frozen=True)
class Comparer:
    """Compares desired values with live ones, by the SDK's types.

    `filled` are the paths of nested properties that may be left out, as the provider computes them. `alike` has, by
    path, an expression over `value`: values for which it yields the same are the same. `hashed` are assets for which
    another property stands, their hash: the file of an old one may hold something else by now.
    """

    facts: Facts
    ordered: frozenset[str] = frozenset()
    filled: frozenset[str] = frozenset()
    alike: Mapping[str, str] = field(default_factory=dict[str, str])
    hashed: frozenset[str] = frozenset()

    def with_filled(self, paths: Iterable[str]) -> Comparer:
        """The same, with more nested properties that may be left out."""
        return replace(self, filled=self.filled | set(paths))

    def changes(
        self,
        state: Mapping[str, Any],
        inputs: Mapping[str, Any],
        old_inputs: Mapping[str, Any],
        ignored: Iterable[str] = (),
    ) -> list[Change]:
        """Every change that would bring `state` to `inputs`; an input that its provider computes may be left out."""
        if "filled" in str(state.get("__meta")):
            return self.with_filled(json.loads(state["__meta"])["filled"]).changes(
                {**state, "__meta": None}, inputs, old_inputs, ignored
            )
        found: list[Change] = []
        for name in sorted({*self.facts.model.inputs, "tagsAll"} & {*inputs, *state}):
            if name in _HIDDEN or name in self.hashed:
                continue
            if name not in inputs:
                if name == "tagsAll" or self.facts.is_computed(name) or is_zero(state[name]):
                    continue
                found.append(Change(name, "delete"))
                continue
            kind = self._type(name)
            found += [
                Change(path, "add" if change == "update" and name not in state and path == name else change)
                for path, change in self._compare(inputs[name], state.get(name), kind, name)
            ]
        return [one for one in found if not _ignored(one.path, ignored)]

    def same(self, name: str, desired: Any, live: Any) -> bool:
        """Whether a property's value is what is desired of it."""
        return name in self.hashed or not self._compare(desired, live, self._type(name), name)

    def same_item(self, name: str, desired: Any, live: Any) -> bool:
        """Whether two elements of a list property are the same."""
        kind = self._type(name)
        return not self._compare(desired, live, kind[1] if isinstance(kind, list) else "any", name)

    def _type(self, name: str) -> Type:
        model = self.facts.model
        prop = model.outputs.get(name) or model.inputs.get(name)
        return prop.type if prop else ["map", "str"]

    def _compare(self, desired: Any, live: Any, kind: Type, path: str) -> list[tuple[str, str]]:
        if desired is UNKNOWN:
            return [(path, "update")]
        if live is None and is_zero(desired):
            return []
        form = self.alike.get(indexless(path)) if self.alike else None
        if form and evaluate(form, {"value": desired}) == evaluate(form, {"value": live}):
            return []
        if isinstance(desired, list) and isinstance(live, list):
            return self._lists(desired, live, kind, path)
        if isinstance(desired, dict) and isinstance(live, dict):
            return self._objects(desired, live, kind, path)
        return [] if _same_scalar(desired, live) else [(path, "update")]

    def _objects(self, desired: dict[str, Any], live: dict[str, Any], kind: Type, path: str) -> list[tuple[str, str]]:
        members = self.facts.model.nested.get(kind[1], {}) if isinstance(kind, list) and kind[0] == "ref" else {}
        found: list[tuple[str, str]] = []
        for key in sorted({*desired, *live} - _HIDDEN):
            here = f"{path}.{key}" if re.fullmatch(r"[A-Za-z_]\w*", key) else f'{path}["{key}"]'
            inner = members[key].type if key in members else (kind[1] if isinstance(kind, list) else "any")
            if key not in desired:
                computed = (key in members and members[key].required) or indexless(here) in self.filled
                if not (computed or (members and is_zero(live[key]))):
                    found.append((here, "delete"))
            elif key not in live and (not is_zero(desired[key]) or (desired[key] == {} and _is_object(inner))):
                found.append((here, "add"))
            else:
                found += self._compare(desired[key], live.get(key), inner, here)
        return found

    def _lists(self, desired: list[Any], live: list[Any], kind: Type, path: str) -> list[tuple[str, str]]:
        inner = kind[1] if isinstance(kind, list) and kind[0] == "list" else "any"
        if indexless(path) in self.ordered:
            found = [
                change
                for index, (one, other) in enumerate(zip(desired, live, strict=False))
                for change in self._compare(one, other, inner, f"{path}[{index}]")
            ]
            shared = min(len(desired), len(live))
            found += [(f"{path}[{index}]", "add") for index in range(shared, len(desired))]
            return found + [(f"{path}[{index}]", "delete") for index in range(shared, len(live))]
        left = dict(enumerate(live))
        found: list[tuple[str, str]] = []
        unmatched: list[int] = []
        for index, one in enumerate(desired):
            partner = next((at for at, other in left.items() if not self._compare(one, other, inner, path)), None)
            if partner is None:
                unmatched.append(index)
            else:
                del left[partner]
        for index in unmatched:
            if index in left:
                found += self._compare(desired[index], left.pop(index), inner, f"{path}[{index}]")
            else:
                found.append((f"{path}[{index}]", "add"))
        return found + [(f"{path}[{index}]", "delete") for index in left]


def _is_object(kind: Type) -> bool:
    return isinstance(kind, list) and kind[0] == "ref"


def replaced_by(change: Change, replaces: Iterable[str], desired: Any, live: Any) -> bool:
    """Whether a change makes a replacement necessary; `replaces` are properties, or paths of nested ones.

    An object that comes or goes counts by the nested ones that it has, in `desired` or `live`, the property's values.
    """
    path = indexless(change.path)
    for one in replaces:
        if path == one or path.startswith((f"{one}.", f"{one}[")):
            return True
        if one.startswith(f"{path}."):
            below = one.split(".")[1:]
            if _has(at(desired, below)) or _has(at(live, below)):
                return True
    return False


def _has(value: Any) -> bool:
    return any(_has(item) for item in value) if isinstance(value, list) else not is_zero(value)


def is_zero(value: Any) -> bool:
    """Whether a value is what stands for "not set" in the provider's states."""
    if isinstance(value, dict):
        return all(is_zero(item) for item in value.values())
    return value is None or value is False or (not isinstance(value, bool) and value in ("", 0, []))


def _same_scalar(desired: Any, live: Any) -> bool:
    if hash_of(desired) and hash_of(live):
        return hash_of(desired) == hash_of(live)
    if isinstance(desired, pulumi.Asset | pulumi.Archive) and isinstance(live, pulumi.Asset | pulumi.Archive):
        return content(desired) == content(live)
    if isinstance(desired, str) and isinstance(live, str):
        return same_json(desired, live)
    if isinstance(desired, bool) or isinstance(live, bool):
        return str(desired).lower() == str(live).lower()
    if isinstance(desired, str | int | float) and isinstance(live, str | int | float):
        return str(desired) == str(live) or _number(desired) == _number(live) is not None
    return bool(desired == live)


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _ignored(path: str, ignored: Iterable[str]) -> bool:
    steps = segments(path)
    for one in map(segments, ignored):
        if len(one) <= len(steps) and all(a in ("*", b) for a, b in zip(one, steps, strict=False)):
            return True
    return False
