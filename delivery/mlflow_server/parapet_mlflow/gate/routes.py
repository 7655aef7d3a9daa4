"""The routes that are offered, from routes.yaml: what each takes, and what its caller needs."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROUTES = Path(__file__).parent / "routes.yaml"
MESSAGES = Path(__file__).parent / "messages.json"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
PREFIXES = ("/api/", "/ajax-api/")
"""Before what stands in routes.yaml without a slash: the first for clients, the second for the page."""

Shape = Mapping[str, str]
"""Name and type of each field: `string`, `[string]` for several, `{string}` for a map, or a message's name."""


@dataclass(frozen=True)
class Need:
    """The permission that a caller needs on what a field names: `EDIT` on the `run` of `run_id`.

    One without a field is about the caller alone.
    """

    permission: str
    resource: str = ""
    field: str = ""

    @classmethod
    def of(cls, words: str) -> "Need":
        permission, resource, field, *_ = (*words.split(" ", 2), "", "")
        return cls(permission, resource, field)


@dataclass(frozen=True)
class Route:
    """One route: `name` such as `runs/set-tag`, `path` as routes.yaml has it."""

    name: str
    group: str
    method: str
    path: str
    shape: Shape
    """Its fields, those of the path among them."""
    needs: tuple[Need, ...]
    message: str = ""
    place: str = ""
    """The field that is a path of artifacts, if one is."""
    document: str = ""
    """The page's GraphQL document, if it is one. Those have one path."""
    empty: bytes | None = None
    """What it answers where nothing is named to look in, if it does."""

    @property
    def is_free(self) -> bool:
        """Whether it needs no account: whoever decided so wrote NOTHING, and nothing else."""
        return self.needs == (Need("NOTHING"),)

    @property
    def paths(self) -> tuple[str, ...]:
        """The templates of all paths that it is at."""
        return at(self.path)

    @property
    def in_message(self) -> Collection[str]:
        """The fields of its message, which may be those of the path again."""
        return messages()[self.message] if self.message else ()

    @property
    def in_path(self) -> tuple[str, ...]:
        """The fields that stand in the path."""
        return _in_path(self.path)


def at(path: str) -> tuple[str, ...]:
    """The paths that an entry of routes.yaml stands for."""
    return (path,) if path.startswith("/") else tuple(prefix + path for prefix in PREFIXES)


@dataclass(frozen=True)
class Refused:
    """What is not offered, and why: a method or ANY, and a path that may end with `*` for all that begins so."""

    method: str
    path: str
    why: str

    def covers(self, method: str, path: str) -> bool:
        """Whether a path, or the template of one, is among it."""
        if self.method not in ("ANY", method):
            return False
        if self.path.endswith("*"):
            return any(path.startswith(start.removesuffix("*")) for start in at(self.path))
        return any(path == one or _matched(tuple(one.split("/")), path.split("/")) is not None for one in at(self.path))


