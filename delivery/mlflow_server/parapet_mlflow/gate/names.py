"""Identifiers and names, by one rule each.

Where MLflow keeps permissions, `*` stands for everything of its kind, and where it looks something up it makes a number
of a text as Python does, for which `10`, ` 10`, `010` and `1_0` are one. Here an identifier has one way to be written,
and a name holds no pattern.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from parapet_mlflow.gate.reading import Asked
from parapet_mlflow.gate.refusal import field
from parapet_mlflow.gate.routes import Shape, fields_within, message_of

LONGEST: Final = 250
"""Characters of a name. MLflow's tables have room for 256 of a registered model's."""
PATTERN: Final = "*?[]%"
IDENTIFIERS: Final = {
    "experiment_id": re.compile(r"0|[1-9][0-9]{0,18}"),
    "version": re.compile(r"[1-9][0-9]{0,9}"),
}
OTHERS: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
"""Of runs, models, traces, datasets, records and assessments: what MLflow makes, and what older ones of it made."""
NOT_OURS: Final = (
    "client_request_id",
    "deployment_job_id",
    "parent_span_id",
    "resource_id",
    "source_id",
    "span_id",
    "upload_id",
    "user_id",
)
"""Which end as an identifier does, and are a name, a label or another service's."""
NAMES: Final = ("name", "new_name", "experiment_name", "username", "alias", "resource_id")
"""Of experiments, registered and logged models, datasets, roles and accounts. Metrics, parameters, tags, runs and files
have MLflow's own rules, since nothing is found by them."""


def check(asked: Asked) -> None:
    """Raises Refusal."""
    for name in NAMES:
        if (value := asked.fields.get(name)) is not None:
            _name(name, value)
    _identifiers(_looked_at(asked.route.shape), asked.fields)


def _identifiers(looked_at: "LookedAt", fields: Mapping[str, Any]) -> None:
    for name, pattern, kind in looked_at:
        if name not in fields:
            continue
        value = fields[name]
        for one in value if isinstance(value, list) else [value]:
            if kind:
                _identifiers(_within(kind), one)
            elif pattern and one != "" and isinstance(one, str) and not pattern.fullmatch(one):
                raise field(name, "is not written as an identifier of its kind is.")


LookedAt = tuple[tuple[str, re.Pattern[str] | None, str], ...]
"""The fields that are identifiers, or messages with some in them; of a thousand metrics nothing else is looked at."""


def _looked_at(shape: Shape) -> LookedAt:
    each = ((name, pattern_of(name), kind if _has_identifiers(kind) else "") for name, kind in shape.items())
    return tuple(told for told in each if told[1] or told[2])


@cache
def _within(kind: str) -> LookedAt:
    return _looked_at(message_of(kind) or {})


@cache
def _has_identifiers(kind: str) -> bool:
    return message_of(kind) is not None and any(pattern_of(name) for name in fields_within(kind))


@cache
def pattern_of(name: str) -> re.Pattern[str] | None:
    """How the values of a field are written, if they are identifiers."""
    one = name.removesuffix("s") if name.endswith("_ids") else name
    if one in IDENTIFIERS:
        return IDENTIFIERS[one]
    return OTHERS if one.endswith("_id") and one not in NOT_OURS else None


def _name(name: str, value: str) -> None:
    if found := sorted(set(PATTERN) & set(value)):
        raise field(name, f"has {' '.join(found)}, which could stand for other names. Leave out {' '.join(PATTERN)}.")
    if not value.isprintable():
        raise field(name, "has a character that nobody sees. Leave out control and format characters.")
    if value != value.strip():
        raise field(name, "begins or ends with a space. Leave it out.")
    if len(value) > LONGEST:
        raise field(name, f"has more than {LONGEST} characters.")
