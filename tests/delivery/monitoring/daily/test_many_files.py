"""A month of outcomes at once, and a log of one small file a minute: read within a check's hour."""

import threading
from datetime import timedelta
from typing import Any, Final

import pytest

from delivery.monitoring.daily import labels as labelling
from delivery.monitoring.daily import places
from delivery.monitoring.daily.places import AHEAD, AT_ONCE, SMALL, Got, Listed, Odd, Place
from tests.delivery.monitoring.daily.test_windows import figure, looked
from tests.delivery.monitoring.daily.world import DAY, END, NAME, PHI, World, asked, came, labels

pytestmark = [pytest.mark.data]
LATE: Final = 20.0
"""Seconds after which two that wait for each other give up."""


class Answers:
    """A bucket of which nothing comes before AT_ONCE were asked for."""

    def __init__(self) -> None:
        self.meet = threading.Barrier(AT_ONCE)
        self.asked: list[str] = []

    def get(self, name: str, most: int) -> Got | None:
        self.asked.append(name)
        if name.startswith("small"):
            self.meet.wait(LATE)
        if name == "small-3":
            raise Odd("it is too long")
        return Got(name.encode(), "tag")


class Many(Place):
    """Such a place."""

    def get(self, name: str, most: int) -> Got | None:
        found: Got | None = self.s3.get(name, most)
        return found


def test_small_files_come_several_at_a_time_in_their_order_and_each_says_itself_what_is_wrong_with_it() -> None:
    s3: Any = Answers()
    listed = [Listed(f"small-{number}", END, SMALL) for number in range(2 * AT_ONCE)]
    told = []
    for each, call in Many(s3, "s3://log/predictions").each(listed, 1 << 20):
        try:
            found = call()
            told.append(found.raw.decode() if found else "")
        except Odd:
            told.append(f"odd {each.name}")
    assert told == [f"odd {each.name}" if each.name == "small-3" else each.name for each in listed]


def test_what_waits_is_bounded_and_a_large_file_is_had_in_its_turn_alone() -> None:
    s3: Any = Answers()
    large = [Listed(f"large-{number}", END, SMALL + 1) for number in range(3)]
    calls = Many(s3, "s3://log/predictions").each(large, 1 << 20)
    for number, (_, call) in enumerate(calls):
        assert len(s3.asked) == number
        call()
    taken: list[int] = []

    def listed() -> Any:
        for number in range(10 * AHEAD):
            taken.append(number)
            yield Listed(f"other-{number}", END, 1)

    next(iter(Many(s3, "s3://log/predictions").each(listed(), 1 << 20)))
    assert len(taken) <= AHEAD


def test_of_more_files_than_are_read_in_an_hour_the_newest_days_are_looked_at(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And which are not is told."""
    monkeypatch.setattr(labelling, "FILES", 9)
    for number in range(4):
        world.serve(asked(100, number), END - number * DAY, first=1_000 * number)
        outcome = came(asked(100, number), 7) == 1
        for day in {END - number * DAY, END - (number + 1) * DAY}:
            name = f"labels/model={NAME}/date={day:%Y-%m-%d}/told-{number}.parquet"
            world.put(PHI, name, labels(1_000 * number, outcome), END - timedelta(hours=1))
    check, text = looked(world)
    joined = figure(text, "outcomes_joined")
    assert 0 < joined < figure(text, "outcomes") == 400
    assert joined >= 100
    (note,) = (each for each in check.notes if "more than 9 files" in each)
    assert note.startswith("Of the days that outcomes came of the log has more than 9 files: the oldest ")


def test_the_clients_connections_are_enough_for_all_that_are_asked_for_at_a_time() -> None:
    assert places.PATIENCE.max_pool_connections >= AT_ONCE
    assert AHEAD * SMALL < 1 << 28
