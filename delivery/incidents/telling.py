"""What is told of incidents: plain values for programs, and lines for people."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from delivery.incidents import report, striking
from delivery.incidents.entry import Entry
from delivery.incidents.kept import Kept
from delivery.registry.chain import Finding
from delivery.registry.documents import digest


def shown(entries: Sequence[Entry], found: Sequence[Finding] = (), beside: Sequence[Entry] = ()) -> dict[str, Any]:
    """All of a record but what was struck, what is amiss with it, and what lies beside its chain."""
    first, last = entries[0], entries[-1]
    return {
        "name": first.incident,
        **{"severity": report.severity(entries), "times": report.times(entries), "seconds": report.seconds(entries)},
        "noticesBy": report.notices(entries),
        "noticesCounted": report.counted(entries),
        "struck": [
            {"entry": number, "by": by.who.account, "said": by.sequence}
            for number, by in sorted(striking.strikes(entries).items())
        ],
        "struckCounted": striking.counted(entries),
        "about": msgspec.to_builtins(first.about),
        "entries": _entries(entries, striking.shown(entries)),
        "beside": _entries(beside, striking.shown_beside(beside, entries)),
        "digest": last.digest,
        "findings": _findings(found),
    }


def verified(name: str, kept: Sequence[Kept], found: Sequence[Finding]) -> dict[str, Any]:
    """`known` is of these findings and of all that lies there, with its versions: whatever comes after somebody looked,
    an entry too, makes it another. Of what was not read there is none."""
    there = [name, *map(str, found), *(f"{each.name} {each.mark}" for each in kept)]
    unread = not kept and any(each.kind != "foreign" for each in found)
    known = digest("\n".join(there).encode()) if found and not unread else None
    number = sum(not each.filled for each in kept)
    return {"name": name, "entries": number, "findings": _findings(found), "known": known}


def _entries(entries: Sequence[Entry], shown: Sequence[Entry]) -> list[dict[str, Any]]:
    return [{**msgspec.to_builtins(told), "digest": each.digest} for each, told in zip(entries, shown, strict=True)]


def _findings(found: Iterable[Finding]) -> list[dict[str, Any]]:
    return [{"kind": each.kind, "sequence": each.sequence, "text": each.text} for each in found]


def shown_lines(told: Mapping[str, Any]) -> list[str]:
    about = told["about"]
    of = "".join(f", {name} {about[name]}" for name in ("alert", "model", "version") if about[name])
    amiss = [f"{told['name']} does not hold; this is what can be read of it:", *_amiss(told)]
    return [
        *(amiss if told["findings"] else ()),
        f"{told['name']}: {told['severity']}, {about['boundary']} ({about['team']}), runbook {about['runbook']}{of}",
        f"    {times_line(told)}",
        f"    {told['struckCounted']}",
        *map(_line, told["entries"]),
        *(["Beside the chain, and no part of what is told above:"] if told["beside"] else ()),
        *map(_line, told["beside"]),
    ]


def times_line(told: Mapping[str, Any]) -> str:
    """When it was detected, and how long after that all else was."""
    after = ", ".join(f"{name} {report.lasted(number)}" for name, number in told["seconds"].items())
    return f"detected {told['times']['detected']}; after that: {after}"


def list_lines(incidents: Iterable[Mapping[str, Any]]) -> list[str]:
    lines = []
    for each in incidents:
        if each["refused"]:
            lines.append(each["refused"])
            continue
        state = "closed" if each["times"]["closed"] else "recovered" if each["times"]["recovered"] else "open"
        beside = f"; look at `./parapet incident verify {each['name']}`" if each["findings"] else ""
        struck = f"; {each['struckCounted'].removesuffix('.')}" if each["struck"] else ""
        lines.append(
            f"{each['name']}: {state}, {each['severity']}, {each['about']['team']}; {times_line(each)}{struck}{beside}"
        )
    return lines or ["No incident was ever started."]


def verified_lines(told: Mapping[str, Any]) -> list[str]:
    if told["findings"]:
        return [
            f"{told['name']} does not hold:",
            *_amiss(told),
            *([f"    If you know of all this, and of nothing else: --known {told['known']}"] if told["known"] else []),
        ]
    return [f"{told['name']}: {told['entries']} entries, each follows the one before, none missing"]


def _amiss(told: Mapping[str, Any]) -> list[str]:
    return [f"    {each['kind']}: {each['text']}" for each in told["findings"]]


def _line(entry: Mapping[str, Any]) -> str:
    who, what = entry["who"]["account"], f"{entry['what']}{_beside(entry)}"
    return f"{entry['sequence']:>4}  {entry['happened']}  {who}: {what}: {entry['text']}"


def _beside(entry: Mapping[str, Any]) -> str:
    evidence = entry["evidence"]["place"] if entry["evidence"] else None
    struck = f"entry {entry['strikes']['entry']} ({entry['strikes']['names']})" if "strikes" in entry else None
    said = (entry["told"], evidence, struck, entry["severity"] if entry["what"] == "severity" else None)
    return "".join(f" {each}" for each in said if each)
