"""The steps as a program: a JSON object on standard input says which and with what, the outcome is on standard output.

Exit status: 0 done, 1 refused (the reason is on standard error), 3 a record does not hold. `./parapet incident` is the
command for people.
"""

import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

from delivery.incidents import every, report, runbooks, telling
from delivery.incidents.desk import Desk
from delivery.incidents.entry import Entry, Names, What
from delivery.incidents.owners import Boundary
from delivery.incidents.places import evidence
from delivery.incidents.reading import Reading
from delivery.incidents.record import PREFIX
from delivery.registry import program
from delivery.registry.chain import FILLS, Finding
from delivery.registry.documents import ACCOUNT, NAME
from delivery.registry.program import Asked
from delivery.registry.refused import Refused

BROKEN: Final = 3
RIGHTS: Final = (
    "Sign in as a role that has the policy `responders` of the stack's output incidentPolicyArns, and look at "
    "PARAPET_AUDIT_BUCKET. Until then write down with pen and paper what is done and when: --happened takes it later."
)


def _start(asked: Asked) -> int:
    named = {each: asked[each] for each in ("name", "severity", "alert", "model", "version")}
    named["boundary"] = Boundary(asked["boundary"]) if asked["boundary"] else None
    if named["name"]:
        _name(named["name"])
    entry = _desk(asked).start(
        asked["runbook"], asked["text"], detected=_instant(asked["detected"], "detected"), **named
    )
    about = entry.about
    assert about
    _tell(
        asked,
        {"name": entry.incident, "sequence": entry.sequence, "digest": entry.digest},
        [
            f"{entry.incident} is declared, {entry.severity}: {about.boundary}, {about.team}",
            f"    INCIDENT={entry.incident}",
            f"    What to do: runbooks/{about.runbook}.md",
            f"    Say what you see and do: ./parapet incident log {entry.incident} --what done --text ...",
        ],
    )
    return 0


def _log(asked: Asked) -> int:
    file = Path(asked["file"]) if asked["file"] else None
    if file and not asked["place"]:
        raise Refused("Of evidence its place is told: give by --place where the file is kept.")
    fields = {"severity": asked["severity"], "told": asked["told"]}
    fields["evidence"] = evidence(asked["place"], file, date.today()) if asked["place"] else None
    happened = _instant(asked["happened"], "happened")
    entry = _desk(asked).log(_name(asked["incident"]), What(asked["what"]), asked["text"], happened, **fields)
    return _logged(asked, entry)


def _keep(asked: Asked) -> int:
    return _logged(asked, _desk(asked).keep(_name(asked["incident"]), Path(asked["file"]), asked["text"]))


def _strike(asked: Asked) -> int:
    name, number = _name(asked["incident"]), asked["number"]
    entry = _desk(asked).strike(name, number, Names(asked["names"]), asked["reason"])
    told = {"name": name, "sequence": entry.sequence, "digest": entry.digest, "strikes": number}
    lines = [
        f"{name}: entry {number} is struck: `show`, `close` and `report` leave its words out.",
        f"    The object keeps them until its lock ends: s3://AUDIT/incidents/{name}/{number:08d}.json",
    ]
    _tell(asked, told, lines)
    return 0


def _logged(asked: Asked, entry: Entry) -> int:
    told = {"name": entry.incident, "sequence": entry.sequence, "digest": entry.digest}
    place = f", {entry.evidence.place}" if entry.evidence else ""
    _tell(asked, told, [f"{entry.incident}: entry {entry.sequence}, {entry.what} at {entry.happened}{place}"])
    return 0


def _asks(asked: Asked) -> int:
    """For the command line, which asks a person."""
    print(json.dumps(_desk(asked).asks(_name(asked["incident"]))))
    return 0


def _answer(asked: Asked) -> int:
    """For the command line: whether this answer would be taken."""
    _desk(asked).answer(_name(asked["incident"]), asked["name"], asked["text"])
    return 0


def _close(asked: Asked) -> int:
    desk, out = _desk(asked), _free(asked)
    entries = desk.close(_name(asked["incident"]), asked["text"], asked["answers"])
    _draft(desk, desk.whole(asked["incident"]), out)
    told = telling.shown(entries)
    lines = [f"{told['name']} is closed: {telling.times_line(told)}", f"    The report to review: {out}"]
    _tell(asked, {**told, "report": str(out)}, lines)
    return 0


def _report(asked: Asked) -> int:
    desk, out = _desk(asked), _free(asked)
    _draft(desk, desk.readable(asked["incident"]), out, asked["without"])
    print(out)
    return 0


def _show(asked: Asked) -> int:
    readable = _desk(asked).readable(_name(asked["incident"]))
    told = telling.shown(readable.entries, readable.found, readable.beside)
    _tell(asked, told, telling.shown_lines(told))
    return 0


