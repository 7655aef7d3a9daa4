"""What is told of the pipeline that makes the model: whether models still come, where the last run stopped, how long
it took.

Each step of each run may leave a record here, and no role of the cluster takes one away. So one that is none is
counted and gone past: it ends no other's being heard.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from typing import Final

from delivery.monitoring import runs
from delivery.monitoring.daily.places import Listed, Place
from delivery.monitoring.runs import Event, Heard, Said, Word
from delivery.registry.documents import read
from delivery.registry.refused import Refused

AGE: Final = "parapet_monitor_pipeline_age_seconds"
DUE: Final = "parapet_monitor_pipeline_due_seconds"
FAILED: Final = "parapet_monitor_pipeline_failed"
STOPPED: Final = "parapet_monitor_pipeline_stopped"
FAILURES: Final = "parapet_monitor_pipeline_failures"
RUN_SECONDS: Final = "parapet_monitor_pipeline_run_seconds"
STEP_SECONDS: Final = "parapet_monitor_pipeline_step_seconds"
UNREAD: Final = "parapet_monitor_pipeline_unread"
LARGEST: Final = 1 << 16
LATELY: Final = timedelta(days=7)
"""For so long, by S3's clock, a record that is none is told: it stays for good, and would be told for good."""
TRIED: Final = 2_000
"""Beginnings of runs that are looked at for one that says when the next model is late, the newest first. Where more say
nothing, those that were not looked at are told as unread: one of them may be the schedule's."""
BROUGHT: Final = 50
"""Versions of the model that ends of runs name, the newest first, after which no more ends are looked at; of those
TRIED, likewise. What is older is neither believed nor told, unless no more than the bound kept it from being read."""
HOLDS: Final = timedelta(days=90)
"""For how long that is believed, where no later run says otherwise."""
BACK: Final = tuple(timedelta(days=each) for each in (366, 180, 90, 30, 7, 1))
"""Records are had by the time in their names, that of each of these parts by itself."""
MOST: Final = 100_000
"""Of each part, so that no number of records of one time takes the memory or the hour, or hides what is of another.
Where there are more, that is told as one that was not read. A run each hour leaves 98,000 in the longest part."""


def told(model: str, place: Place, now: datetime, declared: int | None = None) -> str:
    """In Prometheus' text; empty of a model that no run was ever begun of here. `declared` is after how many hours it
    is late, where that is not for its runs to say. Raises Refused where records cannot be listed."""
    found, cut = _listed(place, now)
    listed = [each for each in found if each.name.endswith(".json")]
    events = {event: each for each in listed if (event := Event.of(each.name))}
    there = runs.came(events, now)
    heard = frozenset(events[each].name for each in there)
    late_after, unreadable, beyond = _late_after(place, [each for each in there if each.at >= now - HOLDS])
    if declared is not None:
        late_after, beyond = declared, 0
    ends = _ends(place, model, there)
    wrong = [each for each in listed if each.name not in heard] + [events[each] for each in (*unreadable, *ends.others)]
    lately = sum(_came_lately(each, now) for each in wrong) + beyond + cut + len(ends.beyond)
    known = runs.heard([each for each in there if each not in ends.others | ends.beyond], now, ends.again)
    if known and not known.brought and ends.since:
        known = replace(known, brought=ends.since)
    return (metrics(model, known, late_after, now) if known else "") + (
        unread(model, lately) if known or lately else ""
    )


def _listed(place: Place, now: datetime) -> tuple[list[Listed], int]:
    """The records, and of how many parts not all are among them. What is older than all of BACK is not asked for more
    than MOST: years of runs come to more, and the newer parts say what counts."""
    edges = ["", *(_name_at(now - back) for back in BACK), _name_at(now + runs.AHEAD), ""]
    found: list[Listed] = []
    cut = 0
    for start, end in pairwise(edges):
        part = list(islice(_between(place, start, end), MOST + 1))
        cut += bool(start) and len(part) > MOST
        found += part[:MOST]
    return found, cut


def _between(place: Place, start: str, end: str) -> Iterator[Listed]:
    for each in place.list(after=start):
        if end and each.name >= end:
            return
        yield each


def _name_at(moment: datetime) -> str:
    """Before each name of a record of that second, and after all those before it."""
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%S}"


def _came_lately(record: Listed, now: datetime) -> bool:
    return record.modified >= now - LATELY


def _late_after(place: Place, events: Sequence[Event]) -> tuple[int, list[Event], int]:
    """Hours, as the run said that began last of those that say any; 0 where none does. And those that are not as they
    must be, and how many were not looked at. One that says none was made by hand, or is somebody's: it does not end
    what the schedule's said."""
    unreadable: list[Event] = []
    begun = [each for each in events if (each.step, each.word) == (runs.FIRST, Word.BEGUN)]
    for each, said in _said(place, reversed(begun[-TRIED:])):
        if said is None:
            unreadable.append(each)
        elif said.late_after:
            return said.late_after, unreadable, 0
    return 0, unreadable, len(begun[:-TRIED])


