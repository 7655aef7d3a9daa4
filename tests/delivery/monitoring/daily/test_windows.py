"""Each row of the log is looked at once, however late it or its check comes; and what nobody looks at is told."""

import json
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from delivery.monitoring.alerting.declared import GATHERED
from delivery.monitoring.daily import __main__ as daily
from delivery.monitoring.daily import keeping, predictions, settings
from delivery.monitoring.daily.places import Place
from delivery.monitoring.daily.span import HELD, Span, early, ending
from delivery.monitoring.found import Check
from delivery.registry.documents import read
from delivery.registry.refused import Refused
from tests.delivery.monitoring.daily.world import ARTIFACTS, DAY, END, NAME, PHI, VERSION, World, asked, log

pytestmark = [pytest.mark.data]

REPORTS = f"reports/model={NAME}/"
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def looked(world: World, end: datetime = END) -> tuple[Check, str]:
    """The report, and what Prometheus is told."""
    text = daily.checked(settings.load(world.configuration()), end, world.s3)
    return read(world.get(f"{REPORTS}date={end:%Y-%m-%d}/check-{end:%H%M%S}.json"), Check, "the report"), text


def figure(text: str, metric: str) -> int:
    (found,) = (line.rpartition(" ")[2] for line in text.splitlines() if line.startswith(f"parapet_monitor_{metric}{{"))
    return int(found)


@pytest.mark.parametrize(
    ("now", "seconds", "end"),
    [
        ("2026-11-30 20:04:59", 86_400, "2026-11-30 19:00:00"),
        ("2026-11-30 20:10:00", 86_400, "2026-11-30 20:00:00"),
        ("2026-11-30 20:59:59", 86_400, "2026-11-30 20:00:00"),
        ("2026-11-30 20:04:59", 14, "2026-11-30 20:04:58"),
    ],
)
def test_a_window_ends_at_a_whole_hour_that_servers_hold_nothing_of_any_more(now: str, seconds: int, end: str) -> None:
    told = ending(datetime.fromisoformat(f"{now}Z"), timedelta(seconds=seconds))
    assert f"{told:%Y-%m-%d %H:%M:%S}" == end


def test_a_second_check_of_the_same_hours_looks_at_nothing() -> None:
    assert early(END, END, DAY)
    assert early(END, END + 17 * HOUR, DAY)
    assert not early(END, END + 18 * HOUR, DAY)
    assert not early(END, END + timedelta(seconds=11), timedelta(seconds=14))


def test_each_row_is_in_one_window_and_in_no_two(world: World) -> None:
    """Of a server that writes each ten minutes and for three hours could not, over checks that came late, not at all,
    and by hand."""
    held = (END - 10 * HOUR, END - 7 * HOUR)
    written = set[str]()
    for number in range(0, 4 * 144, 5):
        begun = END - DAY + number * 10 * MINUTE
        at = np.array([(begun + place * 50 * MINUTE / 8).timestamp() for place in range(8)])
        last = begun + 50 * MINUTE
        came = held[1] if held[0] <= last < held[1] else last
        world.log_file(log(asked(8, number), at, 8 * number), float(at[0]), f"{number:032x}", came)
        written |= {f"request-{8 * number + place}" for place in range(0, 8, 2)}
    place = Place.of(world.s3, settings.Place(f"s3://{PHI}/predictions/model={NAME}"))
    promoted = Place(world.s3, f"s3://{ARTIFACTS}/models/{NAME}/prod")
    known = predictions.days(place, promoted, VERSION, END)[0][VERSION]
    until, seen = None, Counter[str]()
    checks = [END - 9 * HOUR, END - 8 * HOUR, END, END + 2 * DAY + 3 * HOUR, END + 3 * DAY - HOUR, END + 5 * DAY]
    for now in checks:
        end = ending(now + HELD + timedelta(minutes=7), DAY)
        span = Span.after(until, end, DAY, now)
        for table in predictions.tables(place, VERSION, known, span, ()):
            seen.update(table["_parapet_request"].to_pylist())
        until = end
    assert {each for each, times in seen.items() if times != 2} == set(), "each has two rows"
    assert set(seen) == written


