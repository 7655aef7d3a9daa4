"""What may be told of a request: identifiers that MLflow made, words of a fixed list, and digests of names."""

import json
import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from urllib.parse import parse_qsl

IDENTIFIERS = {
    "experiment_id": re.compile(r"\d{1,20}"),
    "run_id": re.compile(r"[0-9a-f]{32}"),
    "run_uuid": re.compile(r"[0-9a-f]{32}"),
    "model_id": re.compile(r"m-[0-9a-f]{32}"),
    "trace_id": re.compile(r"tr-[0-9a-f]{32}"),
    "version": re.compile(r"\d{1,10}"),
}
"""Told as they are, and only if they look as MLflow makes them."""
WORDS = {
    "stage": frozenset(("None", "Staging", "Production", "Archived")),
    "permission": frozenset(("READ", "USE", "EDIT", "MANAGE", "NO_PERMISSIONS", "DENY")),
    "resource_type": frozenset(("experiment", "registered_model", "scorer", "workspace")),
    "is_admin": frozenset(("True", "False")),
}
NAMES = frozenset(("name", "new_name", "username", "alias", "role_name", "resource_id", "resource_pattern"))
"""Given by people, and told as digests."""
LONGEST = 64 * 1024
"""Bytes of a body that are read; of a longer one only its beginning is searched for a run."""
_RUN = re.compile(rb'"run_(?:id|uuid)"\s*:\s*"([0-9a-f]{32})"')
_FILE = re.compile(
    r"/(?:artifacts|create|complete|abort|presigned)/(\d{1,20})/(?:([0-9a-f]{32})/|models/(m-[0-9a-f]{32})/)"
)
_IN_PATH = re.compile(r"/(?:([0-9a-f]{32})|(m-[0-9a-f]{32})|(tr-[0-9a-f]{32}))(?=/|$)")


def digest(name: str) -> str:
    """The same for the same name, so that an auditor who knows a name finds what was done with it."""
    return "sha256:" + sha256(name.encode()).hexdigest()[:16]


def of_path(path: str) -> dict[str, str]:
    """From `.../artifacts/EXPERIMENT/RUN/...` and `.../logged-models/MODEL/...`; nothing of a file's own name."""
    if found := _FILE.search(path):
        named = dict(zip(("experiment_id", "run_id", "model_id"), found.groups(), strict=True))
    elif found := _IN_PATH.search(path):
        named = dict(zip(("run_id", "model_id", "trace_id"), found.groups(), strict=True))
    else:
        return {}
    return {name: value for name, value in named.items() if value}


def of_query(query: bytes) -> dict[str, str]:
    return _chosen(dict(parse_qsl(query.decode("latin-1")))) if query else {}


def of_request(body: bytes) -> dict[str, str]:
    """From the fields of a JSON object; `body` is at most its first LONGEST bytes."""
    told = _parsed(body)
    if told is None:
        return {"run_id": found[1].decode()} if (found := _RUN.search(body)) else {}
    return _chosen(told)


def of_response(body: bytes) -> dict[str, str]:
    """The identifiers of what was created, wherever they stand in it. Names are in the request."""
    return {name: value for part in _objects(_parsed(body), 3) for name, value in _chosen(part, names=False).items()}


def _parsed(body: bytes) -> Mapping[str, object] | None:
    try:
        told = json.loads(body)
    except ValueError:
        return None
    return told if isinstance(told, dict) else None


def _objects(told: object, depth: int) -> Iterator[Mapping[str, object]]:
    if isinstance(told, dict):
        yield told
        if depth:
            for value in told.values():
                yield from _objects(value, depth - 1)


def _chosen(told: Mapping[str, object], *, names: bool = True) -> dict[str, str]:
    facts: dict[str, str] = {}
    for name, value in told.items():
        if not isinstance(value, str | int):
            continue
        text = str(value)
        if (pattern := IDENTIFIERS.get(name)) and pattern.fullmatch(text):
            facts["run_id" if name == "run_uuid" else name] = text
        elif text in WORDS.get(name, ()):
            facts[name] = text
        elif names and name in NAMES and text:
            facts[name] = digest(text)
    return facts
