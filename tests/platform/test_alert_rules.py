"""Prometheus' rules, asked of promtool: what becomes an alert, of which labels, and what does not."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.toolchain import live as toolchain
from local.workspace import Workspace
from mlops import prometheus
from mlops.monitoring import waiting
from mlops.monitoring.rules import ALERTS, EVERY_SECONDS, SERIES, Alert, rules
from mlops.monitoring.words import LABELS, OF_CHECKS, RUNBOOKS, Boundary, Drift, Severity
from tests.platform.project import PROJECT

MODELS = ("readmission", "sepsis")
UNCHECKED = "falls"
"""One that nothing checks each day."""
SERVED = 'namespace="models",model="readmission",version_hash="5d8f",pod="readmission-5d8f-x"'
CALLS = f"parapet_serving_requests_total{{{SERVED},route="
CHECKED = 'job="checks",namespace="monitoring",model="readmission",pod="check-readmission-1"'
LOOKED = f"parapet_monitor_time_seconds{{{CHECKED}}}"
SOUND = f"0+{20 * 60}x720"
"""20 calls a second, for 12 hours."""


@pytest.fixture(scope="module")
def promtool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    workspace = Workspace(home=tmp_path_factory.mktemp("promtool"))
    toolchain.ensure_prometheus(workspace)
    return workspace.bin / toolchain.PROMTOOL


def alert(name: str, kind: str, severity: Severity | None = None) -> Alert:
    (found,) = (each for each in ALERTS if (each.name, each.kind) == (name, kind) and each.severity is severity)
    return found


def told(of: Alert, **labels: str) -> dict[str, Any]:
    """An alert as promtool expects it, with nothing but these labels."""
    rule = of.rule()
    return {"exp_labels": {**rule["labels"], **labels}, "exp_annotations": rule["annotations"]}


def judge(
    promtool: Path,
    folder: Path,
    series: Mapping[str, str],
    expected: Sequence[tuple[str, str, Sequence[dict[str, Any]]]],
    every: str = "1m",
    kind: str = "",
) -> None:
    """Has promtool compare what alerts there are by a name, at a time.

    No alert's rule reads another one, but what waited those of its kind, so those of other names are left out: each
    would be judged at every step too, and most of what promtool works is that.
    """
    asked = {name for _, name, _ in expected}
    judged = rules((*MODELS, UNCHECKED), MODELS)
    models, alerts, waits = judged["groups"]
    for group in judged["groups"]:
        group["rules"] = [each for each in group["rules"] if each.get("alert") in {None, *asked}]
    if kind:
        alerts["rules"] = [each for each in alerts["rules"] if each["labels"]["kind"] == kind]
        judged["groups"] = [alerts, waits]
    else:  # what waited has a test of its own, and looks back over days
        judged["groups"] = [models, alerts]
    (folder / "rules.yaml").write_text(yaml.safe_dump(judged))
    test = {
        "interval": every,
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": [
            {"eval_time": at, "alertname": name, "exp_alerts": list(alerts)} for at, name, alerts in expected
        ],
    }
    (folder / "test.yaml").write_text(
        yaml.safe_dump({"rule_files": ["rules.yaml"], "evaluation_interval": every, "tests": [test]})
    )
    answer = subprocess.run(
        [promtool, "test", "rules", "test.yaml"], cwd=folder, capture_output=True, text=True, timeout=120
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.engine
def test_prometheus_takes_them(promtool: Path, tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules((*MODELS, UNCHECKED), MODELS)))
    command = [promtool, "check", "rules", "--lint=all", "--lint-fatal", "rules.yaml"]
    answer = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.engine
def test_the_watchdog_is_always_there(promtool: Path, tmp_path: Path) -> None:
    always = [told(alert("Watchdog", "heartbeat", Severity.NOTE))]
    judge(promtool, tmp_path, {}, [("0m", "Watchdog", always), ("3h", "Watchdog", always)])


@pytest.mark.engine
def test_where_alertmanager_cannot_write_to_a_topic_the_heartbeat_stops(promtool: Path, tmp_path: Path) -> None:
    """A page that it tries each minute: until it is written, the alarm of the heartbeat is what tells. One failure that
    was mended within is none."""
    failed = 'alertmanager_notifications_failed_total{job="alertmanager",integration="sns",reason="clientError"}'
    always = [told(alert("Watchdog", "heartbeat", Severity.NOTE))]
    series = {failed: "0x30 1x60 2+1x30 32x60", failed.replace("sns", "webhook"): "0+1x180"}
    there = [("20m", always), ("33m", []), ("45m", always), ("100m", []), ("120m", []), ("140m", always)]
    judge(promtool, tmp_path, series, [(at, "Watchdog", of) for at, of in there])


@pytest.mark.engine
@pytest.mark.parametrize(
    "name", ["prometheus_rule_evaluation_failures_total", "prometheus_notifications_dropped_total"]
)
def test_where_prometheus_cannot_evaluate_a_rule_or_hand_on_an_alert_the_heartbeat_stops(
    promtool: Path, tmp_path: Path, name: str
) -> None:
    """Of a rule that fails nothing is told, of any model."""
    always = [told(alert("Watchdog", "heartbeat", Severity.NOTE))]
    series = {
        f'{name}{{job="prometheus",of="{each}"}}': values
        for each, values in (("a", "0x90"), ("b", "0x30 0+2x20 40x40"))
    }
    there = [("20m", always), ("33m", []), ("52m", []), ("70m", always)]
    judge(promtool, tmp_path, series, [(at, "Watchdog", of) for at, of in there])


@pytest.mark.engine
@pytest.mark.parametrize("kind", Drift)
def test_drift_of_each_kind_is_told_as_grave_as_its_check_says_until_the_next_one(
    promtool: Path, tmp_path: Path, kind: Drift
) -> None:
    """A check's pod is asked for a minute and goes. Where none comes after it, what it found is open until long after
    that is a page too."""

    def said(of: Drift, severity: str) -> str:
        return f'parapet_monitor_drift{{{CHECKED},kind="{of}",severity="{severity}"}}'

    series = {
        LOOKED: "60 60 _x1200",
        **{said(each, severity): "0 0 _x1200" for each in Drift for severity in Severity},
        said(kind, "ticket"): "1 1 _x1200",
    }
    there = [told(alert("ModelDrift", kind), model="readmission", severity="ticket")]
    judge(
        promtool,
        tmp_path,
        series,
        [*((at, "ModelDrift", there) for at in ("4m", "25h", "49h", "73h")), ("75h", "ModelDrift", [])],
        every="4m",
    )


@pytest.mark.engine
def test_no_word_of_a_checks_own_is_in_what_is_told(promtool: Path, tmp_path: Path) -> None:
    """It goes to telephones and by mail, out of the account, and who took over a check's pod has seen records."""
    own = f'parapet_monitor_drift{{{CHECKED},kind="quality",severity="MRN 48817263 Smith"}}'
    series = {LOOKED: "60 60 _x20", own: "1 1 _x20", own.replace("MRN 48817263 Smith", "ticket"): "1 1 _x20"}
    there = told(alert("ModelDrift", Drift.QUALITY), model="readmission", severity="ticket")
    judge(promtool, tmp_path, series, [("4m", "ModelDrift", [there])])


