"""A record tells who did what and when, in an order that nobody changes; what somebody tampered with says so."""

import json
import re
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from markdown_it import MarkdownIt

from delivery.incidents import every, record, report, rules, telling
from delivery.incidents.desk import Desk
from delivery.incidents.entry import Entry, Names, Struck, What
from delivery.incidents.kept import LARGEST
from delivery.incidents.owners import Boundary
from delivery.incidents.places import evidence
from delivery.incidents.record import Record
from delivery.registry import chain
from delivery.registry.chain import Finding
from delivery.registry.documents import canonical, plain
from delivery.registry.refused import Broken, Lost, Refused
from tests.delivery.incidents import world
from tests.delivery.incidents.world import NAME, WHY
from tests.delivery.registry.world import AUDIT

pytestmark = pytest.mark.data

INCIDENT = "worse-today"
ANSWERS = {"serves": "The version before, as its canary shows.", "told": "The wards were told by their desk."}
EVIDENCE = {"place": "s3://audit/cloudtrail/2026/11/30/1.json.gz", "digest": None}


def walked(desk: Desk) -> list[Entry]:
    """An incident from its beginning to its end."""
    desk.start(NAME, WHY, name=INCIDENT, model="readmission", version="7", alert="0123456789abcdef")
    desk.log(INCIDENT, What.DECIDED, "We go back to the version before.")
    desk.log(INCIDENT, What.KEPT, "The trail of this hour.", evidence=EVIDENCE)
    desk.log(INCIDENT, What.TOLD, "One line, without a name.", told="executives")
    desk.log(INCIDENT, What.MITIGATED, "No call goes to the new version any more.")
    desk.log(INCIDENT, What.RECOVERED, "All calls are answered as before.")
    return list(desk.close(INCIDENT, "It was the new version.", ANSWERS))


def test_a_record_has_who_did_what_from_beginning_to_end(desk: Desk, s3: Any) -> None:
    made = walked(desk)
    assert [each.what for each in made] == [
        *(What.DECLARED, What.DECIDED, What.KEPT, What.TOLD, What.MITIGATED, What.RECOVERED, What.CLOSED)
    ]
    about = made[0].about
    assert about
    assert (about.boundary, about.team, about.model, about.version) == ("model", "Machine learning", "readmission", "7")
    assert made[0].who.account == "mia"
    assert made[0].who.role.startswith("arn:aws:sts::123456789012:")
    assert [each.previous for each in made] == [None, *(each.digest for each in made[:-1])]
    assert desk.entries(INCIDENT) == made
    assert not desk.examine(INCIDENT)[1]
    kept = s3.head_object(Bucket=AUDIT, Key=f"incidents/{INCIDENT}/00000001.json")
    assert kept["ObjectLockMode"] == "COMPLIANCE"
    assert kept["ObjectLockRetainUntilDate"] > datetime.now(UTC) + timedelta(days=6 * 365 - 3)


def test_a_review_may_be_told_of_afterwards_and_nothing_else(desk: Desk) -> None:
    walked(desk)
    with pytest.raises(Refused, match=r"is closed. What was found since goes into its review"):
        desk.log(INCIDENT, What.SEEN, "It is back, by the looks of it.")
    with pytest.raises(Refused, match="is closed"):
        desk.close(INCIDENT, "It was the new version.", ANSWERS)
    desk.log(INCIDENT, What.REVIEWED, "The actions are in the tracker.")
    assert not desk.examine(INCIDENT)[1]


@pytest.mark.parametrize(
    ("what", "fields", "says"),
    [
        (What.REVIEWED, {}, "is not closed: it is reviewed afterwards"),
        (What.CLOSED, {}, "by a command of its own"),
        (What.DECLARED, {}, "by a command of its own"),
        (What.TOLD, {}, "was told has told beside its text, and this has nothing"),
        (What.DONE, {"told": "executives"}, "was done has nothing beside its text, and this has told"),
        (What.TOLD, {"told": "the press"}, "is not as it must be: Invalid enum value"),
        (What.SEVERITY, {}, "was severity has severity beside its text"),
        (What.KEPT, {"evidence": {"place": "a drawer in my office"}}, "is not as it must be"),
        (What.SEEN, {"happened": datetime.now(UTC) + timedelta(hours=1)}, "the record has nothing of the future"),
    ],
)
def test_what_may_not_follow_is_not_written(desk: Desk, what: What, fields: dict[str, Any], says: str) -> None:
    desk.start(NAME, WHY, name=INCIDENT)
    with pytest.raises(Refused) as refused:
        desk.log(INCIDENT, what, "Something or other.", **fields)
    assert says in str(refused.value)
    assert len(desk.entries(INCIDENT)) == 1


def test_it_ends_by_what_its_runbook_asks_and_not_before_all_is_as_it_was(desk: Desk) -> None:
    desk.start(NAME, WHY, name=INCIDENT)
    with pytest.raises(Refused, match="Nobody has said that worse-today is recovered"):
        desk.close(INCIDENT, "It was the new version.", ANSWERS)
    desk.log(INCIDENT, What.RECOVERED, "All calls are answered as before.")
    with pytest.raises(Refused, match=r"asks for more:\n    told: Who was told that it is over\?"):
        desk.close(INCIDENT, "It was the new version.", {"serves": ANSWERS["serves"]})
    with pytest.raises(Refused, match="Nobody asks for more; the runbook asks for serves, told"):
        desk.close(INCIDENT, "It was the new version.", {**ANSWERS, "more": "And this."})
    closed = desk.close(INCIDENT, "It was the new version.", ANSWERS)[-1]
    assert closed.answers == ANSWERS


