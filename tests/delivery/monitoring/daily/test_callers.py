"""What one caller asks is held against what it asked before, however much others ask."""

import json
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
import pytest

from delivery.monitoring import limits, tested
from delivery.monitoring.daily import callers
from delivery.monitoring.daily.callers import CONFIRM, LEARNS, USUAL, Known, Seen
from delivery.registry.documents import written
from delivery.registry.refused import Refused
from tests.delivery.monitoring.daily.test_windows import figure, looked
from tests.delivery.monitoring.daily.world import ARTIFACTS, DAY, END, NAME, World, asked, log

pytestmark = [pytest.mark.data]

FILE: Final = f"reports/model={NAME}/callers.json"
OWN: Final = "5f2b1c0d9e8f7a6b5c4d3e2f1a0b9c8d"
"""As the log has the ward: a keyed hash."""


def a_day(world: World, number: int, more: float) -> datetime:
    """Of 1,200 rows of one caller, and 40 of a ward whose patients have so much more heart rate."""
    end = END + number * DAY
    world.serve(asked(1_200, 500 + number), end, files=1, first=10_000 * number)
    ward = asked(40, 900 + number)
    ward[:, 1] += more
    at = np.linspace((end - DAY / 2).timestamp(), (end - DAY / 4).timestamp(), len(ward))
    world.log_file(log(ward, at, 10_000 * number + 5_000, OWN), float(at[0]), f"{number:032x}")
    return end


def known(world: World) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(world.get(FILE))
    return told


def test_what_a_ward_sends_is_found_though_another_asks_thirty_times_as_much(world: World) -> None:
    """The whole shows nothing of it. In the first windows nothing is known of who asks, and nobody is told of one."""
    _, text = looked(world, a_day(world, 0, more=0))
    assert figure(text, "callers_drifted") == 0
    told = known(world)
    ((ward, windows),) = (
        (each, of) for each, of in told["callers"].items() if of[0]["far"]["heart_rate:ks_binned"] > 0.1
    )
    before = [windows[0] | {"until": written(END - day * DAY)} for day in reversed(range(LEARNS))]
    world.put(ARTIFACTS, FILE, json.dumps(told | {"callers": told["callers"] | {ward: before}}).encode())
    found = [looked(world, a_day(world, number, more=40)) for number in (1, 2)]
    assert [check.kind for check, _ in found] == ["none", "none"]
    assert [figure(text, "callers_drifted") for _, text in found] == [0, 1]
    note = f"What the caller {ward} asks is otherwise than in its windows before: "
    notes = [each for check, _ in found for each in check.notes if each.startswith(note)]
    assert len(notes) == 2
    assert all("heart_rate" in each for each in notes)
    kept = world.get(FILE).decode() + "".join(each for check, _ in found for each in check.notes)
    assert OWN not in kept, "it is told by a fingerprint of the hash"


def test_what_is_known_of_callers_and_cannot_be_read_is_told_with_what_to_do(world: World) -> None:
    world.put(ARTIFACTS, FILE, b'{"callers": {"MRN-4711": []}}')
    with pytest.raises(Refused, match=r"callers.json.* Take it away: then it is learnt anew who asks what") as refused:
        looked(world, a_day(world, 0, more=0))
    assert "4711" not in str(refused.value)


def far(value: float, name: str = "heart_rate", reach: float = 0.1) -> tested.Tested:
    return tested.Tested(name, "ks_binned", "data", value, 0.05, 0.5, 400, True, lambda _: reach)


def walked(*windows: Sequence[tested.Tested], caller: str = "ab" * 8) -> list[int]:
    """How many callers drifted, after each."""
    return [each.drifted for each in judged(*windows, caller=caller)]


def judged(*windows: Sequence[tested.Tested], caller: str = "ab" * 8) -> list[callers.Judged]:
    known, found = Known("parapet-callers/1", f"sha256:{'a' * 64}"), list[callers.Judged]()
    for number, tests in enumerate(windows):
        found.append(callers.judged(known, {caller: tests}, written(END + number * DAY)))
        known = found[-1].known
    return found


