"""One reading of a request. What was read is what is checked, told to the audit trail, and written anew for MLflow.

MLflow reads a field from the path, the query or the body as it finds it, by protobuf's name or by its JSON name, from
JSON within JSON and under more than one content type, and its checks do not always look where its handlers do. Here
each field has one place and one spelling: the path's first, then the query of a GET, or the body's of another method.
"""

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote_plus, urlencode

from parapet_mlflow.gate import documents, values
from parapet_mlflow.gate.refusal import Refusal, field, invalid
from parapet_mlflow.gate.routes import PREFIXES, Route, field_of, load

ALIASES = {"run_uuid": "run_id"}
"""Older names of a field that clients still send beside the new one; MLflow reads either. They go on as the new one."""
STREAMED = ("artifacts/upload",)
"""Whose body is a file."""
JSON = "application/json"
CHARSETS = ("", "charset=utf-8", 'charset="utf-8"')


@dataclass(frozen=True)
class Asked:
    """What a request asks for: `fields` by their one name, and `place`, the path of an artifact where there is one."""

    route: Route
    template: str
    """Which of the route's paths it was asked by."""
    fields: Mapping[str, Any]
    place: str = ""
    within: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """The identifiers that the place has in it, such as those of its experiment and run."""

    def named(self, path: str) -> list[Any]:
        """The values of a field, such as `run_id`, or of one within others, such as `trace.trace_info.trace_id`.

        None of them or one, or several where something on the way is a list.
        """
        return list(_within({**self.within, **self.fields}, path.split(".")))

    @property
    def empty(self) -> bytes | None:
        """The answer where the lists of what is to be looked in are there and empty, of a route that has one."""
        told = [self.fields.get(need.field.partition(".")[0]) for need in self.route.needs]
        return self.route.empty if all(each == [] for each in told) else None

    def canonical(self) -> "Canonical":
        """The request as it goes on to MLflow."""
        path = "/".join(_filled(part, self.fields) for part in self.template.split("/"))
        in_path = self.route.in_path
        if self.route.method == "GET":
            left = {name: value for name, value in self.fields.items() if name not in in_path}
            return Canonical(path, urlencode(list(_query(left))).encode(), b"")
        if self.route.name in STREAMED:
            return Canonical(path, b"", None)
        # Where its message has the path's field too, MLflow may ask for it in the body: it is the same there.
        left = {
            name: value for name, value in self.fields.items() if name not in in_path or name in self.route.in_message
        }
        body = documents.request(self.route.document, left) if self.route.document else left
        return Canonical(
            path, b"", json.dumps(body, separators=(",", ":")).encode() if body or self.route.shape else b""
        )


@dataclass(frozen=True)
class Canonical:
    """`path` is decoded, as ASGI has it; `body` is None where the file that comes is passed on as it comes."""

    path: str
    query: bytes
    body: bytes | None

    @property
    def raw_path(self) -> bytes:
        return quote(self.path, safe="/").encode()


def read(
    route: Route,
    path: str,
    in_path: Mapping[str, str],
    query: bytes = b"",
    types: Sequence[bytes] = (),
    body: bytes = b"",
) -> Asked:
    """`types` are the content types that were sent. Raises Refusal."""
    if route.method == "GET":
        if body:
            raise invalid("A GET request takes no body. Give its fields in the query.")
        given = _of_query(route, query)
    else:
        if query:
            raise invalid(f"A {route.method} request takes no query. Give its fields in the body, as JSON.")
        given = {} if route.name in STREAMED or not body else _of_json(types, body)
        if route.document:
            route = load().document(documents.operation(given)) or route
            given = documents.fields(route.document, given)
    return Asked(route, _template(route, path), _merged(route, in_path, given))


def _template(route: Route, path: str) -> str:
    return route.paths[-1 if path.startswith(PREFIXES[1]) else 0]


def _merged(route: Route, in_path: Mapping[str, str], given: dict[str, Any]) -> dict[str, Any]:
    found = values.read(route.shape, given)
    told = values.read(route.shape, dict(in_path))
    for name, value in told.items():
        within = [other for other in found.values() if isinstance(other, dict)]
        if any(other.get(name, value) != value for other in (found, *within)):
            raise field(name, "is another one in the path. Give it in the path alone.")
    for old, new in ALIASES.items():
        if old in found and new in route.shape:
            value = found.pop(old)
            if found.setdefault(new, value) != value:
                raise field(old, f"and {new} are two names of one field. Give one of them.")
    return {**found, **told}


def _of_query(route: Route, query: bytes) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for part in query.split(b"&") if query else ():
        name, value = (_decoded(half) for half in _halves(part))
        kind = route.shape.get(name, "")
        if kind.startswith("["):
            given.setdefault(name, []).append(value)
        elif name in given:
            raise field(name, "is given twice. Give it once.")
        else:
            given[name] = {"true": True, "false": False}.get(value.lower(), value) if kind == "bool" else value
    return given


def _halves(part: bytes) -> tuple[bytes, bytes]:
    name, equals, value = part.partition(b"=")
    if not equals:
        raise invalid("The query has a part without `=`. Write name=value.")
    return name, value


def _decoded(text: bytes) -> str:
    try:
        return unquote_plus(text.decode("ascii"), errors="strict")
    except UnicodeDecodeError:
        raise invalid("The query is not UTF-8, percent-encoded.") from None


def _of_json(types: Sequence[bytes], body: bytes) -> dict[str, Any]:
    kind, _, charset = types[0].decode("latin-1").lower().partition(";") if len(types) == 1 else ("", "", "")
    if kind.strip() != JSON or charset.strip() not in CHARSETS:
        raise invalid(f"The body's Content-Type is not {JSON}. Send JSON in UTF-8, and say so once.")
    try:
        told = parsed(body.decode())
    except (ValueError, RecursionError):
        raise invalid("The body is no JSON in UTF-8.") from None
    if not isinstance(told, dict):
        raise invalid("The body is no JSON object. A text that has JSON in it is JSON encoded twice: encode it once.")
    return told


def parsed(text: str) -> Any:
    """Raises ValueError or RecursionError where it is no JSON, Refusal where it can be read in two ways."""
    return json.loads(text, object_pairs_hook=_object, parse_constant=_constant)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    told = dict(pairs)
    if len(told) != len(pairs):
        names = [name for name, _ in pairs]
        raise field(next(name for name in names if names.count(name) > 1), "is given twice. Give it once.")
    return told


def _constant(word: str) -> Any:
    raise invalid(f'{word} is no JSON. Write it as text: "{word}".')


def _query(fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in fields.items():
        for one in value if isinstance(value, list) else [value]:
            yield name, str(one).lower() if isinstance(one, bool) else str(one)


def _filled(part: str, fields: Mapping[str, Any]) -> str:
    return str(fields[field_of(part)]) if part.startswith("<") else part


def _within(told: Any, path: Sequence[str]) -> Iterator[Any]:
    if isinstance(told, list):
        for one in told:
            yield from _within(one, path)
    elif not path:
        yield told
    elif isinstance(told, Mapping) and path[0] in told:
        yield from _within(told[path[0]], path[1:])


__all__ = ["Asked", "Canonical", "Refusal", "parsed", "read"]