@pytest.mark.engine
def test_a_check_that_could_not_look_ends_nothing_that_is_open(promtool: Path, tmp_path: Path) -> None:
    """One that failed says nothing at all; one that has no profile to look with says that it found no rows; one that
    could not read how runs went says nothing of them."""
    later = CHECKED.replace("readmission-1", "readmission-2")
    failed = "parapet_monitor_pipeline_failed"
    series = {
        f"parapet_monitor_time_seconds{{{CHECKED}}}": "60 60 _x1000",
        f"parapet_monitor_time_seconds{{{later}}}": "_x360 86460 86460 _x600",
        f'parapet_monitor_drift{{{CHECKED},kind="quality",severity="page"}}': "1 1 _x1000",
        f'{failed}{{{CHECKED},step="train"}}': "1 1 _x1000",
        f"parapet_monitor_rows{{{CHECKED}}}": "500 500 _x1000",
        f"parapet_monitor_rows{{{later}}}": "_x360 0 0 _x600",
    }
    drift = told(alert("ModelDrift", Drift.QUALITY), model="readmission", severity="page")
    of_runs = told(alert("PipelineFailed", "failed", Severity.TICKET), model="readmission")
    none = told(alert("MonitorHasNoData", "no-data", Severity.TICKET), model="readmission")
    expected = [
        *((at, "ModelDrift", [drift]) for at in ("1h", "25h", "49h")),
        *((at, "PipelineFailed", [of_runs]) for at in ("1h", "25h", "49h")),
        *((at, "MonitorHasNoData", [none] if at == "25h" else []) for at in ("1h", "25h")),
    ]
    judge(promtool, tmp_path, series, expected, every="4m")


