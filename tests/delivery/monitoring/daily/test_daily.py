"""The check of a model's last day, over a log as the server writes it."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from delivery.monitoring.alerting.declared import ALERTING, declared
from delivery.monitoring.alerting.noise import FORMAT, Noise, Signal
from delivery.monitoring.daily import __main__ as daily
from delivery.monitoring.daily import labels as labels_of
from delivery.monitoring.daily import settings
from delivery.monitoring.found import Check
from delivery.monitoring.runs import Event, Said, Word
from delivery.registry.deaf import MADE
from delivery.registry.documents import canonical, digest, read
from delivery.registry.refused import Refused
from tests.delivery.monitoring.daily.world import (
    ARTIFACTS,
    DAY,
    END,
    LABELS,
    NAME,
    OWNER,
    PHI,
    Matrix,
    World,
    asked,
    came,
    labels,
    log,
)

pytestmark = [pytest.mark.data]

REPORTS = f"reports/model={NAME}/"


def looked(world: World, end: datetime = END, **changed: Any) -> tuple[Check, str]:
    """The report, and what Prometheus is told."""
    text = daily.checked(settings.load(world.configuration(**changed)), end, world.s3)
    name = f"{REPORTS}date={end:%Y-%m-%d}/check-{end:%H%M%S}.json"
    return read(world.get(name), Check, "the report"), text


def test_of_a_day_without_drift_it_says_so_and_keeps_what_it_saw(world: World) -> None:
    world.serve(asked(900, 11))
    check, text = looked(world)
    assert (check.kind, check.drifted, check.enough, check.rows) == ("none", False, True, 900)
    assert (check.start, check.end, check.model) == ("2026-11-29T03:00:00Z", "2026-11-30T03:00:00Z", f"{NAME}@3")
    assert {"heart_rate", "sex", "output.readmitted_30d"} <= set(check.columns)
    day = "date=2026-11-30/check-030000"
    assert world.names(REPORTS) == [f"{day}.html", f"{day}.json", "state.json"]
    assert b"<html" in world.get(f"{REPORTS}{day}.html")
    assert f'parapet_monitor_rows{{model="{NAME}"}} 900' in text
    assert f'parapet_monitor_drift{{model="{NAME}",kind="data",severity="page"}} 0' in text
    assert f'parapet_monitor_time_seconds{{model="{NAME}"}}' in text


def test_figures_of_a_report_are_short_and_those_that_alerts_go_by_are_not(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two reports over nearly the same rows, exact ones would tell of the few that are in one alone."""
    gone_by: list[Check] = []
    advanced = daily.keeping.advanced

    def noted(place: Any, check: Check, *others: Any) -> Any:
        gone_by.append(check)
        return advanced(place, check, *others)

    monkeypatch.setattr(daily.keeping, "advanced", noted)
    world.serve(asked(900, 11))
    check, _ = looked(world)
    short, exact = (
        [each for of in (*told.tests, *told.columns.values()) for each in (of.value, of.threshold, of.p)]
        for told in (check, gone_by[0])
    )
    assert len(short) > 30
    assert [each for each in short if each is not None and each != float(f"{each:.4g}")] == []
    assert len([each for each in exact if each is not None and each != float(f"{each:.4g}")]) > 30


def in_fahrenheit(matrix: Matrix) -> Matrix:
    matrix[:, 2] = (matrix[:, 2] * 9 / 5 + 32).round(1)
    return matrix


def test_another_unit_is_found_by_its_column_and_somebody_is_told(world: World) -> None:
    world.serve(in_fahrenheit(asked(900, 12)))
    check, text = looked(world)
    assert check.kind == "schema"
    assert check.columns["temperature"].drifted
    assert [name for name, column in check.columns.items() if column.drifted] == ["temperature"]
    assert f'parapet_monitor_drift{{model="{NAME}",kind="schema",severity="page"}} 1' in text


