"""Between the SDK's values and the API's, driven by botocore's shapes one way and the SDK's types the other."""

from __future__ import annotations

import base64
import datetime
import json
from collections.abc import Iterable, Mapping
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from local.aws.archive import content
from local.aws.expression import parsed
from local.aws.sdk_types import Property, Type

Nested = Mapping[str, Mapping[str, Property]]
Names = Mapping[str, str]
_PAIRS = [("Key", "Value"), ("key", "value"), ("TagKey", "TagValue"), ("Name", "Value"), ("name", "value")]


class ConversionError(Exception):
    """A value that has no place in a request: the property's path and the shape that does not take it."""


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()


def match(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate that is the same word, case, underscores and number aside."""
    by_plain = {_plain(candidate): candidate for candidate in candidates}
    word = _plain(name)
    forms = [word, f"{word}s", f"{word}es", word.removesuffix("s"), word.removesuffix("es")]
    if word.endswith("ies"):
        forms.append(f"{word[:-3]}y")
    if word.endswith("y"):
        forms.append(f"{word[:-1]}ies")
    return next((by_plain[form] for form in forms if form in by_plain), None)


def member_for(path: str, names: Names, candidates: Iterable[str]) -> str | None:
    """The API's member for a property: declared under its path or, for any depth, under `*.leaf`; else by name."""
    leaf = path.rsplit(".", 1)[-1]
    declared = names.get(path) or names.get(f"*.{leaf}")
    if declared is not None:
        first = declared.split(".")[0]
        return declared if first in set(candidates) else None
    return match(leaf, candidates)


def to_api(value: Any, shape: Shape, path: str = "", names: Names = {}) -> Any:  # noqa: B006 (read only)
    """An SDK value as the API's shape wants it."""
    if isinstance(shape, StructureShape):
        return _to_structure(value, shape, path, names)
    if isinstance(shape, ListShape):
        items = _pairs(value, shape.member) if isinstance(value, dict) else value
        items = items if isinstance(items, list) else [items]
        return [to_api(item, shape.member, path, names) for item in items]
    if isinstance(shape, MapShape):
        if not isinstance(value, dict):
            raise ConversionError(f"{path}: {shape.name} takes an object")
        given = {key: item for key, item in value.items() if item is not None}
        return {key: to_api(item, shape.value, f"{path}.{key}", names) for key, item in given.items()}
    return _to_scalar(value, shape, path)


def _to_structure(value: Any, shape: StructureShape, path: str, names: Names) -> Any:
    members = shape.members
    if isinstance(value, list):
        if {"Items", "Quantity"} <= members.keys():
            return {"Items": to_api(value, members["Items"], path, names), "Quantity": len(value)}
        if len(value) > 1:
            raise ConversionError(f"{path}: {shape.name} is one object, not {len(value)}")
        value = value[0] if value else {}
    if not isinstance(value, dict):
        # An object whose only member the SDK puts in its place.
        if len(members) == 1:
            (name, inner), *_ = members.items()
            return {name: to_api(value, inner, path, names)}
        raise ConversionError(f"{path}: {shape.name} takes an object")
    result: dict[str, Any] = {}
    for key, item in value.items():
        if item is None or key.startswith("__"):
            continue
        here = f"{path}.{key}" if path else key
        member = key if key in members else member_for(here, names, members)
        if member is None:
            raise ConversionError(f"{here}: {shape.name} has no member for it (it has {', '.join(members)})")
        place(result, member, item, shape, here, names)
    return result


def place(target: dict[str, Any], member: str, value: Any, shape: Shape, path: str, names: Names) -> None:
    """Put a value into a request, under a member that may be dotted."""
    head, _, rest = member.partition(".")
    if not isinstance(shape, StructureShape) or head not in shape.members:
        raise ConversionError(f"{path}: {shape.name} has no member {head}")
    inner = shape.members[head]
    if rest:
        place(target.setdefault(head, {}), rest, value, inner, path, names)
    else:
        target[head] = to_api(value, inner, path, names)


def _pairs(value: dict[str, Any], element: Shape) -> list[Any]:
    if isinstance(element, StructureShape):
        for key, text in _PAIRS:
            # An object of just these two members is the pair itself.
            if {key, text} <= element.members.keys() and value.keys() != {key, text}:
                return [{key: name, text: item} for name, item in value.items()]
    return [value]


def _to_scalar(value: Any, shape: Shape, path: str) -> Any:
    kind = shape.type_name
    if kind == "blob":
        return value.encode() if isinstance(value, str) else content(value)
    if kind in {"integer", "long"} and not isinstance(value, (dict, list)):
        return int(value)
    if kind in {"float", "double"} and isinstance(value, (str, int, float)):
        return float(value)
    if kind == "boolean":
        return value if isinstance(value, bool) else str(value).lower() == "true"
    if kind == "string":
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, (dict, list)):
            return json.dumps(value)
        if not isinstance(value, str | int | float):
            raise ConversionError(f"{path}: a text is wanted, not a {type(value).__name__}")
        return str(value)
    return value


