"""A manifest as the API server keeps it, so that what was written in another way is not taken for a change."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from local.kubernetes.provider.objects import Kind, Object
from local.plugin.values import UNKNOWN

SECRET = Kind("v1", "Secret")
DEFINITION = Kind("apiextensions.k8s.io/v1", "CustomResourceDefinition")


def normal(manifest: Mapping[str, Any], kind: Kind) -> Object:
    """A copy in the server's own words."""
    found = dict(manifest)
    if kind == SECRET and isinstance(found.get("stringData"), dict):
        # The server writes `stringData` into `data` and never gives it back.
        given = found.pop("stringData")
        kept = found.get("data") if isinstance(found.get("data"), dict) else {}
        found["data"] = {**kept, **{key: _encoded(value) for key, value in given.items()}}
    if kind == DEFINITION:
        found["spec"] = _hyphens(found.get("spec"))
    return found


def _encoded(value: Any) -> Any:
    return UNKNOWN if value is UNKNOWN else base64.b64encode(str(value).encode()).decode()


def _hyphens(value: Any) -> Any:
    """The SDK's spelling of an OpenAPI extension or keyword is one that a Python name can have."""
    if isinstance(value, dict):
        return {_hyphenated(key): _hyphens(item) for key, item in value.items()}
    return [_hyphens(item) for item in value] if isinstance(value, list) else value


def _hyphenated(key: str) -> str:
    if key.startswith("x_kubernetes_"):
        return key.replace("_", "-")
    return {"_ref": "$ref", "_schema": "$schema"}.get(key, key)