def test_sicker_patients_are_data_that_drifted(world: World) -> None:
    matrix = asked(900, 13)
    matrix[:, 1] += 12
    world.serve(matrix)
    check, _ = looked(world)
    assert check.kind == "data"
    assert check.columns["heart_rate"].drifted


def test_a_second_day_knows_what_the_first_one_saw(world: World) -> None:
    for day in range(2):
        matrix = asked(900, 14 + day)
        matrix[:, 1] += 12
        world.serve(matrix, END + day * DAY, first=10_000 * day)
        looked(world, END + day * DAY)
    state = json.loads(world.get(f"{REPORTS}state.json"))
    assert (state["windows"], state["model"]) == (2, f"{NAME}@3")
    assert [each["alert"]["columns"] for each in state["open"]]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program's is so long after the window's end as a check is that begins at the quarter."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return END + timedelta(minutes=15)

    monkeypatch.setattr(daily, "datetime", Clock)


def test_the_program_ends_with_0_where_something_drifted(
    world: World, capfd: pytest.CaptureFixture[str], clock: None
) -> None:
    world.serve(in_fahrenheit(asked(900, 16)))
    assert daily.main([str(world.configuration())]) == 0
    said = capfd.readouterr()
    assert said.out.startswith(f"{NAME}@3: 900 rows, drift of kind schema, 1 alerts (1 new, 0 over); s3://{ARTIFACTS}/")
    assert said.err == ""


def test_of_one_without_a_profile_it_is_said_in_a_line_and_there_are_no_rows(
    world: World, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    world.promote({})
    told: list[str] = []
    monkeypatch.setattr(daily.answering, "answer", lambda text, where: told.append(text))
    assert daily.main([str(world.configuration())]) == 1
    (line,) = capfd.readouterr().err.splitlines()
    assert "has no profile.json in its bundle" in line
    assert f'parapet_monitor_rows{{model="{NAME}"}} 0' in told[0].splitlines()
    assert np.all([REPORTS not in name for name in world.names("")])


def test_how_the_pipeline_went_is_told_beside_and_keeps_nothing_else_from_being_told(
    world: World, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, clock: None
) -> None:
    world.promote({})
    told: list[str] = []
    monkeypatch.setattr(daily.answering, "answer", lambda text, where: told.append(text))
    where = {"place": f"s3://{ARTIFACTS}/runs/model={NAME}", "bucketOwner": OWNER}
    world.put(ARTIFACTS, f"runs/model={NAME}/20261130T020000000Z.one.train.error.json", b"{}")
    for runs in (where, where | {"place": "s3://nobodys-bucket/runs"}):
        assert daily.main([str(world.configuration(runs=runs))]) == 1
    assert all(f'parapet_monitor_rows{{model="{NAME}"}} 0' in each for each in told)
    failed = f'parapet_monitor_pipeline_failed{{model="{NAME}",step="train"}} 1'
    assert [failed in each for each in told] == [True, False]
    assert "s3://nobodys-bucket/runs/ cannot be listed (NoSuchBucket)" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("bucket", "raw", "status"),
    [
        pytest.param(ARTIFACTS, b"{}", 0, id="a record that is none"),
        pytest.param("nobodys-bucket", None, 1, id="no bucket"),
    ],
)
def test_a_check_says_that_it_ended_well_where_its_status_is_0_and_nowhere_else(
    world: World, monkeypatch: pytest.MonkeyPatch, clock: None, bucket: str, raw: bytes | None, status: int
) -> None:
    """What drifted is told all the same."""
    world.serve(in_fahrenheit(asked(900, 17)))
    told: list[str] = []
    monkeypatch.setattr(daily.answering, "answer", lambda text, where: told.append(text))
    if raw is not None:
        for name in ("20261130T020000000Z.one.ingest.begun.json", "99991231T235959999Z.x.ingest.begun.json"):
            world.put(bucket, f"runs/model={NAME}/{name}", raw, END - timedelta(hours=1))
    where = {"place": f"s3://{bucket}/runs/model={NAME}", "bucketOwner": OWNER}
    assert daily.main([str(world.configuration(runs=where))]) == status
    assert f'parapet_monitor_drift{{model="{NAME}",kind="schema",severity="page"}} 1' in told[0]
    assert (f'parapet_monitor_success_time_seconds{{model="{NAME}"}}' in told[0]) == (status == 0)
    assert (f'parapet_monitor_pipeline_unread{{model="{NAME}"}} 2' in told[0]) == (status == 0)


