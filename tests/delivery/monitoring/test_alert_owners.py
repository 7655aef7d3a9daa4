"""What is open keeps nothing from its owner: what begins later is told, and each kind that has moved to whose it is."""

import pytest

from delivery.monitoring.alerting.telling import metrics, posted_labels
from tests.delivery.monitoring.alert_checks import DECLARED, GREAT, day, steps

LONG = DECLARED.together + 5


def told(metric: str) -> set[tuple[str, ...]]:
    """Kind and severity of those that are 1."""
    lines = [line for line in metric.splitlines() if line.endswith(" 1")]
    return {tuple(line.split('"')[3:6:2]) for line in lines}


@pytest.mark.parametrize("first", ["data__payer", "schema__sodium", "layout__weight", "prediction__prediction"])
def test_what_is_open_for_long_does_not_hide_that_quality_fell(first: str) -> None:
    long = [day(number, **{first: GREAT}) for number in range(LONG)]
    both = [day(number, **{first: GREAT, "quality__label": GREAT}) for number in (LONG, LONG + 1)]
    last = steps(*long, *both)[-1]
    (quality,) = [each for each in last.goes_on if each.kind == "quality"]
    assert (quality.severity, quality.boundary, quality.columns) == ("page", "clinical", ["label"])
    assert ("quality", "page") in told(metrics(last.state))


@pytest.mark.parametrize("first", ["data__payer", "schema__sodium"])
def test_quality_that_has_its_cause_is_told_to_who_answers_for_it_as_well(first: str) -> None:
    last = steps(*(day(number, **{first: GREAT, "quality__label": GREAT}) for number in range(2)))[-1]
    (alert,) = last.goes_on
    labels = {each["kind"]: (each["boundary"], each["severity"]) for each in posted_labels(alert)}
    assert labels == {alert.kind: ("data", "page"), "quality": ("clinical", "page")}
    assert told(metrics(last.state)) == {(alert.kind, "page"), ("quality", "page")}


def test_one_owner_is_told_once_of_one_cause() -> None:
    days = [day(number, schema__glucose=0.0, data__glucose=GREAT) for number in range(2)]
    (alert,) = steps(*days)[-1].goes_on
    assert [each["kind"] for each in posted_labels(alert)] == ["schema"]


def test_quality_is_no_page_before_it_is_there_again() -> None:
    first, second = steps(*(day(number, schema__glucose=0.0, quality__label=GREAT) for number in range(2)))
    assert told(metrics(first.state)) == {("schema", "page"), ("quality", "ticket")}
    assert told(metrics(second.state)) == {("schema", "page"), ("quality", "page")}


@pytest.mark.parametrize("first", ["layout__weight", "schema__payer"])
def test_a_schema_that_broke_long_ago_hides_no_drift_of_another_column(first: str) -> None:
    long = [day(number, **{first: 0.0}) for number in range(LONG)]
    both = [day(number, **{first: 0.0, "data__sodium": GREAT}) for number in (LONG, LONG + 1)]
    last = steps(*long, *both)[-1]
    assert ("data", "page") in told(metrics(last.state))


def test_a_column_that_came_explains_no_drift() -> None:
    last = steps(*(day(number, layout__weight=0.0, data__sodium=GREAT) for number in range(2)))[-1]
    assert {(each.kind, each.severity) for each in last.goes_on} == {("schema", "note"), ("data", "page")}