@pytest.mark.engine
def test_of_two_checks_of_a_day_the_later_one_is_believed(promtool: Path, tmp_path: Path) -> None:
    """One by hand an hour later: what had drifted has not any more, and of rows there are none."""
    first, later = CHECKED, CHECKED.replace("readmission-1", "readmission-2")
    series = {
        f"parapet_monitor_time_seconds{{{first}}}": "60 60 _x700",
        f"parapet_monitor_time_seconds{{{later}}}": "_x60 3660 3660 _x700",
        f'parapet_monitor_drift{{{first},kind="data",severity="page"}}': "1 1 _x700",
        f'parapet_monitor_drift{{{later},kind="data",severity="page"}}': "_x60 0 0 _x700",
        f"parapet_monitor_rows{{{first}}}": "500 500 _x700",
        f"parapet_monitor_rows{{{later}}}": "_x60 0 0 _x700",
    }
    drift = told(alert("ModelDrift", Drift.DATA), model="readmission", severity="page")
    none = told(alert("MonitorHasNoData", "no-data", Severity.TICKET), model="readmission")
    expected = [
        ("30m", "ModelDrift", [drift]),
        ("30m", "MonitorHasNoData", []),
        ("2h", "ModelDrift", []),
        ("2h", "MonitorHasNoData", [none]),
    ]
    judge(promtool, tmp_path, series, expected)


@pytest.mark.engine
def test_a_model_of_which_no_check_ends_well_is_told_first_in_the_morning_and_then_at_once(
    promtool: Path, tmp_path: Path
) -> None:
    """One that was checked and is not any more, one that never was, and one that is checked each day."""
    ended = f"parapet_monitor_success_time_seconds{{{CHECKED}}}"
    ticket, page = (alert("MonitorDead", "heartbeat", each) for each in (Severity.TICKET, Severity.PAGE))
    both = [told(ticket, model="readmission"), told(ticket, model="sepsis")]
    judge(
        promtool,
        tmp_path,
        {ended: "60 60 _x900"},
        [
            ("10h", "MonitorDead", []),
            ("25h", "MonitorDead", []),
            ("27h", "MonitorDead", both),
            ("51h", "MonitorDead", [*both, told(page, model="readmission"), told(page, model="sepsis")]),
        ],
        every="4m",
    )


@pytest.mark.engine
def test_a_check_each_day_is_a_heartbeat(promtool: Path, tmp_path: Path) -> None:
    day = 24 * 3600
    values = " ".join(f"{number * day + 60} {number * day + 60} _x358" for number in range(3))
    other = CHECKED.replace("readmission", "sepsis")
    series = {f"parapet_monitor_success_time_seconds{{{each}}}": values for each in (CHECKED, other)}
    judge(promtool, tmp_path, series, [(at, "MonitorDead", []) for at in ("23h", "47h", "71h")], every="4m")


@pytest.mark.engine
def test_a_check_that_found_nothing_to_look_at_and_a_pipeline_that_is_late_or_failed_are_told(
    promtool: Path, tmp_path: Path
) -> None:
    other, by_hand = (CHECKED.replace("readmission", each) for each in ("sepsis", "falls"))
    age, due, failed = (f"parapet_monitor_pipeline_{each}" for each in ("age_seconds", "due_seconds", "failed"))
    series = {
        **{LOOKED.replace("readmission", each): "60 60 _x300" for each in ("readmission", "sepsis", "falls")},
        f"parapet_monitor_rows{{{CHECKED}}}": "0 0 _x300",
        f"{age}{{{CHECKED}}}": f"{37 * 3600} {37 * 3600} _x300",
        f"{due}{{{CHECKED}}}": f"{36 * 3600} {36 * 3600} _x300",
        f'{failed}{{{CHECKED},step="train"}}': "1 1 _x300",
        f'{failed}{{{CHECKED},step="evaluate"}}': "0 0 _x300",
        f"parapet_monitor_rows{{{other}}}": "1 1 _x300",
        f"{age}{{{other}}}": "3600 3600 _x300",
        f"{due}{{{other}}}": f"{36 * 3600} {36 * 3600} _x300",
        f'{failed}{{{other},step="train"}}': "0 0 _x300",
        f"parapet_monitor_pipeline_failures{{{other}}}": "0 0 _x300",
        # The last run went well, and one before it did not.
        f'{failed}{{{by_hand},step="train"}}': "0 0 _x300",
        f"parapet_monitor_pipeline_failures{{{by_hand}}}": "1 1 _x300",
        # Made now and then, and nobody said how old it may be.
        f"{age}{{{by_hand}}}": f"{900 * 3600} {900 * 3600} _x300",
        f"{due}{{{by_hand}}}": "0 0 _x300",
    }
    unread, silenced = "parapet_monitor_pipeline_unread", "parapet_monitor_silenced_windows"
    series |= {f"{name}{{{CHECKED}}}": f"{many} {many} _x300" for name, many in ((unread, 2), (silenced, 28))}
    series |= {f"{name}{{{other}}}": f"{many} {many} _x300" for name, many in ((unread, 0), (silenced, 6))}
    series[f"{silenced}{{{by_hand}}}"] = "7 7 _x300"
    cases = (*(("MonitorHasNoData", "no-data"), ("PipelineLate", "late"), ("PipelineUnread", "unread")),)
    expected = [("3h", name, [told(alert(name, kind, Severity.TICKET), model="readmission")]) for name, kind in cases]
    series |= twice(other)
    of_runs = alert("PipelineFailed", "failed", Severity.TICKET)
    expected.append(("3h", "PipelineFailed", [told(of_runs, model=each) for each in ("falls", "readmission")]))
    note, ticket = (alert("DriftHeldUsual", "silenced", each) for each in (Severity.NOTE, Severity.TICKET))
    expected.append(("3h", "DriftHeldUsual", [told(note, model="falls"), told(ticket, model="readmission")]))
    judge(promtool, tmp_path, series, expected)


