"""What may follow in an incident's record: no command writes anything else, and whoever reads one replays it."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from delivery.incidents.entry import Entry, What
from delivery.registry.documents import moment
from delivery.registry.refused import Refused

NEEDS: Final[Mapping[What, frozenset[str]]] = {
    What.DECLARED: frozenset({"about", "severity"}),
    What.SEVERITY: frozenset({"severity"}),
    What.TOLD: frozenset({"told"}),
    What.KEPT: frozenset({"evidence"}),
    What.CLOSED: frozenset({"answers"}),
    What.STRUCK: frozenset({"strikes"}),
}
"""The fields of an entry beside its text, by what it tells of; all others have none."""
OUTCOMES: Final = (What.MITIGATED, What.RECOVERED, What.CLOSED)
"""What comes after it is known."""
FIRST: Final = (What.DECLARED, What.DETECTED)
"""What says when it was known."""
FIELDS: Final = ("about", "severity", "told", "evidence", "answers", "strikes")
AFTERWARDS: Final = (What.REVIEWED, What.STRUCK)
"""What may be told of an incident that is closed."""


def known(entries: Sequence[Entry]) -> Entry:
    """The one by which somebody knew first: `happened` is when, and `offset` where."""
    about = entries[0].about
    assert about
    declared = msgspec.structs.replace(entries[0], happened=about.detected)
    return min((declared, *(each for each in entries if each.what is What.DETECTED)), key=lambda each: each.happened)


def check(before: Sequence[Entry], entry: Entry) -> None:
    """Raises Refused where this entry may not come after these."""
    name, what = entry.incident, entry.what
    has = {field for field in FIELDS if getattr(entry, field)}
    needs = NEEDS.get(what, frozenset())
    if has != needs:
        wanted, given = (", ".join(sorted(each)) or "nothing" for each in (needs, has))
        raise Refused(f"An entry of what was {what} has {wanted} beside its text, and this has {given}.")
    if entry.offset and what not in FIRST:
        raise Refused(f"An entry of what was {what} says nothing of the place's clocks.")
    if before and entry.at < before[-1].at:
        raise Refused(f"It says that it is of {entry.at}, and the entry before it is of {before[-1].at}.")
    if moment(entry.happened) > moment(entry.at):
        raise Refused(
            f"What happened at {entry.happened} is told of at {entry.at}: the record has nothing of the future."
        )
    about = (before[0] if before else entry).about
    if about and moment(about.detected) > moment(entry.at):
        raise Refused(f"{name} was detected at {about.detected}, and this is of {entry.at}: give when somebody knew.")
    if about and what in OUTCOMES and entry.happened < (since := known(before or [entry]).happened):
        raise Refused(f"{name} was detected at {since}; it cannot be {what} before that, at {entry.happened}.")
    if (what is What.DECLARED) != (not before):
        raise Refused(
            f"{name} is declared already, by {before[0].who.account} at {before[0].at}."
            if before
            else f"{name} was not declared: `./parapet incident start` does that."
        )
    if not before:
        return
    closed = any(each.what is What.CLOSED for each in before)
    if entry.strikes:
        struck = next((each for each in before if each.sequence == entry.strikes.entry), None)
        # One beside the chain may be struck too: its words are shown as well.
        if not struck and entry.strikes.entry >= entry.sequence:
            raise Refused(f"{name} has no entry {entry.strikes.entry} before this one, which is {entry.sequence}.")
        if struck and struck.what is What.STRUCK:
            raise Refused(
                f"Entry {struck.sequence} says why another one's words are left out, and nothing takes that away. "
                "Where it names somebody tell your privacy officer: who may read the record is what can be changed."
            )
    if closed and what not in AFTERWARDS:
        raise Refused(
            f"{name} is closed. What was found since goes into its review (`./parapet incident log {name} --what "
            "reviewed`); if it is back, start another incident and name this one in its reason."
        )
    if not closed and what is What.REVIEWED:
        raise Refused(f"{name} is not closed: it is reviewed afterwards.")
    if what is What.CLOSED and not any(each.what is What.RECOVERED for each in before):
        raise Refused(
            f"Nobody has said that {name} is recovered, so it is not over: `./parapet incident log {name} --what "
            "recovered --text ...` comes first."
        )