def test_times_are_told_from_when_it_was_detected(desk: Desk, folder: Path) -> None:
    begun = datetime.now(UTC) - timedelta(hours=2)
    desk.start(NAME, WHY, name=INCIDENT, detected=begun)
    assert report.seconds(desk.entries(INCIDENT))["mitigated"] is None
    desk.log(INCIDENT, What.MITIGATED, "No call goes there any more.", begun + timedelta(minutes=30))
    desk.log(INCIDENT, What.RECOVERED, "All is as it was before.", begun + timedelta(minutes=90))
    desk.log(INCIDENT, What.RECOVERED, "It had come back, and is over.", begun + timedelta(minutes=100))
    found = report.seconds(desk.entries(INCIDENT))
    assert (found["mitigated"], found["recovered"], found["closed"]) == (1800, 6000, None)
    assert 7195 <= (found["declared"] or 0) <= 7230


@pytest.mark.parametrize(
    ("detected", "by", "clocks"),
    [
        ("2026-11-01T20:00:00-05:00", "2026-12-31", "by the clocks at UTC-05:00"),
        ("2026-11-02T01:00:00+00:00", "2026-12-31", "by clocks at UTC-12:00, where it is the earliest day"),
        ("2026-11-02T09:00:00+10:00", "2027-01-01", "by the clocks at UTC+10:00"),
        ("2026-01-31T23:59:00-06:00", "2026-04-01", "by the clocks at UTC-06:00"),
    ],
)
def test_the_last_day_for_notices_counts_the_days_of_where_it_was_known(
    desk: Desk, detected: str, by: str, clocks: str
) -> None:
    """In an American evening UTC has the next day already."""
    late = replace(desk, now=lambda: datetime(2027, 1, 30, tzinfo=UTC))
    made = late.start(NAME, WHY, name=INCIDENT, detected=datetime.fromisoformat(detected))
    told = telling.shown([made])
    assert told["noticesBy"] == by
    assert told["noticesCounted"].endswith(clocks)
    assert f"by {by} at the latest (164.404(b); days are counted" in report.drafted([made], desk.runbook(NAME), [])


def test_who_knew_earlier_moves_the_last_day_and_every_time(desk: Desk) -> None:
    """The usual course: a nurse had known for weeks, as somebody finds out afterwards."""
    desk.start(NAME, WHY, name=INCIDENT)
    early = datetime.now(UTC).replace(microsecond=0) - timedelta(days=21)
    with pytest.raises(Refused, match="Give by --happened when somebody knew"):
        desk.log(INCIDENT, What.DETECTED, "A nurse knew, and told nobody.")
    desk.log(INCIDENT, What.DETECTED, "A nurse knew, and told nobody.", early)
    desk.log(INCIDENT, What.DETECTED, "The ward's desk knew, a day later.", early + timedelta(days=1))
    desk.log(INCIDENT, What.MITIGATED, "It was stopped before anybody told.", early + timedelta(hours=1))
    told = telling.shown(desk.entries(INCIDENT))
    assert told["noticesBy"] == f"{early - timedelta(hours=12) + timedelta(days=60):%Y-%m-%d}"
    assert told["times"]["detected"] == f"{early:%Y-%m-%dT%H:%M:%SZ}"
    assert told["seconds"]["mitigated"] == 3600
    assert not desk.examine(INCIDENT)[1]