def twice(own: str) -> dict[str, str]:
    """Each number of that check two times more, by labels that are not the number's."""
    return {f'{name}{{{own},kind="{each}"}}': "0 0 _x300" for name in OF_CHECKS for each in ("data", "schema")}


def nights(model: str, *ended: bool) -> dict[str, str]:
    """That checks ended well, each a day after the one before, by a pod of its own, in steps of four minutes."""
    return {
        f'parapet_monitor_success_time_seconds{{job="checks",namespace="monitoring",model="{model}",pod="{night}"}}': (
            f"_x{night * 360 + 300} {night * 86_400 + 72_000} {night * 86_400 + 72_000}"
        )
        for night, well in enumerate(ended)
        if well
    }


@pytest.mark.engine
def test_two_of_four_days_without_a_check_are_a_page_and_one_is_none(promtool: Path, tmp_path: Path) -> None:
    """No silence of theirs is as long as two days; that an operator starts one more on a good day hides none."""
    series = {
        **nights("readmission", True, True, False, True, False, True),
        **{each.replace('pod="', 'pod="again-'): said for each, said in nights("readmission", False, True).items()},
        **nights("sepsis", True, True, True, False, True, True),
    }
    ticket, page = (alert("MonitorDead", "heartbeat", each) for each in (Severity.TICKET, Severity.PAGE))
    expected = [
        ("110h", "MonitorDead", [told(ticket, model="sepsis")]),
        ("122h", "MonitorDead", [told(each, model="readmission") for each in (ticket, page)]),
    ]
    judge(promtool, tmp_path, series, expected, every="4m")


@pytest.mark.engine
def test_a_check_that_was_mended_is_no_page_in_the_nights_after(promtool: Path, tmp_path: Path) -> None:
    """Of two silent days there are two of four for days yet, and no word of them is news. That it fails on each second
    day is told on each of these: nobody mended that."""
    series = {
        **nights("readmission", True, False, False, True, True, True, True, True),
        **nights("sepsis", True, True, False, True, False, True, False, True),
    }
    ticket, page = (alert("MonitorDead", "heartbeat", each) for each in (Severity.TICKET, Severity.PAGE))
    readmission, sepsis = ([told(each, model=model) for each in (ticket, page)] for model in MODELS)
    expected = [
        ("71h", "MonitorDead", [*readmission, *sepsis[:1]]),
        *((f"{hour}h", "MonitorDead", []) for hour in (93, 98)),
        *((f"{hour}h", "MonitorDead", sepsis) for hour in (122, 138, 167, 172)),
        *((f"{hour}h", "MonitorDead", []) for hour in (142, 160)),
    ]
    judge(promtool, tmp_path, series, expected, every="4m")


@pytest.mark.engine
def test_what_a_check_could_not_look_at_is_told(promtool: Path, tmp_path: Path) -> None:
    """Whatever another model's check says two times: by one that had two of a number, none of any model was judged."""
    other = CHECKED.replace("readmission", "sepsis")
    series = {
        **{LOOKED.replace("readmission", each): "60 60 _x300" for each in ("readmission", "sepsis")},
        f"parapet_monitor_files_unread{{{CHECKED}}}": "1 1 _x300",
        f"parapet_monitor_files_unread{{{other}}}": "0 0 _x300",
        f"parapet_monitor_outcomes{{{CHECKED}}}": "900 900 _x300",
        f"parapet_monitor_outcomes_joined{{{CHECKED}}}": "0 0 _x300",
        f"parapet_monitor_outcomes{{{other}}}": "0 0 _x300",
        f"parapet_monitor_outcomes_joined{{{other}}}": "0 0 _x300",
    }
    day = 24 * 3600
    series |= {
        f"parapet_monitor_callers_drifted{{{CHECKED}}}": "1 1 _x300",
        f"parapet_monitor_callers_drifted{{{other}}}": "0 0 _x300",
        f"parapet_monitor_outcomes_age_seconds{{{CHECKED}}}": f"{46 * day} {46 * day} _x300",
        f"parapet_monitor_outcomes_due_seconds{{{CHECKED}}}": f"{45 * day} {45 * day} _x300",
        # Of which nobody expects any.
        f"parapet_monitor_outcomes_age_seconds{{{other}}}": f"{900 * day} {900 * day} _x300",
        f"parapet_monitor_outcomes_due_seconds{{{other}}}": "0 0 _x300",
    }
    cases = (
        *(("MonitorLeftFilesOut", "left-out"), ("MonitorMissesOutcomes", "outcomes")),
        *(("OutcomesLate", "outcomes-late"), ("CallerDrift", "caller")),
    )
    series |= twice(other)
    expected = [("3h", name, [told(alert(name, kind, Severity.TICKET), model="readmission")]) for name, kind in cases]
    judge(promtool, tmp_path, series, expected)


