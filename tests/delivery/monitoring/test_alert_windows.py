"""An alert from its first window to its last: what it waits for, what it takes together, when it is over."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from delivery.monitoring.alerting.advancing import advance, begin
from delivery.monitoring.alerting.declared import Accepted
from delivery.monitoring.alerting.documents import read_state
from delivery.monitoring.alerting.summary import UNNAMED
from delivery.monitoring.alerting.telling import ROWS, metrics
from delivery.monitoring.alerting.versions import HOLDS, alerts
from delivery.registry.refused import Refused
from tests.delivery.monitoring.alert_checks import DECLARED, FAIR, GREAT, MODEL, VALUES, day, steps
from tests.delivery.monitoring.years import instant
from tests.examples import examples

CALM = DECLARED.calm


def test_nothing_comes_of_usual_days() -> None:
    told = steps(*(day(number) for number in range(30)))
    assert not any(each.begins or each.goes_on or each.ends for each in told)
    assert not told[-1].state.evidence


def test_a_great_change_is_a_ticket_at_once_and_a_page_when_it_is_there_again() -> None:
    first, second = steps(day(0, data__sodium=GREAT), day(1, data__sodium=GREAT))
    (begun,), (gone_on,) = first.begins, second.goes_on
    assert (begun.severity, gone_on.severity) == ("ticket", "page")
    assert begun.fingerprint == gone_on.fingerprint
    assert (begun.columns, gone_on.windows) == (["sodium"], 2)


def test_one_strange_day_wakes_nobody() -> None:
    told = steps(day(0, data__sodium=GREAT), *(day(number) for number in range(1, 9)))
    assert not [each for step in told for each in (*step.begins, *step.goes_on) if each.severity == "page"]
    assert [each.fingerprint for each in told[CALM].ends] == [each.fingerprint for each in told[0].begins]
    assert not told[-1].state.open


def test_two_fair_changes_are_what_one_great_one_is() -> None:
    first, second = steps(day(0, data__sodium=FAIR), day(1, data__sodium=FAIR))
    assert not first.begins
    assert [each.severity for each in second.begins] == ["page"]


def test_a_broken_schema_is_no_matter_of_chance() -> None:
    (step,) = steps(day(0, rows=5, schema__glucose=0.0))
    (alert,) = step.begins
    assert (alert.kind, alert.severity, alert.boundary, alert.runbook) == ("schema", "page", "data", "schema-break")


@pytest.mark.parametrize("rows", [0, 1, 29])
def test_too_few_rows_say_nothing_for_it_or_against(rows: int) -> None:
    told = steps(day(0, rows, data__sodium=GREAT), day(1, data__sodium=GREAT), day(2, rows), day(3, rows), day(4, rows))
    assert not told[0].begins
    assert told[1].begins
    assert [each.calm for each in told[-1].state.open] == [0]


def test_rows_that_are_too_few_are_gathered_in_quiet_for_as_long_as_is_declared() -> None:
    """No rows at all are told at once."""
    by = DECLARED.model_copy(update={"gathers": 3, "gathers_of": {"icu": 5}})

    def gathered(model: str, days: int, rows: int = 20) -> tuple[int, str | None]:
        window = structs.replace(day(9, rows, model), start=instant(9 - days, 23))
        state = steps(window, by=by)[0].state
        assert f'parapet_monitor_rows{{model="{model.partition("@")[0]}"}} {state.rows}\n' in metrics(state)
        return state.rows, state.gathers

    start = [instant(9 - days, 23) for days in range(7)]
    assert [gathered(MODEL, days) for days in (1, 3, 4)] == [(20, start[1]), (20, start[3]), (0, start[4])]
    assert [gathered("icu@1", days) for days in (5, 6)] == [(20, start[5]), (0, start[6])]
    assert gathered(MODEL, 1, rows=0) == (0, start[1])
    assert gathered(MODEL, 4, rows=30) == (30, None)


def test_of_a_model_that_is_used_on_weekdays_an_empty_weekend_is_told_to_nobody() -> None:
    """And an empty log is, once it has been so for longer, or where nobody said so of the model."""
    by = DECLARED.model_copy(update={"empty_of": {"readmission": 72}})
    for declared, told in ((by, [50, None, None, None, 0, 50]), (DECLARED, [50, 0, 0, 0, 0, 50])):
        many = [50, 0, 0, 0, 0, 50]
        checks = [
            structs.replace(day(n, rows), start=instant(min(n, 1)), end=instant(n + 1)) for n, rows in enumerate(many)
        ]
        checks = [structs.replace(each, at=each.end) for each in checks]
        states = [each.state for each in steps(*checks, by=declared)]
        assert [each.rows for each in states] == told
        assert [f"{ROWS}{{" in metrics(each) for each in states] == [each is not None for each in told]
        assert [read_state(each.raw) for each in states] == states


def test_while_rows_are_gathered_a_page_is_neither_over_nor_of_what_is_heard_no_more() -> None:
    found = [day(0, data__sodium=GREAT), day(1, data__sodium=GREAT)]
    few = steps(*found, *(day(number, rows=12) for number in range(2, 12)))
    assert [each.state.open[0].alert.severity for each in few[1:]] == ["page"] * 11
    none = steps(*found, *(day(number, rows=0) for number in range(2, 12)))
    assert none[-1].state.open[0].alert.severity == "ticket"


@pytest.mark.parametrize(
    ("more", "kind"),
    [
        pytest.param({"data__glucose": GREAT, "prediction__prediction": GREAT}, "data", id="a unit"),
        pytest.param(
            {"schema__glucose": 0.0, "data__glucose": GREAT, "quality__label": GREAT}, "schema", id="a schema"
        ),
        pytest.param({"prediction__prediction": GREAT, "quality__label": GREAT}, "prediction", id="a model"),
        pytest.param({"quality__label": GREAT}, "quality", id="the quality"),
    ],
)
def test_one_cause_is_one_alert(more: dict[str, float], kind: str) -> None:
    told = steps(*(day(number, **more) for number in range(3)))
    assert [len(each.begins) for each in told] == [1, 0, 0]
    (alert,) = told[-1].goes_on
    assert (alert.kind, len(alert.moves)) == (kind, len({name.partition("__")[0] for name in more}))


def test_first_signs_are_taken_in_by_their_cause() -> None:
    """Predictions are one column and are sure first; the data that move them follow. It stays one alert."""
    told = steps(day(0, prediction__prediction=GREAT), day(1, data__sodium=GREAT, prediction__prediction=GREAT))
    (begun,), (gone_on,) = told[0].begins, told[1].goes_on
    assert (begun.kind, gone_on.kind) == ("prediction", "data")
    assert begun.fingerprint == gone_on.fingerprint
    assert not told[1].begins
    assert not told[1].ends


def test_what_comes_later_from_elsewhere_is_another_alert() -> None:
    late = DECLARED.together + 2
    days = [day(number, data__sodium=GREAT) for number in range(late)]
    told = steps(*days, day(late, data__sodium=GREAT, data__payer=GREAT))
    (begun,) = told[-1].begins
    assert (begun.columns, begun.cause) == (["payer"], "admissions")
    assert len(told[-1].state.open) == 2


def test_what_comes_later_from_the_same_place_is_the_same_alert() -> None:
    late = DECLARED.together + 2
    days = [day(number, data__sodium=GREAT) for number in range(late)]
    told = steps(*days, day(late, data__sodium=GREAT, data__glucose=GREAT))
    assert [each.columns for each in told[-1].goes_on] == [["glucose", "sodium"]]


def test_an_end_that_did_not_last_is_no_new_alert() -> None:
    there = [day(number, data__sodium=GREAT) for number in (0, 1)]
    told = steps(*there, *(day(number) for number in range(2, 2 + CALM)), day(2 + CALM, data__sodium=GREAT))
    assert told[-2].ends
    assert not told[-1].begins
    (again,) = told[-1].goes_on
    assert (again.fingerprint, again.began) == (told[0].begins[0].fingerprint, told[0].begins[0].began)


def test_the_same_cause_has_the_same_name_a_year_later() -> None:
    (one,) = steps(day(0, data__sodium=GREAT))[0].begins
    (other,) = steps(day(400, data__sodium=GREAT))[0].begins
    assert one.fingerprint == other.fingerprint
    assert one.began != other.began


def test_a_window_that_was_there_changes_nothing() -> None:
    first = steps(day(3, data__sodium=GREAT))[0].state
    for check in (day(3, data__sodium=GREAT), day(3, data__glucose=GREAT), day(1, data__glucose=GREAT)):
        again = advance(first, check, None, DECLARED)
        assert again.state == first
        assert not again.begins
        assert [each.columns for each in again.goes_on] == [["sodium"]]


def test_of_two_windows_that_end_on_one_day_the_one_that_starts_later_is_another() -> None:
    """Days of a clinic begin at five or six by UTC, and few come at night."""
    days = [("2023-01-01", "2023-01-02"), ("2023-01-02", "2023-01-02"), ("2023-01-03", "2023-01-04")]
    checks = [
        structs.replace(day(number, data__sodium=GREAT), start=f"{start}T00:00:00Z", end=f"{end}T00:00:00Z")
        for number, (start, end) in enumerate(days, start=1)
    ]
    told = steps(*checks, checks[1])
    assert [each.state.windows for each in told] == [1, 2, 3, 3]


def test_rows_of_the_future_do_not_end_the_monitoring() -> None:
    check = structs.replace(day(0), end="2999-01-01T00:00:00Z")
    assert steps(check, day(5, data__sodium=GREAT))[1].begins


def test_another_reference_begins_anew_and_ends_what_was_open() -> None:
    told = steps(day(0, data__sodium=GREAT), day(1, reference="sha256:" + "6" * 64, data__glucose=GREAT))
    assert [each.columns for each in told[1].ends] == [["sodium"]]
    assert [each.columns for each in told[1].begins] == [["glucose"]]


def test_what_was_open_of_a_version_ends_when_only_another_one_is_checked() -> None:
    told = steps(day(0, data__sodium=GREAT), *(day(1 + n, model="readmission@4") for n in range(CALM + 1)))
    assert [len(each.ends) for each in told[1:]] == [*[0] * (CALM - 1), 1, 0]
    assert (told[-1].state.model, told[-1].state.beside) == ("readmission@4", [])


@pytest.mark.parametrize("rows", [5, 500])
def test_what_was_open_of_a_version_is_not_over_by_windows_that_nobody_could_judge(rows: int) -> None:
    """The next version is asked five times a day: nothing says that what moved is as it was."""
    first = [day(number, model="readmission@1", data__sodium=GREAT) for number in range(2)]
    (page,) = steps(*first)[-1].goes_on
    after = steps(*first, *(day(2 + number, rows, model="readmission@2") for number in range(DECLARED.calm + 2)))
    assert [each.fingerprint for step in after for each in step.ends] == [page.fingerprint] * (rows >= 30)
    assert [each.fingerprint for each in alerts(after[-1].state)] == [page.fingerprint] * (rows < 30)


def test_of_a_model_that_is_promoted_each_day_a_change_becomes_a_page() -> None:
    told = steps(*(day(number, model=f"readmission@{1 + number}", data__sodium=GREAT) for number in range(4)))
    assert [alerts(each.state)[0].severity for each in told] == ["ticket", "page", "page", "page"]
    (usual,) = steps(day(4, model="readmission@5"), state=told[-1].state)
    assert [each.signals for each in usual.state.open] == []
    less = day(4, model="readmission@5", data__sodium=0.02)
    own, after = (steps(less, state=each)[-1].state.evidence["data:sodium"] for each in (None, told[-1].state))
    assert (own.weight, own.streak, after.streak) == (after.weight, 1, 5), "what speaks for it each says by itself"


def test_of_a_model_that_is_promoted_before_there_are_rows_enough_it_is_told_that_nobody_judges_it() -> None:
    """Four calls a day, and a new version each week."""
    quiet = DECLARED.quiet(MODEL).days
    rows = list[int]()
    state = None
    for number in range(3 * 7):
        version, since = number // 7, number - number % 7
        check = structs.replace(
            day(number, 4 * (1 + number % 7), model=f"readmission@{1 + version}"), start=instant(since)
        )
        (step,) = steps(check, state=state)
        state = step.state
        rows.append(state.rows)
    assert all(rows[:quiet])
    assert not any(rows[quiet + 1 :])
    (enough,) = steps(structs.replace(day(21, 40, model="readmission@3"), start=instant(14)), state=state)
    assert (enough.state.rows, enough.state.unjudged) == (40, None)


def test_versions_that_come_in_turn_do_not_forget_each_other() -> None:
    """A canary, and what it may replace."""
    turns = [day(n // 2, model=f"readmission@{3 + n % 2}", data__sodium=GREAT) for n in range(8)]
    told = steps(*turns)
    assert [len(each.begins) for each in told] == [1, *[0] * 7]
    assert not [each.ends for each in told if each.ends]
    assert [each.severity for each in alerts(told[-1].state)] == ["page"]
    assert read_state(told[-1].state.raw) == told[-1].state
    both = steps(*(day(4 + n // 2, model=f"readmission@{3 + n % 2}") for n in range(2 * CALM)), state=told[-1].state)
    assert [len(each.ends) for each in both] == [*[0] * (2 * CALM - 1), 1]


def test_what_only_the_canary_has_is_told_as_long_as_it_has_it() -> None:
    turns = [
        day(n // 2, model=f"readmission@{3 + n % 2}", **({"data__sodium": GREAT} if n % 2 else {})) for n in range(9)
    ]
    last = steps(*turns)[-1].state
    assert last.model == "readmission@3"
    assert not last.open
    assert [each.model for each in alerts(last)] == ["readmission@4"]
    assert 'kind="data",severity="page"} 1' in metrics(last)


def test_what_was_found_of_a_version_is_told_for_as_long_as_it_answers_anybody() -> None:
    """A Rollout that waits: the new version alone is looked at, and the one before answers most patients."""
    before, new = "readmission@3", "readmission@4"
    found = steps(*(day(number, model=before, data__sodium=GREAT) for number in (0, 1)))[-1].state
    waits = steps(*(day(number, model=new) for number in range(2, 9)), state=found, answering=[before])
    assert [(*each.begins, *each.ends) for each in waits] == [()] * 7
    assert [(each.model, each.severity) for each in alerts(waits[-1].state)] == [(before, "page")]
    assert 'kind="data",severity="page"} 1' in metrics(waits[-1].state)
    (again,) = steps(day(8, model=new), state=waits[-1].state)
    assert alerts(again.state) == alerts(waits[-1].state), "the same window says nothing of who still answers"
    (gone,) = steps(day(9, model=new), state=again.state)
    assert [each.model for each in gone.ends] == [before]
    assert alerts(gone.state) == []


def test_a_file_a_day_below_an_old_version_keeps_no_page_for_good() -> None:
    """Who may write the log says who answers: what was found holds for two weeks without another look."""
    before, new = "readmission@3", "readmission@4"
    found = steps(*(day(number, model=before, data__sodium=GREAT) for number in (0, 1)))[-1].state
    said = steps(*(day(number, model=new) for number in range(2, 40)), state=found, answering=[before])
    ended = [number for number, each in enumerate(said, 2) if [over.model for over in each.ends] == [before]]
    assert ended == [1 + HOLDS.days + 1]
    assert alerts(said[-1].state) == []


def test_what_is_accepted_of_a_version_that_only_answers_still_ends() -> None:
    before, new = "readmission@3", "readmission@4"
    found = steps(*(day(number, model=before, data__sodium=GREAT) for number in (0, 1)))[-1].state
    told = {"model": "readmission", "kind": "data", "column": "sodium", "owner": "data@example.com"}
    days = {"begins": "2023-01-01", "expires": "2023-03-01", "reason": "The laboratory changed its unit."}
    accepts = DECLARED.model_copy(update={"accepted": (Accepted.model_validate(told | days),)})
    (over,) = steps(day(2, model=new), state=found, by=accepts, answering=[before])
    assert [each.model for each in over.ends] == [before]
    assert alerts(over.state) == []


def test_another_models_check_is_refused() -> None:
    with pytest.raises(Refused, match=r"readmission@3.*sepsis@1.*state"):
        steps(day(0), day(1, model="sepsis@1"))


def test_a_column_that_the_reference_lacks_is_not_named() -> None:
    """In a file without a header the first patient is."""
    (step,) = steps(day(0, **{"schema__Doe, Jane 1950-02-03": 0.0}))
    told = step.state.raw.decode()
    assert "Doe" not in told
    assert step.begins[0].columns == [UNNAMED]


@pytest.mark.parametrize("name", ["", ":", "a\nb", "x" * 5000, "ä" * 300])
def test_whatever_a_column_is_called_the_state_is_read_back(name: str) -> None:
    told = steps(*(day(number, **{f"data__{name}": GREAT}) for number in (0, 1)))
    assert read_state(told[1].state.raw) == told[1].state
    assert told[1].goes_on[0].columns == [name]


def test_gravity_follows_what_the_model_is_used_for() -> None:
    by = DECLARED
    uses = {name: by.model_copy(update={"models": {"readmission": name}}) for name in by.uses}
    severities = {
        (name, column): steps(*(day(n, **{column: GREAT}) for n in (0, 1)), by=use)[1].goes_on[0].severity
        for name, use in uses.items()
        for column in ("data__sodium", "data__payer")
    }
    assert severities == {
        **{("acts", "data__sodium"): "page", ("acts", "data__payer"): "ticket"},
        **{("advises", "data__sodium"): "page", ("advises", "data__payer"): "note"},
        **{("reports", "data__sodium"): "ticket", ("reports", "data__payer"): "note"},
    }


DAYS = st.lists(
    st.tuples(
        st.sampled_from([0, 20, 500]),
        st.dictionaries(st.sampled_from([*VALUES, "schema:glucose"]), st.sampled_from([FAIR, GREAT, 0.5])),
    ),
    max_size=12,
)


@settings(max_examples=examples(60), deadline=None)
@given(DAYS)
def test_whatever_comes_the_state_is_whole_and_read_back(days: list[tuple[int, dict[str, float]]]) -> None:
    checks = [
        day(number, rows, **{name.replace(":", "__"): p for name, p in given.items()})
        for number, (rows, given) in enumerate(days)
    ]
    state = begin(day(0))
    for check in checks:
        open_before = {each.alert.fingerprint for each in state.open}
        step = advance(state, check, None, DECLARED)
        state = read_state(step.state.raw)
        assert state == step.state
        now = [each.alert.fingerprint for each in state.open]
        assert len(now) == len(set(now))
        assert len(signals := [name for each in state.open for name in each.signals]) == len(set(signals))
        assert set(now) == {each.fingerprint for each in (*step.begins, *step.goes_on)}
        assert open_before - set(now) == {each.fingerprint for each in step.ends}
        severities = {each.alert.fingerprint: each.alert.severity for each in state.open}
        assert all(severities[each.fingerprint] == each.severity for each in (*step.begins, *step.goes_on))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"format": "parapet-alerting-state/2"}, id="another form"),
        pytest.param({"more": 1}, id="an unknown field"),
        pytest.param({"windows": -1}, id="a negative count"),
        pytest.param({"evidence": {"data:sodium": {"weight": "Jane Doe", "streak": 0}}}, id="a value of another type"),
    ],
)
def test_another_state_is_refused_without_its_values(change: dict[str, Any]) -> None:
    raw = json.loads(begin(day(0)).raw)
    with pytest.raises(Refused, match="state of the alerts") as refused:
        read_state(json.dumps(raw | change).encode())
    assert "Jane" not in str(refused.value)
    assert MODEL not in str(refused.value)
