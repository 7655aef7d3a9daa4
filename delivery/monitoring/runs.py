"""How runs of the pipeline went, by what their steps left of it.

A step leaves an object as it begins and another as it ends, `TIME.RUN.STEP.WORD.json`: each whole, added and never
changed. The name has all that is judged by, so that years of runs are listed and not read. A step that was killed has
begun and never ended.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

STEPS: Final = (
    *("fetch-production", "ingest", "validate", "data-gate", "deidentify", "split", "train", "learn-noise"),
    *("evaluate", "model-gate", "register"),
)
FIRST: Final = "ingest"
"""Whose beginning says how long the next model may take to come."""
LAST: Final = "register"
"""With whose end something is brought."""
BOUND: Final = timedelta(hours=6)
"""After which without a word a run is over: `evaluate`, which takes longest, takes minutes of a million rows."""
LATELY: Final = timedelta(hours=26)
"""What a daily check tells of: since the one before, and what that may have come earlier."""
AHEAD: Final = timedelta(minutes=5)
"""What two machines' clocks may differ by."""
RUN: Final = r"[A-Za-z0-9_-]{1,64}"
LONGEST: Final = 24 * 366
"""Hours."""


class Word(StrEnum):
    """What is said of a step."""

    BEGUN = "begun"
    DONE = "done"
    GATE = "gate"
    """A gate stopped it."""
    REFUSED = "refused"
    """Something that it was given is not as it must be, and it said what."""
    ERROR = "error"
    """Something else failed."""


KILLED: Final = "killed"
STOPS: Final = (Word.GATE, Word.REFUSED, Word.ERROR, KILLED)
"""Why a run stops; of the last nothing is said, and it is concluded."""
NAME: Final = re.compile(rf"(\d{{8}}T\d{{9}}Z)\.({RUN})\.({'|'.join(STEPS)})\.({'|'.join(Word)})\.json", re.ASCII)
AT: Final = "%Y%m%dT%H%M%S%fZ"


class Said(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An object, for people. Nothing in it is of a row: `why` is names of gates, or the kind of an error."""

    format: Literal["parapet-run-step/1"]
    run: str
    step: str
    word: Word
    why: str = ""
    registered: str = ""
    """`NAME-dev:VERSION`."""
    late_after: Annotated[int, Meta(ge=0, le=LONGEST)] = 0
    """Hours without a new model after which somebody is told; 0 never. Of the first step."""


@dataclass(frozen=True)
class Event:
    """That a step began, or how it ended."""

    at: datetime
    run: str
    step: str
    word: Word

    @property
    def name(self) -> str:
        """Sorted as they came."""
        at = self.at.astimezone(UTC)
        return f"{at:%Y%m%dT%H%M%S}{at.microsecond // 1000:03d}Z.{self.run}.{self.step}.{self.word}.json"

    @classmethod
    def of(cls, name: str) -> "Event | None":
        """None of what no step left; a name has no digits but 0 to 9."""
        if not (found := NAME.fullmatch(name)):
            return None
        try:
            at = datetime.strptime(found[1], AT).replace(tzinfo=UTC)
        except ValueError:
            return None
        return cls(at, found[2], found[3], Word(found[4]))


@dataclass(frozen=True)
class Ended:
    """The last run that is over."""

    run: str
    step: str
    """Which one stopped it; empty where none did."""
    why: str
    """One of STOPS, or empty."""
    seconds: float
    """From its first word to its last one."""
    by_step: Mapping[str, float]
    """Of the steps that ended, however they did."""


@dataclass(frozen=True)
class Heard:
    """What is known of a model's pipeline."""

    brought: datetime | None
    """When a run last registered something new."""
    ended: Ended | None
    """None before one was over."""
    failures: int = 0
    """Runs that something stopped lately, whatever came after them."""


def came(events: Iterable[Event], now: datetime) -> list[Event]:
    """In their order. What is of a time that has not come, but for what clocks differ by, is not among them: else one
    name of the year 9999 would be the last word for good."""
    return sorted((each for each in events if each.at <= now + AHEAD), key=lambda each: each.at)


def heard(events: Iterable[Event], now: datetime, again: Collection[Event] = ()) -> Heard | None:
    """None where no run ever began. What is of a time that has not come is not looked at; ends that are `again` of what
    was there brought nothing."""
    known = came(events, now)
    if not known:
        return None
    runs: dict[str, list[Event]] = {}
    for each in known:
        runs.setdefault(each.run, []).append(each)
    brought = [each.at for each in known if (each.step, each.word) == (LAST, Word.DONE) and each not in again]
    over = [(ended, run[-1].at) for run in reversed(runs.values()) if (ended := _ended(run, now))]
    failures = sum(bool(each.why) and _known_since(each, last) >= now - LATELY for each, last in over)
    return Heard(brought[-1] if brought else None, over[0][0] if over else None, failures)


def _known_since(ended: Ended, last: datetime) -> datetime:
    return last + BOUND if ended.why == KILLED else last


def _ended(run: Sequence[Event], now: datetime) -> Ended | None:
    """None while it may go on."""
    last = {each.step: each for each in run}
    step, why = "", ""
    if stopped := _stopped(run):
        first = min(stopped, key=lambda each: each.at)
        step, why = first.step, str(first.word)
    elif not (LAST in last and last[LAST].word is Word.DONE):
        if now - run[-1].at <= BOUND:
            return None
        open_ = [each for each in last.values() if each.word is Word.BEGUN]
        step, why = max(open_ or [run[-1]], key=lambda each: each.at).step, KILLED
    return Ended(run[0].run, step, why, (run[-1].at - run[0].at).total_seconds(), _by_step(run))


def _stopped(run: Sequence[Event]) -> Sequence[Event]:
    """What stopped its steps. One that is begun again is as it is the next time; but for a gate, which says the same of
    the same. That it is done, said without that, is not believed: words of any run may be added by who starts one."""
    stands: dict[str, Event] = {}
    for each in run:
        before = stands.get(each.step)
        if before and before.word is Word.GATE:
            continue
        if each.word in STOPS:
            stands[each.step] = each
        elif each.word is Word.BEGUN:
            stands.pop(each.step, None)
    return [*stands.values()]


def _by_step(run: Sequence[Event]) -> dict[str, float]:
    begun: dict[str, datetime] = {}
    found: dict[str, float] = {}
    for each in run:
        if each.word is Word.BEGUN:
            begun[each.step] = each.at
        elif each.step in begun:
            found[each.step] = (each.at - begun[each.step]).total_seconds()
    return found