def test_a_window_goes_back_to_the_last_one_and_no_further_than_a_week(world: World) -> None:
    world.serve(asked(60, 41), files=1)
    looked(world)
    world.serve(asked(60, 42), END + DAY, files=1, first=1_000)
    world.serve(asked(60, 43), END + 2 * DAY, files=1, first=2_000)
    check, _ = looked(world, END + 2 * DAY)
    assert (check.start, check.end, check.rows) == ("2026-11-30T03:00:00Z", "2026-12-02T03:00:00Z", 120)
    later, _ = looked(world, END + 11 * DAY)
    assert (later.start, later.rows) == ("2026-12-04T03:00:00Z", 0)
    assert "From 2026-12-02 03:00 to 2026-12-04 03:00 nothing was looked at." in later.notes


def test_rows_that_are_too_few_are_gathered_until_they_are_enough(world: World) -> None:
    """Of a ward that asks a few times a day: judged every third day, and on the others nobody is told of anything."""
    told = []
    for number in range(5):
        matrix = asked(12, 60 + number)
        matrix[:, 1] += 60
        world.serve(matrix, END + number * DAY, files=1, first=1_000 * number)
        check, text = looked(world, END + number * DAY)
        told.append((check.start, check.rows, check.kind, figure(text, "rows")))
        assert any("are gathered: the next window begins where this one does" in each for each in check.notes) == (
            not check.enough
        )
    assert told == [
        ("2026-11-29T03:00:00Z", 12, "none", 12),
        ("2026-11-29T03:00:00Z", 24, "none", 24),
        ("2026-11-29T03:00:00Z", 36, "data", 36),
        ("2026-12-02T03:00:00Z", 12, "none", 12),
        ("2026-12-02T03:00:00Z", 24, "none", 24),
    ]


def test_rows_are_gathered_for_a_month_at_most() -> None:
    long_ago = END - 40 * DAY
    assert Span.after(END - DAY, END, DAY, gathers=END - 9 * DAY).start == END - 9 * DAY
    assert Span.after(END - DAY, END, DAY, gathers=long_ago).start == END - GATHERED * DAY
    assert Span.after(END - HOUR, END, HOUR, gathers=long_ago).start == END - HOUR


