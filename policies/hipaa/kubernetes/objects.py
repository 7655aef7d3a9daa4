"""The kinds of objects, in each version and form that the provider has them in."""

from __future__ import annotations

from collections.abc import Callable

from hipaa.resource import Properties, Resource
from hipaa.verdict import Verdict

_LIST = "List"
_PART = "Patch"


def of_kind(kind: str, *versions: str) -> tuple[str, ...]:
    """The types of Kubernetes' own objects of a kind, in some API versions (`core/v1`): whole, or a part of one that is
    there, or several in a list. The whole ones come first, the newest of them at the head."""
    return tuple(f"kubernetes:{version}:{kind}{form}" for form in ("", _PART, _LIST) for version in versions)


def whole(types: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the types that are of one whole object."""
    return tuple(type_ for type_ in types if not type_.endswith((_PART, _LIST)))


def is_part(resource: Resource) -> bool:
    """Whether it is a part of an object that is there: what it leaves out, the object may say."""
    return resource.type.endswith(_PART)


def each_object(resource: Resource, check: Callable[[Properties], Verdict]) -> Verdict:
    """The verdict over the objects that a resource is: one, or those of a list."""
    return resource.each("items", check) if resource.type.endswith(_LIST) else check(resource)
