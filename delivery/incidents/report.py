"""A draft of what people review afterwards: the record as a page of Markdown, with its times and what is asked."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Final

from delivery.incidents import striking
from delivery.incidents.entry import Entry, What
from delivery.incidents.rules import known
from delivery.incidents.runbooks import Runbook
from delivery.registry.chain import Finding
from delivery.registry.documents import moment

TO_WRITE: Final = "_To be written._"
OURS: Final = (TO_WRITE, striking.LEFT_OUT)
"""What stands in the place of words."""
ENTITIES: Final = {each: f"&#{ord(each)};" for each in "<&|\\"}
"""What ends a cell, or begins what is not shown: some keep HTML, and tables are cut before escapes are looked at."""
MARKS: Final = re.compile(r"[`*_~\[\]]|^[#>+=-]|(?i:(?:(?<=http)|(?<=https)|(?<=ftp)):(?=//)|(?<=www)\.)")
NUMBERED: Final = re.compile(r"^([0-9]+)(?=[.)])")
NOTICE: Final = timedelta(days=60)
"""Calendar days after a breach of PHI is known, within which each person must be told (45 CFR 164.404(b))."""
WEST: Final = "-12:00"
"""Where it is the earliest day: for what was detected where nobody says."""


def times(entries: Sequence[Entry]) -> dict[str, str | None]:
    """When it was detected, declared, mitigated, recovered and closed; None for what has not come to pass."""
    last = {each.what: each.happened for each in entries}
    recovered = last.get(What.RECOVERED)
    return {
        "detected": known(entries).happened,
        "declared": entries[0].at,
        # What is as it was before does no harm either.
        "mitigated": last.get(What.MITIGATED) or recovered,
        "recovered": recovered,
        "closed": last.get(What.CLOSED),
    }


def seconds(entries: Sequence[Entry]) -> dict[str, int | None]:
    """From when it was detected to each of these, by its name."""
    told = times(entries)
    begun = _moment(told["detected"])
    return {
        name: int((at - begun).total_seconds()) if begun and (at := _moment(when)) else None
        for name, when in told.items()
        if name != "detected"
    }


def notices(entries: Sequence[Entry]) -> str:
    """The last day for notices to people, if it was a breach of PHI: that is the privacy officer's to say.

    Days are those of the place where it was detected; where nobody said which, those of the place where they begin
    last, so that it is never a day too late.
    """
    first = known(entries)
    return f"{_there(first) + NOTICE:%Y-%m-%d}"


def counted(entries: Sequence[Entry]) -> str:
    """By whose clocks `notices` counts."""
    if offset := known(entries).offset:
        return f"by the clocks at UTC{offset}"
    return f"where nobody said, by clocks at UTC{WEST}, where it is the earliest day"


def _there(first: Entry) -> datetime:
    """When it was known, by the clocks of the place."""
    sign, hours, minutes = (offset := first.offset or WEST)[0], offset[1:3], offset[4:]
    ahead = timedelta(hours=int(hours), minutes=int(minutes))
    return moment(first.happened).astimezone(timezone(-ahead if sign == "-" else ahead))


def severity(entries: Iterable[Entry]) -> str:
    """The last that was said."""
    return [each.severity for each in entries if each.severity][-1]


def drafted(
    entries: Sequence[Entry],
    book: Runbook,
    every_review: Sequence[str],
    found: Sequence[Finding] = (),
    without: Collection[int] = (),
    beside: Sequence[Entry] = (),
) -> str:
    """Markdown. What people have to say is left open; all else is the record's, but the words of entries `without`, and
    of those that were struck. What lies `beside` its chain stands by itself."""
    last, struck = entries[-1], striking.counted(entries)
    chosen = ", ".join(map(str, sorted(set(without))))
    left_out = f" Besides, who drafted this left out the words of {chosen}." if chosen else ""
    beside = striking.shown_beside(beside, entries, without)
    entries = striking.shown(entries, without)
    first = entries[0]
    about = first.about
    assert about
    closed = next((each for each in entries if each.what is What.CLOSED), None)
    model = f"{about.model}{f' version {about.version}' if about.version else ''}" if about.model else "none"
    facts = {
        "Severity": severity(entries),
        "Boundary and owner": f"{about.boundary}, {about.team}",
        "Runbook": f"{about.runbook}{'' if about.text == book.digest else ' (changed since)'}",
        "Alert": about.alert or "none",
        "Model": model,
        "Record": f"{len(entries)} entries, the last {last.digest}",
    }
    evidence = [(each.evidence.place, each.evidence.digest or "", each.text) for each in entries if each.evidence]
    lines = [
        f"# {book.title}: {first.incident}",
        "",
        "A draft, made of the incident's record in the audit bucket. Nothing about a patient may be added.",
        "",
        *(("**The record does not hold**; this is what can be read of it.", "") if found else ()),
        *(f"- {_plainly(str(each))}" for each in found),
        *([""] if found else ()),
        f"**{_plainly(struck)}**{left_out}",
        "",
        f"> {_plainly(first.text)}",
        "",
        *_table(("", ""), facts.items()),
        *("## Times", ""),
        *_table(("", "UTC", "after it was detected"), _timed(entries)),
        f"If it was a breach of PHI, people are told without unreasonable delay, and by {notices(entries)} at the "
        f"latest (164.404(b); days are counted {counted(entries)}); whether it was, the privacy officer says "
        "(runbooks/communication.md).",
        "",
        *("## What happened", ""),
        *_table(("when", "what", "who", ""), (_row(each) for each in entries)),
        *(_beside(beside) if beside else ()),
        *("## Who was told", ""),
        *_table(("when", "whom", ""), ((each.happened, each.told, each.text) for each in entries if each.told)),
        *("## Evidence", ""),
        *_table(("where", "digest", ""), evidence),
        *("## Why it is over", ""),
        *_table(("asked", "answer"), _answered(book, closed)),
        *("## Review", ""),
    ]
    for question in (*every_review, *book.review):
        lines += [f"### {question}", "", TO_WRITE, ""]
    return "\n".join([*lines, "## Actions", "", *_table(("what", "owner", "by when"), [("", "", "")])])


def _beside(entries: Sequence[Entry]) -> list[str]:
    return [
        *("## Beside the chain", ""),
        "Who may write into a record may have put these by hand. Nothing else of this page is taken from them.",
        "",
        *_table(("entry", "when", "what", "who", ""), ((str(each.sequence), *_row(each)) for each in entries)),
    ]


def lasted(number: int | None) -> str:
    return "not yet" if number is None else str(timedelta(seconds=number))


def _timed(entries: Sequence[Entry]) -> Iterable[tuple[str, str, str]]:
    after = seconds(entries)
    for name, when in times(entries).items():
        yield name, when or "not yet", lasted(after[name]) if name in after else ""


def _row(entry: Entry) -> tuple[str, str, str, str]:
    late = "" if entry.at == entry.happened else f" (written at {entry.at})"
    beside = f" {entry.severity}" if entry.what is What.SEVERITY else ""
    beside = f" entry {entry.strikes.entry} ({entry.strikes.names})" if entry.strikes else beside
    return f"{entry.happened}{late}", f"{entry.what}{beside}", f"{entry.who.account}, {entry.who.role}", entry.text


def _answered(book: Runbook, closed: Entry | None) -> Iterable[tuple[str, str]]:
    answers: Mapping[str, str] = closed.answers if closed else {}
    asked = {**dict.fromkeys(answers, ""), **book.closes}
    return ((question or name, answers.get(name, TO_WRITE)) for name, question in asked.items())


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    told = [" | ".join(_plainly(cell) for cell in row) for row in rows]
    if not told:
        return ["Nothing.", ""]
    return [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *(f"| {row} |" for row in told), ""]


def _plainly(words: str) -> str:
    """As they are: no cell's end, no HTML, whose comments hide what stands below them, no image that calls out, no
    link, and nothing else that Markdown takes for more than words (CommonMark 0.31, 2.4; GFM 6.9, autolinks)."""
    if words in OURS:
        return words
    told = "".join(ENTITIES.get(each, each) for each in " ".join(str(words).split()))
    return NUMBERED.sub(r"\1\\", MARKS.sub(r"\\\g<0>", told))


def _moment(text: str | None) -> datetime | None:
    return moment(text) if text else None
