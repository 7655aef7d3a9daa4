"""What the daily check tells of the pipeline that makes its model."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from moto import mock_aws
from moto.s3.models import s3_backends

from delivery.monitoring.daily import pipeline
from delivery.monitoring.daily.places import AHEAD, Listed, Place
from delivery.monitoring.runs import STEPS, STOPS, Event, Said, Word
from delivery.registry.documents import canonical
from mlops.monitoring import words

pytestmark = pytest.mark.data

NOW = datetime(2026, 11, 30, 20, 0, tzinfo=UTC)
BUCKET, MODEL, ACCOUNT = "models-of-the-hospital", "readmission", "123456789012"


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        yield Place(s3, f"s3://{BUCKET}/runs/model={MODEL}")


def left(
    place: Place,
    hours_ago: float,
    step: str,
    word: Word,
    late_after: int = 0,
    run: str = "one",
    registered: str = f"{MODEL}-dev:7",
) -> None:
    at = NOW - timedelta(hours=hours_ago)
    brought = registered if (step, word) == ("register", Word.DONE) else ""
    said = Said("parapet-run-step/1", run, step, word, registered=brought, late_after=late_after)
    assert place.put(Event(at, run, step, word).name, canonical(said))


def lines(text: str) -> dict[str, str]:
    return dict(each.rsplit(" ", 1) for each in text.splitlines() if not each.startswith("#"))  # type: ignore[misc]


def test_of_a_model_that_the_pipeline_never_made_here_nothing_is_told(place: Place) -> None:
    place.put("notes.txt", b"MRN-4711")
    assert pipeline.told(MODEL, place, NOW) == ""


def test_age_failure_step_and_latency_are_told_by_the_words_of_the_rules(place: Place) -> None:
    left(place, 40, "ingest", Word.BEGUN, late_after=30)
    left(place, 39.5, "ingest", Word.DONE)
    left(place, 39.25, "register", Word.BEGUN)
    left(place, 39, "register", Word.DONE)
    text = pipeline.told(MODEL, place, NOW)
    told = lines(text)
    of = f'model="{MODEL}"'
    assert told[f"{words.PIPELINE_AGE}{{{of}}}"] == str(39 * 3600)
    assert told[f"{words.PIPELINE_DUE}{{{of}}}"] == str(30 * 3600)
    assert told[f"{words.PIPELINE_SECONDS}{{{of}}}"] == "3600"
    assert told[f'{words.STEP_SECONDS}{{{of},step="ingest"}}'] == "1800"
    assert {told[f'{words.PIPELINE_FAILED}{{{of},step="{each}"}}'] for each in STEPS} == {"0"}
    assert {told[f'{words.PIPELINE_STOPPED}{{{of},why="{each}"}}'] for each in STOPS} == {"0"}
    assert {each.split()[2] for each in text.splitlines() if each.startswith("# TYPE")} == {
        each for each in words.SHOWN if "_pipeline_" in each
    }
    assert len(told) < 40
    assert (words.STEPS, words.STOPS) == (STEPS, STOPS), "Prometheus keeps no other"


def test_a_run_that_failed_before_any_registered_a_model_has_no_age(place: Place) -> None:
    left(place, 2, "ingest", Word.BEGUN)
    left(place, 1, "ingest", Word.REFUSED)
    told = lines(pipeline.told(MODEL, place, NOW))
    assert [name for name in told if name.startswith((words.PIPELINE_AGE, words.PIPELINE_DUE))] == []
    assert [name for name, value in told.items() if value == "1"] == [
        f'{words.PIPELINE_FAILURES}{{model="{MODEL}"}}',
        f'{words.PIPELINE_FAILED}{{model="{MODEL}",step="ingest"}}',
        f'{words.PIPELINE_STOPPED}{{model="{MODEL}",why="refused"}}',
    ]


def put(place: Place, name: str, raw: bytes, hours_ago: float = 1) -> None:
    """As if it came then, by S3's clock."""
    place.put(name, raw)
    key = s3_backends[ACCOUNT]["aws"].buckets[BUCKET].keys[f"runs/model={MODEL}/{name}"]
    key.last_modified = (NOW - timedelta(hours=hours_ago)).replace(tzinfo=None)


