"""The stack around a resource: which other resources complete it.

Much of what protects a resource is a resource of its own in the provider (a bucket's public access block, a VPC's
flow log). Before the first update their common identifier is unknown; the engine still knows which resource a
property was made from, so a companion is found by value where both are known and by origin where they are not.

Each resource is looked at once for a property, whoever asks: what was found is kept in an index.

A rule sees the stack from where the resource is that it judges: what is in another Region, account or cluster
completes nothing there. What names another by its ARN means that one, wherever it is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias, TypeVar

from hipaa.place import Place
from hipaa.resource import Items, Resource, UnknownValue, read_secrets, reading

_IDENTIFIERS = ("id", "arn", "bucket", "name", "clusterIdentifier", "identifier", "url")

Types: TypeAlias = str | tuple[str, ...]
Made = TypeVar("Made")


class Stack:
    """All resources of a stack. They do not change: what is asked twice is found once."""

    beyond: Stack | None = None
    """The whole stack, where this is what is seen of it from one place."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        self.resources = tuple(resources)
        self._seen_from: dict[Place, Stack] = {}
        self._by_type: dict[str, list[Resource]] = {}
        self._namers: dict[tuple[str, str], _Namers] = {}
        self._named: dict[str, _Named] = {}
        self._made: dict[object, tuple[Any, tuple[str, ...]]] = {}
        for resource in self.resources:
            self._by_type.setdefault(resource.type, []).append(resource)

    def seen_from(self, resource: Resource) -> Stack:
        """What of the stack may be where a resource is."""
        place = resource.place
        if place is None:
            return self
        if place not in self._seen_from:
            near = [other for other in self.resources if other.place is None or place.may_be(other.place)]
            seen = self
            if len(near) < len(self.resources):
                seen = Stack(near)
                seen.beyond = self
            self._seen_from[place] = seen
        return self._seen_from[place]

    def of(self, *types: str) -> list[Resource]:
        """The resources of these types, in the stack's order."""
        return [resource for type_ in types for resource in self._by_type.get(type_, [])]

    def judged_by(self, is_about: Callable[[str], bool]) -> list[Resource]:
        """The resources whose types a rule is about, type by type, in the stack's order."""
        return self.of(*filter(is_about, self._by_type))

    def companions(self, resource: Resource, types: Types, by: str, prefix: str = "") -> list[Resource]:
        """The resources of these types whose property `by`, or one of its items where it is a list, names `resource`.

        With a `prefix` it names it behind that, as `table/records` does.

        Raises:
            UnknownValue: when none is found, and one is there of which nothing tells yet whom it names, or where.
        """
        indexes = [self._namers_of(type_, by) for type_ in _each(types)]
        if found := [candidate for index in indexes for candidate in index.of(resource, prefix)]:
            return found
        for index in indexes:
            if index.undecided:
                raise UnknownValue(f"{by} of {index.undecided.name}")
        if self.beyond is None:
            return []
        return [
            candidate
            for candidate in self.beyond.companions(resource, types, by, prefix)
            if _names_by_arn(candidate, by, candidate.name)
        ]

    def named_by(self, resource: Resource, by: str, types: Types) -> list[Resource]:
        """The resources of these types that `resource` names in its property `by`, by value or by origin.

        The property may be a list of names. What it names and the program has not is not found: nor is it an error.
        """
        values, unknown = _said(resource, by)
        found = [found for type_ in _each(types) for found in self._named_of(type_).by(resource, by, values, unknown)]
        if found or self.beyond is None:
            return found
        return [found for found in self.beyond.named_by(resource, by, types) if _names_by_arn(resource, by, "")]

    def find(self, types: Types, values: Iterable[str], origins: Iterable[str] = ()) -> list[Resource]:
        """The resources of these types that are named so, or that something was made from: `origins` are their URNs."""
        values, origins = tuple(values), tuple(origins)
        return [found for type_ in _each(types) for found in self._named_of(type_).find(values, origins)]

    def has_unnamed(self, types: Types) -> bool:
        """Whether the name of a resource of these types is not known yet: it may be the one that somebody names."""
        return any(self._named_of(type_).has_unnamed for type_ in _each(types))

    def once(self, make: Callable[[Stack], Made]) -> Made:
        """What `make`, a function of a module, finds in the whole stack: made once, for all resources that ask.

        Raises:
            UnknownValue: what `make` raised, each time.
        """
        if make not in self._made:
            with reading() as noted:
                try:
                    made: Any = make(self)
                except UnknownValue as unknown:
                    made = unknown
            self._made[make] = made, tuple(noted.secrets)
        made, secrets = self._made[make]
        read_secrets(secrets)
        if isinstance(made, UnknownValue):
            raise UnknownValue(made.path)
        found: Made = made
        return found

    def _namers_of(self, type_: str, by: str) -> _Namers:
        if (type_, by) not in self._namers:
            self._namers[type_, by] = _Namers(self._by_type.get(type_, []), by)
        return self._namers[type_, by]

    def _named_of(self, type_: str) -> _Named:
        if type_ not in self._named:
            self._named[type_] = _Named(self._by_type.get(type_, []))
        return self._named[type_]


