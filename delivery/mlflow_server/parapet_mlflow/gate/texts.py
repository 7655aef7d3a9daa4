"""Fields that are a text with JSON in it, which MLflow reads a second time: read here by the rules of a body, and
written anew. A text that is something else would end in the midst of MLflow, as the server's failure."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from parapet_mlflow.gate import values
from parapet_mlflow.gate.reading import Asked, parsed
from parapet_mlflow.gate.refusal import field

OBJECT: Final = "{google.protobuf.Value}"
TEXTS: Final[Mapping[str, Mapping[str, str]]] = {
    "runs/log-model": {"model_json": OBJECT},
    "datasets/create": {"tags": OBJECT},
    "datasets/set-tags": {"tags": OBJECT},
    "datasets/upsert-records": {"records": f"[{OBJECT}]"},
}
"""By route, its fields with such a text, and the type of what is in it, as values.py names it."""


def check(asked: Asked) -> Asked:
    """The same, with these texts as they were read. Raises Refusal."""
    kinds = TEXTS.get(asked.route.name, {})
    told = {name: _read(kind, name, asked.fields[name]) for name, kind in kinds.items() if name in asked.fields}
    return replace(asked, fields={**asked.fields, **told}) if told else asked


def _read(kind: str, name: str, value: str) -> str:
    try:
        told = parsed(value)
    except (ValueError, RecursionError):
        raise field(name, "is no JSON. Give a text that is.") from None
    return json.dumps(values.reader(kind)(told, name, ""), separators=(",", ":"))
