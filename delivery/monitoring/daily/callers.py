"""Whether what one caller asks has become otherwise than what the same one asked before.

The window as a whole may not show it: who asks twenty times as often as a ward drowns what that ward sends. Callers
differ, so none is held against what the model learnt from all of them: of each it is known how far its windows were
from that, and it has drifted where one is farther than each of these by more than chance and more than a trifle. Of
these distances a detour is never shorter than the way (two distribution functions' largest, rows that are elsewhere):
so such a window is at least as far from those before. One that comes nearer to what the model learnt is not told.

A caller is known by a fingerprint of what the log has of it, which is a keyed hash itself: nobody's name is here.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from ibis.backends.duckdb import Backend
from msgspec import Meta, Struct

from delivery.data.engine import number
from delivery.monitoring import checking, limits
from delivery.monitoring.daily import staging
from delivery.monitoring.daily.places import Place
from delivery.monitoring.daily.predictions import CALLER
from delivery.monitoring.profile import Profile
from delivery.monitoring.reading import source
from delivery.monitoring.tested import Tested
from delivery.registry.documents import Digest, Instant, canonical, read
from delivery.registry.refused import Refused

FILE: Final = "callers.json"
LARGEST: Final = 64 << 20
LEARNS: Final = 7
"""Windows of a caller from which on it is judged: no weekday is new by then."""
USUAL: Final = 28
"""Windows of each in which, where it was otherwise in all of them, that is what it does: it is learnt anew."""
KEPT: Final = USUAL + LEARNS
"""Windows of each that are known: those, and as many from before as it is judged by."""
KNOWN: Final = 200
"""Callers, those that came last."""
CONFIRM: Final = 2
"""Windows in a row in which the same column is otherwise, before somebody is told."""
TESTS: Final = ("ks_binned", "total_variation", "missing")
SHOWN: Final = 5
"""Columns that a note names."""


class Seen(Struct, frozen=True, forbid_unknown_fields=True):
    """One window of a caller."""

    until: Instant
    far: dict[str, float]
    """COLUMN:TEST, how far it was from what the model learnt."""
    drifted: list[str] = []
    """Columns that were otherwise than in the windows before."""


class Known(Struct, frozen=True, forbid_unknown_fields=True):
    """The windows of each, the oldest first."""

    format: Literal["parapet-callers/1"]
    reference: Digest
    callers: dict[Annotated[str, Meta(pattern=r"^[0-9a-f]{16}\Z")], list[Seen]] = {}


@dataclass(frozen=True)
class Judged:
    """What a window says of its callers."""

    known: Known
    drifted: int
    """How many were otherwise in CONFIRM windows in a row."""
    notes: Sequence[str]


def known(place: Place, reference: str) -> tuple[Known, str | None]:
    """By this profile, and the tag of what is there. Raises Refused."""
    there = any(each.name == FILE for each in place.list(FILE))
    found = place.get(FILE, LARGEST) if there else None
    none = Known("parapet-callers/1", reference)
    if found is None:
        return none, None
    try:
        told = read(found.raw, Known, f"{place.told}/{FILE}")
    except Refused as refused:
        raise Refused(f"{refused} Take it away: then it is learnt anew who asks what.") from None
    return told if told.reference == reference else none, found.tag


def keep(place: Place, told: Known, tag: str | None) -> None:
    """Unless somebody else did meanwhile: of the same window they found the same. Nothing where nobody is known. Raises
    Refused."""
    if told.callers or tag:
        place.put(FILE, canonical(told), instead=tag)


def apart(
    connection: Backend, tables: Sequence[Any], profile: Profile, names: set[str], before: Known, folder: Path
) -> tuple[dict[str, list[Tested]], list[str]]:
    """How far each caller's rows are from the profile, in these columns, of those that are `chosen`; and a note of how
    many were not. Nothing where there is one caller alone, who is the window."""
    rows = Counter[str | None]()
    for table in tables:
        told = table.group_by(CALLER).aggregate(rows=table.count()).to_pyarrow()
        rows.update(dict(zip(told[CALLER].to_pylist(), told["rows"].to_pylist(), strict=True)))
    if len(rows) < 2:
        return {}, []
    found = {}
    looked, beyond = chosen(rows, before)
    for place, each in enumerate(looked):
        own = [of for table in tables if number((of := table.filter(table[CALLER] == each)).count())]
        files = staging.written(connection, own, folder, f"caller-{place}")
        window = source(connection, files, f"caller_{place}", checking.profile_types(profile))
        tests = checking.columns(profile, window, names)
        found[_fingerprint(each)] = [one for one in tests if one.test in TESTS and one.value is not None]
    were = "was" if beyond == 1 else "were"
    note = (
        f"Of {len(looked) + beyond:,} callers of {limits.ROWS} rows and more {beyond:,} {were} not looked at by "
        f"{'itself' if beyond == 1 else 'themselves'}: there is place for {limits.COHORTS}."
    )
    return found, [note] if beyond else []


def chosen(rows: Mapping[str | None, int], before: Known) -> tuple[list[str], int]:
    """Whose rows are looked at by themselves, of those who ask enough, and how many are not: as many as limits.COHORTS
    allow, half of them by their rows, the others by how many windows before are known. By either alone whoever may ask
    by many names, or writes the log, would keep any other from being looked at."""
    many = [(each, of) for each, of in rows.items() if each is not None and of >= limits.ROWS]
    largest = [each for each, _ in sorted(many, key=lambda each: (-each[1], each[0]))]
    first = largest[: (limits.COHORTS + 1) // 2]
    # Of two that are known as long the one of more rows: sorting keeps their order.
    others = sorted(largest[len(first) :], key=lambda each: -len(before.callers.get(_fingerprint(each), ())))
    found = [*first, *others][: limits.COHORTS]
    return found, len(many) - len(found)


def judged(before: Known, found: Mapping[str, Sequence[Tested]], until: str) -> Judged:
    """All callers and columns together, by Bonferroni's bound: each chance is divided by how many there are."""
    chance = limits.ALPHA / max(sum(len(tests) for tests in found.values()), 1)
    callers, notes, drifted = dict(before.callers), list[str](), 0
    for caller, tests in found.items():
        windows = [each for each in before.callers.get(caller, []) if each.until < until]
        usual = [each for each in windows if not each.drifted]
        other = {each.name for each in tests if _is_other(each, usual, chance)}
        again = other.intersection(windows[-1].drifted) if windows else set[str]()
        drifted += bool(again)
        if other:
            names = ", ".join(sorted(other)[:SHOWN])
            since = f", for {CONFIRM} windows and more" if again else ""
            notes.append(f"What the caller {caller} asks is otherwise than in its windows before: {names}{since}.")
        if windows and (
            learnt := {each.name for each in tests if not _known_enough(each, usual)} & {*windows[-1].drifted}
        ):
            names = ", ".join(sorted(learnt)[:SHOWN])
            notes.append(
                f"What the caller {caller} asks has been otherwise for {USUAL} windows: {names}. It is taken for usual "
                "from now on, mended or not."
            )
        far = {_key(each): round(abs(each.value or 0.0), 6) for each in tests}
        callers[caller] = [*windows, Seen(until, far, sorted(other))][-KEPT:]
    last = sorted(callers, key=lambda each: (callers[each][-1].until, len(callers[each]), each))[-KNOWN:]
    kept = {each: callers[each] for each in sorted(last)}
    return Judged(Known(before.format, before.reference, kept), drifted, notes)


def _is_other(each: Tested, usual: Sequence[Seen], chance: float) -> bool:
    if not _known_enough(each, usual):
        return False
    before = [window.far[_key(each)] for window in usual if _key(each) in window.far]
    return abs(each.value or 0.0) - max(before) >= max(each.threshold or 0.0, float(each.reach(chance)))


def _known_enough(each: Tested, usual: Sequence[Seen]) -> bool:
    return sum(_key(each) in window.far for window in usual) >= LEARNS


def _key(each: Tested) -> str:
    return f"{each.name}:{each.test}"


def _fingerprint(caller: str) -> str:
    return sha256(caller.encode()).hexdigest()[:16]
