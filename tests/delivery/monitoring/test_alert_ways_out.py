"""Each alert has a way out: it ends by itself, or somebody who may says until when it is known."""

import re
from datetime import date, timedelta
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from pydantic import ValidationError

from delivery.monitoring.alerting.declared import ALERTING, KINDS, Accepted, Declared, declared
from delivery.monitoring.alerting.summary import UNNAMED
from delivery.monitoring.alerting.telling import metrics
from tests.delivery.monitoring.alert_checks import DECLARED, GREAT, day, steps

BEGINS = date(2023, 1, 1)
WHY = {"reason": "The feed has one more column since its upgrade.", "owner": "data-platform@example.com"}
SIGNALS = {
    **{"schema": "schema__glucose", "data": "data__sodium", "prediction": "prediction__prediction"},
    "quality": "quality__label",
}


def accepting(kind: str, column: str, days: int = 30, model: str = "readmission") -> Declared:
    entry = {"model": model, "kind": kind, "column": column, "begins": BEGINS, **WHY}
    accepted = Accepted.model_validate({**entry, "expires": BEGINS + timedelta(days)})
    return DECLARED.model_copy(update={"accepted": (accepted,)})


@pytest.mark.parametrize("name", ["new_column", "order"])
def test_a_column_that_came_or_stands_elsewhere_wakes_nobody(name: str) -> None:
    checks = [day(number, layout__sodium=0.0) for number in range(10)]
    for check in checks:
        check.tests[-1] = structs.replace(check.tests[-1], test=name)
    (alert,) = steps(*checks)[-1].goes_on
    assert (alert.kind, alert.severity) == ("schema", "note")
    assert "other columns" in alert.summary


def test_a_column_that_came_hides_none_of_another_type_and_does_not_hold_its_page() -> None:
    both = [day(number, layout__sodium=0.0, schema__sodium=0.0) for number in range(2)]
    told = steps(*both, *(day(number, layout__sodium=0.0) for number in range(2, 2 + DECLARED.calm)))
    assert sorted(each.severity for each in told[1].goes_on) == ["note", "page"]
    assert [each.severity for each in told[-1].goes_on] == ["note"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_accepted_ends_at_the_next_look_at_the_same_window_and_does_not_begin_again(kind: str) -> None:
    signal = SIGNALS[kind]
    open_ = steps(*(day(number, **{signal: GREAT}) for number in range(2)))[-1].state
    assert open_.open
    by = accepting(kind, signal.partition("__")[2])
    same, after = steps(*(day(number, **{signal: GREAT}) for number in (1, 2)), state=open_, by=by)
    assert [each.kind for each in same.ends] == [kind]
    assert not same.state.open
    assert (after.begins, after.goes_on) == ((), ())
    assert not after.state.open


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"model": "sepsis"}, id="of another model"),
        pytest.param({"column": "glucose"}, id="of another column"),
        pytest.param({"kind": "quality"}, id="of another kind"),
        pytest.param({"days": 1}, id="over"),
    ],
)
def test_what_is_not_accepted_is_told(other: dict[str, Any]) -> None:
    by = accepting(**{"kind": "data", "column": "sodium", **other})
    (alert,) = steps(*(day(number, data__sodium=GREAT) for number in (2, 3)), by=by)[-1].goes_on
    assert alert.severity == "page"


def test_of_an_alert_that_is_accepted_in_part_the_rest_stays() -> None:
    by = accepting("data", "sodium")
    both = {"data__sodium": GREAT, "data__glucose": GREAT}
    open_ = steps(*(day(number, **both) for number in range(2)))[-1].state
    last = steps(day(2, **both), state=open_, by=by)[-1]
    (alert,) = last.goes_on
    assert (alert.columns, alert.fingerprint) == (["glucose"], open_.open[0].alert.fingerprint)


def test_columns_that_the_reference_lacks_are_accepted_together() -> None:
    by = accepting("schema", UNNAMED)
    assert not steps(*(day(number, layout__weight=0.0) for number in range(2)), by=by)[-1].state.open


def test_the_way_to_silence_that_is_documented_ends_what_prometheus_is_told(tmp_path: Path) -> None:
    """The README's own lines, in the place of alerting.yaml's, on other days: nobody has a way into Alertmanager."""
    lines = (
        (ALERTING.parent / "alerting" / "README.md").read_text().split("**A way out of each alert.**")[1].splitlines()
    )
    start = lines.index("    accepted:")
    block = "\n".join(each[4:] for each in takewhile(lambda each: each.startswith("    "), lines[start:]))
    days = re.findall(r"\d{4}-\d\d-\d\d", block)
    assert len(days) == 2
    for old, new in zip(days, (BEGINS, BEGINS + timedelta(30)), strict=True):
        block = block.replace(old, f"{new}")
    text = ALERTING.read_text()
    assert text.count("\naccepted: []") == 1
    (tmp_path / "alerting.yaml").write_text(text.replace("\naccepted: []", f"\n{block}"))
    checks = [day(number, layout__weight=0.0) for number in range(3)]
    told = steps(*checks[:2])[-1].state
    assert 'kind="schema",severity="note"} 1' in metrics(told)
    (over,) = steps(checks[2], state=told, by=declared(tmp_path / "alerting.yaml"))
    assert len(over.ends) == 1
    assert "} 1" not in "".join(each for each in metrics(over.state).splitlines() if "monitor_drift{" in each)


@pytest.mark.parametrize(
    "change",
    [{"expires": BEGINS - timedelta(1)}, {"expires": BEGINS + timedelta(200)}, {"reason": ""}, {"kind": "all"}],
)
def test_nothing_is_accepted_without_a_reason_or_for_ever(change: dict[str, object]) -> None:
    entry = {"model": "readmission", "kind": "data", "column": "sodium", "begins": BEGINS, **WHY}
    with pytest.raises(ValidationError):
        Accepted.model_validate({**entry, "expires": BEGINS + timedelta(30), **change})


@pytest.mark.parametrize("signal", ["quality__label", "data__sodium"])
def test_what_nothing_is_heard_of_wakes_nobody_for_ever_and_ends_not_silently(signal: str) -> None:
    kind, _, column = signal.partition("__")
    told = steps(*(day(number, **{signal: GREAT}) for number in range(2)))
    state = told[-1].state
    for number in range(2, 2 + DECLARED.unheard):
        check = day(number)
        check.tests[:] = [each for each in check.tests if each.name != column]
        (step,) = steps(check, state=state)
        state = step.state
    (alert,) = step.goes_on
    assert (alert.kind, alert.severity, alert.boundary) == (kind, "ticket", "data")
    assert f"Not judged in the last {DECLARED.unheard} windows" in alert.summary
    (again,) = steps(day(number + 1, **{signal: GREAT}), state=state)[-1].goes_on
    assert (again.severity, again.fingerprint) == ("page", alert.fingerprint)
    assert "Not judged" not in again.summary


def test_quality_that_is_not_judged_leaves_its_cause_as_grave_as_it_is() -> None:
    told = steps(*(day(number, data__sodium=GREAT, quality__label=GREAT) for number in range(2)))
    late = [day(number, data__sodium=GREAT) for number in range(2, 2 + DECLARED.unheard)]
    for check in late:
        check.tests[:] = [each for each in check.tests if each.name != "label"]
    (alert,) = steps(*late, state=told[-1].state)[-1].goes_on
    assert [(each.boundary, each.severity) for each in alert.tells] == [("data", "page")]