def test_an_incident_is_called_by_the_day_of_who_types(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        monkeypatch.setenv("TZ", "America/Chicago")
        time.tzset()
        evening = replace(desk, now=lambda: datetime(2026, 12, 1, 2, tzinfo=UTC))
        assert evening.start(NAME, WHY).incident == f"{NAME}-20261130"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_what_follows_another_entry_is_not_before_it(desk: Desk, folder: Path, s3: Any) -> None:
    """Of two people's clocks one is behind; and who writes by hand sets no time at will."""
    begun = world.desk(folder, after=timedelta(minutes=5)).start(NAME, WHY, name=INCIDENT)
    assert desk.log(INCIDENT, What.SEEN, "Only one ward is concerned.").at == begun.at
    assert not desk.examine(INCIDENT)[1]
    for written in (begun.at.replace("20", "19", 1), begun.at.replace("20", "21", 1)):
        later = msgspec.structs.replace(begun, at=written, happened=written)
        with pytest.raises(Refused, match="the entry before it is of" if written < begun.at else "is declared already"):
            rules.check([begun], later)


def test_nothing_is_over_before_it_was_known_nor_known_in_the_future(desk: Desk) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    with pytest.raises(Refused, match="give when somebody knew"):
        desk.start(NAME, WHY, name=INCIDENT, detected=later)
    desk.start(NAME, WHY, name=INCIDENT)
    with pytest.raises(Refused, match="it cannot be recovered before that"):
        desk.log(INCIDENT, What.RECOVERED, "All is as it was before.", later - timedelta(hours=2))
    desk.log(INCIDENT, What.SEEN, "A nurse had noticed it before.", later - timedelta(hours=2))


def test_another_boundary_than_the_runbooks_has_another_owner(desk: Desk) -> None:
    about = desk.start(NAME, WHY, name=INCIDENT, boundary=Boundary.CLINICAL).about
    assert about
    assert (about.boundary, about.team) == ("clinical", "Clinical informatics")


def test_the_report_is_drafted_from_the_record_and_leaves_open_what_people_say(desk: Desk, folder: Path) -> None:
    made = walked(desk)
    text = report.drafted(made, desk.runbook(NAME), ["Who knew first, and by what?"])
    for says in (
        "# A model is worse: worse-today",
        "| Severity | page |",
        "| Boundary and owner | model, Machine learning |",
        f"| Record | 7 entries, the last {made[-1].digest} |",
        "| recovered | ",
        "| Which version serves, and what shows that it is well? | The version before, as its canary shows. |",
        "| s3://audit/cloudtrail/2026/11/30/1.json.gz |  | The trail of this hour. |",
        "### Who knew first, and by what?\n\n_To be written._",
        "### Did the rollback take long?",
    ):
        assert says in text, says
    (folder / f"{NAME}.md").write_text(world.runbook(Trigger="Another one."))
    assert "| Runbook | of-tests (changed since) |" in report.drafted(made, desk.runbook(NAME), [])
    early = report.drafted(made[:1], desk.runbook(NAME), [])
    assert "| mitigated | not yet | not yet |" in early
    assert "| Who was told that it is over? | _To be written._ |" in early


HOSTILE = (
    *("<!-- Calls fail.", "Calls fail. <details><xmp><plaintext><style>", "<https://evil.example> calls fail."),
    *(
        "``` Calls fail.",
        "~~~ Calls fail.",
        "Calls `fail` and ~~fail~~.",
        "# Calls fail.",
        "> Calls fail.",
        "- Calls fail.",
    ),
    *("1. Calls fail.", "1) Calls fail.", "+ Calls fail.", "=== Calls fail.", "--- Calls fail.", "    Calls fail."),
    *("![](https://evil.example/p.png)", "[Sign in again](https://evil.example)", "[Calls][fail] [Calls]: /fail"),
    *("Go to https://evil.example now.", "Go to www.evil.example now.", "Write to HTTP://evil.example now."),
    *("*Calls* _fail_ **all** __day__.", "Calls \\*fail\\* and &lt;b&gt; &amp; &#60;i&#62;.", "Calls fail \\"),
    *(
        "Nothing here \\| closed | mia",
        "Nothing here \\\\| closed \\\\\\| mia",
        "| --- | --- | --- |",
        "Calls_fail at 5 * 6 * 7 = 210!",
    ),
)


def rendered(text: str) -> tuple[str, list[list[str]], set[str]]:
    """What a page says where no cell does, the cells of each row, and of what kinds its parts are."""
    beside, rows, kinds, cell = list[str](), list[list[str]](), set[str](), False
    for each in MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text):
        kinds |= {each.type, *(child.type for child in each.children or ())}
        if each.type == "tr_open":
            rows.append([])
        if each.type == "inline":
            (rows[-1] if cell else beside).append("".join(child.content for child in each.children or ()))
        cell = each.type in ("td_open", "th_open")
    return "\n".join(beside), rows, kinds


def test_no_words_of_an_entry_are_more_than_words_in_the_report(desk: Desk) -> None:
    """In a page of Markdown a comment, a block of code or a fold goes on to the end, an image calls out as somebody
    opens it, and what ends a cell hides or forges the rest of its row."""
    first = desk.start(NAME, WHY, name=INCIDENT)
    plainly = rendered(report.drafted([first], desk.runbook(NAME), []))[2]
    for words in HOSTILE:
        made = [msgspec.structs.replace(first, text=words), msgspec.structs.replace(first, sequence=2, text=words)]
        found = [Finding("foreign", 0, f"the object {words}")]
        page = report.drafted(made, desk.runbook(NAME), [], found)
        assert not re.search(r"(?i)https?://|www\.", page), "which some make a link by themselves"
        text, rows, kinds = rendered(page)
        said = " ".join(words.split()) if words.startswith(" ") else words
        assert text.count(said) == 2, (words, text)
        told = [row for row in rows if row[-1] == said]
        assert [len(row) for row in told] == [4, 4], (words, rows)
        assert kinds <= plainly | {"bullet_list_open", "bullet_list_close", "list_item_open", "list_item_close"}, words


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("notes/film.mp4", "notes/film.mp4"),
        ("x<textarea>.json", "'x<textarea>.json'"),
        ("b](https://evil.example) **The record holds.**", "'b](https://evil.example) **The record holds.**'"),
        (
            "is none of the record's, and all is well; the object a",
            '"is none of the record\'s, and all is well; the object a"',
        ),
        ("n" * 61, f"'{'n' * 60}' and 1 more"),
        ("\x1b[2J", "'\\x1b[2J'"),
        ("\u202egnp", "'\\u202egnp'"),
    ],
)
def test_a_name_that_anybody_may_give_is_a_name_and_no_sentence(name: str, shown: str) -> None:
    assert chain.shown(name) == shown


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("The log has Jane's number 415-555-0199 in it.", "a number of six digits or more", "0199"),
        ("It began with patient 81 and went on.", "a record's number", "81"),
        ("Somebody wrote to jane@example.org about it.", "an e-mail address", "jane"),
        ("It was seen by Mrs. Doe at her desk.", "somebody's name with a title", "Doe"),
        ("She came in on 14 March and left.", "a date", "March"),
        ("Patient Maria Gonzalez was told of it.", "a patient's name", "Gonzalez"),
        ("It is of somebody aged 94, they say.", "somebody's age", "94"),
        ("It came from a 94-year-old, they say.", "somebody's age", "94"),
        ("It hangs at the door of room 312 now.", "a room or bed", "312"),
    ],
)
def test_what_names_somebody_is_refused_by_its_place_and_kind_alone(
    desk: Desk, s3: Any, text: str, kind: str, value: str
) -> None:
    desk.start(NAME, WHY, name=INCIDENT)
    desk.log(INCIDENT, What.RECOVERED, "All is as it was before.")
    for ask, called in (
        (lambda: desk.start(NAME, text, name="other"), "The text has"),
        (lambda: desk.log(INCIDENT, What.SEEN, text), "The text has"),
        (lambda: desk.close(INCIDENT, "It is over now.", {**ANSWERS, "told": text}), "The answer to told has"),
    ):
        with pytest.raises(Refused) as refused:
            ask()
        assert f"{called} {kind}" in str(refused.value)
        assert "(word " in str(refused.value)
        assert value not in str(refused.value)
    assert [each.what for each in desk.entries(INCIDENT)] == [What.DECLARED, What.RECOVERED]
    assert not world.objects(s3, "other")


