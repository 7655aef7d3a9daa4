"""What the installed `pulumi_kubernetes` SDK takes for a resource type, so that examples are held to its own types."""

import collections.abc
import importlib
import importlib.util
import json
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import pulumi
from pulumi import _types

from hipaa.resource import UNKNOWN, Secret

PREFIX = "kubernetes:"


@cache
def _classes() -> dict[str, tuple[str, str]]:
    """Token -> (module, class), as the SDK registers them."""
    spec = importlib.util.find_spec("pulumi_kubernetes")
    assert spec is not None
    assert spec.origin is not None
    block = Path(spec.origin).read_text().split('resource_modules="""', 1)[1].split('"""', 1)[0]
    return {token: (entry["fqn"], name) for entry in json.loads(block) for token, name in entry["classes"].items()}


def tokens() -> set[str]:
    """Every resource type that the SDK knows."""
    return set(_classes())


def wrong(token: str, values: Mapping[str, Any]) -> list[str]:
    """What the provider would not take, by path."""
    module, name = _classes()[token]
    resource = getattr(importlib.import_module(module), name)
    holder = vars(sys.modules[resource.__module__])
    return list(_wrong(values, holder.get(f"{name}InitArgs") or holder[f"{name}Args"], ""))


def _wrong(value: Any, type_: Any, path: str) -> Iterator[str]:
    if isinstance(value, Secret):
        value = value.value
    if value is UNKNOWN:
        return
    kinds = [kind for kind in _alternatives(type_) if kind not in (None, type(None))]
    origin = get_origin(kinds[0])
    if _types.is_input_type(kinds[0]):
        if not isinstance(value, Mapping):
            yield f"{path} must be an object"
            return
        known = _types.input_type_types(kinds[0])
        for name, item in value.items():
            if name in known:
                yield from _wrong(item, known[name], f"{path}.{name}")
            else:
                yield f"{path}.{name} does not exist"
    elif origin is collections.abc.Sequence:
        if not isinstance(value, list):
            yield f"{path} must be a list"
            return
        for number, item in enumerate(value):
            yield from _wrong(item, get_args(kinds[0])[0], f"{path}.{number}")
    elif origin is collections.abc.Mapping:
        for name, item in value.items():
            yield from _wrong(item, get_args(kinds[0])[1], f"{path}.{name}")
    elif origin is not Literal and type(value) not in kinds and Any not in kinds:
        yield f"{path} must be {kinds[0]}"


def _alternatives(type_: Any) -> list[Any]:
    """The plain types of an input: what may be awaited or is an output stands for them."""
    if get_origin(type_) is Union or type(type_).__name__ == "UnionType":
        arguments = [each for each in get_args(type_) if get_origin(each) not in _LATER]
        return [kind for each in arguments for kind in _alternatives(each)]
    return [type_]


_LATER = (collections.abc.Awaitable, pulumi.Output)
