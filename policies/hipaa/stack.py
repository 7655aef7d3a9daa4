"""The stack around a resource: which other resources complete it.

Much of what protects a resource is a resource of its own in the provider (a bucket's public access block, a VPC's
flow log). Before the first update their common identifier is unknown; the engine still knows which resource a
property was made from, so a companion is found by value where both are known and by origin where they are not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from hipaa.resource import Resource, UnknownValue

_IDENTIFIERS = ("id", "arn", "bucket", "name")


class Stack:
    """All resources of a stack."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        self.resources = tuple(resources)
        self._by_type: dict[str, list[Resource]] = {}
        for resource in self.resources:
            self._by_type.setdefault(resource.type, []).append(resource)

    def of(self, *types: str) -> list[Resource]:
        """The resources of these types, in the stack's order."""
        return [resource for type_ in types for resource in self._by_type.get(type_, [])]

    def judged_by(self, is_about: Callable[[str], bool]) -> list[Resource]:
        """The resources whose types a rule is about, type by type, in the stack's order."""
        return self.of(*filter(is_about, self._by_type))

    def companions(self, resource: Resource, types: str | tuple[str, ...], by: str) -> list[Resource]:
        """The resources of these types whose property `by` names `resource`.

        Raises:
            UnknownValue: when none is found, and one is there of which nothing tells yet whom it names.
        """
        candidates = self.of(*((types,) if isinstance(types, str) else types))
        found = [candidate for candidate in candidates if _names(candidate, by, resource)]
        if not found:
            for candidate in candidates:
                if by in candidate and candidate.known(by) is None and not candidate.sources.get(by):
                    raise UnknownValue(f"{by} of {candidate.name}")
        return found

    def named_by(self, resource: Resource, by: str, types: str | tuple[str, ...]) -> list[Resource]:
        """The resources of these types that `resource` names in its property `by`, by value or by origin."""
        wanted = self.of(*((types,) if isinstance(types, str) else types))
        return [candidate for candidate in wanted if _names(resource, by, candidate)]


def _names(candidate: Resource, by: str, resource: Resource) -> bool:
    value = candidate.known(by)
    identifiers = {resource.known(name) for name in _IDENTIFIERS} - {None}
    if value in identifiers and value is not None:
        return True
    originates = resource.urn in candidate.sources.get(by, ())
    # Two known values that differ are two things, whatever one was computed from.
    return originates and (value is None or resource.known("id") is None)
