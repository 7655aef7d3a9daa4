"""What of an object is secret, whether or not the program said so: all data of a Secret."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Any

from local.kubernetes.provider.normal import SECRET
from local.kubernetes.provider.objects import kind_of
from local.plugin.values import Path, secret_texts

_DATA: set[Path] = {("data",), ("stringData",)}
_RENDERED: Path = ("__manifest",)


def paths(values: Mapping[str, Any], given: Iterable[Path]) -> set[Path]:
    """The secret paths of inputs or outputs, `given` those that the program marked."""
    marked = set(given)
    if kind_of(values) == SECRET:
        # A text that the program gave in clear lies in `data` now.
        marked |= _DATA | {("data", *path[1:]) for path in marked if path[0] == "stringData"}
    # What a release was rendered to may hold any of its values.
    return {path for path in {*marked, _RENDERED} if path[0] in values}


def texts(values: Mapping[str, Any], given: Iterable[Path]) -> set[str]:
    """Every secret text, for taking it out of messages: as it is, and in and out of base64."""
    marked = paths({"kind": "Secret", "apiVersion": "v1", **values} if _is_secret(values) else values, given)
    found = secret_texts(values, marked)
    return found | {other for text in found for other in recoded(text) if len(other) > 2}


def _is_secret(values: Mapping[str, Any]) -> bool:
    return not values.get("kind") and ("stringData" in values)


def recoded(text: str) -> Iterable[str]:
    """A text in base64, and out of it."""
    yield base64.b64encode(text.encode()).decode()
    try:
        yield base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return
