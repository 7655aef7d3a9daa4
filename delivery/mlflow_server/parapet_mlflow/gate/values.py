"""Values by the types of MLflow's messages, read strictly: what is returned means one thing, written in one way.

Protobuf's own parser takes two spellings of each field, ignores what it does not know and, where it fails half way,
leaves what it had: MLflow goes on with that.
"""

import math
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from parapet_mlflow.gate.refusal import field
from parapet_mlflow.gate.routes import Shape, messages

Reader = Callable[[Any, str, str], Any]
"""Value, the field's name and what stands before it, to the value as it goes on. Raises Refusal."""

WHOLE = re.compile(r"0|-?[1-9][0-9]{0,18}")
NUMBER = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,3})?")
NOT_FINITE = ("NaN", "Infinity", "-Infinity")
"""Protobuf's words for what JSON has no number for."""
BITS = {"int32": (-(2**31), 2**31), "int64": (-(2**63), 2**63), "uint32": (0, 2**32), "uint64": (0, 2**64)}
PATTERNS = {
    "bytes": re.compile(r"[A-Za-z0-9+/]*={0,2}"),
    "google.protobuf.Duration": re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,9})?s"),
    "google.protobuf.Timestamp": re.compile(
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})"
    ),
    "google.protobuf.FieldMask": re.compile(r"([A-Za-z][A-Za-z0-9]*([.,][A-Za-z][A-Za-z0-9]*)*)?"),
}
DEPTH = 32
"""How deep free JSON may lie in itself."""


@cache
def reader(kind: str) -> Reader:
    """Of `string`, `[string]`, `{string}` or a message's name."""
    if kind.startswith("["):
        return _several(reader(kind[1:-1]))
    if kind.startswith("{"):
        return _map(reader(kind[1:-1]))
    if kind in BITS:
        return _whole(*BITS[kind])
    if kind in PATTERNS:
        return _pattern(PATTERNS[kind])
    if kind in SCALARS:
        return SCALARS[kind]
    told = messages()[kind]
    return _enum(tuple(told)) if isinstance(told, list) else _message(told)


def read(shape: Shape, given: dict[str, Any]) -> dict[str, Any]:
    """The fields of an object, with what is null left out. Raises Refusal for one that the shape does not have."""
    return _each({name: _choices(kind) for name, kind in shape.items() if name in given}, given, "")


def _choices(kind: str) -> tuple[Reader, str]:
    kind, _, choice = kind.partition(" @")
    return reader(kind), choice


def _each(readers: Mapping[str, tuple[Reader, str]], given: dict[str, Any], within: str) -> dict[str, Any]:
    found = {}
    chosen: dict[str, str] = {}
    for name, value in given.items():
        if name not in readers:
            raise field(within + name, "is no field of this request. Leave it out.")
        told, choice = readers[name]
        if value is None and told is not _anything:
            continue
        if choice and chosen.setdefault(choice, name) != name:
            raise field(within + name, f"and {chosen[choice]} cannot both be given.")
        found[name] = told(value, name, within)
    return found


def _message(shape: Shape) -> Reader:
    @cache
    def readers() -> dict[str, tuple[Reader, str]]:
        # Not before it is asked for: a message may be within itself.
        return {name: _choices(kind) for name, kind in shape.items()}

    def told(value: Any, name: str, within: str) -> Any:
        if not isinstance(value, dict):
            raise field(within + name, "is no object.")
        return _each(readers(), value, f"{within}{name}.")

    return told


def _several(each: Reader) -> Reader:
    def told(value: Any, name: str, within: str) -> list[Any]:
        if not isinstance(value, list):
            raise field(within + name, "is no list.")
        return [each(one, name, within) for one in value]

    return told


def _map(each: Reader) -> Reader:
    def told(value: Any, name: str, within: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise field(within + name, "is no object.")
        return {_string(key, name, within): each(one, name, within) for key, one in value.items()}

    return told


def _enum(names: tuple[str, ...]) -> Reader:
    def told(value: Any, name: str, within: str) -> str:
        if not isinstance(value, str) or value not in names:
            raise field(within + name, f"is none of {', '.join(names)}.")
        return value

    return told


def _whole(least: int, beyond: int) -> Reader:
    def told(value: Any, name: str, within: str) -> int:
        if (isinstance(value, str) and WHOLE.fullmatch(value)) or (isinstance(value, float) and value.is_integer()):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise field(within + name, "is no whole number.")
        if not least <= value < beyond:
            raise field(within + name, f"is not between {least} and {beyond - 1}.")
        return value

    return told


def _pattern(pattern: re.Pattern[str]) -> Reader:
    def told(value: Any, name: str, within: str) -> str:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise field(within + name, "is not written as it should be.")
        return value

    return told


def _string(value: Any, name: str, within: str) -> str:
    if not isinstance(value, str):
        raise field(within + name, "is no text.")
    if "\0" in value:
        raise field(within + name, "has a character that is not allowed: NUL.")
    if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise field(within + name, "has half a character, a lone surrogate.")
    return value


def _bool(value: Any, name: str, within: str) -> bool:
    if not isinstance(value, bool):
        raise field(within + name, "is neither true nor false.")
    return value


def _double(value: Any, name: str, within: str) -> float | str:
    if isinstance(value, str):
        if value in NOT_FINITE:
            return value
        if NUMBER.fullmatch(value):
            value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise field(within + name, "is no number.")
    try:
        finite = math.isfinite(value)
    except OverflowError:
        finite = False
    if not finite:
        raise field(within + name, f"is too large for a number. {NOT_FINITE[1]} is written as text.")
    return value


def _anything(value: Any, name: str, within: str, depth: int = DEPTH) -> Any:
    """Free JSON, of which MLflow reads no field."""
    if depth == 0:
        raise field(within + name, "lies too deep in itself.")
    if isinstance(value, dict):
        return {_string(key, name, within): _anything(one, name, within, depth - 1) for key, one in value.items()}
    if isinstance(value, list):
        return [_anything(one, name, within, depth - 1) for one in value]
    if isinstance(value, str):
        return _string(value, name, within)
    return value if value is None or isinstance(value, bool) else _double(value, name, within)


SCALARS: dict[str, Reader] = {
    "string": _string,
    "bool": _bool,
    "double": _double,
    "google.protobuf.Value": _anything,
}