def signals(profile: bytes, level: float, spread: float) -> bytes:
    """A noise of half of the columns, and each test that there may be: of more it would be refused."""
    names = ["heart_rate", "sodium", "ward", "output.readmitted_30d"]
    told = [Signal(name, test, None, level, [0.0] * 7, [], spread, 500.0, 73) for name in names for test in MADE]
    return Noise(FORMAT, NAME, digest(profile), told).raw


@pytest.mark.parametrize(
    ("level", "spread", "shift", "alerts", "silenced"),
    [
        pytest.param(1e9, 1.0, 12.0, True, 0, id="more than may be said is not taken"),
        pytest.param(30.0, 5.0, 12.0, True, 2, id="what no day has is no usual day, and what moved by less is counted"),
        pytest.param(30.0, 5.0, 5.0, False, 2, id="what is held to be usual is counted"),
    ],
)
def test_a_model_does_not_bring_its_own_deafness(
    world: World, profile: bytes, level: float, spread: float, shift: float, alerts: bool, silenced: int
) -> None:
    world.promote({"profile.json": profile, "noise.json": signals(profile, level, spread)})
    for day in range(2):
        matrix = asked(900, 14 + day)
        matrix[:, 1] += shift
        world.serve(matrix, END + day * DAY, first=10_000 * day)
        check, text = looked(world, END + day * DAY)
        assert check.columns["heart_rate"].drifted
        assert any("is not taken of" in each for each in check.notes) == (level > 30)
    state = json.loads(world.get(f"{REPORTS}state.json"))
    assert ("heart_rate" in [name for each in state["open"] for name in each["alert"]["columns"]]) == alerts
    assert f'parapet_monitor_silenced_windows{{model="{NAME}"}} {silenced}' in text


def test_outcomes_that_come_late_tell_of_a_model_that_is_right_no_more(world: World) -> None:
    """Those of a day ten days ago, whose files came in the window; and of the model as it was, nothing."""
    then = END - 10 * DAY
    matrix = asked(1_500, 21)
    world.serve(matrix, then, first=50_000)
    world.serve(asked(900, 22))
    day = f"labels/model={NAME}/date={then:%Y-%m-%d}"
    fair, random = (came(matrix, 23) == 1), np.random.default_rng(24).random(len(matrix)) < 0.3
    for outcome, drifts in ((fair, False), (random, True)):
        world.put(PHI, f"{day}/outcomes.parquet", labels(50_000, outcome), END - DAY / 2)
        check, _ = looked(world)
        tests = {each.test for each in check.tests if each.name == LABELS}
        assert "auroc_drop_binned" in tests
        assert (check.kind, check.rows) == ("quality" if drifts else "none", 900)
        assert [name for name, column in check.columns.items() if column.drifted] == ([LABELS] if drifts else [])
        for name in (f"date={END:%Y-%m-%d}/check-{END:%H%M%S}.json", "state.json"):
            world.s3.delete_object(Bucket=ARTIFACTS, Key=f"{REPORTS}{name}")
    world.put(PHI, f"{day}/outcomes.parquet", labels(50_000, random), END - 2 * DAY)
    later, _ = looked(world)
    assert not [each for each in later.tests if each.test.startswith("auroc_drop")]


def test_an_outcome_that_was_told_twice_is_as_it_was_told_last(world: World) -> None:
    matrix = asked(600, 25)
    world.serve(matrix)
    right = came(matrix, 26) == 1
    for hour, outcome in ((3, ~right), (2, right)):
        name = f"labels/model={NAME}/told-{hour}.parquet"
        world.put(PHI, name, labels(0, outcome), END - timedelta(hours=hour))
    check, _ = looked(world)
    assert check.kind == "none"
    assert [each.rows for each in check.tests if each.test == "auroc_binned"] == [600]