@dataclass(frozen=True)
class _Ends:
    """What the records of the ends of runs say."""

    others: frozenset[Event]
    """Those that say to have registered something, and nothing of this model: all runs have one account, and who may
    start one may leave a record of each model's."""
    again: frozenset[Event]
    """Those with a version that an earlier one had: a run over the same inputs, or over others that were there before,
    registers what is there, ended well and brought nothing new."""
    beyond: frozenset[Event]
    """Those that TRIED left unread: none of them is believed."""
    since: datetime | None
    """The last model came no later than this, where some are beyond: when the oldest came of those that were read."""


def _ends(place: Place, model: str, events: Sequence[Event]) -> _Ends:
    """A version need not be larger than those before it, or after an invented one no true one were new. So what MLflow
    gives anew where its database was restored is none either until it comes to a number that no end has."""
    done = [each for each in events if (each.step, each.word) == (runs.LAST, Word.DONE)]
    told, versions = dict[Event, int | None](), set[int]()
    for each, said in _said(place, reversed(done[-TRIED:])):
        told[each] = version = _version(model, each, said)
        if version is not None:
            versions.add(version)
        if len(versions) >= BROUGHT:
            break
    enough = len(versions) >= BROUGHT
    first = {version: each for each, version in told.items()}  # the newest stand first, and the last one counts
    return _Ends(
        others=frozenset(each for each, version in told.items() if version is None),
        again=frozenset(each for each, version in told.items() if version is not None and first[version] != each),
        beyond=frozenset() if enough else frozenset(done[:-TRIED]),
        since=min((each.at for each in told), default=None) if done[:-TRIED] and not enough else None,
    )


def _version(model: str, event: Event, said: Said | None) -> int | None:
    """Of the model, as the record of its run has it."""
    if said is None or (said.run, said.step, said.word) != (event.run, event.step, event.word):
        return None
    found = re.fullmatch(rf"{re.escape(model)}-dev:([1-9][0-9]{{0,8}})", said.registered, re.ASCII)
    return int(found[1]) if found else None


def _said(place: Place, events: Iterable[Event]) -> Iterator[tuple[Event, Said | None]]:
    """What each says, several of which are asked for at a time; None of what is not as it must be."""
    by_name = {each.name: each for each in events}
    for listed, call in place.each((Listed(name, each.at) for name, each in by_name.items()), LARGEST):
        try:
            found = call()
            said = read(found.raw, Said, listed.name) if found else None
        except Refused:
            said = None
        yield by_name[listed.name], said


def unread(model: str, count: int) -> str:
    """In Prometheus' text."""
    what = f"Records of runs that are none, or of a time that has not come, of the last {LATELY.days} days."
    return f'# HELP {UNREAD} {what}\n# TYPE {UNREAD} gauge\n{UNREAD}{{model="{model}"}} {count}\n'


def metrics(model: str, known: Heard, late_after: int, now: datetime) -> str:
    """In Prometheus' text; `late_after` in hours, 0 for never."""
    lines: list[str] = []

    def said(metric: str, what: str, values: Iterable[tuple[Mapping[str, str], float]]) -> None:
        lines.extend([f"# HELP {metric} {what}", f"# TYPE {metric} gauge"])
        for labels, value in values:
            listed = "".join(f',{name}="{text}"' for name, text in labels.items())
            lines.append(f'{metric}{{model="{model}"{listed}}} {value:g}')

    if known.brought:
        age = max(0.0, (now - known.brought).total_seconds())
        said(AGE, "Since a run of the pipeline last registered a model.", [({}, round(age))])
        said(DUE, "Age from which on it is late; 0 where nobody said.", [({}, late_after * 3600)])
    if ended := known.ended:
        said(FAILURES, "Runs that something stopped since the check before.", [({}, known.failures)])
        steps = [({"step": step}, float(step == ended.step)) for step in runs.STEPS]
        said(FAILED, "1 at the step that stopped the last run.", steps)
        said(STOPPED, "1 at why the last run stopped.", [({"why": why}, float(why == ended.why)) for why in runs.STOPS])
        said(RUN_SECONDS, "How long the last run took.", [({}, round(ended.seconds, 3))])
        taken = [({"step": step}, round(seconds, 3)) for step, seconds in ended.by_step.items()]
        said(STEP_SECONDS, "How long each step of it took.", taken)
    return "\n".join(lines) + "\n" if lines else ""