def from_api(value: Any, kind: Type, nested: Nested, path: str = "", names: Names = {}) -> Any:  # noqa: B006
    """An API value as the SDK's type wants it; None where there is nothing."""
    if value is None:
        return None
    if isinstance(kind, list):
        head, inner = kind
        if head == "list":
            items = value.get("Items", [] if "Quantity" in value else [value]) if isinstance(value, dict) else value
            items = items if isinstance(items, (list, tuple)) else [items]
            return [from_api(item, inner, nested, path, names) for item in items]
        if head == "map":
            return {key: from_api(item, inner, nested, path, names) for key, item in _mapping(value).items()}
        if isinstance(value, list):
            if not value:
                return None
            value = value[0]
        return _from_structure(value, inner, nested, path, names)
    return _from_scalar(value, kind)


def _from_structure(value: Any, name: str, nested: Nested, path: str, names: Names) -> Any:
    properties = nested[name]
    if not isinstance(value, dict):
        return {only: from_api(value, properties[only].type, nested, path, names) for only in list(properties)[:1]}
    result = {}
    for key, prop in properties.items():
        here = f"{path}.{key}" if path else key
        found = from_api(take(value, here, names), prop.type, nested, here, names)
        # An object without members may say something by being there: `allow: {}`.
        is_object = isinstance(prop.type, list) and prop.type[0] == "ref"
        if found is not None and found != [] and (found != {} or is_object):
            result[key] = found
    return result


def take(answer: Mapping[str, Any], path: str, names: Names) -> Any:
    """The member of an answer that holds a property, or None."""
    member = path.rsplit(".", 1)[-1]
    found = member if member in answer else member_for(path, names, answer)
    here: Any = answer
    for step in (found or "").split("."):
        here = here.get(step) if isinstance(here, dict) else None
    return here


def _mapping(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    for item in value:
        for key, text in _PAIRS:
            if key in item:
                return {one[key]: one.get(text, "") for one in value}
    return {}


def _from_scalar(value: Any, kind: Type) -> Any:
    if isinstance(value, list) and kind != "any":
        if kind == "str" and len(value) != 1:
            return json.dumps(value)
        value = value[0] if value else None
    if value is None:
        return None
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if kind == "str":
        if isinstance(value, bytes | bytearray):
            return _text(bytes(value))
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, float) and value.is_integer():
            return str(int(value))
        return json.dumps(value) if isinstance(value, dict) else str(value)
    if kind == "bool":
        return value if isinstance(value, bool) else str(value).lower() in {"true", "enabled", "enable", "1", "yes"}
    if kind in {"int", "float"} and isinstance(value, str | int | float):
        if value == "":
            return None
        number = float(value)
        return int(number) if number.is_integer() else number
    return value


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return base64.b64encode(data).decode()


def answer_shape(shape: Shape | None, path: str) -> Shape | None:
    """The shape of what an expression takes out of a response, or None where that cannot be told."""
    return _walk(shape, parsed(path)) if shape is not None else None


def _walk(shape: Shape | None, node: Mapping[str, Any]) -> Shape | None:
    children = node.get("children", [])
    match node["type"]:
        case "current" | "identity":
            return shape
        case "field":
            return shape.members.get(node["value"]) if isinstance(shape, StructureShape) else None
        case "index" | "slice":
            return shape.member if isinstance(shape, ListShape) else shape
        case "subexpression" | "index_expression" | "pipe":
            for child in children:
                shape = _walk(shape, child)
            return shape
        case "filter_projection" | "projection":
            # What a projection yields is told by one of its elements.
            found = _walk(shape, children[0])
            return _walk(found.member if isinstance(found, ListShape) else found, children[1])
        case "flatten":
            return _walk(shape, children[0])
        case _:
            return None