def test_outcomes_that_are_delivered_again_count_once(world: World) -> None:
    """A job writes the month so far each night. What was not known on the first is new on the second, and so is what
    is corrected: else who told it first would have told it for good."""
    matrix = asked(600, 25)
    world.serve(matrix, END - DAY)
    world.serve(asked(400, 27), first=900)
    right = came(matrix, 26) == 1
    first = [*(bool(each) for each in right[:200]), *(not each for each in right[200:250]), *[None] * 100]
    for number, outcome in ((3, first), (1, right)):
        name = f"labels/model={NAME}/date={END - 2 * DAY:%Y-%m-%d}/{number}.parquet"
        world.put(PHI, name, labels(0, outcome), END - number * DAY / 2)
    check, text = looked(world)
    assert "200 outcomes came before this window too, and count no second time." in check.notes
    assert f'parapet_monitor_outcomes{{model="{NAME}"}} 400' in text


@pytest.mark.parametrize(
    ("limits", "again", "says"),
    [
        ({"LARGEST": 50_000, "BYTES": 60_000}, 250, None),
        ({"LARGEST": 90_000, "BYTES": 60_000}, 250, "1 files of outcomes of the 45 days before"),
        ({"AGAIN": 1, "LARGEST": 90_000}, 0, "2 files of outcomes of the 45 days before"),
        ({"MOST": 2, "LARGEST": 90_000}, 0, "2 files of outcomes, the oldest"),
        ({"LISTED": 4}, 250, "More than 4 names are where outcomes come"),
    ],
)
def test_no_file_of_outcomes_makes_the_old_ones_count_again_or_takes_the_memory(
    world: World, monkeypatch: pytest.MonkeyPatch, limits: dict[str, int], again: int, says: str | None
) -> None:
    """One of 256 MiB, the newest of those before, and all of the month so far were as if they had come today. What is
    not looked at is told."""
    for name, value in limits.items():
        monkeypatch.setattr(labels_of, name, value)
    matrix = asked(250, 25)
    world.serve(matrix, END - DAY, files=1)
    right = came(matrix, 26) == 1
    day = f"labels/model={NAME}/date={END - 2 * DAY:%Y-%m-%d}"
    for number, first in ((4, 0), (3, 0), (1, 0)):
        world.put(PHI, f"{day}/{number}.parquet", labels(first, right), END - number * DAY / 2)
    noise = np.random.default_rng(1).bytes(80_000)
    world.put(PHI, f"{day}/2.parquet", noise, END - 2.2 * DAY / 2)
    world.put(PHI, f"{day}/notes.txt", b"", END - 2.2 * DAY / 2)
    check, _ = looked(world)
    noted = [each for each in check.notes if "files of outcomes" in each or "names" in each]
    assert [each for each in check.notes if "came before this window too" in each] == [
        f"{again:,} outcomes came before this window too, and count no second time."
    ][: bool(again)]
    assert (len(noted), [each for each in noted if says and says in each] == noted) == (bool(says), True)


def test_a_day_on_which_nobody_asked_has_no_drift_and_no_rows(world: World) -> None:
    check, text = looked(world)
    assert (check.kind, check.rows, check.enough, check.columns) == ("none", 0, False, {})
    assert f'parapet_monitor_rows{{model="{NAME}"}} 0' in text


def test_too_few_rows_are_not_judged_by_their_values(world: World) -> None:
    world.serve(in_fahrenheit(asked(24, 27)), files=1)
    check, text = looked(world)
    assert (check.kind, check.rows, check.enough) == ("none", 24, False)
    assert f'parapet_monitor_rows{{model="{NAME}"}} 24' in text


