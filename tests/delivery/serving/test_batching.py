"""Requests that are there together are asked of the model together; nobody waits longer than the delay."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable

import numpy as np
import pytest

from parapet_serving.batching import QUICK, Batches
from parapet_serving.contract import Matrix, Outputs
from parapet_serving.refusal import Wrong


class Doubles:
    """A model that takes its time, and remembers how many rows it was asked for."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds, self.asked = seconds, list[int]()

    def predict(self, matrix: Matrix) -> Outputs:
        self.asked.append(len(matrix))
        time.sleep(self.seconds)
        if (matrix == -1).any():
            raise ValueError("of a value")
        return {"double": matrix[:, 0] * 2}


def rows(*values: float) -> Matrix:
    return np.array([[value] for value in values], np.float32)


def batches(model: Doubles, *, delay: float = 0.05, most: int = 8, takes: float = 0.0) -> Batches:
    return Batches(model, rows=most, delay=delay, takes=lambda _rows: takes, told=lambda _rows: None)


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await work()

    asyncio.run(main())


SIDES = pytest.mark.parametrize("takes", [0.0, 2 * QUICK], ids=["on the loop", "in a thread"])


@SIDES
def test_who_is_there_together_is_asked_together_and_gets_his_own(takes: float) -> None:
    model = Doubles()

    async def work() -> None:
        joined = batches(model, takes=takes)
        told = await asyncio.gather(*(joined.predict(rows(*range(n, n + n % 3 + 1))) for n in range(5)))
        for n, answer in enumerate(told):
            assert answer["double"].tolist() == [2.0 * value for value in range(n, n + n % 3 + 1)]

    run(work)
    assert sum(model.asked) == 9
    assert max(model.asked) <= 8
    assert len(model.asked) == 2, "8 rows are the most"


@SIDES
def test_who_comes_alone_does_not_wait(takes: float) -> None:
    async def work() -> None:
        alone = batches(Doubles(), delay=5.0, takes=takes)
        alone.read(alone.reads())
        await asyncio.wait_for(alone.predict(rows(1)), 1.0)

    run(work)


def test_one_that_is_being_read_is_waited_for_and_joins() -> None:
    model = Doubles()

    async def work() -> None:
        joined = batches(model, delay=5.0)
        turn = joined.reads()
        first = joined.predict(rows(1))
        await asyncio.sleep(0.02)
        assert not first.done()
        joined.read(turn)
        second = joined.predict(rows(2))
        await asyncio.wait_for(asyncio.gather(first, second), 1.0)

    run(work)
    assert model.asked == [2]


def test_what_takes_long_is_asked_beside_and_the_rest_at_once() -> None:
    asked = list[tuple[int, bool]]()

    class Where(Doubles):
        def predict(self, matrix: Matrix) -> Outputs:
            asked.append((len(matrix), threading.current_thread() is threading.main_thread()))
            return super().predict(matrix)

    async def work() -> None:
        joined = Batches(Where(), rows=8, delay=0.0, takes=lambda rows: rows * QUICK / 4, told=lambda _rows: None)
        for many in (1, 3, 5, 8):
            await joined.predict(rows(*range(many)))

    run(work)
    assert asked == [(1, True), (3, True), (5, False), (8, False)]


def test_nobody_waits_longer_than_the_delay() -> None:
    async def work() -> None:
        held = batches(Doubles(), delay=0.05)
        held.reads()  # and never comes
        begun = time.monotonic()
        await asyncio.wait_for(held.predict(rows(1)), 1.0)
        assert time.monotonic() - begun >= 0.04

    run(work)


def test_one_that_never_comes_is_waited_for_once() -> None:
    """Else whoever holds back the end of one body makes all that others ask wait."""
    delay = 0.2

    async def work() -> None:
        held = batches(Doubles(), delay=delay)
        never = held.reads()
        await asyncio.wait_for(held.predict(rows(1)), 5.0)
        begun = time.monotonic()
        for _ in range(3):
            held.read(held.reads())
            await asyncio.wait_for(held.predict(rows(1)), 5.0)
        assert time.monotonic() - begun < delay
        late = held.reads()
        held.read(never)
        joins = held.predict(rows(2))
        await asyncio.sleep(0.02)
        assert not joins.done(), "what it says after all is not another's word"
        held.read(late)
        await asyncio.wait_for(joins, 5.0)

    run(work)


