"""What is amiss with a ledger: what was edited, dropped, reordered, forked or cut off."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Self

from delivery.registry import signing
from delivery.registry.documents import canonical, read
from delivery.registry.entry import Entry, Signed, message
from delivery.registry.refused import Refused

Kind = Literal["edited", "dropped", "reordered", "forked", "truncated", "foreign"]
Verifies = Callable[[bytes, bytes], bool]


@dataclass(frozen=True)
class Finding:
    """One thing that is amiss."""

    kind: Kind
    sequence: int
    """The number of the entry; 0 for what has none."""
    text: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"


@dataclass(frozen=True)
class Kept:
    """An object under a ledger's prefix."""

    name: str
    raw: bytes | None
    """Without one, it was deleted: an older version is there still."""
    versions: int
    signed: Signed | None

    @classmethod
    def of(cls, name: str, raw: bytes | None, versions: int) -> Self:
        try:
            signed = read(raw, Signed, name) if raw is not None else None
        except Refused:
            signed = None
        return cls(name, raw, versions, signed)

    @property
    def entry(self) -> Entry | None:
        return self.signed.entry if self.signed else None

    @property
    def sequence(self) -> int:
        stem = self.name.removesuffix(".json")
        return int(stem) if self.name == f"{stem}.json" and len(stem) == 8 and stem.isascii() and stem.isdigit() else 0


def findings(model: str, kept: Sequence[Kept], verifies: Verifies, head: str | None) -> list[Finding]:
    """Empty where the chain is whole: each entry as it was signed, in its place, once, none missing.

    `head` is what is kept apart from the bucket, `NUMBER DIGEST` of the last entry that was written there; it may be
    behind by what came after, and never ahead. Without one only the tail is taken as it is.
    """
    found = [
        Finding("foreign", 0, f"the object {each.name} is none of the ledger's") for each in kept if not each.sequence
    ]
    objects = {each.sequence: each for each in kept if each.sequence}
    before: Entry | None = None
    for sequence in range(1, max(objects, default=0) + 1):
        each = objects.get(sequence)
        if each is None or each.raw is None:
            found.append(Finding("dropped", sequence, f"entry {sequence} is gone, and later ones are there"))
            before = None
            continue
        amiss = _of_one(model, each, before, verifies, first=sequence == 1)
        found += amiss
        # After what is amiss the next one is looked at by itself: it says of the former one no more than is said.
        before = None if amiss else each.entry
    return found + _of_the_tail(objects, head)


def _of_one(model: str, kept: Kept, before: Entry | None, verifies: Verifies, *, first: bool) -> list[Finding]:
    number, signed = kept.sequence, kept.signed
    again = (
        [Finding("forked", number, f"entry {number} was written {kept.versions} times")] if kept.versions > 1 else []
    )
    if signed is None or canonical(signed) != kept.raw:
        return [*again, Finding("edited", number, f"entry {number} is not in the form that entries are written in")]
    entry = signed.entry
    if not verifies(message(entry), signing.raw(signed.signature)):
        return [*again, Finding("edited", number, f"entry {number} is not what was signed")]
    if entry.model != model:
        return [*again, Finding("foreign", number, f"entry {number} is of another model, {entry.model}")]
    if entry.sequence != number:
        return [*again, Finding("reordered", number, f"entry {entry.sequence} is in the place of {number}")]
    if (first and entry.previous is not None) or (before and entry.previous != before.digest):
        return [*again, Finding("forked", number, f"entry {number} follows another one than that before it")]
    return again


def _of_the_tail(objects: dict[int, Kept], head: str | None) -> list[Finding]:
    if head is None:
        return []
    number, _, digest = head.partition(" ")
    last = int(number) if number.isascii() and number.isdigit() else 0
    there = objects.get(last)
    if not last or (there and there.entry and there.entry.sequence == last and there.entry.digest != digest):
        return [Finding("forked", last, f"the registry has another entry {last} for the last than the ledger")]
    if there is None and last > max(objects, default=0):
        return [Finding("truncated", last, f"the registry knows of entry {last}, and the ledger ends before it")]
    return []