def test_a_row_that_was_written_twice_counts_once(world: World) -> None:
    """A server that hears no answer writes the file again, under another name."""
    world.serve(asked(900, 28), files=3)
    for each in world.s3.list_objects_v2(Bucket=PHI)["Contents"]:
        raw = world.s3.get_object(Bucket=PHI, Key=each["Key"])["Body"].read()
        world.put(PHI, each["Key"].replace(".parquet", "f.parquet"), raw, END)
    check, _ = looked(world)
    assert (check.kind, check.rows) == ("none", 900)
    assert "900 rows are in the log more than once, and count once." in check.notes


def test_rows_of_another_time_are_left_out_and_those_to_come_told(world: World) -> None:
    world.serve(asked(900, 29))
    world.serve(in_fahrenheit(asked(400, 30)), END - DAY, first=20_000)
    ahead = END + timedelta(minutes=40)
    minutes = np.linspace(ahead.timestamp() - 3600, ahead.timestamp(), 60)
    world.log_file(log(asked(60, 31), minutes, 30_000), float(minutes[0]), "a" * 32, END)
    world.log_file(log(in_fahrenheit(asked(50, 32)), minutes[:50] + 86400, 31_000), minutes[0] + 86400, "b" * 32, END)
    check, _ = looked(world)
    assert check.kind == "none"
    assert check.rows == 900 + int((minutes[::2] < END.timestamp()).sum()) * 2
    (note,) = [each for each in check.notes if "has not come" in each]
    assert note.startswith("34 rows and 1 files of the log")


def test_what_is_no_file_of_the_log_is_not_read(world: World) -> None:
    world.serve(asked(900, 33))
    prefix = f"predictions/model={NAME}"
    for name in ("_tried", f"version=3/date={END:%Y-%m-%d}/notes.txt", "version=x/date=2026-11-29/120000-ab.parquet"):
        world.put(PHI, f"{prefix}/{name}", b"MRN-4711", END - DAY / 2)
    check, text = looked(world)
    assert check.rows == 900
    assert f'parapet_monitor_files_unread{{model="{NAME}"}} 0' in text


def spoil(world: World, what: str) -> str:
    """Breaks it, and says how the refusal names that."""
    folder = world.bundle
    match what:
        case "another profile":
            raw = world.get(f"{folder}/profile.json").replace(b'"rows":6000', b'"rows":6001')
            world.put(ARTIFACTS, f"{folder}/profile.json", raw)
            return "profile.json is not the one that was signed"
        case "a longer profile":
            world.put(ARTIFACTS, f"{folder}/profile.json", world.get(f"{folder}/profile.json") + b" ")
            return "profile.json is longer than"
        case "another manifest":
            world.put(ARTIFACTS, f"{folder}/manifest.json", world.get(f"{folder}/manifest.json") + b" ")
            return "was asked for"
        case "another signature":
            world.put(ARTIFACTS, f"{folder}/manifest.sig", world.get(f"{folder}/manifest.sig")[:-1] + b"\0")
            return "no signature of the model"
        case "no profile there":
            world.s3.delete_object(Bucket=ARTIFACTS, Key=f"{folder}/profile.json")
            return "has no profile.json: the model's bundle is not whole"
        case "no bundle":
            for name in world.names(f"{folder}/"):
                world.s3.delete_object(Bucket=ARTIFACTS, Key=f"{folder}/{name}")
            return "has no manifest.json: the model's bundle is not whole"
        case "a state that is none":
            world.put(ARTIFACTS, f"{REPORTS}state.json", b'{"format": "MRN-4711"}')
            return "The state of the alerts is not as it must be"
    raise AssertionError(what)


@pytest.mark.parametrize(
    "what",
    [
        *("another profile", "a longer profile", "another manifest", "another signature", "no profile there"),
        *("no bundle", "a state that is none"),
    ],
)
def test_what_cannot_be_checked_ends_with_1_and_one_line_that_says_why(
    what: str, world: World, capfd: pytest.CaptureFixture[str], clock: None
) -> None:
    world.serve(asked(60, 34), files=1)
    says = spoil(world, what)
    assert daily.main([str(world.configuration())]) == 1
    said = capfd.readouterr()
    (line,) = said.err.splitlines()
    assert says in line
    assert "4711" not in said.out + said.err


