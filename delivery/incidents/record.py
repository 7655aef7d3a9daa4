"""The record of one incident: a chain of entries in the locked audit bucket."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from delivery.incidents.entry import Entry
from delivery.incidents.kept import LARGEST, Kept
from delivery.registry.chain import Chain, Subjects, subjects
from delivery.registry.documents import canonical
from delivery.registry.refused import Lost

PREFIX: Final = "incidents"
"""The records' part of the audit bucket."""
BYTES: Final = 32 << 20
"""Of all entries of one, that are read: a thousand of the largest. Some are read at a time, and whoever may write into
one may fill each."""


@dataclass(frozen=True)
class Record:
    """Each entry names the one before, and is written once: the bucket lets nobody alter or delete one for years."""

    s3: Any
    bucket: str
    incident: str

    def append(self, entry: Entry) -> None:
        """Raises Lost where another entry has its number by now; writing the same one again is nothing new."""
        if self._chain.add(entry.sequence, canonical(entry)):
            return
        there = next((each.entry for each in self.kept() if each.sequence == entry.sequence), None)
        first = f": {there.who.account}, entry {there.sequence}, {there.what}" if there else ""
        raise Lost(
            f"Somebody else wrote into {self.incident} at the same time, and was first{first}. Yours is not written. "
            f"Look at `./parapet incident show {self.incident}`, and say it again if it should still be said."
        )

    def kept(self) -> list[Kept]:
        """Every object under the record's prefix, by name, with how many versions it has."""
        return [Kept.of(each) for each in self._chain.stored()]

    def newest(self) -> datetime | None:
        """When something was last written into it."""
        return self._chain.newest()

    @property
    def _chain(self) -> Chain:
        where = f"{PREFIX}/{self.incident}/"
        return Chain(self.s3, self.bucket, where, largest=LARGEST, together=BYTES)


def incidents(s3: Any, bucket: str, after: str = "") -> Subjects:
    """Those that have a record, behind that name."""
    return subjects(s3, bucket, PREFIX, after)