def test_a_name_of_an_incident_names_nobody_either(desk: Desk) -> None:
    with pytest.raises(Refused, match="The incident's name has a number of six digits or more"):
        desk.start(NAME, WHY, name="mrn-00123456")
    assert desk.start(NAME, WHY).incident == f"{NAME}-{datetime.now():%Y%m%d}"


def test_of_two_who_write_at_once_one_is_told_how_to_go_on(desk: Desk, folder: Path) -> None:
    """The other writes between this one's reading and its writing."""
    other = world.desk(folder, "otto")

    def meanwhile(asks: Callable[[], object]) -> Desk:
        def role() -> str:
            asks()
            return desk.role()

        return replace(desk, role=role)

    begun = meanwhile(lambda: other.start(NAME, WHY, name=INCIDENT))
    with pytest.raises(Lost, match=r"at the same time, and was first: otto, entry 1, declared. Yours is not written"):
        begun.start(NAME, "Calls fail since this morning.", name=INCIDENT)
    logged = meanwhile(lambda: other.log(INCIDENT, What.SEEN, "Only one ward is concerned."))
    with pytest.raises(Lost, match=r"otto, entry 2, seen. .*Look at `./parapet incident show worse-today`, and say it"):
        logged.log(INCIDENT, What.DONE, "We went back to the version before.")
    with pytest.raises(Refused, match=r"There is an incident worse-today since .*, by otto. Join it by"):
        desk.start(NAME, WHY, name=INCIDENT)
    assert [each.who.account for each in desk.entries(INCIDENT)] == ["otto", "otto"]
    desk.log(INCIDENT, What.DONE, "We went back to the version before.")
    assert not desk.examine(INCIDENT)[1]


def test_an_answer_that_is_lost_on_its_way_writes_nothing_twice(desk: Desk) -> None:
    first = desk.start(NAME, WHY, name=INCIDENT)
    Record(desk.s3, desk.audit, INCIDENT).append(first)
    assert [each.versions for each in desk.examine(INCIDENT)[0]] == [1]


def raw(s3: Any, sequence: int) -> bytes:
    return world.objects(s3, INCIDENT)[f"incidents/{INCIDENT}/{sequence:08d}.json"]


def put(s3: Any, sequence: int, content: bytes, *, over: bool = True) -> None:
    """As whoever can do more than the bucket lets anybody."""
    name = f"incidents/{INCIDENT}/{sequence:08d}.json"
    if over:
        gone(s3, sequence)
    s3.put_object(Bucket=AUDIT, Key=name, Body=content)


def gone(s3: Any, sequence: int) -> None:
    for each in s3.list_object_versions(Bucket=AUDIT, Prefix=f"incidents/{INCIDENT}/{sequence:08d}")["Versions"]:
        named = {"Bucket": AUDIT, "Key": each["Key"], "VersionId": each["VersionId"]}
        s3.put_object_retention(**named, Retention={}, BypassGovernanceRetention=True)
        s3.delete_object(**named)


def edited(s3: Any) -> None:
    put(s3, 2, raw(s3, 2).replace(b"We go back", b"We go ahead"))


def spaced(s3: Any) -> None:
    put(s3, 2, json.dumps(json.loads(raw(s3, 2))).encode())


def reordered(s3: Any) -> None:
    second, third = raw(s3, 2), raw(s3, 3)
    put(s3, 2, third)
    put(s3, 3, second)


def of_another(s3: Any) -> None:
    told = msgspec.json.decode(raw(s3, 3), type=Entry)
    put(s3, 3, canonical(msgspec.structs.replace(told, incident="other")))


def of_the_future(s3: Any) -> None:
    told = msgspec.json.decode(raw(s3, 7), type=Entry)
    put(s3, 7, canonical(msgspec.structs.replace(told, at="2090-01-01T00:00:00Z", happened="2090-01-01T00:00:00Z")))


