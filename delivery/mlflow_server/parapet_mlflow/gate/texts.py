"""Fields that are a text with JSON in it, which MLflow reads a second time: read here by the rules of a body, and
written anew. A text that is something else would end in the midst of MLflow, as the server's failure."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from parapet_mlflow.gate import values
from parapet_mlflow.gate.reading import Asked, parsed
from parapet_mlflow.gate.refusal import field

OBJECT: Final = "{google.protobuf.Value}"
TEXTS: Final[Mapping[tuple[str, str], str]] = {
    ("runs/log-model", "model_json"): OBJECT,
    ("datasets/create", "tags"): OBJECT,
    ("datasets/set-tags", "tags"): OBJECT,
    ("datasets/upsert-records", "records"): f"[{OBJECT}]",
}
"""By route and field, the type of what is in the text, as values.py names it."""


def check(asked: Asked) -> Asked:
    """The same, with these texts as they were read. Raises Refusal."""
    return replace(asked, fields={name: _read(asked.route.name, name, value) for name, value in asked.fields.items()})


def _read(route: str, name: str, value: Any) -> Any:
    kind = TEXTS.get((route, name))
    if kind is None or not isinstance(value, str):
        return value
    try:
        told = parsed(value)
    except (ValueError, RecursionError):
        raise field(name, "is no JSON. Give a text that is.") from None
    return json.dumps(values.reader(kind)(told, name, ""), separators=(",", ":"))