@pytest.mark.engine
def test_what_one_check_found_is_told_after_a_weekend_in_which_another_did_not(promtool: Path, tmp_path: Path) -> None:
    """A week's outcomes that came on a Saturday are counted by its check alone, and tickets wait until Monday."""
    later = CHECKED.replace("readmission-1", "readmission-2")
    other = CHECKED.replace("readmission", "sepsis")
    said = {"time_seconds": (60, 86460), "files_unread": (1, 0), "outcomes": (900, 10), "outcomes_joined": (0, 10)}
    series = {}
    for name, (first, then) in said.items():
        series[f"parapet_monitor_{name}{{{CHECKED}}}"] = f"{first} {first} _x1200"
        series[f"parapet_monitor_{name}{{{later}}}"] = f"_x360 {then} {then} _x900"
        # One that lost none, of as many.
        well = {"files_unread": 0, "outcomes_joined": 900}.get(name, first)
        series[f"parapet_monitor_{name}{{{other}}}"] = f"{well} {well} _x1200"
    cases = (("MonitorLeftFilesOut", "left-out"), ("MonitorMissesOutcomes", "outcomes"))
    expected = [
        (at, name, [told(alert(name, kind, Severity.TICKET), model="readmission")] if there else [])
        for name, kind in cases
        for at, there in (("1h", True), ("25h", True), ("63h", True), ("75h", False))
    ]
    judge(promtool, tmp_path, series, expected, every="4m")


HOURS_A_WEEK = 7 * 24


def week(model: str, failed: Mapping[int, int]) -> dict[str, str]:
    """What a check each evening at 18:00 says of runs that failed, by its day, from a Thursday on."""
    series = {}
    for day, many in failed.items():
        own = f'job="checks",namespace="monitoring",model="{model}",pod="check-{model}-{day}"'
        before = (24 * day + 18) * 15
        ended = before * 240
        series[f"parapet_monitor_time_seconds{{{own}}}"] = f"_x{before} {ended} {ended} _x{(HOURS_A_WEEK + 72) * 15}"
        series[f"parapet_monitor_pipeline_failures{{{own}}}"] = f"_x{before} {many} {many} _x{(HOURS_A_WEEK + 72) * 15}"
    return series


@pytest.mark.engine
def test_what_was_over_before_the_quiet_hours_were_is_told_when_they_end(promtool: Path, tmp_path: Path) -> None:
    """A run that failed on Saturday and went well on Sunday: Alertmanager waited with it until it was no more. What
    goes on is told by itself, and what was told before they began is not told again. (The first day is a Thursday.)"""
    mended = week("readmission", {0: 0, 1: 0, 2: 1, 3: 0, 4: 0, 5: 0})
    goes_on = week("sepsis", {0: 0, 1: 0, 2: 1, 3: 1, 4: 1, 5: 0})
    told_before = week("falls", {0: 0, 1: 1, 2: 0, 3: 0, 4: 0, 5: 0})
    name, of = waiting.NAME, alert(waiting.NAME, "failed", Severity.TICKET)
    over = [told(of, model="readmission")]
    failed = alert("PipelineFailed", "failed", Severity.TICKET)
    expected = [
        ("67h", "PipelineFailed", [told(failed, model="readmission"), told(failed, model="sepsis")]),
        ("67h", name, []),
        # From Sunday 18:00 on, and until it could be told on Monday from 11:00 on.
        ("92h", name, over),
        ("107h", name, over),
        ("107h20m", name, over),
        ("107h20m", "PipelineFailed", [told(failed, model="sepsis")]),
        ("108h20m", name, []),
        ("120h", name, []),
        ("131h20m", name, []),
        # Of what ended on Monday evening somebody was told by day.
        ("155h20m", name, []),
    ]
    judge(promtool, tmp_path, mended | goes_on | told_before, expected, every="4m", kind="failed")


