"""What is kept of a check, whoever else keeps one, and wherever it is killed."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import boto3
import pytest
import requests
from botocore.exceptions import ClientError
from moto import mock_aws
from msgspec import structs

from delivery.monitoring.alerting.advancing import begin
from delivery.monitoring.alerting.declared import declared
from delivery.monitoring.alerting.documents import Figures, State, read_state
from delivery.monitoring.daily import answering, keeping, settings
from delivery.monitoring.daily.places import Place
from delivery.monitoring.found import Check
from delivery.registry.documents import moment, written
from delivery.registry.refused import Lost, Refused
from mlops.monitoring import words
from tests.delivery.monitoring.alert_checks import FAIR, day

MODEL = "readmission@3"
DAY = timedelta(days=1)


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="reports")
        yield Place.of(s3, settings.Place("s3://reports/reports/model=readmission"))


def checked(number: int, later: timedelta = timedelta(), **chances: float) -> Check:
    """Of a day, by whole days as the program has them; so much later."""
    made = day(number, model=MODEL, **chances)
    end = moment(made.at) + later
    return structs.replace(made, start=written(end - DAY), end=written(end), at=written(end))


def keep(place: Place, check: Check) -> State:
    keeping.report(place, check)
    return keeping.advanced(place, check, None, declared(), DAY, Figures()).state


def kept(place: Place) -> State:
    found = place.get(keeping.STATE, 1 << 20)
    assert found
    return read_state(found.raw)


def names(place: Place) -> list[str]:
    return [each.name.rpartition("/")[2] for each in place.list()]


def test_a_job_that_is_started_anew_is_no_second_window_that_says_the_same(place: Place) -> None:
    odd = {"data__sodium": FAIR}
    first = keep(place, checked(1, **odd))
    again = keep(place, checked(1, timedelta(minutes=7), **odd))
    assert (again.windows, again.evidence) == (first.windows, first.evidence) == (1, again.evidence)
    next_day = keep(place, checked(2, timedelta(minutes=-20), **odd))
    assert next_day.windows == 2
    assert next_day.evidence["data:sodium"].weight > first.evidence["data:sodium"].weight
    assert len([each for each in names(place) if each.endswith(".json")]) == 4, "each look is there to be read"


class Meanwhile(Place):
    """Of which somebody else keeps a check before each of our first puts of the state."""

    others: list[Callable[[], Any]]

    def put(self, name: str, raw: bytes, instead: str | None = None) -> bool:
        if name == keeping.STATE and self.others:
            self.others.pop(0)()
        return super().put(name, raw, instead)


def beside(place: Place, *others: Callable[[], Any]) -> Meanwhile:
    made = Meanwhile(place.s3, place.told)
    object.__setattr__(made, "others", list(others))
    return made


@pytest.mark.parametrize("there", [False, True])
def test_of_two_at_once_none_is_lost(place: Place, there: bool) -> None:
    """Of the same day both say the same, and it counts once; of two versions, each is known."""
    if there:
        keep(place, checked(1))
    odd = {"data__sodium": FAIR}
    found = keep(beside(place, lambda: keep(place, checked(2, **odd))), checked(2, timedelta(seconds=3), **odd))
    assert found == kept(place)
    assert found.windows == 1 + there
    assert found.evidence["data:sodium"].streak == 1
    canary = structs.replace(checked(2, **odd), model="readmission@4")
    keep(beside(place, lambda: keep(place, canary)), checked(3))
    assert {each.model for each in (kept(place), *kept(place).beside)} == {MODEL, "readmission@4"}


class AsItsRole:
    """S3 as it answers a role that may list a prefix alone: of a name that is not there it says what it says of one
    that may not be read (Amazon S3 API Reference, GetObject: 404 takes s3:ListBucket, and this request has no prefix
    by which the role has it)."""

    def __init__(self, s3: Any) -> None:
        self._s3 = s3

    def __getattr__(self, name: str) -> Any:
        return getattr(self._s3, name)

    def get_object(self, **asked: Any) -> Any:
        try:
            return self._s3.get_object(**asked)
        except self._s3.exceptions.NoSuchKey:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": ""}}, "GetObject") from None


def test_the_first_check_of_a_model_knows_that_there_is_no_state_yet(place: Place) -> None:
    mine = Place(AsItsRole(place.s3), place.told)
    assert keep(mine, checked(1)).windows == 1
    assert keep(mine, checked(2)).windows == 2


def test_who_is_never_first_ends_and_says_so(place: Place) -> None:
    def changed() -> None:
        place.s3.put_object(Bucket="reports", Key="reports/model=readmission/state.json", Body=next(states))

    checks = (checked(number, data__sodium=FAIR) for number in range(1, 9))
    states = (structs.replace(begin(each), until=each.end, since=each.start, windows=1).raw for each in checks)
    with pytest.raises(Lost, match=r"state.json was written by others 5 times"):
        keep(beside(place, *[changed] * 9), checked(40))


@pytest.mark.parametrize("killed_at", range(3))
def test_killed_before_any_of_its_writes_the_next_one_makes_it_whole(place: Place, killed_at: int) -> None:
    keep(place, checked(1))
    writes = iter(range(9))

    class Killed(Place):
        def put(self, name: str, raw: bytes, instead: str | None = None) -> bool:
            if next(writes) == killed_at:
                raise KeyboardInterrupt
            return super().put(name, raw, instead)

    odd = {"data__sodium": FAIR}
    with pytest.raises(KeyboardInterrupt):
        keep(Killed(place.s3, place.told), checked(2, **odd))
    assert kept(place).windows == 1
    found = keep(place, checked(2, timedelta(minutes=1), **odd))
    assert (found.windows, found.evidence["data:sodium"].streak) == (2, 1)
    there = names(place)
    assert [each for each in there if each.startswith("check-020100")] == ["check-020100.html", "check-020100.json"]


def test_a_state_that_cannot_be_read_is_told_with_what_to_do(place: Place) -> None:
    keep(place, checked(1))
    place.s3.put_object(Bucket="reports", Key="reports/model=readmission/state.json", Body=b'{"model": "MRN-4711"}')
    with pytest.raises(
        Refused, match=r"state.json cannot be gone on from: .* take it away: then all alerts"
    ) as refused:
        keep(place, checked(2))
    assert "4711" not in str(refused.value)


@pytest.mark.parametrize("what", ["until", "moved", "gathers", "heard", "lately", "began", "another version's"])
def test_a_state_of_a_time_to_come_ends_no_check_well(place: Place, what: str) -> None:
    """Each day it would say that the window was looked at already, for ever."""
    for number in (1, 2):
        keep(place, checked(number, data__sodium=1e-9))
    state, later = kept(place), "2999-01-01T00:00:00Z"
    assert keeping.before(place, MODEL, state.reference, moment(checked(3).at)) == (state, None)
    (opened,) = state.open
    changed: dict[str, dict[str, Any]] = {
        "heard": {"figures": Figures(heard=later)},
        "lately": {"lately": [later]},
        "began": {"open": [structs.replace(opened, alert=structs.replace(opened.alert, began=later))]},
        "another version's": {"beside": [structs.replace(state, model="readmission@4", until=later)]},
    }
    raw = structs.replace(state, **changed.get(what, {what: later})).raw
    place.s3.put_object(Bucket="reports", Key="reports/model=readmission/state.json", Body=raw)
    with pytest.raises(Refused, match=r"state.json cannot be gone on from: .* has not come, 2999-.* or take it away"):
        keeping.before(place, MODEL, state.reference, moment(checked(3).at))


def test_what_came_of_it_is_told_to_who_asks_for_as_long_as_it_is_to_be() -> None:
    told: list[tuple[int, str]] = []

    def ask(port: int) -> None:
        url = f"http://127.0.0.1:{port}"
        for path in ("/metrics", "/", "/metrics/../state"):
            answer = requests.get(url + path, timeout=5)
            told.append((answer.status_code, answer.text if answer.ok else ""))

    answering.answer("rows 7\n", settings.Metrics("127.0.0.1", 0, 0.0), ask)
    assert told == [(200, "rows 7\n"), (404, ""), (404, "")]
    assert answering.SUCCEEDED == words.SUCCEEDED
    asked = [words.SEEN, words.ELSEWHERE, words.OUTCOMES, words.JOINED, words.CALLERS, words.UNREAD]
    assert [name for name, _ in answering.FIGURES.values()] == asked
    assert [name for name, _ in (answering.HEARD, answering.DUE)] == [words.OUTCOMES_AGE, words.OUTCOMES_DUE]


def test_it_waits_until_it_was_asked_often_enough_and_no_longer_than_it_may() -> None:
    """Prometheus is started anew in the minute after a check."""
    waits = settings.Metrics("127.0.0.1", 0, seconds=0.0, times=2, most_seconds=30.0)

    def later(port: int) -> None:
        for _ in range(2):
            answered.append(requests.get(f"http://127.0.0.1:{port}/metrics", timeout=5).status_code)

    answered: list[int] = []
    begun = time.monotonic()
    answering.answer("rows 7\n", waits, lambda port: threading.Timer(0.3, later, (port,)).start())
    assert answered[0] == 200
    assert 0.3 <= time.monotonic() - begun < 20
    once = structs.replace(waits, most_seconds=0.3)
    answering.answer("rows 7\n", once, lambda port: requests.get(f"http://127.0.0.1:{port}/metrics", timeout=5))
    with pytest.raises(Refused, match=r"Nobody asked for what the check found, for 0.3 seconds"):
        answering.answer("rows 7\n", once, lambda port: requests.get(f"http://127.0.0.1:{port}/", timeout=5))


def test_a_page_opens_in_a_browser(place: Place) -> None:
    keeping.report(place, checked(1))
    kinds = {
        each.name.rpartition(".")[2]: place.s3.head_object(
            Bucket="reports", Key=f"reports/model=readmission/{each.name}"
        )["ContentType"]
        for each in place.list()
    }
    assert kinds == {"html": "text/html; charset=utf-8", "json": "application/json"}
