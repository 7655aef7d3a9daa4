"""How a record is read, from its first number on: what is its chain, what lies beside it, and what ends it.

Whoever may write the record may put any object, once, under a number that is free, and it stays for years; and another
one that names it. So what lies there in one version ends nothing, whatever it says and whatever names it: it is told,
and gone past, with what is chained to it. What ends a record is what S3 itself says and nobody may do there: an object
that was written again, or deleted.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from delivery.incidents import rules
from delivery.incidents.entry import Entry
from delivery.incidents.kept import LARGEST, Kept
from delivery.registry.chain import CLOCKS, Finding, beside, folded, gap
from delivery.registry.documents import canonical, moment
from delivery.registry.refused import Refused

UNSHAPED: Final = "is not in the form that entries are written in"
NONE: Final = "is none of the record's"


@dataclass
class Reading:
    """What somebody knows who has read a record."""

    incident: str
    entries: list[Entry] = field(default_factory=list)
    """The chain: each follows the one before, and might."""
    found: list[Finding] = field(default_factory=list)
    """All that is amiss, by number."""
    stopped: list[Finding] = field(default_factory=list)
    """What of that was done to what lay there, and ends the record."""
    doubted: list[Finding] = field(default_factory=list)
    """What looks as if an entry before it were not as it was, by objects that anybody might have put."""
    beside: list[Entry] = field(default_factory=list)
    """Of a record that ends or is doubted, the entries that are none of its chain. People read them; nothing that is
    told of the incident is taken from them, since anybody may have put them there."""
    filled: list[Finding] = field(default_factory=list)
    """Whether more lies there than is read."""
    taken: set[int] = field(default_factory=set)
    """Numbers under which something lies."""
    _digests: set[str] = field(default_factory=set)
    """Of all entries so far, those beside the chain too."""
    _torn: bool = False
    """Whether the one before cannot be read any more, so that nobody can say what follows it."""

    @property
    def ends(self) -> list[Finding]:
        """Why nothing more is written into it; of one that is filled nobody knows the next number."""
        return [*self.filled, *self.stopped]

    @property
    def next(self) -> int:
        """The number of the next entry."""
        number = self.entries[-1].sequence + 1 if self.entries else 1
        while number in self.taken:
            number += 1
        return number

    def take(self, each: Kept, lacks: list[Finding], *, followed: bool) -> None:
        """The object of the next number that is none of `strange`; `lacks`: what is missing before it; `followed`:
        whether a later one names it as the one before."""
        number, entry = each.sequence, each.entry
        if each.raw is None:
            self._end([*lacks, Finding("dropped", number, f"entry {number} was deleted, and is kept as it was")])
            self._torn = True
            return
        again = [Finding("forked", number, f"entry {number} was written {each.versions} times")]
        again = again if each.versions > 1 else []
        elsewhere = _misplaced(self.incident, each)
        if not entry or elsewhere:
            why = elsewhere or Finding("edited", number, f"entry {number} {each.unread(LARGEST) or UNSHAPED}")
            self._end([*lacks, *again, why])
            self._torn = True
            return
        shaped = canonical(entry) == each.raw
        lost = entry.previous is not None and entry.previous not in self._digests
        amiss = lacks or ([] if shaped else [Finding("edited", number, f"entry {number} {UNSHAPED}")])
        amiss = amiss or self._unlinked(entry)
        unsound = [] if amiss and not (again or followed) else self._unsound(each, entry)
        self._digests.add(entry.digest)
        if again:
            self._end([*again, *amiss, *unsound])
        elif amiss or unsound:
            self.found += [*amiss, *unsound]
            self.doubted += amiss if followed and (lost or not shaped) else []
            return
        self._torn = bool(again)
        self.entries.append(entry)

    def _end(self, found: Sequence[Finding]) -> None:
        self.found += found
        self.stopped += found

    def _unlinked(self, entry: Entry) -> list[Finding]:
        if self._torn or entry.previous == (self.entries[-1].digest if self.entries else None):
            return []
        text = f"entry {entry.sequence} follows another one than that before it"
        return [Finding("forked", entry.sequence, text)]

    def _unsound(self, each: Kept, entry: Entry) -> list[Finding]:
        """Whether nobody might write it here."""
        try:
            if each.written and abs(moment(entry.at) - each.written) > CLOCKS:
                raise Refused(
                    f"It says that it is of {entry.at}, and was written at {each.written:%Y-%m-%dT%H:%M:%SZ}."
                )
            if self.entries or not self._torn:  # of one that has lost its beginning nobody knows what it had
                rules.check(self.entries, entry)
        except Refused as refused:
            return [Finding("unsound", entry.sequence, f"entry {entry.sequence} might not be written: {refused}")]
        return []


def reading(incident: str, kept: Sequence[Kept]) -> Reading:
    """Of all objects under its prefix."""
    told = Reading(incident, taken={each.sequence for each in kept})
    told.found += beside("record", kept)
    told.filled += [each for each in told.found if each.kind == "filled"]
    strange = {each.sequence: found for each in kept if (found := _strange(incident, each))}
    placed = _in_place(incident, kept)
    named = {each.previous: each.sequence for each in placed}
    wanted = 1
    for each in _by_number(kept):
        if stranger := strange.get(each.sequence):
            told.found.append(stranger)
            continue
        lacks = gap(wanted, each.sequence, strange)
        wanted = each.sequence + 1
        told.take(each, lacks, followed=bool(each.entry and named.get(each.entry.digest, 0) > each.sequence))
    told.found = sorted(folded(told.found, told.stopped), key=lambda each: each.sequence)
    told.stopped.sort(key=lambda each: each.sequence)
    if told.stopped or told.doubted:
        chained = {each.sequence for each in told.entries}
        told.beside = [each for each in placed if each.sequence not in chained]
    return told


def _in_place(incident: str, kept: Sequence[Kept]) -> list[Entry]:
    """Every entry of the record under its own number, those beside the chain too."""
    return [each.entry for each in _by_number(kept) if each.entry and not _misplaced(incident, each)]


def _by_number(kept: Sequence[Kept]) -> list[Kept]:
    return sorted((each for each in kept if each.sequence), key=lambda each: each.sequence)


def _misplaced(incident: str, kept: Kept) -> Finding | None:
    number, entry = kept.sequence, kept.entry
    if entry and entry.subject != incident:
        return Finding("foreign", number, f"entry {number} is of the record of {entry.subject}")
    if entry and entry.sequence != number:
        return Finding("reordered", number, f"entry {entry.sequence} is in the place of {number}")
    return None


def _strange(incident: str, kept: Kept) -> Finding | None:
    """What was put in an entry's place, once, and is none of this record's that belongs there."""
    if not kept.sequence or kept.raw is None or kept.versions > 1:
        return None
    if kept.entry:
        return _misplaced(incident, kept)
    return Finding("foreign", kept.sequence, f"entry {kept.sequence} {kept.unread(LARGEST) or NONE}")