def test_a_check_soon_after_another_writes_no_report_and_says_what_that_one_did(
    world: World, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two reports a minute apart would tell of one row."""
    matrix = asked(900, 44)
    matrix[:, 2] = matrix[:, 2] * 9 / 5 + 32
    world.serve(matrix)
    world.log_bytes(b"PAR1 MRN-4711", (END - HOUR).timestamp(), "ab", END - HOUR / 2)
    told: list[str] = []
    monkeypatch.setattr(daily.answering, "answer", lambda text, where: told.append(text))
    monkeypatch.setattr(daily.time, "time", lambda: 1_796_000_000.0)
    for minutes in (15, 16, 8 * 60):

        class Clock(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> datetime:
                return END + minutes * MINUTE  # noqa: B023 (it is asked at once)

        monkeypatch.setattr(daily, "datetime", Clock)
        assert daily.main([str(world.configuration())]) == 0
    assert len([each for each in world.names(REPORTS) if each.startswith("date=") and each.endswith(".json")]) == 1
    # But for how long no outcome has come: that goes on.
    same = [[each for each in text.splitlines() if "outcomes_age" not in each] for text in told]
    assert same[0] == same[1] == same[2]
    assert figure(told[2], "files_unread") == 1
    assert f'parapet_monitor_drift{{model="{NAME}",kind="schema",severity="page"}} 1' in told[2]
    first, *others = capfd.readouterr().out.splitlines()
    assert "900 rows, 1 files left out, drift of kind schema" in first
    says = f"{NAME}@3: looked at until 2026-11-30 03:00:00; the next window may end from 2026-11-30 21:00:00 on"
    assert [each.startswith(says) for each in others] == [True, True]


def test_rows_of_versions_that_nobody_checks_are_counted_and_told(world: World) -> None:
    """Of a Rollout that waits: the new version has the check, the one before nearly all calls."""
    world.serve(asked(60, 45), files=1)
    world.serve(asked(900, 46), first=10_000, version="2")
    world.serve(asked(900, 47), END - 2 * DAY, first=20_000, version="1")
    world.log_bytes(b"PAR1 MRN-4711", (END - HOUR).timestamp(), "ab", END - HOUR / 2, version="2")
    check, text = looked(world)
    assert (check.rows, figure(text, "rows_seen"), figure(text, "rows_elsewhere")) == (60, 60, 900)
    assert figure(text, "files_unread") == 1
    assert "900 rows are answers of versions 2, which nobody looked at here." in check.notes


def test_the_alerts_are_told_which_other_versions_answered_in_the_window(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = list[tuple[str, ...]]()
    advance = keeping.advance

    def heard(*given: Any) -> Any:
        told.append(tuple(given[4]))
        return advance(*given)

    monkeypatch.setattr(keeping, "advance", heard)
    world.serve(asked(60, 45), files=1)
    world.serve(asked(4, 46), first=10_000, files=1, version="2")
    world.serve(asked(4, 47), END - 2 * DAY, files=1, first=20_000, version="1")
    looked(world)
    assert told == [(f"{NAME}@2",)]


def test_versions_that_were_never_promoted_are_not_asked_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model's pod may write under any number: each was a list, one after the other, and no check came to an end."""
    world.serve(asked(60, 57), files=1)
    world.serve(asked(60, 58), files=1, first=10_000, version="2")
    for number in range(1_000, 1_040):
        world.put(PHI, f"predictions/model={NAME}/version={number}/date=2001-01-01/a", b"")
    below: list[str] = []
    folders = Place.folders
    monkeypatch.setattr(
        Place, "folders", lambda self, name="", after="": below.append(name) or folders(self, name, after)
    )
    monkeypatch.setattr(predictions, "MOST", 30)
    check, text = looked(world)
    assert below == ["", "version=3/date=", "version=2/date=", ""]
    assert (figure(text, "rows_seen"), figure(text, "rows_elsewhere")) == (60, 60)
    assert [each for each in check.notes if "never promoted" in each] == [
        "The log has rows of 30 versions that were never promoted, which are not looked at."
    ]


def test_what_was_written_late_is_looked_at_once_and_told(world: World) -> None:
    """A bucket took nothing for three hours before the last window's end."""
    then = END - 3 * HOUR
    at = np.linspace(then.timestamp(), END.timestamp() - 60, 60)
    world.serve(asked(60, 48), files=1)
    looked(world)
    world.log_file(log(asked(60, 49), at, 5_000), float(at[0]), "c" * 32, END + HOUR)
    check, _ = looked(world, END + DAY)
    assert check.rows == 60
    assert "60 rows were written late: they are of a time before the window." in check.notes


def test_the_names_of_reports_are_of_their_windows_alone(world: World) -> None:
    """A check that was killed before it kept the state writes the same name again, and S3 keeps the first."""
    world.serve(asked(60, 50), files=1)
    looked(world)
    first = world.get(f"{REPORTS}date={END:%Y-%m-%d}/check-030000.json")
    world.s3.delete_object(Bucket=ARTIFACTS, Key=f"{REPORTS}state.json")
    world.serve(asked(60, 51), files=1, first=9_000)
    looked(world)
    assert world.get(f"{REPORTS}date={END:%Y-%m-%d}/check-030000.json") == first


def test_no_state_of_a_time_to_come_keeps_a_check_from_looking(world: World) -> None:
    world.serve(asked(60, 5))
    looked(world)
    state = json.loads(world.get(f"{REPORTS}state.json"))
    state |= {"until": "2999-01-01T00:00:00Z", "moved": None, "rows": 51_234}
    world.s3.put_object(Bucket=ARTIFACTS, Key=f"{REPORTS}state.json", Body=json.dumps(state))
    with pytest.raises(Refused, match=r"state.json cannot be gone on from"):
        looked(world, END + DAY)
