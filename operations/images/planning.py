"""What there is to do for a stack's images."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from cluster.images import IMAGES, Image
from operations.images import lock
from operations.images.registry import Registry


class State(StrEnum):
    """How an image stands, in the words that are shown."""

    THERE = "there"
    MISSING = "missing"
    OTHER = "another image under the tag"
    UNKNOWN = "no digest yet"
    NO_REPOSITORY = "no repository yet"


@dataclass(frozen=True)
class Row:
    image: Image
    locked: str
    """Its digest by the lock, empty where it has none."""
    held: str
    """The digest that the registry has under its tag, empty where it has none."""
    state: State


def plan(registry: Registry, lock_file: Path) -> list[Row]:
    """Every image of the stack, and how it stands. Raises Refused where the registry cannot be asked."""
    return rows(lock.read(lock_file), registry.digests)


def rows(digests: Mapping[str, str], held_by: Callable[[Image], dict[str, str] | None]) -> list[Row]:
    """The same, over a lock's digests and what each image's repository holds; without those that the stack did not ask
    for, which have no repository."""
    held = [(image, held_by(image)) for image in IMAGES.values()]
    return [
        _row(image, digests.get(image.tagged, ""), digests_held)
        for image, digests_held in held
        if digests_held is not None or not image.optional
    ]


def _row(image: Image, locked: str, held: dict[str, str] | None) -> Row:
    found = (held or {}).get(image.tag, "")
    if not locked:
        state = State.UNKNOWN
    elif held is None:
        state = State.NO_REPOSITORY
    elif not found:
        state = State.MISSING
    else:
        state = State.THERE if found == locked else State.OTHER
    return Row(image, locked, found, state)