def unread(text: str) -> str:
    return lines(text)[f'{words.PIPELINE_UNREAD}{{model="{MODEL}"}}']


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b'{"late_after": "MRN-4711"}', id="of other values"),
        pytest.param(b"{}", id="of none"),
        pytest.param(b"x" * (pipeline.LARGEST + 1), id="longer than it may be"),
    ],
)
def test_a_record_that_is_none_is_gone_past_and_told(place: Place, raw: bytes) -> None:
    """When the next model is late, the run before it said."""
    left(place, 40, "ingest", Word.BEGUN, late_after=30)
    left(place, 39, "register", Word.DONE)
    put(place, Event(NOW - timedelta(hours=1), "two", "ingest", Word.BEGUN).name, raw)
    text = pipeline.told(MODEL, place, NOW)
    assert lines(text)[f'{words.PIPELINE_DUE}{{model="{MODEL}"}}'] == str(30 * 3600)
    assert (unread(text), "4711" in text) == ("1", False)


@pytest.mark.parametrize("year", ["9999", "2027", "\u0662\u0660\u0662\u0667"])
def test_no_name_of_a_time_to_come_or_of_other_digits_is_the_last_word(place: Place, year: str) -> None:
    left(place, 40, "ingest", Word.BEGUN, late_after=30)
    left(place, 39, "register", Word.DONE)
    never = canonical(Said("parapet-run-step/1", "two", "ingest", Word.BEGUN, late_after=0))
    put(place, f"{year}1231T235959999Z.two.ingest.begun.json", never)
    text = pipeline.told(MODEL, place, NOW)
    assert lines(text)[f'{words.PIPELINE_DUE}{{model="{MODEL}"}}'] == str(30 * 3600)
    assert unread(text) == "1"


@pytest.mark.parametrize("days", [40, 91])
def test_a_run_that_says_nothing_of_the_next_one_does_not_end_what_the_schedule_said(place: Place, days: int) -> None:
    """It was made by hand, or somebody put its beginning there: a pipeline that is dead begins none that says
    otherwise. What nobody said for three months is over."""
    left(place, 24 * days, "ingest", Word.BEGUN, late_after=30)
    left(place, 24 * days - 1, "register", Word.DONE)
    for number in range(30):
        left(place, 20 - number / 2, "ingest", Word.BEGUN, run=f"by-hand-{number}")
    due = lines(pipeline.told(MODEL, place, NOW))[f'{words.PIPELINE_DUE}{{model="{MODEL}"}}']
    assert due == str(30 * 3600 if days < 90 else 0)