@pytest.mark.engine
def test_a_ticket_of_the_night_is_told_where_a_note_of_its_kind_was_known(promtool: Path, tmp_path: Path) -> None:
    """A note of Thursday's check, told by day on Friday; on Saturday's it is a ticket, and a note again on Sunday's. Of
    another model the note of the night is a ticket in the morning, which is told by itself."""

    def windows(model: str, *checks: int) -> dict[str, str]:
        series = {}
        for day, many in enumerate(checks):
            own = f'job="checks",namespace="monitoring",model="{model}",pod="check-{model}-{day}"'
            before = (24 * day + 18) * 15
            series[f"parapet_monitor_time_seconds{{{own}}}"] = f"_x{before} {before * 240} {before * 240} _x3000"
            series[f"parapet_monitor_silenced_windows{{{own}}}"] = f"_x{before} {many} {many} _x3000"
        return series

    name, of = waiting.NAME, alert(waiting.NAME, "silenced", Severity.TICKET)
    series = windows("readmission", 8, 8, 21, 9) | windows("sepsis", 0, 0, 8, 21)
    over = [told(of, model="readmission")]
    ticket, note = (alert("DriftHeldUsual", "silenced", each) for each in (Severity.TICKET, Severity.NOTE))
    expected = [
        ("67h", "DriftHeldUsual", [told(ticket, model="readmission"), told(note, model="sepsis")]),
        ("67h", name, []),
        ("107h20m", "DriftHeldUsual", [told(note, model="readmission"), told(ticket, model="sepsis")]),
        ("107h20m", name, over),
        ("108h20m", name, []),
        ("120h", name, []),
    ]
    judge(promtool, tmp_path, series, expected, every="4m", kind="silenced")


def shares(model: str, *checks: tuple[float, int, int] | float) -> dict[str, str]:
    """What checks say, each by a pod of its own: after how many hours, how many answers of the version that it looks
    at, and how many of others; of one that failed, the hours alone."""
    series = {}
    for number, each in enumerate(checks):
        hours, *found = each if isinstance(each, tuple) else (each,)
        own = f'job="checks",namespace="monitoring",model="{model}",pod="check-{model}-{number}"'
        steps = round(hours * 15)
        told = [("time_seconds", steps * 240), *zip(("rows_seen", "rows_elsewhere"), found, strict=False)]
        series |= {f"parapet_monitor_{name}{{{own}}}": f"_x{steps} {many} {many} _x1400" for name, many in told}
    return series


@pytest.mark.engine
def test_answers_of_a_version_that_nobody_checks_are_told_where_two_checks_found_them(
    promtool: Path, tmp_path: Path
) -> None:
    """Of a new version that has come within the day most answers of that day were the one's before, and then none:
    however late the next check is, one alone tells nobody, nor one that is started again, nor one that fails."""
    series = {
        **shares("readmission", (1, 40, 900), (25, 40, 900)),
        **shares("sepsis", (1, 400, 500), 24.5, (26.5, 900, 0)),
        **shares("falls", (1, 40, 900), (3, 40, 900), 25),
    }
    name = "MonitorMissesAnswers"
    found = [told(alert(name, "elsewhere", Severity.TICKET), model="readmission")]
    expected = [("20h", []), ("26h", found), ("26h28m", found), ("30h", found), ("70h", found), ("76h", [])]
    judge(promtool, tmp_path, series, [(at, name, of) for at, of in expected], every="4m")


@pytest.mark.engine
def test_answers_of_a_rollout_that_somebody_paused_at_half_of_the_calls_are_told(
    promtool: Path, tmp_path: Path
) -> None:
    """By chance the one that nobody checks answers a bit more on one day, and a bit less on the next. Of a model that
    is asked a few times a day, those of before its version came are told to nobody; nor what the next one found
    mended."""
    series = {
        **shares("readmission", (1, 490, 510), (25, 510, 490)),
        **shares("sepsis", (1, 4, 3), (25, 8, 3)),
        **shares("falls", (1, 490, 510), (25, 1000, 0)),
    }
    name = "MonitorMissesAnswers"
    found = told(alert(name, "elsewhere", Severity.TICKET), model="readmission")
    judge(promtool, tmp_path, series, [("20h", name, []), ("30h", name, [found])], every="4m")


ERRORS, LATENCY = "ModelErrorBudgetBurn", "ModelLatencyBudgetBurn"


def burns(name: str, *severities: Severity) -> list[dict[str, Any]]:
    kind = "errors" if name == ERRORS else "latency"
    return [told(alert(name, kind, each), model="readmission") for each in severities]


@pytest.mark.engine
def test_a_budget_that_is_spent_in_days_is_a_page_and_one_that_is_spent_in_weeks_a_ticket(
    promtool: Path, tmp_path: Path
) -> None:
    """Of 1,200 calls a minute 24 fail (2 %, 20 times what the budget allows), and then 3 (0.25 %)."""
    series = {
        f'{CALLS}"infer",status="200"}}': SOUND,
        f'{CALLS}"infer",status="500"}}': "0+24x90 2160+3x630",
    }
    judge(
        promtool,
        tmp_path,
        series,
        [
            ("80m", ERRORS, burns(ERRORS, Severity.PAGE, Severity.TICKET)),
            # The shorter window says that it does not go on so.
            ("150m", ERRORS, burns(ERRORS, Severity.TICKET)),
            ("11h", ERRORS, burns(ERRORS, Severity.TICKET)),
            ("11h", LATENCY, []),
        ],
    )


