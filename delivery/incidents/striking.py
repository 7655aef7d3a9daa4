"""What is shown of a record: without the words that may name somebody. The objects keep them, for those who may read
them, until their lock ends."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import msgspec

from delivery.incidents.entry import LONGEST, Entry, What
from delivery.registry.documents import plain
from delivery.registry.refused import Refused

LEFT_OUT: Final = "_Left out: it may name somebody._"


def shown(entries: Sequence[Entry], without: Collection[int] = ()) -> list[Entry]:
    """The same entries, without the words of those that were struck and of those `without`, by their numbers.

    Their digests are others than the record's.
    """
    return _without(entries, {*strikes(entries), *without})


def shown_beside(beside: Sequence[Entry], entries: Sequence[Entry], without: Collection[int] = ()) -> list[Entry]:
    """Those beside the chain likewise, by what its `entries` strike, and without words that no command writes. Of the
    chain's own these are not asked for: what a text may have in it changes with each version, and a record holds."""
    refused = {each.sequence for each in beside if not all(map(_is_plain, (each.text, *each.answers.values())))}
    return _without(beside, {*strikes(entries), *without, *refused})


def strikes(entries: Sequence[Entry]) -> Mapping[int, Entry]:
    """The first entry that strikes each of those that are struck, by their numbers. One that strikes is struck by none,
    or the reason would be hidden with what it is for."""
    reasons = {each.sequence for each in entries if each.what is What.STRUCK}
    told = [each for each in reversed(entries) if each.strikes and each.strikes.entry not in reasons]
    return {each.strikes.entry: each for each in told if each.strikes}


def counted(entries: Sequence[Entry]) -> str:
    """How many are struck, and by whom: it stands on top wherever a record is shown."""
    struck = sorted(strikes(entries).items())
    if not struck:
        return "No entry is struck."
    each = ", ".join(f"{number} by {by.who.account} (entry {by.sequence} says why)" for number, by in struck)
    number = "1 entry is" if len(struck) == 1 else f"{len(struck)} entries are"
    return f"{number} struck, and shown without words: {each}."


def _is_plain(text: str) -> bool:
    try:
        plain(text, "text", "the record", LONGEST)
    except Refused:
        return False
    return True


def _without(entries: Sequence[Entry], numbers: Collection[int]) -> list[Entry]:
    return [_wordless(each) if each.sequence in numbers else each for each in entries]


def _wordless(entry: Entry) -> Entry:
    evidence = entry.evidence and msgspec.structs.replace(entry.evidence, place=LEFT_OUT)
    answers = dict.fromkeys(entry.answers, LEFT_OUT)
    return msgspec.structs.replace(entry, text=LEFT_OUT, answers=answers, evidence=evidence)