def test_a_caller_that_always_was_otherwise_than_the_rest_is_not_told_and_one_that_became_so_is_until_it_is_usual() -> (
    None
):
    calm = [[far(0.5 + 0.02 * (number % 7))] for number in range(20)]
    assert walked(*calm) == [0] * 20
    # Farther than ever by less than chance makes of it.
    assert walked(*calm, [far(0.70)], [far(0.71)]) == [0] * 22
    assert walked(*calm, [far(0.80)], [far(0.81)], [far(0.55)]) == [0] * 21 + [1, 0]
    stays = walked(*calm, *[[far(0.9)]] * 60)
    assert stays[20 + CONFIRM - 1] == 1
    assert stays[-1] == 0
    assert sum(stays) == USUAL, "four weeks, as the runbook has it"
    assert stays[20 + CONFIRM - 1 :] == [1] * USUAL + [0] * (60 - CONFIRM + 1 - USUAL)
    notes = [each.notes for each in judged(*calm, *[[far(0.9)]] * 60)]
    given_up = [number for number, each in enumerate(notes) if "taken for usual from now on" in " ".join(each)]
    assert given_up == [20 + CONFIRM - 1 + USUAL], "once, when nobody is told any more"
    assert notes[-1] == []


def test_one_window_alone_and_two_of_different_columns_are_told_to_nobody() -> None:
    calm = [[far(0.2), far(0.2, "sodium")]] * LEARNS
    assert walked(*calm, [far(0.9), far(0.2, "sodium")], [far(0.2), far(0.9, "sodium")]) == [0] * (LEARNS + 2)
    assert walked(*calm[1:], [far(0.9), far(0.9, "sodium")], [far(0.9), far(0.9, "sodium")])[-1] == 0, "too few before"


def test_a_window_that_is_looked_at_once_more_is_not_held_against_itself() -> None:
    seen = [Seen(written(END + number * DAY), {"heart_rate:ks_binned": 0.2}) for number in range(LEARNS)]
    known = Known("parapet-callers/1", f"sha256:{'a' * 64}", {"ab" * 8: seen})
    until = written(END + timedelta(days=LEARNS))
    first = callers.judged(known, {"ab" * 8: [far(0.9)]}, until)
    again = callers.judged(first.known, {"ab" * 8: [far(0.9)]}, until)
    assert (first.notes, first.known) == (again.notes, again.known)
    assert (first.drifted, again.drifted, len(first.notes)) == (0, 0, 1)


@pytest.mark.parametrize(
    ("rows", "windows", "left"),
    [
        pytest.param({"ward": 40}, {}, 0, id="alone"),
        pytest.param({"ward": 40} | dict.fromkeys("abcdef", 30), dict.fromkeys("abcdef", 9), 3, id="of longer history"),
        pytest.param({"ward": 40} | dict.fromkeys("abcdef", 90), {"ward": 1}, 3, id="of more rows"),
        pytest.param({"ward": 40, "small": 29, None: 400}, {}, 0, id="too small"),
    ],
)
def test_neither_by_rows_nor_by_windows_before_does_another_take_each_place(
    monkeypatch: pytest.MonkeyPatch, rows: dict[str | None, int], windows: dict[str, int], left: int
) -> None:
    """Who was known before stood first for good: by as many names as there are places, nobody new was looked at."""
    monkeypatch.setattr(limits, "COHORTS", 4)
    seen = {callers._fingerprint(each): [Seen(written(END), {})] * of for each, of in windows.items()}
    chosen, beyond = callers.chosen(Counter(rows), Known("parapet-callers/1", f"sha256:{'a' * 64}", seen))
    assert "ward" in chosen
    assert (len(chosen), beyond) == (min(len(set(rows) - {"small", None}), 4), left)


def test_how_many_callers_no_place_was_left_for_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "COHORTS", 1)
    check, _ = looked(world, a_day(world, 0, more=0))
    assert "Of 2 callers of 30 rows and more 1 was not looked at by itself: there is place for 1." in check.notes
    assert len(known(world)["callers"]) == 1


def test_many_callers_are_bounded_and_their_chances_shared() -> None:
    asked: list[float] = []

    def reach(chance: float) -> float:
        asked.append(chance)
        return 0.1

    known = Known("parapet-callers/1", f"sha256:{'a' * 64}")
    one = tested.Tested("heart_rate", "ks_binned", "data", 0.9, 0.05, 0.5, 400, True, reach)
    for number in range(LEARNS + 1):
        found = {f"{each:016x}": [one] for each in range(300)}
        known = callers.judged(known, found, written(END + number * DAY)).known
    assert len(known.callers) == callers.KNOWN
    assert set(asked) == {0.002 / 300}