class _Namers:
    """The resources of one type by what they name in one property."""

    def __init__(self, candidates: list[Resource], by: str) -> None:
        self._by_value: defaultdict[str, list[int]] = defaultdict(list)
        self._by_origin: defaultdict[str, list[tuple[int, bool]]] = defaultdict(list)
        self._candidates = candidates
        self.undecided: Resource | None = None
        """The first of which nothing tells whom it names."""
        for place, candidate in enumerate(candidates):
            values, unknown = _said(candidate, by)
            origins = candidate.sources.get(by, ())
            for value in values:
                self._by_value[value].append(place)
            for urn in origins:
                self._by_origin[urn].append((place, unknown or not values))
            if unknown and not origins and self.undecided is None:
                self.undecided = candidate

    def of(self, resource: Resource, prefix: str) -> list[Resource]:
        values = _identifiers(resource)
        places = {place for value in values for place in self._by_value.get(f"{prefix}{value}", ())}
        if origins := self._by_origin.get(resource.urn):
            anonymous = resource.known("id") is None
            # Two known values that differ are two things, whatever one was computed from.
            places.update(place for place, is_open in origins if is_open or anonymous)
        return [self._candidates[place] for place in sorted(places)]


class _Named:
    """The resources of one type by what they are named."""

    def __init__(self, candidates: list[Resource]) -> None:
        self._candidates = candidates
        self._by_value: defaultdict[str, list[int]] = defaultdict(list)
        self._by_urn: dict[str, int] = {}
        for place, candidate in enumerate(candidates):
            self._by_urn.setdefault(candidate.urn, place)
            for value in _identifiers(candidate):
                self._by_value[value].append(place)
        self.has_unnamed = any(candidate.known("name") is None for candidate in candidates)

    def find(self, values: tuple[str, ...], origins: tuple[str, ...]) -> list[Resource]:
        places = {place for value in values for place in self._by_value.get(value, ())}
        places |= {self._by_urn[urn] for urn in origins if urn in self._by_urn}
        return [self._candidates[place] for place in sorted(places)]

    def by(self, resource: Resource, by: str, values: tuple[str, ...], unknown: bool) -> list[Resource]:
        places = {place for value in values for place in self._by_value.get(value, ())}
        for urn in resource.sources.get(by, ()):
            place = self._by_urn.get(urn)
            if place is not None and (unknown or not values or self._candidates[place].known("id") is None):
                places.add(place)
        return [self._candidates[place] for place in sorted(places)]


def _names_by_arn(resource: Resource, by: str, name: str) -> bool:
    """Whether a property names what is elsewhere, as an ARN does and a bare name does not.

    Raises:
        UnknownValue: when it is not known yet which of them it holds.
    """
    values, unknown = _said(resource, by)
    if unknown and not values:
        raise UnknownValue(f"{by} of {name}" if name else by)
    return any(value.startswith("arn:") for value in values)


def _each(types: Types) -> tuple[str, ...]:
    return (types,) if isinstance(types, str) else types


def _identifiers(resource: Resource) -> set[str]:
    return {value for name in _IDENTIFIERS if isinstance(value := resource.known(name), str)}


def _said(resource: Resource, by: str) -> tuple[tuple[str, ...], bool]:
    """The names that a property holds, and whether some of it is not known yet."""
    try:
        value = resource.at(by)
    except UnknownValue:
        return (), True
    if isinstance(value, str):
        return (value,), False
    values: list[str] = []
    unknown = False
    for place in range(len(value)) if isinstance(value, Items) else ():
        try:
            item = value[place]
        except UnknownValue:
            unknown = True
            continue
        if isinstance(item, str):
            values.append(item)
    return tuple(values), unknown
