"""A lawful request for every route of the table, made from its own fields."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urlencode

from parapet_mlflow.gate import documents, names, places, reading, texts
from parapet_mlflow.gate.reading import Asked
from parapet_mlflow.gate.routes import Route, load, messages
from parapet_mlflow.gate.values import BITS, DEPTH

RUN = "0123456789abcdef0123456789abcdef"
THEIRS = "fedcba9876543210fedcba9876543210"
WORDS = {
    "experiment_id": "7",
    "version": "3",
    "model_id": f"m-{RUN}",
    "trace_id": f"tr-{RUN}",
    "request_id": f"tr-{RUN}",
    "source": f"mlflow-artifacts:/7/{RUN}/artifacts/model",
    "run_link": "https://example.org",
    "artifact_location": "",
    "artifact_path": f"7/{RUN}/artifacts/model/MLmodel",
}
KINDS: dict[str, Any] = {
    "bool": True,
    "double": 0.5,
    "bytes": "AAAA",
    "object": {},
    "google.protobuf.Value": {"a": [1, None, "b"]},
    "google.protobuf.Duration": "1.5s",
    "google.protobuf.Timestamp": "2026-01-02T03:04:05Z",
    "google.protobuf.FieldMask": "assessmentName,metadata",
} | dict.fromkeys(BITS, 3)


@dataclass(frozen=True)
class Request:
    """As a client sends it."""

    method: str
    path: str
    query: bytes = b""
    types: tuple[bytes, ...] = ()
    body: bytes = b""
    fields: dict[str, Any] = field(default_factory=dict)
    """What is in the query or the body."""

    def read(self) -> Asked:
        """As the gate does. Raises Refusal."""
        found = load().of(self.method, self.path)
        assert found, self.path
        asked = reading.read(found[0], self.path, found[1], self.query, self.types, self.body)
        asked = places.check(asked)
        names.check(asked)
        return texts.check(asked)

    def with_fields(self, fields: dict[str, Any]) -> "Request":
        if self.method == "GET":
            return replace(self, fields=fields, query=urlencode(fields, doseq=True).encode())
        return replace(self, fields=fields, body=json.dumps(fields).encode(), types=(b"application/json",))


def requests() -> Iterator[tuple[Route, Request]]:
    for route in load():
        yield from ((route, request(route, template)) for template in route.paths)


def request(route: Route, template: str) -> Request:
    fields = {name: told(route, name, kind) for name, kind in route.shape.items() if name != "run_uuid"}
    if route.group == places.FILES and route.place == "path":
        fields["path"] = WORDS["artifact_path"]
    path = template
    for name in route.in_path:
        path = path.replace(f"<{name}>", quote(fields[name])).replace(f"<path:{name}>", quote(fields[name]))
        del fields[name]
    if route.document:
        fields = documents.request(route.document, fields)
    bare = Request(route.method, path)
    return bare if not fields else bare.with_fields(fields)


def told(route: Route, name: str, kind: str) -> Any:
    """A value of a field of the route; where it is a text with JSON in it, such a text."""
    if (of_text := texts.TEXTS.get(route.name, {}).get(name)) is not None:
        return json.dumps(value(f"any-{name}", of_text), separators=(",", ":"))
    return value(name, kind)


def value(name: str, kind: str, depth: int = 4) -> Any:
    kind = kind.partition(" @")[0]
    if kind.startswith("["):
        return [value(name.removesuffix("s"), kind[1:-1], depth)] * 2
    if kind.startswith("{"):
        return {"key": value("value", kind[1:-1], depth)}
    if kind in KINDS:
        return KINDS[kind]
    if kind == "string":
        return WORDS.get(name, RUN if names.pattern_of(name) or name == "run_uuid" else f"any-{name}")
    told = messages()[kind]
    if isinstance(told, list):
        return told[0]
    if depth == 0:
        return {}
    return {each: value(each, its, depth - 1) for each, its in told.items() if first_of_its_choice(told, each)}


def first_of_its_choice(told: dict[str, str], name: str) -> bool:
    choice = told[name].partition(" @")[2]
    return not choice or next(each for each in told if told[each].endswith(f" @{choice}")) == name


assert DEPTH > 4