@pytest.mark.engine
def test_a_model_that_is_seldom_asked_wakes_nobody_by_one_failure(promtool: Path, tmp_path: Path) -> None:
    """Ten calls an hour, of which one failed."""
    series = {f'{CALLS}"infer",status="200"}}': "0 1 1 1 1 1+0x5 " * 1 + "2+0x5 3+0x5 4+0x5 5+0x60"}
    series[f'{CALLS}"infer",status="503"}}'] = "0 0 0 1+0x90"
    judge(promtool, tmp_path, series, [(at, ERRORS, []) for at in ("5m", "30m", "60m")])


def seldom(*counted: int, calls: int, hours: int = 14) -> str:
    """A counter, in steps of 30 s, of the first of `calls` that come each 48 minutes, 30 a day; of those with these
    numbers alone, where any is given."""
    values, at = [], 0
    for number in range(hours * 60 // 48):
        values.append(f"{at}x95")
        at += (number in counted) if counted else number < calls
    return " ".join(values)


@pytest.mark.engine
def test_a_model_that_is_seldom_asked_and_answers_nobody_is_a_page_until_it_answers(
    promtool: Path, tmp_path: Path
) -> None:
    """30 calls a day, none of which is answered for seven hours, by one server or by four in turn; another model, of
    which each third fails, wakes nobody. A server has each number from its start, with 0 (`test_served.py`)."""
    failed, well = (f'{CALLS}"infer",status="{status}"}}' for status in (500, 200))
    series = {
        failed: seldom(calls=9),
        well: seldom(*range(9, 18), calls=18),
        **{
            each.replace("readmission", "sepsis"): seldom(*of, calls=18)
            for each, of in ((failed, (0, 3, 6, 9, 12, 15)), (well, (1, 2, 4, 5, 7, 8, 10, 11, 13, 14, 16, 17)))
        },
    }
    in_turn = failed.replace("readmission", "falls").replace("falls-5d8f-x", "falls-NUMBER")
    series |= {in_turn.replace("NUMBER", str(server)): seldom(*range(server, 9, 4), calls=9) for server in range(4)}
    four = [{**each, "exp_labels": {**each["exp_labels"], "model": UNCHECKED}} for each in burns(ERRORS, Severity.PAGE)]
    page = [*burns(ERRORS, Severity.PAGE), *four]
    expected = [("90m", ERRORS, []), ("160m", ERRORS, page), ("7h", ERRORS, page), ("11h", ERRORS, [])]
    # As often as rates are recorded, which sums of them count on.
    judge(promtool, tmp_path, series, expected, every=f"{EVERY_SECONDS}s")


@pytest.mark.engine
def test_strangers_and_probes_spend_no_budget_and_fill_none(promtool: Path, tmp_path: Path) -> None:
    """Nor does a team's model, whatever it calls itself."""
    series = {
        f'{CALLS}"infer",status="200"}}': SOUND,
        f'{CALLS}"ready",status="503"}}': SOUND,
        f'{CALLS}"infer",status="429"}}': SOUND,
        f'{CALLS.replace("models", "serving")}"infer",status="500"}}': SOUND,
    }
    judge(promtool, tmp_path, series, [("2h", ERRORS, [])])
    # Many who are not admitted hide no failure.
    series |= {
        f'{CALLS}"infer",status="401"}}': f"0+{2000 * 60}x720",
        f'{CALLS}"infer",status="500"}}': "0+24x720",
    }
    judge(promtool, tmp_path, series, [("2h", ERRORS, burns(ERRORS, Severity.PAGE, Severity.TICKET))])


@pytest.mark.engine
def test_answers_that_come_late_spend_a_budget_of_their_own(promtool: Path, tmp_path: Path) -> None:
    """A fifth comes after half a second, 20 times what the budget allows."""

    def below(edge: str) -> str:
        return f'parapet_serving_request_seconds_bucket{{{SERVED},le="{edge}"}}'

    series = {below("0.25"): "0+600x200", below("0.5"): "0+960x200", below("+Inf"): "0+1200x200"}
    judge(promtool, tmp_path, series, [("2h", LATENCY, burns(LATENCY, Severity.PAGE, Severity.TICKET))])
    sound = {**series, below("0.5"): "0+1198x200"}
    judge(promtool, tmp_path, sound, [("2h", LATENCY, [])])


@pytest.mark.engine
def test_a_model_whose_servers_die_or_are_not_there_is_a_page(promtool: Path, tmp_path: Path) -> None:
    """A new version's pods are others, and have not died. A pod's proxy answers for a server that crashes or that is
    not ready (`up`), whatever the server says."""
    ready = f"parapet_serving_ready{{{SERVED}}}"
    started = f"parapet_serving_start_time_seconds{{{SERVED}}}"
    other = started.replace("5d8f", "77aa").replace("readmission", "sepsis")
    series = {
        started: "1 1 2 2 3 3 4 4 4+0x60",
        other: "1 1 1 1 1+0x60",
        other.replace("77aa", "88bb"): "_x3 5 5+0x60",
        ready: "1+0x20 0+0x60",
        ready.replace("readmission", "sepsis"): "1+0x20 stale",
        ready.replace("readmission-5d8f-x", "readmission-5d8f-y"): "0+0x10 1+0x11 0+0x60",
        ready.replace("readmission", UNCHECKED): "0+0x30 1+0x50",
        ready.replace("readmission", UNCHECKED).replace("-x", "-y"): "1+0x30 0+0x50",
        # A team's of the same name.
        ready.replace('namespace="models"', 'namespace="serving"'): "1+0x80",
        **{f"up{{{SERVED}}}".replace("readmission", each): "1+0x80" for each in (*MODELS, UNCHECKED)},
        **{
            f"up{{{SERVED}}}".replace("readmission", each).replace("-x", "-y"): "1+0x80"
            for each in ("readmission", UNCHECKED)
        },
    }
    down, gone = (told(alert("ModelDown", "down", Severity.PAGE), model=each) for each in MODELS)
    judge(
        promtool,
        tmp_path,
        series,
        [
            ("9m", "ModelVersionDies", [told(alert("ModelVersionDies", "crash", Severity.PAGE), model="readmission")]),
            ("15m", "ModelDown", []),
            ("25m", "ModelDown", []),
            ("30m", "ModelDown", [down, gone]),
        ],
    )


@pytest.mark.engine
def test_somebody_is_told_before_the_memory_of_what_alerts_is_full(promtool: Path, tmp_path: Path) -> None:
    """Of pods that come and go each has series of its own, which stay for hours: what one may say is bounded, and not
    how many there were. By then there is room for as many again."""
    fills = told(alert("PrometheusFills", "series", Severity.PAGE))
    series = {'prometheus_tsdb_head_series{job="prometheus"}': "3000 60000 200000 400000 600000"}
    judge(promtool, tmp_path, series, [("2m", "PrometheusFills", []), ("3m", "PrometheusFills", [fills])])
    limit = prometheus.RESOURCES["limits"]["memory"]
    assert limit == "2Gi"
    assert 2 * SERIES * 4 * 1024 <= 2 << 30, "some four KiB each"


@pytest.mark.engine
def test_that_one_server_says_it_is_ready_is_not_believed_of_the_others(promtool: Path, tmp_path: Path) -> None:
    """Whoever has taken one over may let it say so while the others are dead, and callers hear nothing. Of a new
    version as many may not be ready yet."""
    said = {
        "readmission": ["1+0x60", "0+0x60", "stale"],
        "sepsis": ["1+0x60", "1+0x60", "0+0x60"],
        UNCHECKED: ["1+0x60", "0+0x60"],
    }
    series = {}
    for model, pods in said.items():
        for number, values in enumerate(pods):
            pod = SERVED.replace("readmission", model).replace("-x", f"-{number}")
            series |= {f"parapet_serving_ready{{{pod}}}": values, f"up{{{pod}}}": "1+0x60"}
    down = told(alert("ModelDown", "down", Severity.PAGE), model="readmission")
    judge(promtool, tmp_path, series, [("4m", "ModelDown", []), ("20m", "ModelDown", [down])])


def test_every_alert_has_the_labels_that_routes_go_by_and_leads_to_a_runbook() -> None:
    for each in ALERTS:
        rule = each.rule()
        said = {*rule["labels"], *({"severity"} if each.severity is None else ()), "alertname", "model"}
        assert said == set(LABELS), each
        assert each.boundary in set(Boundary)
        assert rule["labels"]["runbook"] == f"{RUNBOOKS}/{each.runbook}.md"


def test_two_alerts_of_one_name_and_kind_are_of_other_severity() -> None:
    """Two rules whose alerts are one to Alertmanager would end each other's."""
    named = [(each.name, each.kind, each.severity) for each in ALERTS]
    assert len(set(named)) == len(named)


def test_what_checks_say_is_what_rules_ask() -> None:
    asked = yaml.safe_dump(rules((*MODELS, UNCHECKED), MODELS))
    assert [each for each in OF_CHECKS if each not in asked] == []


@pytest.mark.parametrize("runbook", sorted({each.runbook for each in ALERTS}))
def test_a_runbook_that_an_alert_leads_to_is_there(runbook: str) -> None:
    file = PROJECT / RUNBOOKS / f"{runbook}.md"
    assert file.is_file(), file
