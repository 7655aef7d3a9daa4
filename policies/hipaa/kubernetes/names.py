"""Which namespace an object is in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from hipaa.resource import Resource, UnknownValue


def namespace_of(resource: Resource) -> str:
    """The namespace of an object, which is `default` where none is named.

    Raises:
        UnknownValue: when it is not known before the update.
    """
    return str(resource.at("metadata.namespace", "default"))


class Inside:
    """Objects by the namespace that they are in; each is looked at once, whichever namespace asks.

    Before the first update an object's namespace may be unknown; it then counts by what it was made from.
    """

    def __init__(self, candidates: Iterable[Resource]) -> None:
        self._named: defaultdict[str, list[Resource]] = defaultdict(list)
        self._unknown: list[tuple[Resource, str]] = []
        for candidate in candidates:
            try:
                self._named[namespace_of(candidate)].append(candidate)
            except UnknownValue as error:
                self._unknown.append((candidate, f"{error.path} of {candidate.name}"))
        self._made_from: defaultdict[str, list[Resource]] = defaultdict(list)
        for candidate, _ in self._unknown:
            for urn in candidate.sources.get("metadata", ()):
                self._made_from[urn].append(candidate)

    def of(self, namespace: Resource) -> tuple[list[Resource], list[str]]:
        """What is in a namespace of the program, and where that is not plain the path of what must be known to tell."""
        made_from = self._made_from.get(namespace.urn, [])
        others = (
            path for candidate, path in self._unknown if namespace.urn not in candidate.sources.get("metadata", ())
        )
        untold = next(others, None)
        try:
            named = self._named.get(str(namespace.at("metadata.name")), [])
        except UnknownValue as error:
            # It may be the one that any of them names.
            return made_from, [untold or error.path] if self._named or untold else []
        return [*named, *made_from], [untold] if untold else []
