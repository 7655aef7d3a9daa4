"""Which namespace an object is in."""

from __future__ import annotations

from collections.abc import Iterable

from hipaa.resource import Resource, UnknownValue


def namespace_of(resource: Resource) -> str:
    """The namespace of an object, which is `default` where none is named.

    Raises:
        UnknownValue: when it is not known before the update.
    """
    return str(resource.at("metadata.namespace", "default"))


def inside(namespace: Resource, candidates: Iterable[Resource]) -> tuple[list[Resource], list[str]]:
    """The objects in a namespace of the program, and the paths of what must be known to tell of the others.

    Before the first update an object's namespace may be unknown; it then counts by what it was made from.
    """
    found: list[Resource] = []
    unknown: list[str] = []
    for candidate in candidates:
        try:
            if namespace_of(candidate) == namespace.at("metadata.name"):
                found.append(candidate)
        except UnknownValue as error:
            if namespace.urn in candidate.sources.get("metadata", ()):
                found.append(candidate)
            else:
                unknown.append(f"{error.path} of {candidate.name}")
    return found, unknown
