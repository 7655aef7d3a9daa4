"""What Alertmanager and Prometheus are told: the labels that routes go by, and nothing of anybody."""

from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from msgspec import structs

from delivery.monitoring.alerting import telling
from delivery.monitoring.alerting.declared import KINDS, SEVERITIES, Boundary, declared
from delivery.monitoring.alerting.telling import for_alertmanager, metrics, posted_labels
from mlops.monitoring import rules, words
from tests.delivery.monitoring.alert_checks import GREAT, day, steps

NOW = datetime(2023, 1, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)


def test_labels_are_those_of_the_routes_and_the_fingerprint() -> None:
    (alert,) = steps(day(0, data__sodium=GREAT))[0].begins
    assert posted_labels(alert) == [
        {
            **{"alertname": "ModelDrift", "model": "readmission", "kind": "data", "severity": "ticket"},
            **{"boundary": "data", "runbook": "runbooks/data-drift.md", "fingerprint": alert.fingerprint},
        }
    ]


def test_what_is_there_holds_until_after_the_next_window() -> None:
    (alert,) = steps(day(0, data__sodium=GREAT))[0].begins
    (posted,) = for_alertmanager([], [alert], NOW, DAY)
    assert (posted["startsAt"], posted["endsAt"]) == ("2023-01-01T23:00:00Z", "2023-01-05T14:00:00Z")
    assert posted["annotations"]["summary"] == (
        "readmission@3: the data have drifted in sodium, of laboratory. Since 2023-01-01T23:00:00Z, 1 window."
    )


def test_a_ticket_that_becomes_a_page_ends_as_a_ticket() -> None:
    first, second = steps(day(0, data__sodium=GREAT), day(1, data__sodium=GREAT))
    posted = for_alertmanager(first.begins, second.goes_on, NOW, DAY)
    assert [(each["labels"]["severity"], each["endsAt"]) for each in posted] == [
        ("page", "2023-01-05T14:00:00Z"),
        ("ticket", "2023-01-03T02:00:00Z"),
    ]


def test_what_is_over_ends_now() -> None:
    (alert,) = steps(day(0, data__sodium=GREAT))[0].begins
    (posted,) = for_alertmanager([alert], [], NOW, DAY)
    assert posted["endsAt"] == "2023-01-03T02:00:00Z"


def test_each_kind_and_severity_is_a_metric_always() -> None:
    told = metrics(steps(day(0, data__sodium=GREAT))[0].state).splitlines()
    assert len(told) == 2 + 4 * 3 + 3 + 3
    assert [each for each in told if each.endswith(" 1")] == [
        'parapet_monitor_drift{model="readmission",kind="data",severity="ticket"} 1'
    ]


def rows_of(told: str) -> int:
    (line,) = (each for each in told.splitlines() if each.startswith("parapet_monitor_rows{"))
    return int(line.rpartition(" ")[2])


@pytest.mark.parametrize(("rows", "days", "told"), [(0, 1, 0), (1, 1, 1), (29, 1, 29), (29, 8, 0)])
def test_a_window_of_no_rows_is_no_data_and_one_of_few_rows_after_days(rows: int, days: int, told: int) -> None:
    last = structs.replace(day(9, rows=rows), start=day(9 - days).end)
    enough, few = steps(day(0, rows=500), last)
    assert (rows_of(metrics(enough.state)), rows_of(metrics(few.state))) == (500, told)


def test_a_window_that_does_not_move_for_a_day_is_no_data() -> None:
    same = [structs.replace(day(0), at=f"2023-01-0{number}T02:00:00Z") for number in (2, 3, 4)]
    told = steps(*same, structs.replace(day(3), at="2023-01-05T02:00:00Z"))
    assert [rows_of(metrics(each.state)) for each in told] == [500, 0, 0, 500]
    again = steps(day(0), structs.replace(day(0), at="2023-01-02T20:00:00Z"))
    assert rows_of(metrics(again[-1].state)) == 500


def test_rows_of_the_version_before_are_none_of_the_new_one() -> None:
    """Nothing is logged of version 4: that is no data on its first day. A canary and what it may replace, which come in
    turn, are one model's."""
    promoted = steps(day(0), day(1, rows=0, model="readmission@4"), day(2, rows=0, model="readmission@4"))
    assert [rows_of(metrics(each.state)) for each in promoted] == [500, 0, 0]
    later = structs.replace(day(1, rows=0, model="readmission@4"), end="2023-01-02T23:20:00Z")
    in_turn = steps(day(0), day(1), later, day(2, rows=0))
    assert [rows_of(metrics(each.state)) for each in in_turn] == [500, 500, 500, 0]


def test_the_monitor_and_the_rules_of_prometheus_say_the_same() -> None:
    """Neither may import the other. What an alert of drift is called, whose it is and where it leads stands in both."""
    assert (telling.ALERTNAME, telling.DRIFTED, telling.ROWS) == (rules.DRIFT, words.DRIFTED, words.ROWS)
    assert telling.SILENCED == words.SILENCED
    for one, other in ((KINDS, words.Drift), (SEVERITIES, words.Severity), (get_args(Boundary), words.Boundary)):
        assert [*one] == [*other]
    of = {each.kind: each for each in rules.ALERTS if each.name == rules.DRIFT}
    assert [*of] == [*KINDS]
    for kind in KINDS:
        handled, rule = declared().kinds.of(kind), of[kind]
        assert (handled.boundary, handled.runbook) == (rule.boundary, rule.runbook), kind
        assert rule.severity is None, "the check says it"
    (alert,) = steps(day(0, data__sodium=GREAT))[0].begins
    (labels,) = posted_labels(alert)
    assert {*labels} - {"fingerprint"} == {*words.LABELS}