def test_what_a_library_says_is_not_told(
    world: World, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, clock: None
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise ValueError("could not convert 'MRN-4711' to a number")

    monkeypatch.setattr(daily.keeping, "advanced", fails)
    assert daily.main([str(world.configuration())]) == 1
    (line,) = capfd.readouterr().err.splitlines()
    assert "The check failed with ValueError at test_daily.py:" in line
    assert "4711" not in line


RUNS = f"runs/model={NAME}/"


@pytest.mark.parametrize(
    ("broken", "error"),
    [
        ((), Refused("No.")),
        (("looked",), Refused("It cannot be had.")),
        (("looked",), MemoryError("MRN-4711")),
        (("told",), MemoryError("MRN-4711")),
        (("looked", "told"), OSError("MRN-4711")),
    ],
)
def test_what_one_part_cannot_find_keeps_nobody_from_hearing_what_the_others_did(
    broken: tuple[str, ...],
    error: Exception,
    world: World,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    clock: None,
) -> None:
    """Of records of runs that filled the memory the drift was told to nobody; of files that nobody can open, neither
    how the pipeline went, nor for how long outcomes are missed. That a check ended well is told of none of these."""

    def fails(*_: object) -> None:
        raise error

    world.serve(asked(60, 34), END - DAY, files=1)
    looked(world, END - DAY)
    begun = Event(END - DAY, "one", "register", Word.BEGUN)
    world.put(ARTIFACTS, f"{RUNS}{begun.name}", b"{}")
    world.put(ARTIFACTS, f"{RUNS}{replace(begun, word=Word.ERROR).name}", b"{}")
    for each in broken:
        monkeypatch.setattr(daily if each == "looked" else daily.pipeline, each, fails)
    answered = list[str]()
    monkeypatch.setattr(daily.answering, "answer", lambda text, where: answered.append(text))
    assert daily.main([str(world.configuration(runs={"place": f"s3://{ARTIFACTS}/{RUNS}"}))]) == bool(broken)
    (text,) = answered
    told = {"rows_seen", "pipeline_failed", "time_seconds", "outcomes_age_seconds", "success_time"}
    there = {each for each in told if f"parapet_monitor_{each}" in text}
    missed = {"looked": {"rows_seen"}, "told": {"pipeline_failed"}}
    assert told - there == set().union(*(missed[each] for each in broken), {"success_time"} if broken else set())
    said = capfd.readouterr().err
    assert (said.count("\n"), "4711" in said) == (len(broken), False)


def test_when_a_model_is_late_is_as_it_is_declared(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: None
) -> None:
    said = ALERTING.read_text().replace("late_after: {}", f"late_after: {{{NAME}: 30}}")
    (tmp_path / "alerting.yaml").write_text(said)
    monkeypatch.setattr(daily, "declared", lambda: declared(tmp_path / "alerting.yaml"))
    told = Said("parapet-run-step/1", "one", "register", Word.DONE, registered=f"{NAME}-dev:7")
    world.put(ARTIFACTS, f"{RUNS}{Event(END - DAY, 'one', 'register', Word.DONE).name}", canonical(told))
    answered = list[str]()
    monkeypatch.setattr(daily.answering, "answer", lambda text, where: answered.append(text))
    daily.main([str(world.configuration(runs={"place": f"s3://{ARTIFACTS}/{RUNS}"}))])
    assert f'parapet_monitor_pipeline_due_seconds{{model="{NAME}"}} {30 * 3600}' in answered[0]


def test_a_configuration_that_is_none_is_refused_by_its_place(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "told.json").write_text('{"model": {"name": "Jane Miller"}}')
    assert daily.main([str(tmp_path / "told.json")]) == 1
    line = capfd.readouterr().err
    assert "is not as it must be" in line
    assert "Jane" not in line
    assert daily.main([]) == 1