def closed_early(s3: Any) -> None:
    """Chained as it should be, by whoever may write."""
    before, told = (msgspec.json.decode(raw(s3, each), type=Entry) for each in (6, 7))
    for each in (6, 7):
        gone(s3, each)
    put(s3, 6, canonical(msgspec.structs.replace(told, sequence=6, previous=before.previous)), over=False)


def dated_back(s3: Any) -> None:
    told = msgspec.json.decode(raw(s3, 7), type=Entry)
    put(s3, 7, canonical(msgspec.structs.replace(told, at="2026-01-01T00:00:00Z", happened="2026-01-01T00:00:00Z")))


def hidden(s3: Any) -> None:
    s3.delete_object(Bucket=AUDIT, Key=f"incidents/{INCIDENT}/00000007.json")


def again(s3: Any) -> None:
    put(s3, 3, raw(s3, 3), over=False)


ENDS = (hidden, again)
"""What S3 itself says. Of all else nothing shows that it was not put there by who may add an entry (`test_reading.py`):
what lies there can be read, and is gone past."""


@pytest.mark.parametrize(
    ("attack", "found"),
    [
        (edited, ("forked", 3)),
        (spaced, ("edited", 2)),
        (lambda s3: gone(s3, 2), ("dropped", 2)),
        (hidden, ("dropped", 7)),
        (reordered, ("reordered", 2)),
        (again, ("forked", 3)),
        (of_another, ("foreign", 3)),
        (lambda s3: s3.put_object(Bucket=AUDIT, Key=f"incidents/{INCIDENT}/a.json", Body=b"{}"), ("foreign", 0)),
        (closed_early, ("unsound", 6)),
        (dated_back, ("unsound", 7)),
        (of_the_future, ("unsound", 7)),
    ],
    ids=["edited", "spaced", "dropped", "hidden", "reordered", "again", "foreign", "beside", "early", "dated", "ahead"],
)
def test_what_was_done_to_a_record_is_found(
    desk: Desk, s3: Any, attack: Callable[[Any], None], found: tuple[str, int]
) -> None:
    walked(desk)
    attack(s3)
    kept, amiss = desk.examine(INCIDENT)
    assert (amiss[0].kind, amiss[0].sequence) == found
    told = telling.verified_lines(telling.verified(INCIDENT, kept, amiss))
    assert told[0] == "worse-today does not hold:"
    if attack in ENDS:
        with pytest.raises(Broken, match="The record of worse-today does not hold, and nothing more is written"):
            desk.log(INCIDENT, What.REVIEWED, "The actions are in the tracker.")
    told_of = desk.readable(INCIDENT)
    assert told_of.found == amiss
    assert f"- {amiss[0].kind}: " in report.drafted(told_of.entries, desk.runbook(NAME), [], told_of.found)
    lines = telling.shown_lines(telling.shown(told_of.entries, told_of.found, told_of.beside))
    assert lines[:2] == ["worse-today does not hold; this is what can be read of it:", f"    {amiss[0]}"]
    assert any("One line, without a name." in line for line in lines) or found[1] == 3
    desk.start(NAME, WHY, name="another")
    assert not desk.examine("another")[1], "one that does not hold keeps nobody from the others"


def test_an_object_beside_the_entries_ends_no_record(desk: Desk, s3: Any) -> None:
    """By mistake, or by who wants none: a name is known beforehand, and what was put is there for six years."""
    s3.put_object(Bucket=AUDIT, Key=f"incidents/{INCIDENT}/notes.txt", Body=b"By hand.")
    desk.start(NAME, WHY, name=INCIDENT)
    desk.log(INCIDENT, What.SEEN, "Only one ward is concerned.")
    assert [each.kind for each in desk.examine(INCIDENT)[1]] == ["foreign"]
    assert [each.what for each in desk.entries(INCIDENT)] == [What.DECLARED, What.SEEN]


def stray(s3: Any, sequence: int, content: bytes) -> None:
    """As whoever may add an entry can put it."""
    s3.put_object(Bucket=AUDIT, Key=f"incidents/{INCIDENT}/{sequence:08d}.json", Body=content, IfNoneMatch="*")


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"x" * (LARGEST + 1), f"foreign: entry {{}} has {LARGEST + 1} bytes, and none has more than {LARGEST}"),
        (b"By hand.", "foreign: entry {} is none of the record's"),
        (None, "reordered: entry 1 is in the place of {}"),
        ("other", "foreign: entry {} is of the record of other"),
    ],
    ids=["large", "by hand", "a copy", "of another"],
)
def test_an_object_in_an_entrys_place_ends_no_record(
    desk: Desk, s3: Any, content: bytes | str | None, found: str
) -> None:
    """Whoever may add an entry can put one, before the record begins and at numbers to come: what is sound goes on, is
    shown and reported, and what is amiss is told each time."""
    told: list[str] = []
    desk = replace(desk, notice=lambda each: told.append(str(each)))

    def put(sequence: int) -> None:
        if isinstance(content, bytes):
            return stray(s3, sequence, content)
        entry = msgspec.json.decode(raw(s3, 1), type=Entry)
        return stray(s3, sequence, canonical(msgspec.structs.replace(entry, incident=content or INCIDENT)))

    amiss = [found.format(each) for each in (3, 99_999_999)]
    if isinstance(content, bytes):
        put(1)
        amiss.insert(0, found.format(1))
    first = desk.start(NAME, WHY, name=INCIDENT).sequence
    assert first == (2 if isinstance(content, bytes) else 1)
    put(3)
    put(99_999_999)
    seen = desk.log(INCIDENT, What.SEEN, "Only one ward is concerned.")
    assert seen.sequence == (4 if first == 2 else 2)
    desk.log(INCIDENT, What.RECOVERED, "All calls are answered as before.")
    assert told[-len(amiss) :] == amiss
    made = list(desk.close(INCIDENT, "It was the new version.", ANSWERS))
    assert [each.what for each in made] == [What.DECLARED, What.SEEN, What.RECOVERED, What.CLOSED]
    assert desk.entries(INCIDENT) == made
    readable = desk.readable(INCIDENT)
    entries, why = readable.entries, readable.found
    assert (entries, [str(each) for each in why]) == (made, amiss)
    text = report.drafted(entries, desk.runbook(NAME), [], why)
    assert f"- {amiss[0]}" in text
    assert "| Record | 4 entries, the last" in text
    assert [str(each) for each in desk.examine(INCIDENT)[1]] == amiss, "`verify` ends with 3"
    assert amiss[0] in str(telling.shown_lines(telling.shown(entries, why)))
    (line,) = telling.list_lines([{**telling.shown(made, why), "refused": None}])
    assert line.endswith(f"; look at `./parapet incident verify {INCIDENT}`")