def _list(asked: Asked) -> int:
    desk = _desk(asked)
    there = desk.names(asked.get("after") or "")
    for each in there.found:
        print(f"parapet: beside the records lies what is of none: {each}", file=sys.stderr)
    found = list[dict[str, Any]]()
    for _, told in every.each(there.names, desk.newest, lambda name: _listed(desk, name)):
        found.append(told)
        _say(asked, telling.list_lines([told]))
    if unread := _unread(len(there.names), len(found)):
        print(f"parapet: {unread.text}", file=sys.stderr)
    _say(asked, [] if found else telling.list_lines([]))
    return _all(asked, found)


def _verify(asked: Asked) -> int:
    desk = _desk(asked)
    if asked["incident"]:
        told = [telling.verified(_name(asked["incident"]), *desk.examine(asked["incident"]))]
        _say(asked, telling.verified_lines(told[0]))
    else:
        there, told = desk.names(asked.get("after") or ""), list[dict[str, Any]]()
        for _, found in every.each(there.names, desk.newest, lambda name: _verified(desk, name)):
            told.append(found)
            _say(asked, telling.verified_lines(found))
        unread = _unread(len(there.names), len(told))
        if amiss := [*there.found, *([unread] if unread else [])]:
            told.append(telling.verified(f"{PREFIX}/", (), amiss))
            _say(asked, telling.verified_lines(told[-1]))
        _say(asked, [] if told else telling.list_lines([]))
    _all(asked, told)
    unknown = [each for each in told if each["findings"] and each["known"] not in (asked.get("known") or [])]
    return BROKEN if unknown else 0


STEPS: Final[Mapping[str, Callable[[Asked], int]]] = {
    **{
        "start": _start,
        "log": _log,
        "keep": _keep,
        "strike": _strike,
        "asks": _asks,
        "answer": _answer,
        "close": _close,
        "report": _report,
    },
    **{"show": _show, "list": _list, "verify": _verify},
}


def _verified(desk: Desk, name: str) -> dict[str, Any]:
    try:
        return telling.verified(name, *desk.examine(name))
    except Refused as refused:  # which keeps nobody from the other records
        return telling.verified(name, (), [Finding("unread", 0, str(refused))])


def _unread(names: int, read: int) -> Finding | None:
    """Whether the time did not reach all."""
    text = f"{names - read:,} of {names:,} names were not looked at within {every.SECONDS:g} s"
    return Finding("unread", 0, f"{text}: name each that you know of by itself. {FILLS}") if read < names else None


def _listed(desk: Desk, name: str) -> dict[str, Any]:
    try:
        whole = desk.whole(name)
        told = telling.shown(whole.entries, whole.found)
    except Refused as refused:  # which keeps nobody from the other records
        return {"name": name, "refused": str(refused)}
    del told["entries"], told["beside"]
    return {**told, "refused": None}


def _free(asked: Asked) -> Path:
    """Where the report goes. Raises Refused where something is there: people may have written into it."""
    file = Path(asked["out"] or f"incident-{_name(asked['incident'])}.md")
    if file.exists():
        raise Refused(f"There is {file} already, and people may have written into it. Name another file by --out.")
    return file


def _draft(desk: Desk, told: Reading, file: Path, without: Sequence[int] = ()) -> None:
    """Raises Refused."""
    entries = told.entries
    about = entries[0].about
    assert about
    book, every_review = desk.runbook(about.runbook), runbooks.every_review(desk.folder)
    text = report.drafted(entries, book, every_review, told.found, without, told.beside)
    try:
        file.write_text(text)
    except OSError as error:
        raise Refused(
            f"The report cannot be written to {file}: {error.strerror}. What was said is in the record: `./parapet "
            f"incident report {entries[0].incident} --out FILE`."
        ) from None


def _desk(asked: Asked) -> Desk:
    """Of who writes; who reads need not say who they are."""
    account = asked.get("account", "")
    if "account" in asked and not re.fullmatch(ACCOUNT, account):
        raise Refused(
            f"{account!r} is nobody's account. A record says who wrote it: give by --account the name that MLflow and "
            "approvers.yaml know you by, or set MLFLOW_TRACKING_USERNAME."
        )
    return replace(Desk.of(Path(asked["runbooks"]), account), notice=_notice)


def _notice(found: Finding) -> None:
    print(f"parapet: beside the record lies what is none of it, and is gone past: {found}", file=sys.stderr)


def _name(name: str) -> str:
    if not re.fullmatch(NAME, name):
        raise Refused("That is no incident's name: at most 50 of a-z, 0-9, dot and dash.")
    return name


def _instant(text: str | None, called: str) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None or not 2000 < found.year < 2999:
        raise Refused(f"--{called} is a time with its zone, such as 2026-11-30T20:05:00-06:00, of this century.")
    return found


def _say(asked: Asked, lines: list[str]) -> None:
    """As it comes, for people; programs are told all at once."""
    if lines and not asked["json"]:
        print("\n".join(lines), flush=True)


def _all(asked: Asked, values: object) -> int:
    if asked["json"]:
        print(json.dumps(values))
    return 0


def _tell(asked: Asked, values: object, lines: list[str]) -> None:
    print(json.dumps(values) if asked["json"] else "\n".join(lines))


def main() -> int:
    return program.run(STEPS, program.of_aws(RIGHTS))


if __name__ == "__main__":
    sys.exit(main())
