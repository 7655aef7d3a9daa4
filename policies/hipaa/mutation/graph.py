"""The resources of a stack as the engine planned or keeps them: from a state, or from a preview."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hipaa.resource import UNKNOWN, Resource, Secret

# Pulumi's marks of a value that is no plain one, and of a secret among these.
_SIGNATURE = "4dabf18193072939515e22adb298388d"
_KEPT = "1b47061264138c4ac30d75fd1eb44270"
_UNKNOWNS = frozenset(
    {
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)
"""What stands for a value that is not known yet: `sdk/go/common/resource/plugin/rpc.go` of Pulumi."""
_ENGINES_OWN = "pulumi:"


class UnusableGraph(Exception):
    """A file that holds no resources of a stack: what is wrong with it, and how to make one."""


@dataclass(frozen=True)
class Planned:
    """A resource: what the program wrote, and what the provider adds to that."""

    type: str
    name: str
    urn: str
    inputs: Mapping[str, Any]
    computed: Mapping[str, Any]
    sources: Mapping[str, tuple[str, ...]]
    """The URNs of the resources that an input was made from."""

    def as_written(self) -> Resource:
        """As rules over one resource see it."""
        return Resource(self.type, self.inputs, name=self.name, urn=self.urn, sources=self.sources)

    def as_made(self) -> Resource:
        """As rules over the stack see it."""
        return Resource(self.type, {**self.computed, **self.inputs}, name=self.name, urn=self.urn, sources=self.sources)


def read(document: Any) -> tuple[Planned, ...]:
    """The resources of `pulumi stack export` or of `pulumi preview --json`; neither components nor providers.

    Raises:
        UnusableGraph: when the document is neither, or has no such resource.
    """
    found = tuple(_planned(one) for one in _resources(document))
    if not found:
        raise UnusableGraph(
            "it holds no resources; it must be what `pulumi stack export` or `pulumi preview --json` writes"
        )
    return found


def _resources(document: Any) -> Iterator[Mapping[str, Any]]:
    if not isinstance(document, Mapping):
        return
    deployment = document.get("deployment")
    listed: Iterable[Any] = document.get("steps") or ()
    if isinstance(deployment, Mapping):
        listed = deployment.get("resources") or ()
    for each in listed:
        one = each.get("newState", each) if isinstance(each, Mapping) else None
        if not isinstance(one, Mapping) or not isinstance(one.get("type"), str) or one.get("delete"):
            continue
        if one.get("custom") and not one["type"].startswith(_ENGINES_OWN):
            yield one


def _planned(one: Mapping[str, Any]) -> Planned:
    inputs = {name: value for name, value in _plain(one.get("inputs") or {}).items() if name != "__defaults"}
    outputs = _plain(one.get("outputs") or {})
    computed = {name: value for name, value in outputs.items() if name not in inputs and value is not None}
    if one.get("id"):
        computed.setdefault("id", one["id"])
    urn = str(one["urn"])
    origins = one.get("propertyDependencies") or {}
    sources = {name: tuple(urns) for name, urns in origins.items() if urns}
    return Planned(one["type"], urn.rpartition("::")[2], urn, inputs, computed, sources)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        if value.get(_SIGNATURE) == _KEPT:
            return Secret(_plain(value.get("value", UNKNOWN)))
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return UNKNOWN if isinstance(value, str) and value in _UNKNOWNS else value