def test_what_was_done_to_an_entry_is_not_gone_past_for_what_lies_beside_it(desk: Desk, s3: Any) -> None:
    """An object that anybody may put hides nothing that nobody may do."""
    stray(s3, 3, b"By hand.")
    walked(desk)
    edited(s3)
    found = desk.examine(INCIDENT)[1]
    assert [(each.kind, each.sequence) for each in found] == [("foreign", 3), *(("forked", n) for n in range(4, 9))]
    told = desk.readable(INCIDENT)
    assert len(told.entries) + len(told.beside) == 7, "all that is in its own place"
    for each in (2, 3, 5):
        gone(s3, each)
    assert [str(each) for each in desk.examine(INCIDENT)[1] if each.kind == "dropped"] == [
        "dropped: 2 of the entries 2 to 3 are gone, and later ones are there",
        "dropped: entry 5 is gone, and later ones are there",
    ]


def test_an_unsound_entry_is_not_hidden_by_an_object_beside_it(desk: Desk, s3: Any) -> None:
    walked(desk)
    dated_back(s3)
    s3.put_object(Bucket=AUDIT, Key=f"incidents/{INCIDENT}/notes.txt", Body=b"By hand.")
    assert [each.kind for each in desk.examine(INCIDENT)[1]] == ["foreign", "unsound"]


def test_words_that_name_somebody_are_shown_to_nobody_any_more(desk: Desk, s3: Any) -> None:
    """The object stays as it is: no lock of the bucket's is opened for it."""
    desk.start(NAME, "Smith of the ward called us.", name=INCIDENT)
    desk.log(INCIDENT, What.KEPT, "What Smith saw.", evidence={"place": "s3://audit/smith.json", "digest": None})
    desk.log(INCIDENT, What.RECOVERED, "All calls are answered as before.")
    made = desk.close(INCIDENT, "It is over now.", {**ANSWERS, "told": "Smith was told by the desk."})
    before = raw(s3, 1)
    for number in (1, 2, 4):
        struck = desk.strike(INCIDENT, number, Names.NAME, "By the privacy officer's word.")
        assert (struck.what, struck.strikes) == (What.STRUCK, Struck(number, Names.NAME))
    readable = desk.readable(INCIDENT)
    entries, found = readable.entries, readable.found
    assert (found, entries[: len(made)], raw(s3, 1)) == ([], list(made), before)
    told = telling.shown(entries)
    for shown in (
        json.dumps(told),
        "\n".join(telling.shown_lines(told)),
        report.drafted(entries, desk.runbook(NAME), []),
    ):
        assert "smith" not in shown.lower()
        assert "By the privacy officer's word." in shown
        assert "It is over now." not in shown, "an entry is struck as a whole"
        assert "All calls are answered as before." in shown
    assert [each["digest"] for each in told["entries"]] == [each.digest for each in entries]
    assert any("struck entry 2 (name): By the privacy" in line for line in telling.shown_lines(told))
    with pytest.raises(Refused, match=r"worse-today has no entry 9: `\./parapet incident show worse-today`"):
        desk.strike(INCIDENT, 9, Names.NAME, "By the privacy officer's word.")
    with pytest.raises(Refused, match="was seen has nothing beside its text, and this has strikes"):
        desk.log(INCIDENT, What.SEEN, "Only one ward is concerned.", strikes=Struck(1, Names.NAME))


def test_an_entry_of_before_is_the_same_document(desk: Desk) -> None:
    """A field that it has not is not written: the digests of records that are locked would be others."""
    assert b"strikes" not in canonical(desk.start(NAME, WHY, name=INCIDENT))


def test_a_record_that_was_deleted_as_a_whole_is_told(desk: Desk, s3: Any) -> None:
    """Whoever may delete hides objects; their versions stay."""
    walked(desk)
    for name in world.objects(s3, INCIDENT):
        s3.delete_object(Bucket=AUDIT, Key=name)
    assert desk.names().names == [INCIDENT]
    assert {each.kind for each in desk.examine(INCIDENT)[1]} == {"dropped"}