class Routes:
    """What is offered, found by method and path."""

    def __init__(
        self, routes: Iterable[Route], refused: Iterable["Refused"] = (), answered: Mapping[str, Any] | None = None
    ) -> None:
        self._refused = tuple(refused)
        self._answered = {asked: json.dumps(told).encode() for asked, told in (answered or {}).items()}
        self._fixed: dict[tuple[str, str], Route] = {}
        self._open: dict[str, list[tuple[tuple[str, ...], Route]]] = {}
        self._documents: dict[str, Route] = {}
        for route in routes:
            if route.document:
                self._documents[route.document] = route
            for path in route.paths:
                if "<" in path:
                    self._open.setdefault(route.method, []).append((tuple(path.split("/")), route))
                else:
                    self._fixed[route.method, path] = route
        self._all = tuple({route.name: route for route in self._each()}.values())

    def document(self, name: str) -> Route | None:
        """The route of a GraphQL document."""
        return self._documents.get(name)

    def __iter__(self) -> Iterator[Route]:
        return iter(self._all)

    def of(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """The route of a decoded path, and the fields in that path; None where there is none.

        Of two that fit, MLflow takes the one with fewer fields in its path, and so does this.
        """
        if route := self._fixed.get((method, path)):
            return route, {}
        parts = path.split("/")
        for template, route in self._open.get(method, ()):
            if (found := _matched(template, parts)) is not None:
                return route, found
        return None

    def is_free(self, method: str, path: str) -> bool:
        found = self.of(method, path)
        return found is not None and found[0].is_free

    def answer(self, method: str, path: str) -> bytes | None:
        """The constant that stands for something of MLflow's that is not offered, where there is one."""
        return self._answered.get(f"{method} {path}")

    def why(self, method: str, path: str) -> str:
        """Why something of MLflow's is not offered; nothing of what is not MLflow's."""
        return next((each.why for each in self._refused if each.covers(method, path)), "")

    def _each(self) -> Iterator[Route]:
        yield from self._fixed.values()
        yield from self._documents.values()
        for several in self._open.values():
            yield from (route for _, route in several)


@cache
def load() -> Routes:
    """What routes.yaml offers."""
    groups = yaml.load(ROUTES.read_text(), yaml.CSafeLoader)["groups"]
    return Routes(offered(groups, messages()), refused(groups), answered(groups))


@cache
def fields_within(kind: str) -> frozenset[str]:
    """The names of all fields that a message has, and those within it; none of what is no message."""
    seen: dict[str, Shape] = {}
    waiting = [kind]
    while waiting:
        # A message may be within itself.
        told = messages().get(name := waiting.pop().partition(" @")[0].strip("[]{}"))
        if isinstance(told, dict) and name not in seen:
            seen[name] = told
            waiting += told.values()
    return frozenset(field for shape in seen.values() for field in shape)


@cache
def message_of(kind: str) -> Shape | None:
    """The shape of the message that a field is, or has several of."""
    told = messages().get(kind.partition(" @")[0].strip("[]"))
    return told if isinstance(told, dict) else None


@cache
def messages() -> dict[str, Any]:
    """MLflow's messages: field to type; of an enum its names."""
    return dict(json.loads(MESSAGES.read_text()))


def offered(groups: Mapping[str, Mapping[str, Any]], messages: Mapping[str, Any]) -> Iterator[Route]:
    for group, told in groups.items():
        for name, given in told.get("offered", {}).items():
            method = next(word for word in METHODS if word in given)
            message = given.get("message", "")
            shape = messages[message] if message else {field: _type(told) for field, told in given["fields"].items()}
            needs = () if given["needs"] == "undecided" else tuple(Need.of(words) for words in given["needs"])
            in_path = dict.fromkeys(_in_path(given[method]), "string")
            more = {word: given.get(word, "") for word in ("message", "place", "document")}
            empty = json.dumps(given["empty"]).encode() if "empty" in given else None
            yield Route(name, group, method, given[method], in_path | shape, needs, empty=empty, **more)


def refused(groups: Mapping[str, Mapping[str, Any]]) -> Iterator[Refused]:
    for told in groups.values():
        for entry in told.get("not offered", ()):
            yield Refused(*entry.split(" "), why=" ".join(told["why"].split()))


def answered(groups: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {asked: told for group in groups.values() for asked, told in group.get("answered", {}).items()}


def _type(told: str | list[str]) -> str:
    return told if isinstance(told, str) else f"[{told[0]}]"


def _in_path(path: str) -> tuple[str, ...]:
    return tuple(field_of(part) for part in path.split("/") if part.startswith("<"))


def field_of(part: str) -> str:
    """The field that a part of a template stands for, such as `<run_id>` or `<path:artifact_path>`."""
    return part.strip("<>").removeprefix("path:")


def _matched(template: tuple[str, ...], parts: list[str]) -> dict[str, str] | None:
    if template[-1].startswith("<path:"):
        # What may have slashes is the last.
        before = len(template) - 1
        parts = [*parts[:before], "/".join(parts[before:])]
    if len(template) != len(parts):
        return None
    found = {}
    for expected, part in zip(template, parts, strict=True):
        if expected.startswith("<"):
            if not part:
                return None
            found[field_of(expected)] = part
        elif expected != part:
            return None
    return found
