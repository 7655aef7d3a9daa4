"""What AWS itself allows for a property, and which properties replace a resource when they change.

Two sources, both data on this machine: AWS's resource schemas (CloudFormation's registry, inside the cfn-lint
package) and botocore's service models. A value is allowed when either source's enumeration or pattern takes it;
of two ranges the narrower counts.
"""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from local.aws.convert import Names, Nested, match, member_for
from local.aws.sdk_types import Property, Type

Constraint = dict[str, Any]
"""Any of enum, patterns, minLength, maxLength, minimum, maximum, minItems, maxItems; `json`, a text that is JSON."""

_LIMITS = {"minLength": max, "maxLength": min, "minimum": max, "maximum": min, "minItems": max, "maxItems": min}
_DEEPEST = 12


@cache
def _registry() -> tuple[Path, dict[str, str]]:
    # Found without importing cfnlint, which takes seconds.
    spec = importlib.util.find_spec("cfnlint")
    if spec is None or spec.origin is None:
        raise LookupError("cfn-lint is not installed in the stand-in's environment")
    folder = Path(spec.origin).parent / "data" / "schemas"
    return folder / "resources", json.loads((folder / "providers" / "us-east-1.json").read_text())


@cache
def cloudformation_schema(name: str) -> dict[str, Any]:
    """AWS's schema of a resource type such as `AWS::KMS::Key`; LookupError where there is none."""
    folder, index = _registry()
    if name not in index:
        raise LookupError(f"there is no AWS resource schema {name}")
    return dict(json.loads((folder / f"{index[name]}.json").read_text()))


def from_cloudformation(
    name: str, properties: Mapping[str, Property], nested: Nested, names: Names
) -> tuple[dict[str, Constraint], set[str]]:
    """Constraints by property path, and the top-level properties that replace."""
    schema = cloudformation_schema(name)
    found: dict[str, Constraint] = {}

    def resolve(node: Any) -> dict[str, Any]:
        for _ in range(_DEEPEST):
            if not isinstance(node, dict) or "$ref" not in node:
                break
            target: Any = schema
            for step in node["$ref"].removeprefix("#/").split("/"):
                target = target.get(step, {})
            node = target
        return node if isinstance(node, dict) else {}

    def walk(kind: Type, node: dict[str, Any], path: str, depth: int) -> None:
        node = resolve(node)
        if depth > _DEEPEST or not node:
            return
        if isinstance(kind, list) and kind[0] == "list":
            if node.get("type") == "array":
                _add(found, path, {key: node[key] for key in ("minItems", "maxItems") if key in node})
                walk(kind[1], node.get("items", {}), path, depth + 1)
        elif isinstance(kind, list) and kind[0] == "ref":
            inner = resolve(node.get("items", {})) if node.get("type") == "array" else node
            for key, prop, member in _members(nested[kind[1]], inner.get("properties", {}), path, names):
                walk(prop.type, member, key, depth + 1)
        elif not isinstance(kind, list) and _kinds(kind) & set(_listed(node.get("type"))):
            _add(found, path, _cfn_constraint(node))

    for key, prop, member in _members(properties, schema.get("properties", {}), "", names):
        walk(prop.type, member, key, 0)
    fixed = {path.split("/")[2] for path in schema.get("createOnlyProperties", []) if path.count("/") == 2}
    replaces = {
        key for key in properties if (one := member_for(key, names, schema.get("properties", {}))) and one in fixed
    }
    return found, replaces


def from_shape(
    shape: Shape | None, properties: Mapping[str, Property], nested: Nested, names: Names
) -> dict[str, Constraint]:
    """Constraints by property path out of the request of an operation."""
    found: dict[str, Constraint] = {}

    def walk(kind: Type, node: Shape, path: str, depth: int) -> None:
        if depth > _DEEPEST:
            return
        if isinstance(kind, list) and kind[0] == "list" and isinstance(node, ListShape):
            walk(kind[1], node.member, path, depth + 1)
        elif isinstance(kind, list) and kind[0] == "ref":
            inner = node.member if isinstance(node, ListShape) else node
            if isinstance(inner, StructureShape):
                for key, prop, member in _members(nested[kind[1]], inner.members, path, names):
                    walk(prop.type, member, key, depth + 1)
        elif isinstance(kind, list) or isinstance(node, StructureShape | ListShape | MapShape):
            return
        elif node.type_name in _kinds(kind):
            _add(found, path, _shape_constraint(node))

    if isinstance(shape, StructureShape):
        for key, prop, member in _members(properties, shape.members, "", names):
            walk(prop.type, member, key, 0)
    return found


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _kinds(kind: Type) -> set[str]:
    return {
        "str": {"string"},
        "int": {"integer", "long", "number"},
        "float": {"number", "double", "float", "integer"},
    }.get(kind, set())