@pytest.mark.parametrize(("limit", "reads"), [("MOST", 8), ("BYTES", 7)])
def test_a_record_that_somebody_fills_is_read_as_far_as_it_was_one(
    desk: Desk, s3: Any, monkeypatch: pytest.MonkeyPatch, limit: str, reads: int
) -> None:
    """Whoever may write into one may put millions of objects: what was written before is shown and reported all the
    same, and each command reads no more than so many."""
    made = walked(desk)
    monkeypatch.setattr(*{"MOST": (chain, "MOST", 7), "BYTES": (record, "BYTES", 20_000)}[limit])
    assert len(desk.entries(INCIDENT)) == 7
    s3.put_object(Bucket=AUDIT, Key=f"incidents/{INCIDENT}/!", Body=b"")
    s3.put_object(Bucket=AUDIT, Key=f"incidents/{INCIDENT}/00000099.json", Body=b"x" * 20_000)
    asked = list[str]()
    desk.s3.meta.events.register("before-call.s3.GetObject", lambda **_: asked.append("read"))
    readable = desk.readable(INCIDENT)
    entries, found = readable.entries, readable.found
    assert (entries, len(asked)) == (made, reads)
    (filled,) = (each for each in found if each.kind == "filled")
    assert f"- {filled}" in report.drafted(entries, desk.runbook(NAME), [], found)
    assert filled in desk.examine(INCIDENT)[1]
    for ask in (desk.entries, lambda name: desk.log(name, What.REVIEWED, "The actions are in the tracker.")):
        with pytest.raises(Broken, match=rf"(?s)filled: s3://.*/{INCIDENT}/ has more than .* go on in a new one"):
            ask(INCIDENT)
    with pytest.raises(Refused, match=r"there was a record \(filled: .*another --name"):
        desk.start(NAME, WHY, name=INCIDENT)


def test_of_many_incidents_the_last_names_are_told_and_no_listing_is_without_end(
    desk: Desk, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(25):
        s3.put_object(Bucket=AUDIT, Key=f"incidents/of-{number:02d}/00000001.json", Body=b"")
    with pytest.raises(Refused, match=r"there are: of-05, .*, of-24 and 5 before these\."):
        desk.entries("none")
    for each in ("!", *(f"!{number}\u2028{number}" for number in range(chain.SHOWN))):
        s3.put_object(Bucket=AUDIT, Key=f"incidents/{each}/00000001.json", Body=b"")
    there = desk.names()
    assert (len(there.names), {each.kind for each in there.found}) == (25, {"foreign"})
    assert str(there.found[-1]).startswith("foreign: 1 more such, the last of them: ")
    assert str(there.found).isprintable()
    monkeypatch.setattr(chain, "MOST", 24)
    assert any(str(each).startswith("filled: s3://audit-records/incidents/ has more") for each in desk.names().found)
    assert desk.names("of-21").names == ["of-22", "of-23", "of-24"], "those behind are told, however many come before"
    assert not desk.names("of-24").names


@pytest.mark.parametrize(("few", "order"), [(5, "abcde"), (4, "ebdca")])
def test_of_many_records_the_newest_are_read_first_and_as_they_come_for_so_long_and_no_longer(
    monkeypatch: pytest.MonkeyPatch, few: int, order: str
) -> None:
    """Ten thousand names of somebody's took ten minutes with not a word said, and no true one had its turn."""
    monkeypatch.setattr(every, "FEW", few)
    monkeypatch.setattr(every, "AT_ONCE", 1)
    clock, read = [0.0], list[str]()
    monkeypatch.setattr(every.time, "monotonic", lambda: clock[0])
    days = dict(zip("abcde", (1, 4, 2, 3, 5), strict=True))

    def ask(name: str) -> str:
        read.append(name)
        clock[0] += 60
        return name.upper()

    found = every.each("abcde", lambda name: datetime(2026, 11, days[name], tzinfo=UTC), ask)
    assert next(found) == (order[0], order[0].upper())
    assert read == [order[0]], "it is told before the next one is read"
    assert [name for name, _ in found] == [*order[1:4]], "three minutes, and one that was begun"


def test_who_asks_for_what_is_not_there_is_told_what_is(desk: Desk) -> None:
    with pytest.raises(Refused, match="There is no incident worse-today; there are: none yet"):
        desk.entries(INCIDENT)
    with pytest.raises(Refused, match=r"There is no runbook 'none' in .*; there are of-tests"):
        desk.start("none", WHY)
    with pytest.raises(Refused, match=r"PARAPET_AUDIT_BUCKET is not set: the stack's output buckets.audit"):
        Desk.of(desk.folder, "mia", {})


TODAY = date(2026, 11, 30)


def test_the_place_of_evidence_names_nobody(tmp_path: Path) -> None:
    (file := tmp_path / "trail.json").write_bytes(b"{}")
    found = evidence("s3://audit/evidence/trail.json", file, TODAY)
    assert found["digest"] == "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    for place in (
        *("s3://intake/mrn0012", "s3://intake/jane@example.org/1", "s3://PHI/patients/48817263/1957-03-02-SMITH.json"),
        *("s3://PHI/patients/1957-03-02.json", "s3://PHI/patients/4881726.json", "s3://PHI/19570302.json"),
    ):
        with pytest.raises(Refused, match=r"The place has an? .* in it") as refused:
            evidence(place, None, TODAY)
        assert "1957" not in str(refused.value)
    # What Pulumi puts behind a name: of any seven digits and letters, of which six in a row are digits now and then.
    for place in ("s3://parapet-artifacts-f564986/reports/", "s3://audit-1234567/a", "/parapet/trail-123456a/STREAM"):
        assert evidence(place, None, TODAY)["place"] == place
    for place in ("s3://parapet-artifacts-f564986/1234567/", "/parapet/trail-1234567/STREAM", "s3://48817263/a"):
        with pytest.raises(Refused, match="a number of six digits or more"):
            evidence(place, None, TODAY)
    with pytest.raises(Refused, match=r"The evidence .* cannot be read: No such file"):
        evidence("s3://audit/evidence/trail.json", tmp_path / "gone", TODAY)
    with pytest.raises(Refused, match=r"The place has a character that no place has.* name a bucket with its prefix"):
        evidence("a drawer in my office", None, TODAY)


