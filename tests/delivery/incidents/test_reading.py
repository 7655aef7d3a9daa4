"""One wrong object ends no record, by whomever it was put: what ends one is what was done to what lay there."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from delivery.incidents import report, telling
from delivery.incidents.desk import Desk
from delivery.incidents.entry import Entry, Evidence, Names, Severity, Struck, What
from delivery.incidents.reading import Reading
from delivery.registry.documents import canonical, moment, written
from delivery.registry.refused import Refused
from tests.delivery.incidents.test_record import ANSWERS, INCIDENT, gone, put, raw, stray, walked
from tests.delivery.incidents.world import NAME, WHY
from tests.delivery.registry.world import AUDIT

pytestmark = pytest.mark.data

OTHER = f"sha256:{'0' * 64}"


def entry(s3: Any, number: int, **fields: Any) -> Entry:
    """One that is there, with other fields."""
    return msgspec.structs.replace(msgspec.json.decode(raw(s3, number), type=Entry), **fields)


def after(s3: Any, number: int, **fields: Any) -> Entry:
    """What would follow the second entry: its words again."""
    second = entry(s3, 2)
    return msgspec.structs.replace(second, **{"sequence": number, "previous": second.digest, **fields})


def by_hand(s3: Any, **fields: Any) -> bytes:
    """The third entry, as no command writes one."""
    return msgspec.json.encode(after(s3, 3, **fields), order="sorted")


def shown(told: Reading) -> dict[str, Any]:
    return telling.shown(told.entries, told.found, told.beside)


def drafted(desk: Desk, told: Reading, *without: int) -> str:
    return report.drafted(told.entries, desk.runbook(NAME), [], told.found, without, told.beside)


def ahead(s3: Any, by: timedelta) -> dict[str, str]:
    return {"at": written(moment(entry(s3, 2).at) + by)}


WRONG: dict[str, tuple[Callable[[Any], Entry | bytes], int, str]] = {
    "follows another": (lambda s3: after(s3, 3, previous=OTHER), 3, "forked: entry 3 follows another one than that"),
    "follows the first": (lambda s3: after(s3, 3, previous=entry(s3, 1).digest), 3, "forked: entry 3 follows another"),
    "follows nothing": (lambda s3: after(s3, 3, previous=None), 3, "forked: entry 3 follows another one than that"),
    "spaced": (lambda s3: canonical(after(s3, 3)) + b" ", 3, "edited: entry 3 is not in the form that entries are"),
    "an hour ahead": (lambda s3: after(s3, 3, **ahead(s3, timedelta(hours=1))), 3, "unsound: entry 3 might not be"),
    "an hour ago": (lambda s3: after(s3, 3, **ahead(s3, timedelta(hours=-1))), 3, "unsound: entry 3 might not be"),
    "closed too early": (
        lambda s3: after(s3, 3, what=What.CLOSED, answers=ANSWERS),
        3,
        "unsound: entry 3 might not be",
    ),
    "declared again": (lambda s3: entry(s3, 1, sequence=3, previous=entry(s3, 2).digest), 3, "unsound: entry 3 might"),
    "a day that is none": (lambda s3: by_hand(s3, happened="2026-02-31T18:00:00Z"), 3, "foreign: entry 3 is none of"),
    "before all days": (lambda s3: by_hand(s3, happened="0001-01-01T00:00:00Z"), 3, "foreign: entry 3 is none of the"),
    "of lines": (lambda s3: by_hand(s3, text="Seen.\n   4  All is well."), 3, "foreign: entry 3 is none of the"),
    "far ahead": (
        lambda s3: after(s3, 99),
        99,
        "dropped: 96 of the entries 3 to 98 are gone, and later ones are there",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_an_entry_that_is_wrong_ends_no_record(desk: Desk, s3: Any, what: str) -> None:
    """Whoever may add one can write it by hand, and it lies there for six years."""
    told: list[str] = []
    desk = replace(desk, notice=lambda each: told.append(str(each)))
    made, number, says = WRONG[what]
    desk.start(NAME, WHY, name=INCIDENT)
    desk.log(INCIDENT, What.SEEN, "Only one ward is concerned.")
    wrong = made(s3)
    stray(s3, number, wrong if isinstance(wrong, bytes) else canonical(wrong))
    desk.log(INCIDENT, What.RECOVERED, "All calls are answered as before.")
    assert told[0].startswith(says), told
    closed = list(desk.close(INCIDENT, "It was the new version.", ANSWERS))
    whats = [What.DECLARED, What.SEEN, What.RECOVERED, What.CLOSED]
    assert [each.what for each in closed] == whats
    assert number not in [each.sequence for each in closed]
    told_of = desk.readable(INCIDENT)
    assert told_of.entries == desk.entries(INCIDENT) == closed
    (only,) = desk.examine(INCIDENT)[1]
    assert told_of.found == [only]
    assert only.kind == says.partition(":")[0]
    assert f"- {only.kind}: " in drafted(desk, told_of)


@pytest.mark.parametrize("what", ["closed before it began", "follows another"])
def test_a_wrong_entry_in_the_place_of_the_first_keeps_no_incident_from_being_declared(
    desk: Desk, s3: Any, what: str
) -> None:
    other = desk.start(NAME, WHY, name="other")
    fields: dict[str, Any] = {"previous": OTHER} if what == "follows another" else {"what": What.SEEN, "about": None}
    by_hand = msgspec.structs.replace(other, incident=INCIDENT, **fields)
    stray(s3, 1, canonical(by_hand))
    assert desk.start(NAME, WHY, name=INCIDENT).sequence == 2
    assert desk.log(INCIDENT, What.SEEN, "Only one ward is concerned.").sequence == 3
    assert len(desk.examine(INCIDENT)[1]) == 1


@pytest.mark.parametrize("without", ["about", "severity"])
def test_what_can_be_read_of_a_record_that_ends_begins_with_what_says_of_what_it_is(
    desk: Desk, s3: Any, without: str
) -> None:
    """Not with what somebody put under a lower number."""
    other = desk.start(NAME, WHY, name="other")
    stray(s3, 1, canonical(msgspec.structs.replace(other, incident=INCIDENT, **{without: None})))
    made = [desk.start(NAME, WHY, name=INCIDENT), desk.log(INCIDENT, What.SEEN, "Only one ward is concerned.")]
    put(s3, 3, raw(s3, 3), over=False)
    told = desk.readable(INCIDENT)
    assert told.entries == made
    assert shown(told)["severity"] == "page"


def test_whatever_is_put_behind_a_wrong_entry_is_gone_past_where_the_chain_is_whole_below_it(
    desk: Desk, s3: Any
) -> None:
    """A second chain that leaves the record where it still stands shows by itself that nothing of that is lost."""
    desk.start(NAME, WHY, name=INCIDENT)
    desk.log(INCIDENT, What.SEEN, "Only one ward is concerned.")
    first = after(s3, 3, previous=entry(s3, 1).digest)
    second = after(s3, 4, previous=first.digest, what=What.RECOVERED)
    stray(s3, 3, canonical(first))
    stray(s3, 4, canonical(second))
    assert desk.log(INCIDENT, What.SEEN, "It is the second ward too.").sequence == 5
    stray(s3, 6, canonical(after(s3, 6, previous=second.digest)))
    assert desk.log(INCIDENT, What.SEEN, "It is over, by the looks of it.").sequence == 7
    assert [(each.kind, each.sequence) for each in desk.examine(INCIDENT)[1]] == [("forked", n) for n in (3, 4, 6)]
    assert [each.sequence for each in desk.entries(INCIDENT)] == [1, 2, 5, 7]


PAIRS: dict[str, Callable[[Any], tuple[bytes, Entry]]] = {
    "spaced": lambda s3: (canonical(after(s3, 3)) + b"\n", after(s3, 4, previous=after(s3, 3).digest)),
    "follows another": lambda s3: (
        canonical(first := after(s3, 3, previous=OTHER)),
        after(s3, 4, previous=first.digest),
    ),
    "with a gap": lambda s3: (canonical(first := after(s3, 4, previous=OTHER)), after(s3, 5, previous=first.digest)),
    "unsound too": lambda s3: (
        canonical(first := after(s3, 3, previous=OTHER, **ahead(s3, timedelta(hours=1)))),
        after(s3, 4, previous=first.digest),
    ),
}


@pytest.mark.parametrize("later_first", [False, True])
@pytest.mark.parametrize("what", PAIRS)
def test_two_objects_of_which_one_names_the_other_end_no_record(
    desk: Desk, s3: Any, what: str, later_first: bool
) -> None:
    """They said by each other that something of the record was changed, for the six years that they lie there."""
    desk.start(NAME, WHY, name=INCIDENT)
    desk.log(INCIDENT, What.SEEN, "Only one ward is concerned.")
    raw_first, second = PAIRS[what](s3)
    pair = [(msgspec.json.decode(raw_first, type=Entry).sequence, raw_first), (second.sequence, canonical(second))]
    for number, content in reversed(pair) if later_first else pair:
        stray(s3, number, content)
    desk.log(INCIDENT, What.RECOVERED, "All calls are answered as before.")
    closed = list(desk.close(INCIDENT, "It was the new version.", ANSWERS))
    assert [each.what for each in closed] == [What.DECLARED, What.SEEN, What.RECOVERED, What.CLOSED]
    found = desk.examine(INCIDENT)[1]
    assert {number for number, _ in pair} <= {each.sequence for each in found} | {3}, "and both are told"
    told = desk.readable(INCIDENT)
    assert (told.entries, told.found) == (closed, found)
    assert {each.sequence for each in told.beside} == {number for number, _ in pair}


FORGED: dict[str, dict[str, Any]] = {
    "closed": {"what": What.CLOSED, "answers": {"serves": "The version that they forged."}},
    "recovered": {"what": What.RECOVERED},
    "mitigated": {"what": What.MITIGATED},
    "detected": {"what": What.DETECTED, "happened": "2020-01-01T00:00:00Z"},
    "severity": {"what": What.SEVERITY, "severity": Severity.TICKET},
    "told": {"what": What.TOLD, "told": "executives"},
    "kept": {"what": What.KEPT, "evidence": Evidence("s3://audit/forged.json")},
    "struck": {"what": What.STRUCK, "strikes": Struck(2, Names.NAME)},
    "declared": {"what": What.DECLARED, "severity": Severity.TICKET},
}


def test_what_lies_beside_the_chain_takes_no_part_in_what_is_told(desk: Desk, s3: Any) -> None:
    """By a pair of which the second names the first, an open incident was closed, no page any more, and an entry's
    words were left out, in `show` and in the report; `list` and `log` knew better."""
    first = desk.start(NAME, WHY, name=INCIDENT)
    made = [first, desk.log(INCIDENT, What.SEEN, "Only one ward is concerned.")]
    before, as_it_was = shown(desk.readable(INCIDENT)), drafted(desk, desk.readable(INCIDENT))
    before_that, words = OTHER, list[str]()
    for number, (what, fields) in enumerate(FORGED.items(), 3):
        words.append(f"The words of who forged {what}.")
        more = {"about": first.about} if what == "declared" else {}
        forged = after(s3, number, previous=before_that, text=words[-1], **fields, **more)
        stray(s3, number, canonical(forged))
        before_that = forged.digest
    told = desk.readable(INCIDENT)
    assert told.entries == made
    values = shown(told)
    lines = telling.shown_lines(values)
    assert f"    {telling.times_line(before)}" in lines
    assert [each["text"] for each in values.pop("beside")] == words
    assert values.pop("findings")
    assert values == {name: value for name, value in before.items() if name not in ("beside", "findings")}
    (place,) = (number for number, line in enumerate(lines) if line.startswith("Beside the chain"))
    assert all(each in "".join(lines[place:]) for each in words)
    assert "who forged" not in "".join(lines[:place])
    text = drafted(desk, told)
    (between,) = re.findall(r"(?s)## Beside the chain\n.*?(?=## )", text)
    assert all(each in between for each in words)
    rest = re.sub(r"(?s)\*\*The record does not hold\*\*.*?(?=\*\*No entry)", "", text.replace(between, ""))
    assert rest == as_it_was


def test_words_beside_the_chain_that_may_name_somebody_are_shown_to_nobody(desk: Desk, s3: Any) -> None:
    """What a command would refuse to write, and what somebody struck."""
    desk.start(NAME, WHY, name=INCIDENT)
    desk.log(INCIDENT, What.SEEN, "Only one ward is concerned.")
    first = after(s3, 3, previous=OTHER, text="It is about patient 4711, they say.")
    second = after(s3, 4, previous=first.digest, text="Smith of the ward saw it.")
    stray(s3, 3, canonical(first))
    stray(s3, 4, canonical(second))

    def everywhere(*without: int) -> list[str]:
        told = desk.readable(INCIDENT)
        lines = "\n".join(telling.shown_lines(shown(told)))
        return [lines, json.dumps(shown(told)), drafted(desk, told, *without)]

    for each in everywhere():
        assert "4711" not in each
        assert "Smith" in each
    assert "Smith" not in everywhere(4)[-1]
    with pytest.raises(Refused, match="has no entry 9"):
        desk.strike(INCIDENT, 9, Names.NAME, "By the privacy officer's word.")
    assert desk.strike(INCIDENT, 4, Names.NAME, "By the privacy officer's word.").sequence == 5
    for each in everywhere():
        assert "Smith" not in each
        assert "1 entry is struck, and shown without words: 4 by mia (entry 5 says why)" in each
        assert "Only one ward is concerned." in each
    assert not [each for each in desk.examine(INCIDENT)[1] if each.sequence == 5]


def test_a_pair_in_the_place_of_the_first_two_keeps_no_incident_from_being_declared(desk: Desk, s3: Any) -> None:
    other = desk.start(NAME, WHY, name="other")
    first = msgspec.structs.replace(other, incident=INCIDENT, previous=OTHER)
    stray(s3, 1, canonical(first))
    stray(s3, 2, canonical(msgspec.structs.replace(first, sequence=2, previous=first.digest, what=What.SEEN)))
    assert desk.start(NAME, WHY, name=INCIDENT).sequence == 3
    assert [each.sequence for each in desk.examine(INCIDENT)[1]] == [1, 2]


def test_a_break_below_entries_that_follow_is_told_with_all_that_can_be_read(desk: Desk, s3: Any) -> None:
    """Either something of the record is not as it was, which its lock lets nobody do, or somebody put what says so."""
    walked(desk)
    put(s3, 5, canonical(entry(s3, 5, text="Another line, without a name.")))
    found = desk.examine(INCIDENT)[1]
    assert [(each.kind, each.sequence) for each in found] == [("forked", 6), ("forked", 7)]
    told = desk.readable(INCIDENT)
    assert [each.sequence for each in told.entries] == [1, 2, 3, 4, 5]
    assert [each.sequence for each in told.beside] == [6, 7]


# What somebody has looked into


def known(desk: Desk) -> Any:
    kept, found = desk.examine(INCIDENT)
    return telling.verified(INCIDENT, kept, found)["known"]


@pytest.mark.parametrize("over", ["a stray object", "an entry that was written twice"])
def test_what_somebody_knows_of_is_what_lay_there_then(desk: Desk, s3: Any, over: str) -> None:
    walked(desk)
    if over == "a stray object":
        s3.put_object(Bucket=AUDIT, Key=f"incidents/{INCIDENT}/notes.txt", Body=b"By hand.")
    else:
        s3.put_object(Bucket=AUDIT, Key=f"incidents/{INCIDENT}/00000003.json", Body=raw(s3, 3))
    before = known(desk)
    assert known(desk) == before
    last = entry(s3, 7)
    stray(
        s3,
        8,
        canonical(msgspec.structs.replace(last, sequence=8, previous=last.digest, what=What.REVIEWED, answers={})),
    )
    assert known(desk) != before, "an entry that might follow"
    before = known(desk)
    s3.put_object(Bucket=AUDIT, Key=f"incidents/{INCIDENT}/00000008.json", Body=raw(s3, 8))
    assert known(desk) != before, "the same bytes again"
    before = known(desk)
    s3.delete_object(Bucket=AUDIT, Key=f"incidents/{INCIDENT}/00000008.json")
    assert known(desk) != before


def test_what_follows_a_break_is_looked_at_too(desk: Desk, s3: Any) -> None:
    """Somebody knows of the break; what is chained behind it, and might not be, is told by itself."""
    walked(desk)
    s3.put_object(Bucket=AUDIT, Key=f"incidents/{INCIDENT}/00000003.json", Body=raw(s3, 3))
    last = entry(s3, 7)
    again = msgspec.structs.replace(last, sequence=8, previous=last.digest)
    stray(s3, 8, canonical(again))
    old = msgspec.structs.replace(
        again, sequence=9, what=What.REVIEWED, answers={}, at="2020-01-01T00:00:00Z", happened="2020-01-01T00:00:00Z"
    )
    stray(s3, 9, canonical(old))
    found = desk.examine(INCIDENT)[1]
    assert [(each.kind, each.sequence) for each in found] == [("forked", 3), ("unsound", 8), ("unsound", 9)]
    assert "is closed" in found[1].text
    assert "2020-01-01" in found[2].text


def test_of_a_record_without_its_beginning_the_rest_is_told(desk: Desk, s3: Any) -> None:
    walked(desk)
    s3.delete_object(Bucket=AUDIT, Key=f"incidents/{INCIDENT}/00000001.json")
    assert [(each.kind, each.sequence) for each in desk.examine(INCIDENT)[1]] == [("dropped", 1)]
    gone(s3, 2)
    assert [(each.kind, each.sequence) for each in desk.examine(INCIDENT)[1]][:2] == [("dropped", 1), ("dropped", 2)]