def test_no_number_of_runs_by_hand_hides_in_silence_when_the_next_model_is_late(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two hundred did, and nobody was told: who may start a run may put so many beginnings."""
    left(place, 60, "ingest", Word.BEGUN, late_after=30)
    left(place, 59, "register", Word.DONE)
    for number in range(201):
        left(place, 20 - number / 20, "ingest", Word.BEGUN, run=f"by-hand-{number}")
    text = pipeline.told(MODEL, place, NOW)
    assert (lines(text)[f'{words.PIPELINE_DUE}{{model="{MODEL}"}}'], unread(text)) == (str(30 * 3600), "0")
    monkeypatch.setattr(pipeline, "TRIED", 200)
    text = pipeline.told(MODEL, place, NOW)
    assert (lines(text)[f'{words.PIPELINE_DUE}{{model="{MODEL}"}}'], unread(text)) == ("0", "2")


@pytest.mark.parametrize("registered", ["", "sepsis-dev:8", f"{MODEL}-prod:8"])
def test_a_run_brings_a_version_of_the_model_or_nothing(place: Place, registered: str) -> None:
    """All runs have one account: one of another model's, or somebody by hand, kept a dead pipeline from being late."""
    left(place, 40, "register", Word.DONE)
    left(place, 1, "register", Word.DONE, run="two", registered=registered)
    text = pipeline.told(MODEL, place, NOW)
    age = lines(text)[f'{words.PIPELINE_AGE}{{model="{MODEL}"}}']
    assert (age, unread(text)) == (str(40 * 3600), "1")
    left(place, 0.5, "register", Word.DONE, run="three", registered=f"{MODEL}-dev:8")
    assert lines(pipeline.told(MODEL, place, NOW))[f'{words.PIPELINE_AGE}{{model="{MODEL}"}}'] == "1800"


def whole(place: Place, hours_ago: float, run: str, version: int) -> None:
    """A run of three hours."""
    for number, step in enumerate(STEPS):
        for word in (Word.BEGUN, Word.DONE):
            at = hours_ago - number / 4 - (word is Word.DONE) / 8
            left(place, at, step, word, late_after=36, run=run, registered=f"{MODEL}-dev:{version}")


@pytest.mark.parametrize(
    ("versions", "age"),
    [
        pytest.param((3, 3), 48, id="of the same feed"),
        pytest.param((3, 3, 3), 48, id="twice so"),
        pytest.param((3, 4), 14, id="of another feed"),
        pytest.param((4, 5, 4), 31, id="of a feed before the last"),
        pytest.param((4, 5, 4, 5, 4), 39.5, id="of two feeds in turn"),
        pytest.param((4, 5, 5, 4, 6), 14, id="of another after that"),
    ],
)
def test_a_run_over_the_same_inputs_ended_well_and_brought_nothing_new(
    place: Place, versions: tuple[int, ...], age: int
) -> None:
    """As the runbook tells one to make, a clone, or a schedule's of a feed that did not change. It was killed, failed,
    and somebody's forgery."""
    left(place, 90, "ingest", Word.BEGUN, run="zero")
    left(place, 89, "ingest", Word.ERROR, run="zero")
    for number, version in enumerate(versions):
        since_end = 14 + 34 * (len(versions) - 1 - number) / (len(versions) - 1)
        whole(place, since_end + 10 / 4 + 1 / 8, f"number-{number}", version)
    told = lines(pipeline.told(MODEL, place, NOW))
    tells = [words.PIPELINE_FAILURES, words.PIPELINE_FAILED, words.PIPELINE_STOPPED, words.PIPELINE_UNREAD]
    assert {value for name, value in told.items() if name.startswith(tuple(tells))} == {"0"}
    assert told[f'{words.PIPELINE_AGE}{{model="{MODEL}"}}'] == f"{age * 3600:g}"
    assert told[f'{words.PIPELINE_DUE}{{model="{MODEL}"}}'] == str(36 * 3600)


@pytest.mark.parametrize("registered", ["", f"{MODEL}-dev:7", f"{MODEL}-dev:6"], ids=["nothing", "the last", "before"])
@pytest.mark.parametrize("number", [50, 51, 60])
def test_no_number_of_ends_that_bring_nothing_hides_since_when_no_model_came_and_where_the_last_run_stopped(
    place: Place, number: int, registered: str
) -> None:
    """What was older than the newest fifty was believed unread: fifty-one of nothing made the oldest the last model."""
    left(place, 24 * 50, "register", Word.DONE, run="six", registered=f"{MODEL}-dev:6")
    left(place, 24 * 40, "register", Word.DONE, run="seven")
    left(place, 30, "train", Word.BEGUN, run="last")
    left(place, 29, "train", Word.ERROR, run="last")
    for each in range(number):
        left(place, 28 - each / 10, "register", Word.DONE, run=f"no-{each}", registered=registered)
    text = pipeline.told(MODEL, place, NOW)
    assert lines(text)[f'{words.PIPELINE_AGE}{{model="{MODEL}"}}'] == f"{24 * 40 * 3600:g}"
    if not registered:
        assert (lines(text)[f'{words.PIPELINE_FAILED}{{model="{MODEL}",step="train"}}'], unread(text)) == (
            "1",
            str(number),
        )


def test_of_ends_that_are_more_than_are_looked_at_none_is_believed(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last model came no later than before those that were: so old it is at least."""
    monkeypatch.setattr(pipeline, "TRIED", 8)
    left(place, 24 * 40, "register", Word.DONE)
    left(place, 30, "train", Word.BEGUN, run="last")
    left(place, 29, "train", Word.ERROR, run="last")
    for each in range(10):
        left(place, 28 - each, "register", Word.DONE, run=f"no-{each}", registered="")
    told = lines(text := pipeline.told(MODEL, place, NOW))
    assert told[f'{words.PIPELINE_AGE}{{model="{MODEL}"}}'] == str(26 * 3600)
    assert (told[f'{words.PIPELINE_FAILED}{{model="{MODEL}",step="train"}}'], unread(text)) == ("1", "11")


def test_a_pipeline_of_each_hour_has_its_newest_ends_read_and_no_others(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "BROUGHT", 3)
    for version in range(1, 60):
        left(place, 61 - version, "register", Word.DONE, run=f"n-{version}", registered=f"{MODEL}-dev:{version}")
    asked: list[str] = []
    place.s3.meta.events.register("before-call.s3.GetObject", lambda **_: asked.append("read"))
    text = pipeline.told(MODEL, place, NOW)
    told = lines(text)
    assert (told[f'{words.PIPELINE_AGE}{{model="{MODEL}"}}'], unread(text)) == (str(2 * 3600), "0")
    assert told[f'{words.PIPELINE_FAILURES}{{model="{MODEL}"}}'] == "0"
    assert len(asked) <= 3 + AHEAD


def test_a_version_that_somebody_invents_takes_nothing_from_those_that_come_after_it(place: Place) -> None:
    """No later one was larger than 999,999,999, and the next fifty runs had brought nothing: each day a ticket."""
    left(place, 40, "register", Word.DONE)
    left(place, 30, "register", Word.DONE, run="two", registered=f"{MODEL}-dev:999999999")
    left(place, 2, "register", Word.DONE, run="three", registered=f"{MODEL}-dev:8")
    left(place, 1, "register", Word.DONE, run="four", registered=f"{MODEL}-dev:9")
    text = pipeline.told(MODEL, place, NOW)
    assert (lines(text)[f'{words.PIPELINE_AGE}{{model="{MODEL}"}}'], unread(text)) == ("3600", "0")


def test_no_number_of_records_keeps_the_check_from_hearing_what_came_at_other_times(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of all years were had at once: of 3.7 million tiny ones a pod's memory was full, and the drift that was found
    told to nobody."""
    monkeypatch.setattr(pipeline, "MOST", 20)
    for number in range(30):
        left(place, 24 * 400 + number, "ingest", Word.BEGUN, late_after=9)
    left(place, 40, "ingest", Word.BEGUN, late_after=30)
    left(place, 39, "register", Word.DONE)
    for number in range(30):
        left(place, 20 - number / 100, "train", Word.BEGUN, run=f"many-{number}")
        put(place, f"99991231T235959{number:03d}Z.x.ingest.begun.json", b"{}")
    asked: list[int] = []
    listed = Place.list
    monkeypatch.setattr(Place, "list", lambda *given, **more: counted(listed(*given, **more), asked))
    text = pipeline.told(MODEL, place, NOW)
    told = lines(text)
    assert told[f'{words.PIPELINE_DUE}{{model="{MODEL}"}}'] == str(30 * 3600)
    assert told[f'{words.PIPELINE_AGE}{{model="{MODEL}"}}'] == str(39 * 3600)
    assert unread(text) == "22", "one each for what was not looked at, of the last day and of a time to come"
    assert len(asked) < 80


def counted(listed: Iterator[Listed], asked: list[int]) -> Iterator[Listed]:
    for each in listed:
        asked.append(1)
        yield each


def test_of_a_model_of_which_none_was_registered_for_more_than_a_year_it_is_known_that_it_is_late(place: Place) -> None:
    left(place, 24 * 500, "register", Word.DONE)
    left(place, 2, "ingest", Word.BEGUN, late_after=30)
    left(place, 1, "ingest", Word.ERROR)
    told = lines(pipeline.told(MODEL, place, NOW))
    assert told[f'{words.PIPELINE_AGE}{{model="{MODEL}"}}'] == f"{500 * 24 * 3600:g}"
    assert told[f'{words.PIPELINE_DUE}{{model="{MODEL}"}}'] == str(30 * 3600)


@pytest.mark.parametrize(("declared", "due"), [(None, 8784), (30, 30), (0, 0)])
def test_what_is_declared_of_a_model_is_what_makes_it_late_whatever_a_run_says(
    place: Place, declared: int | None, due: int
) -> None:
    """One beginning by hand, of a year, and of a dead pipeline nobody heard for 90 days. Of what nobody declares, the
    runs say it."""
    left(place, 40, "ingest", Word.BEGUN, late_after=30)
    left(place, 39, "register", Word.DONE)
    left(place, 1, "ingest", Word.BEGUN, late_after=8784, run="by-hand")
    told = lines(pipeline.told(MODEL, place, NOW, declared))
    assert told[f'{words.PIPELINE_DUE}{{model="{MODEL}"}}'] == f"{due * 3600:g}"


def test_clocks_may_differ_by_a_little(place: Place) -> None:
    left(place, 40, "register", Word.DONE)
    left(place, -4 / 60, "ingest", Word.BEGUN, late_after=20)
    text = pipeline.told(MODEL, place, NOW)
    assert (lines(text)[f'{words.PIPELINE_DUE}{{model="{MODEL}"}}'], unread(text)) == (str(20 * 3600), "0")


def test_what_lies_there_for_good_is_told_for_some_days(place: Place) -> None:
    """Also of a model that no run was ever begun of: nothing else is told of that."""
    for days, told in ((1, "1"), (6, "1"), (8, "")):
        put(place, "99991231T235959999Z.two.ingest.begun.json", b"{}", 24 * days)
        text = pipeline.told(MODEL, place, NOW)
        assert (unread(text) if told else text) == told
