"""How runs of the pipeline went, told by the names of what their steps left."""

from datetime import UTC, datetime, timedelta

import pytest

from delivery.monitoring.runs import BOUND, KILLED, STEPS, Event, Heard, Word, heard

NOW = datetime(2026, 11, 30, 20, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def events(run: str, begun: datetime, until: str, last: Word | None = Word.DONE) -> list[Event]:
    """Each step takes ten seconds and the next begins two later; `until` ends by this word, or never."""
    found = []
    for place, step in enumerate(STEPS):
        at = begun + timedelta(seconds=12 * place)
        found.append(Event(at, run, step, Word.BEGUN))
        word = last if step == until else Word.DONE
        if word:
            found.append(Event(at + timedelta(seconds=10), run, step, word))
        if step == until:
            return found
    raise AssertionError(until)


def known(*runs: list[Event], now: datetime = NOW) -> Heard:
    found = heard([each for run in runs for each in run], now)
    assert found
    return found


def test_a_name_says_all_of_it_and_sorts_as_it_came() -> None:
    event = Event(datetime(2026, 11, 30, 9, 5, 7, 89_000, UTC), "4f2a-1", "data-gate", Word.GATE)
    assert event.name == "20261130T090507089Z.4f2a-1.data-gate.gate.json"
    assert Event.of(event.name) == event
    run = events("a", NOW, "register")
    assert [each.name for each in run] == sorted(each.name for each in run)


@pytest.mark.parametrize(
    "name",
    [
        *("state.json", "20261130T090507089Z.a.MRN-4711.done.json", "20261130T090507089Z.a.train.ended.json"),
        *("20261330T090507089Z.a.train.done.json", "20261130T090507089Z.a/b.train.done.json"),
        "20261130T090507089Z.a.train.done.json.bak",
    ],
)
def test_what_no_step_left_is_not_looked_at(name: str) -> None:
    assert Event.of(name) is None


def test_of_a_model_that_no_run_ever_made_nothing_is_known() -> None:
    assert heard([], NOW) is None


def test_a_failure_that_the_next_run_mended_is_told_by_the_check_that_comes_after_both() -> None:
    """And by no other one a day later; of one that was killed it is known six hours after its last word."""
    failed = events("a", NOW - 19 * HOUR, "evaluate", Word.ERROR)
    killed = events("c", NOW - 27 * HOUR, "train", None)
    well = events("b", NOW - 11 * HOUR, "register")
    found = known(failed, killed, well)
    assert found.ended
    assert (found.ended.step, found.failures) == ("", 2)
    assert known(failed, killed, well, now=NOW + 24 * HOUR).failures == 0
    assert known(killed, now=NOW - 24 * HOUR).failures == 0


def test_a_run_that_registered_a_model_says_when_and_how_long_each_step_took() -> None:
    found = known(events("a", NOW - 9 * HOUR, "register"))
    assert found.brought == NOW - 9 * HOUR + timedelta(seconds=130)
    assert found.ended
    assert (found.ended.run, found.ended.step, found.ended.why, found.ended.seconds) == ("a", "", "", 130)
    assert found.ended.by_step == dict.fromkeys(STEPS, 10)


@pytest.mark.parametrize("word", [Word.GATE, Word.REFUSED, Word.ERROR])
def test_a_run_that_stopped_is_told_with_the_step_and_why_and_the_model_before_it_stays(word: Word) -> None:
    found = known(events("a", NOW - 30 * HOUR, "register"), events("b", NOW - HOUR, "model-gate", word))
    assert found.brought == NOW - 30 * HOUR + timedelta(seconds=130)
    assert found.ended
    assert (found.ended.run, found.ended.step, found.ended.why) == ("b", "model-gate", word)
    assert "register" not in found.ended.by_step


@pytest.mark.parametrize(
    ("last", "step"),
    [(None, "train"), (Word.DONE, "train")],
    ids=["while it ran", "before the next began"],
)
def test_a_run_that_was_killed_is_told_after_a_bound_and_until_then_the_one_before_it(
    last: Word | None, step: str
) -> None:
    killed = events("b", NOW - BOUND, "train", last)
    before = events("a", NOW - 30 * HOUR, "register")
    soon = known(before, killed)
    assert soon.ended
    assert (soon.ended.run, soon.ended.step) == ("a", "")
    assert known(killed).ended is None
    late = known(before, killed, now=killed[-1].at + BOUND + timedelta(seconds=1))
    assert late.ended
    assert (late.ended.run, late.ended.step, late.ended.why) == ("b", step, KILLED)


def test_a_step_that_is_tried_again_is_as_it_was_the_last_time() -> None:
    run = events("a", NOW - HOUR, "register")
    first = next(each for each in run if each.step == "train")
    failed = Event(first.at + timedelta(seconds=1), "a", "train", Word.ERROR)
    again = Event(first.at + timedelta(seconds=2), "a", "train", Word.BEGUN)
    found = known([*run, failed, again])
    assert found.ended
    assert (found.ended.step, found.ended.by_step["train"]) == ("", 8)


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("word", [Word.GATE, Word.REFUSED, Word.ERROR])
def test_what_is_added_to_a_run_that_stopped_does_not_make_it_one_that_went_well(word: Word, again: bool) -> None:
    """Who may start runs may add a word to any. What failed may be tried again; a gate says the same of the same."""
    run = events("a", NOW - 3 * HOUR, "model-gate", word)
    words = [("model-gate", Word.BEGUN), ("model-gate", Word.DONE), ("register", Word.DONE)]
    more = [Event(run[-1].at + HOUR + place * HOUR / 9, "a", *each) for place, each in enumerate(words)]
    more = more if again else more[1:]
    found = known([*run, *more])
    well = again and word is not Word.GATE
    assert found.ended
    assert (found.ended.step, found.ended.why, found.failures) == (("", "", 0) if well else ("model-gate", word, 1))


def test_what_is_of_a_time_to_come_hides_no_run() -> None:
    found = known(events("a", NOW - HOUR, "train", Word.ERROR), events("b", NOW + 24 * HOUR, "register"))
    assert found.brought is None
    assert found.ended
    assert (found.ended.run, found.ended.why) == ("a", "error")
