"""What is told of a request: identifiers that MLflow made, words of a fixed list, and digests of all else that names.

It is told from what the gate read, which is what MLflow acts upon. There is no second reading to evade.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, Final

from parapet_mlflow.gate import places
from parapet_mlflow.gate.reading import Asked
from parapet_mlflow.gate.routes import Shape, fields_within, message_of

_NUMBER = re.compile(r"\d{1,19}")
_HEX = r"[0-9a-f]{32}"
_FAILED = re.compile(rb'"(errors|apiError)":\s*[\[{]')
IDENTIFIERS: Final = {
    "experiment_id": _NUMBER,
    "run_id": re.compile(_HEX),
    "model_id": re.compile(f"m-{_HEX}"),
    "trace_id": re.compile(f"tr-{_HEX}"),
    "assessment_id": re.compile(f"a-{_HEX}"),
    "dataset_id": re.compile(f"d-{_HEX}"),
    "dataset_record_id": re.compile(f"dr-{_HEX}"),
    "role_id": _NUMBER,
    "role_permission_id": _NUMBER,
    "version": re.compile(r"\d{1,10}"),
}
"""Told as they are if they look as MLflow makes them, wherever they stand in a request; else as digests."""
OTHERWISE: Final = {
    "experiment_ids": "experiment_id",
    "run_ids": "run_id",
    "source_run_id": "run_id",
    "trace_ids": "trace_id",
    # What a trace was called in MLflow 2.
    "request_id": "trace_id",
    "request_ids": "trace_id",
    "overrides": "assessment_id",
    "dataset_record_ids": "dataset_record_id",
}
"""Other fields that have these identifiers."""
WORDS: Final = {
    "stage": frozenset(("None", "Staging", "Production", "Archived")),
    "permission": frozenset(("READ", "USE", "EDIT", "MANAGE", "NO_PERMISSIONS", "DENY")),
    "resource_type": frozenset(
        ("experiment", "registered_model", "prompt", "run", "trace", "logged_model", "scorer", "workspace")
    ),
    "is_admin": frozenset(("True", "False")),
}
NAMES: Final = frozenset(
    ("name", "new_name", "experiment_name", "username", "alias", "resource_id", "resource_pattern", "workspace")
)
"""Given by people to what a request is about: told as digests, if they are fields of the request itself."""
NOT_TOLD: Final = frozenset(
    ("client_request_id", "deployment_job_id", "parent_span_id", "source_id", "span_id", "upload_id", "user_id")
)
"""Which end as an identifier does, and are labels, or parts of what has an identifier of its own."""
LISTED: Final = 100
"""Identifiers of a kind that one line has; of those beyond, it has the number."""
LONGEST: Final = 64 * 1024
"""Bytes of an answer that are read for what was created."""

Digest = Callable[[str], str]
Tree = tuple[tuple[str, str, str], ...]
"""Field, what it is told as, and the message that it is where it has some within it."""


def of_request(asked: Asked, digest: Digest) -> dict[str, Any]:
    """From the fields of what was read; of a file's path, beside the identifiers in it, the digest."""
    found: dict[str, list[str]] = {}
    for name, value in asked.within.items():
        found.setdefault(name, []).append(value)
    _gather(_tree(asked.route.shape, outermost=True), asked.fields, found)
    if asked.route.name == "model-versions/create":
        _of_source(asked.fields.get("source", ""), found)
    if asked.place:
        found["path"] = [asked.place]
    return _told(found, digest)


def of_path(in_path: Mapping[str, str], digest: Digest) -> dict[str, Any]:
    """From the path alone, of a request that was refused before it was read."""
    found: dict[str, list[str]] = {}
    for name, value in in_path.items():
        if place := places.WITHIN.fullmatch(value):
            for within, identifier in place.groupdict().items():
                found.setdefault(within, []).extend([identifier] if identifier else [])
        elif (told := OTHERWISE.get(name, name)) in IDENTIFIERS:
            found.setdefault(told, []).append(value)
    return _told(found, digest)