def _members(
    properties: Mapping[str, Property], candidates: Mapping[str, Any], path: str, names: Names
) -> Iterator[tuple[str, Property, Any]]:
    for key, prop in properties.items():
        here = f"{path}.{key}" if path else key
        declared = member_for(here, names, candidates)
        if declared is not None and "." not in declared and match(declared, candidates):
            yield here, prop, candidates[declared]


def _cfn_constraint(node: Mapping[str, Any]) -> Constraint:
    found = {key: node[key] for key in _LIMITS if key in node and "Items" not in key}
    if "enum" in node:
        found["enum"] = list(node["enum"])
    if "pattern" in node and _usable(node["pattern"]):
        found["patterns"] = [node["pattern"]]
    return found


def _shape_constraint(node: Shape) -> Constraint:
    found: Constraint = {}
    low, high = ("minLength", "maxLength") if node.type_name == "string" else ("minimum", "maximum")
    if "min" in node.metadata:
        found[low] = node.metadata["min"]
    if "max" in node.metadata:
        found[high] = node.metadata["max"]
    if node.metadata.get("enum"):
        found["enum"] = list(node.metadata["enum"])
    # Flags inside of a pattern stand at its start or not at all.
    if "pattern" in node.metadata and _usable(whole := f"^(?:{node.metadata['pattern']})$"):
        found["patterns"] = [whole]
    return found


def _usable(pattern: str) -> bool:
    # Some are written for another dialect (\p{L}, possessive quantifiers): those cannot be told apart here.
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True


def _add(found: dict[str, Constraint], path: str, new: Constraint) -> None:
    if new:
        found[path] = merge(found[path], new) if path in found else new


def merge(one: Constraint, other: Constraint) -> Constraint:
    """Both sources' constraints on one property."""
    result = {**one, **other}
    for key, choose in _LIMITS.items():
        if key in one and key in other:
            result[key] = choose(one[key], other[key])
    for key in ("enum", "patterns"):
        if key in one and key in other:
            # Both sources have most patterns, one of them in a group of its own.
            known = {_bare(item) for item in one[key]}
            result[key] = [*one[key], *(item for item in other[key] if _bare(item) not in known)]
    return result


def _bare(item: Any) -> Any:
    group = re.fullmatch(r"\^\(\?:(.*)\)\$", str(item))
    return group[1] if group else re.sub(r"^\^|\$$", "", str(item))


# A repeated group that repeats inside itself: refusing a text can take as many steps as two to its length.
_NESTED = re.compile(r"\((?:[^()]|\([^()]*\))*[+*](?:[^()]|\([^()]*\))*\)[+*]")
_TRIED_UP_TO = 24


def _matches(pattern: str, value: str) -> bool:
    if len(value) > _TRIED_UP_TO and _NESTED.search(pattern):
        return True
    return re.search(pattern, value, re.DOTALL) is not None


def violation(value: Any, constraint: Constraint) -> str | None:
    """What is allowed, if the value is not; None if it is."""
    if isinstance(value, list):
        low, high = constraint.get("minItems", 0), constraint.get("maxItems")
        if len(value) < low or (high is not None and len(value) > high):
            return f"{low} to {high} elements" if high is not None else f"{low} or more elements"
        return None
    if isinstance(value, bool):
        return None
    enum = constraint.get("enum")
    if enum and value not in enum and str(value) not in {str(one) for one in enum}:
        return "one of " + ", ".join(str(one) for one in enum)
    if isinstance(value, str):
        low, high = constraint.get("minLength", 0), constraint.get("maxLength")
        if len(value) < low or (high is not None and len(value) > high):
            return f"{low} to {high} characters" if high is not None else f"{low} or more characters"
        patterns = constraint.get("patterns", [])
        if not enum and patterns and not any(_matches(pattern, value) for pattern in patterns):
            return "a text that matches " + " or ".join(patterns)
    if isinstance(value, int | float):
        low, high = constraint.get("minimum"), constraint.get("maximum")
        if (low is not None and value < low) or (high is not None and value > high):
            if high is None or low is None:
                return f"{high} or less" if low is None else f"{low} or more"
            return f"a number from {low} to {high}"
    return None