def test_one_that_is_refused_is_not_waited_for() -> None:
    async def work() -> None:
        joined = batches(Doubles(), delay=5.0)
        turn = joined.reads()
        first = joined.predict(rows(1))
        await asyncio.sleep(0.02)
        joined.read(turn)
        await asyncio.wait_for(first, 1.0)

    run(work)


def test_while_the_model_works_in_its_thread_the_next_batch_grows() -> None:
    model = Doubles(0.1)

    async def work() -> None:
        joined = batches(model, takes=2 * QUICK)
        first = joined.predict(rows(0))
        await asyncio.sleep(0.03)
        late = []
        for n in range(1, 4):
            late.append(joined.predict(rows(n)))
            await asyncio.sleep(0.005)
        await asyncio.gather(first, *late)
        assert [each.result()["double"].tolist() for each in late] == [[2.0], [4.0], [6.0]]

    run(work)
    assert model.asked == [1, 3]


@SIDES
def test_more_rows_than_a_batch_has_are_asked_all_the_same(takes: float) -> None:
    async def work() -> None:
        answer = await batches(Doubles(), takes=takes).predict(rows(*range(20)))
        assert len(answer["double"]) == 20

    run(work)


@SIDES
def test_a_model_that_fails_tells_no_value(takes: float) -> None:
    async def work() -> None:
        joined = batches(Doubles(), takes=takes)
        told = await asyncio.gather(joined.predict(rows(-1)), joined.predict(rows(-1, 1)), return_exceptions=True)
        assert [type(each) for each in told] == [RuntimeError, RuntimeError]
        assert "value" not in str(told)
        assert (await joined.predict(rows(3)))["double"].tolist() == [6.0]

    run(work)


@SIDES
def test_what_the_model_fails_for_fails_for_him_who_asked_it(takes: float) -> None:
    """Else whoever found such a row would fail all that are asked with it."""
    model, told = Doubles(), list[int]()

    async def work() -> None:
        joined = Batches(model, rows=8, delay=0.05, takes=lambda _rows: takes, told=told.append)
        asked = [joined.predict(each) for each in (rows(1, 2), rows(-1), rows(3), rows(4))]
        asked[3].cancel()
        first, wrong, last, _ = await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), 5)
        assert isinstance(first, dict)
        assert isinstance(last, dict)
        assert (first["double"].tolist(), last["double"].tolist()) == ([2.0, 4.0], [6.0])
        assert isinstance(wrong, RuntimeError)
        assert (await asyncio.wait_for(joined.predict(rows(5)), 5))["double"].tolist() == [10.0]

    run(work)
    assert model.asked == [5, 2, 1, 1, 1], "who has gone is not asked for again"
    assert told == [2, 1, 1], "what is counted was answered"


def test_what_is_no_number_fails_for_him_whose_it_is() -> None:
    async def work() -> None:
        joined = batches(Doubles())
        told = await asyncio.gather(joined.predict(rows(np.nan)), joined.predict(rows(1)), return_exceptions=True)
        assert isinstance(told[0], Wrong)
        assert told[0].status == 500
        assert isinstance(told[1], dict)

    run(work)


@SIDES
def test_who_has_gone_does_not_disturb_the_others(takes: float) -> None:
    async def work() -> None:
        joined = batches(Doubles(), takes=takes)
        gone, here = joined.predict(rows(1)), joined.predict(rows(2))
        gone.cancel()
        assert (await here)["double"].tolist() == [4.0]

    run(work)


def test_the_thread_ends_after_what_it_computes_or_is_left_after_a_time() -> None:
    went_on = threading.Event()

    async def work(model: Doubles, joined: Batches) -> None:
        joined.predict(rows(1))
        while not model.asked:
            await asyncio.sleep(0.01)

    class Waits(Doubles):
        def predict(self, matrix: Matrix) -> Outputs:
            told = super().predict(matrix)
            went_on.wait(20)
            return told

    model = Waits()
    joined = batches(model, takes=2 * QUICK)
    joined.close(0.0)  # there is none
    asyncio.run(work(model, joined))
    assert joined._thread
    joined.close(0.05)
    assert joined._thread.is_alive()
    went_on.set()
    joined.close(20.0)
    assert not joined._thread.is_alive()