def of_answer(body: bytes) -> dict[str, str]:
    """The identifiers of what was created, wherever they stand in it. Names are in the request."""
    try:
        told = json.loads(body)
    except ValueError:
        return {}
    found: dict[str, str] = {}
    for within, one in _objects("", told, 3):
        for name, value in one.items():
            name = f"{within}_id" if name == "id" else name
            if (pattern := IDENTIFIERS.get(name)) and isinstance(value, str | int) and pattern.fullmatch(str(value)):
                found.setdefault(name, str(value))
    return found


def failed(body: bytes | bytearray) -> bool:
    """Whether an answer of GraphQL, whose status is 200 all the same, tells of an error.

    No value looks so: within one a quotation mark is written with a backslash, and none of the schema's is a map.
    """
    return _FAILED.search(body) is not None


def error_of(body: bytes) -> str:
    """MLflow's word for what went wrong, such as `PERMISSION_DENIED`."""
    try:
        told = json.loads(body)
    except ValueError:
        return ""
    word = told.get("error_code") if isinstance(told, dict) else None
    return word if isinstance(word, str) and re.fullmatch(r"[A-Z_]{3,40}", word) else ""


@cache
def told_as(field: str) -> str:
    """What a field is told as; nothing where it is not."""
    name = OTHERWISE.get(field, field)
    return name if name in IDENTIFIERS or name in WORDS or name in NAMES else ""


def _tree(shape: Shape, *, outermost: bool = False) -> Tree:
    return _branches(tuple(shape.items()), outermost)


@cache
def _branches(shape: tuple[tuple[str, str], ...], outermost: bool) -> Tree:
    found = []
    for field, kind in shape:
        plain = kind.partition(" @")[0].strip("[]")
        told = told_as(field)
        if message_of(kind) is not None:
            if any(_told_within(each) for each in fields_within(kind)):
                found.append((field, "", kind))
        elif plain in ("string", "int32", "bool") and told and (outermost or _told_within(field)):
            found.append((field, told, ""))
    return tuple(found)


def _told_within(field: str) -> bool:
    # A name within a message, such as one of a thousand metrics, is not what the request is about.
    return OTHERWISE.get(field, field) in IDENTIFIERS


@cache
def _within(kind: str) -> Tree:
    return _tree(message_of(kind) or {})


def _gather(tree: Tree, fields: Mapping[str, Any], found: dict[str, list[str]]) -> None:
    for field, told, kind in tree:
        if field not in fields:
            continue
        value = fields[field]
        for one in value if isinstance(value, list) else [value]:
            if kind:
                _gather(_within(kind), one, found)
            elif one != "":
                found.setdefault(told, []).append(str(one))


def _of_source(text: str, found: dict[str, list[str]]) -> None:
    source = places.source(text)
    if source is None:
        return
    for name, value in (("run_id", source.run_id), ("model_id", source.model_id), ("source_name", source.name)):
        found.setdefault(name, []).extend([value] if value else [])


def _told(found: Mapping[str, list[str]], digest: Digest) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for name, values in found.items():
        once = list(dict.fromkeys(values))
        each = [_one(name, value, digest) for value in once[:LISTED]]
        if each:
            told[name] = each[0] if len(each) == 1 else each
        if len(once) > LISTED:
            told[f"{name}_beyond"] = len(once) - LISTED
    return told


def _one(name: str, value: str, digest: Digest) -> str:
    pattern = IDENTIFIERS.get(name)
    if (pattern and pattern.fullmatch(value)) or value in WORDS.get(name, ()):
        return value
    return digest(value)


def _objects(within: str, told: object, depth: int) -> Iterator[tuple[str, Mapping[str, object]]]:
    if isinstance(told, dict):
        yield within, told
        if depth:
            for name, value in told.items():
                yield from _objects(name, value, depth - 1)
