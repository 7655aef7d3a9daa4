"""Whether a program's inputs are what a resource type takes; every failure at once."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

import pulumi

from local.aws.constraints import violation
from local.aws.declaration import ResourceType, Rule
from local.aws.expression import evaluate, holds
from local.aws.facts import Facts
from local.aws.sdk_types import Property, Type
from local.plugin.checks import Failure
from local.plugin.values import UNKNOWN, Path, has_unknown

_WORDS = {"str": "a text", "int": "a whole number", "float": "a number", "bool": "true or false", "json": "JSON"}
_SHOWN = 80


class Checker:
    """Checks and coerces the inputs of one resource."""

    def __init__(self, declared: ResourceType, facts: Facts, secrets: Iterable[Path]) -> None:
        self.declared = declared
        self.facts = facts
        self.secrets = {".".join(path) for path in secrets} | {*declared.secret, *facts.model.secret_outputs}
        self.failures: list[Failure] = []

    def check(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """The inputs with their scalars as the SDK types them; what is wrong with them is in `failures`."""
        known = {key: value for key, value in inputs.items() if not key.startswith("__") and key != "tagsAll"}
        result = {key: value for key, value in inputs.items() if key not in known}
        return result | self._object(known, self.facts.model.inputs, "", "")

    def requirements(self, inputs: Mapping[str, Any]) -> None:
        """What properties ask of one another; after defaults and names are in place."""
        for group in self.declared.conflicts:
            present = [name for name in group if self._given(inputs, name)]
            if len(present) > 1:
                self._fail(present[0], f"conflicts with {' and '.join(present[1:])}: give one of them only")
        for group in self.declared.one_of:
            present = [name for name in group if self._given(inputs, name)]
            if len(present) != 1:
                what = "none of them is given" if not present else f"{' and '.join(present)} are given"
                self._fail(group[0], f"exactly one of {', '.join(group)} is needed, but {what}")
        for name, needed in self.declared.needs.items():
            missing = [one for one in needed if one not in inputs]
            if self._given(inputs, name) and missing:
                self._fail(name, f"needs {' and '.join(missing)} too")
        wrong = {re.split(r"[.\[]", one.property)[0] for one in self.failures}
        for rule in self.declared.rules:
            context = {"in": inputs}
            about = _mentioned(rule)
            if about & wrong or any(has_unknown(inputs.get(name)) for name in about):
                continue
            if holds(rule.when, context) and not holds(rule.unless, context):
                self._fail(rule.property, str(evaluate(f"f'{rule.message}'", context) or rule.message))

    def _given(self, inputs: Mapping[str, Any], name: str) -> bool:
        return name in inputs and name not in inputs.get("__defaults", []) and inputs[name] not in (None, False, "")

    def _fail(self, path: str, reason: str) -> None:
        self.failures.append(Failure(path, reason))

    def _object(
        self, value: Mapping[str, Any], properties: Mapping[str, Property], path: str, shape_path: str
    ) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key, item in value.items():
            here = f"{path}.{key}" if path else key
            if key not in properties:
                if not key.startswith("__"):
                    self._fail(here, self._unknown_property(key, properties, path))
                continue
            below = f"{shape_path}.{key}" if shape_path else key
            result[key] = self._value(item, properties[key].type, here, below)
        for key, prop in properties.items():
            if prop.required and key not in value:
                here = f"{path}.{key}" if path else key
                self._fail(here, f"is required ({self._kind(prop.type)}), but missing")
        return result

    def _unknown_property(self, key: str, properties: Mapping[str, Property], path: str) -> str:
        where = path or self.facts.model.token
        close = difflib.get_close_matches(key, properties, n=1)
        hint = f"did you mean {close[0]}?" if close else f"it has {', '.join(sorted(properties))}"
        return f"{where} has no property {key!r}: {hint}"

    def _json(self, value: Any, path: str) -> Any:
        """A JSON text; the SDK takes policy documents as objects too."""
        text = json.dumps(value) if isinstance(value, (dict, list)) else value
        if isinstance(text, str) and text:
            try:
                json.loads(text)
            except ValueError as error:
                self._fail(path, f"is {self._show(value, path)}, but must be JSON ({error})")
        return text

    def _value(self, value: Any, kind: Type, path: str, shape_path: str) -> Any:
        if value is UNKNOWN or kind == "any":
            return value
        if isinstance(kind, list):
            return self._compound(value, kind, path, shape_path)
        if kind == "json" or self.facts.constraints.get(shape_path, {}).get("json"):
            value, kind = UNKNOWN if has_unknown(value) else self._json(value, path), "str"
            if value is UNKNOWN:
                return value
        if kind == "asset":
            if not isinstance(value, pulumi.Asset | pulumi.Archive):
                self._fail(path, f"is {self._show(value, path)}, but must be an asset or an archive")
            return value
        coerced = _coerce(value, kind)
        if coerced is None:
            self._fail(path, f"is {self._show(value, path)}, but must be {self._kind(kind)}")
            return value
        self._constrain(coerced, path, shape_path)
        return coerced

    def _compound(self, value: Any, kind: list[Any], path: str, shape_path: str) -> Any:
        head, inner = kind
        if head == "list" and isinstance(value, list):
            self._constrain(value, path, shape_path)
            return [self._value(item, inner, f"{path}[{at}]", shape_path) for at, item in enumerate(value)]
        if head == "map" and isinstance(value, dict):
            return {key: self._value(item, inner, f"{path}.{key}", "") for key, item in value.items()}
        if head == "ref" and isinstance(value, dict):
            return self._object(value, self.facts.model.nested[inner], path, shape_path)
        self._fail(path, f"is {self._show(value, path)}, but must be {self._kind(kind)}")
        return value

    def _constrain(self, value: Any, path: str, shape_path: str) -> None:
        constraint = self.facts.constraints.get(shape_path)
        # The provider takes an empty text for one that was not given.
        allowed = violation(value, constraint) if constraint and value != "" else None
        if allowed:
            self._fail(path, f"is {self._show(value, path)}, but must be {allowed}")

    def _show(self, value: Any, path: str) -> str:
        plain = path.split("[")[0]
        if any(plain == one or plain.startswith(f"{one}.") for one in self.secrets):
            return "a secret value"
        text = json.dumps(value, default=lambda _: "(unknown)")
        return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."

    def _kind(self, kind: Type) -> str:
        if not isinstance(kind, list):
            return _WORDS.get(kind, "an asset" if kind == "asset" else "a value")
        if kind[0] == "list":
            return f"a list, each element {self._kind(kind[1])}"
        if kind[0] == "map":
            return f"an object whose values are each {self._kind(kind[1])}"
        return "an object with " + ", ".join(sorted(self.facts.model.nested[kind[1]]))


def _mentioned(rule: Rule) -> set[str]:
    return {rule.property, *re.findall(r"\bin\.(\w+)", f"{rule.when} {rule.unless} {rule.message}")}


def _coerce(value: Any, kind: str) -> Any:
    """The value as the provider would read it, or None where it cannot: texts stand for numbers and flags too."""
    if kind == "str" and isinstance(value, str | int | float):
        return str(value).lower() if isinstance(value, bool) else str(value)
    if kind == "bool":
        if isinstance(value, bool):
            return value
        return {"true": True, "false": False}.get(value) if isinstance(value, str) else None
    if kind in {"int", "float"} and isinstance(value, str | int | float) and not isinstance(value, bool):
        try:
            number = float(value)
        except ValueError:
            return None
        if kind == "int":
            return int(number) if number.is_integer() else None
        return number
    return None
