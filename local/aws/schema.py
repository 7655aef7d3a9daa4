"""The package schema of what the stand-in declares, read from the SDK: what an import writes is told by it."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from local.aws import VERSION, sdk_types
from local.aws import cache as kept
from local.aws.declaration import declared_tokens, module_of
from local.aws.sdk_types import Property, ResourceModel, Type

_SCALARS = {"str": "string", "int": "integer", "float": "number", "bool": "boolean", "json": "string"}


@cache
def package_schema() -> str:
    """The schema as JSON, by Pulumi's public package schema: the declared resource types and their objects."""
    declared = sorted(declared_tokens().keys() & set(sdk_types.tokens()))
    path = kept.folder() / f"schema-{VERSION}-{kept.digest_of(declared)}.json"
    try:
        return path.read_text()
    except OSError:
        text = json.dumps(_package([model for one in declared if (model := sdk_types.resource_model(one))]))
        kept.write(path, text)
        return text


def _package(models: list[ResourceModel]) -> dict[str, Any]:
    types: dict[str, Any] = {}
    resources: dict[str, Any] = {}
    for model in models:
        module = module_of(model.token)
        for name, members in model.nested.items():
            types[_token(module, name)] = {"type": "object", **_properties(members, module, "properties", "required")}
        resources[model.token] = {
            **_properties(model.inputs, module, "inputProperties", "requiredInputs"),
            **_properties(model.outputs, module, "properties", "required"),
        }
    return {
        "name": "aws",
        "version": VERSION,
        "meta": {"moduleFormat": "(.*)(?:/[^/]*)"},
        "config": {},
        "provider": {},
        "types": types,
        "resources": resources,
        "functions": {},
        "language": {},
    }


def _properties(members: dict[str, Property], module: str, properties: str, required: str) -> dict[str, Any]:
    return {
        properties: {name: _type(one.type, module) for name, one in members.items()},
        required: sorted(name for name, one in members.items() if one.required),
    }


def _type(kind: Type, module: str) -> dict[str, Any]:
    if isinstance(kind, list):
        head, inner = kind
        if head == "ref":
            return {"$ref": f"#/types/{_token(module, inner)}"}
        items = "items" if head == "list" else "additionalProperties"
        return {"type": "array" if head == "list" else "object", items: _type(inner, module)}
    if kind in _SCALARS:
        return {"type": _SCALARS[kind]}
    return {"$ref": "pulumi.json#/Asset" if kind == "asset" else "pulumi.json#/Any"}


def _token(module: str, name: str) -> str:
    side, _, plain = name.partition(".")
    short = f"{plain}{'Output' if side == 'outputs' else ''}"
    return f"aws:{module}/{short}:{short}"