def test_a_file_is_kept_beside_the_records_once(desk: Desk, s3: Any, tmp_path: Path) -> None:
    """Whoever was killed in between does it again; nobody puts another in its place."""
    desk.start(NAME, WHY, name=INCIDENT)
    (file := tmp_path / "calls.json").write_bytes(b"{}")
    for _ in range(2):
        told = desk.keep(INCIDENT, file, "All calls since it was out.").evidence
        assert told
        assert told.place == f"s3://{AUDIT}/evidence/{INCIDENT}/calls.json"
    kept = s3.head_object(Bucket=AUDIT, Key=f"evidence/{INCIDENT}/calls.json")
    assert (kept["ObjectLockMode"], kept["ContentLength"]) == ("COMPLIANCE", 2)
    file.write_bytes(b"[]")
    with pytest.raises(Refused, match=r"Another file is kept as calls\.json"):
        desk.keep(INCIDENT, file, "All calls since it was out.")
    (named := tmp_path / "mrn0012.json").write_bytes(b"{}")
    for given, text in ((named, "All calls since it was out."), (file, "Of patient 81 alone.")):
        with pytest.raises(Refused, match="record's number"):
            desk.keep(INCIDENT, given, text)
    assert len(desk.entries(INCIDENT)) == 3
    assert not desk.examine(INCIDENT)[1]


@pytest.mark.parametrize(
    "place",
    [
        "/parapet-prod/mlflow-audit",
        "/aws/eks/parapet-prod/cluster/kube-apiserver-audit-0123456789abcdef0123456789abcdef",
        "/aws/lambda/rotate/2026/11/30/[$LATEST]58419c1e58419c1e58419c1e58419c1e",
        "arn:aws:logs:us-east-1:111122223333:log-group:/parapet-prod/mlflow-audit",
        "s3://parapet-prod-audit/AWSLogs/111122223333/CloudTrail/us-east-1/2026/11/30/"
        "111122223333_CloudTrail_us-east-1_20261130T0705Z_Ab1.json.gz",
        "arn:aws:ec2:us-east-1:111122223333:instance/i-0123456789abcdef0",
        "s3://PHI/predictions/model=readmission/day=2026-11-30/",
        "incidents/degraded-model-20261130/",
        "runs/12345678-1234-1234-1234-123456789012/",
    ],
)
def test_what_the_platform_writes_is_a_place(place: str, desk: Desk) -> None:
    desk.start(NAME, WHY, name=INCIDENT)
    told = desk.log(INCIDENT, What.KEPT, "What was found there.", evidence=evidence(place, None, TODAY))
    assert told.evidence
    assert told.evidence.place == place


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("The notices are due by 2027-01-29.", True),
        ("The notices are due by 29 January 2027.", True),
        ("It lacks from 2026-11-30T07:05Z to 2026-11-30T09:00Z.", True),
        ("MLflow 2.17.0 writes it no more, by INC0012345.", True),
        ("The node ip-10-20-3-4 with i-0123456789abcdef0 is gone.", True),
        ("It was seen on 1957-03-02 at the desk.", False),
        ("The notices are due by 29 January.", False),
        ("The patient came on 2026-11-29 to the ward.", False),
        ("She was admitted on 2026-11-29, as it says.", False),
        ("The number is 0012345 in our list.", False),
    ],
)
def test_an_answer_may_have_days_of_the_incident_and_names_of_machines(desk: Desk, text: str, taken: bool) -> None:
    """What a runbook asks for must be sayable."""
    desk.start(NAME, WHY, name=INCIDENT, detected=datetime(2026, 11, 30, tzinfo=UTC))
    if taken:
        assert desk.answer(INCIDENT, "told", text) == text
        return
    with pytest.raises(Refused, match=r"A day of the incident is written like 2027-01-29, with its year"):
        desk.answer(INCIDENT, "told", text)


def test_no_answer_of_a_runbook_is_one_that_could_not_be_given() -> None:
    """Of what each asks for, with what people say then."""
    for text in ("Until 2027-11-01, by the check of 2026-11-30.", "From 2026-11-30T01:00Z to 2026-11-30T02:10Z."):
        assert plain(text, "answer", "the record", since=date(2025, 11, 30)) == text
