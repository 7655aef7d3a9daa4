"""An object under a record's prefix, and the entry in it where it is one."""

from dataclasses import dataclass
from typing import Final, Self

from delivery.incidents.entry import Entry
from delivery.registry.chain import Stored
from delivery.registry.documents import read
from delivery.registry.refused import Refused

LARGEST: Final = 1 << 15
"""Bytes that an entry has at most: a text, and one for each of a dozen questions. Each object is read by each command,
of all incidents by some, and who may write a record may put thousands."""


@dataclass(frozen=True)
class Kept(Stored):
    """As it is, whatever is amiss with it."""

    entry: Entry | None = None

    @classmethod
    def of(cls, stored: Stored) -> Self:
        try:
            entry = read(stored.raw, Entry, stored.name) if stored.raw is not None else None
        except Refused:
            entry = None
        return cls(**vars(stored), entry=entry)
