"""Who has a place for an upload, and for how long."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack

import anyio
import anyio.to_thread
import pytest

from parapet_mlflow import arriving
from parapet_mlflow.arriving import UPLOADS, Arriving, Slow
from parapet_mlflow.shares import Places

pytestmark = pytest.mark.process


async def taken(places: Places, account: str, held: AsyncExitStack) -> int:
    """How many places it gets at once, of as many as there are."""
    for number in range(UPLOADS + 1):
        with anyio.move_on_after(0.01) as limit:
            await held.enter_async_context(places.one(account))
        if limit.cancelled_caught:
            return number
    return UPLOADS + 1


def test_no_four_accounts_have_all_places_and_one_alone_has_half() -> None:
    async def several() -> list[int]:
        places = Places(UPLOADS)
        async with AsyncExitStack() as held:
            return [await taken(places, account, held) for account in ("a", "b", "c", "d", "e", "f")]

    assert asyncio.run(several()) == [8, 4, 2, 1, 1, 0]


def test_a_place_that_is_given_back_goes_to_who_may_have_one_and_came_first() -> None:
    async def served() -> list[str]:
        places, order = Places(4), list[str]()

        async def one(account: str) -> None:
            async with places.one(account):
                order.append(account)
                await anyio.sleep(0.01)

        async with AsyncExitStack() as first, AsyncExitStack() as last, anyio.create_task_group() as waiting:
            for account in ("bob", "bob", "carol"):
                await first.enter_async_context(places.one(account))
            await last.enter_async_context(places.one("dave"))
            for account in ("bob", "bob", "alice"):
                waiting.start_soon(one, account)
                await anyio.sleep(0)
            await last.aclose()
            await anyio.sleep(0.05)
            assert order == ["alice"]
            await first.aclose()
        return order

    assert asyncio.run(served()) == ["alice", "bob", "bob"]


def test_who_goes_while_waiting_leaves_no_place_taken() -> None:
    async def left() -> int:
        places = Places(UPLOADS)
        for _ in range(3):
            async with AsyncExitStack() as held:
                await taken(places, "bob", held)
        async with AsyncExitStack() as held:
            return await taken(places, "alice", held)

    assert asyncio.run(left()) == 8


def read(*pieces: bytes, pause: float) -> bytes:
    """A file that comes in these pieces, each so many seconds after the one before."""
    waiting: Iterator[bytes] = iter(pieces)

    async def more() -> bytes:
        await anyio.sleep(pause)
        if (piece := next(waiting, None)) is None:
            raise StopAsyncIteration
        return piece

    async def whole() -> bytes:
        return await anyio.to_thread.run_sync(Arriving(more).read)

    return asyncio.run(whole())


def test_a_file_comes_as_slowly_as_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arriving, "PATIENCE", 0.5)
    monkeypatch.setattr(arriving, "SLOWEST", 100)
    pieces = [b"a" * 100] * 10
    assert read(*pieces, pause=0.1) == b"".join(pieces)
    with pytest.raises(Slow, match="too slowly"):
        read(*[b"a"] * 100, pause=0.1)
    with pytest.raises(Slow, match=r"Nothing of the file came for 0\.5 s"):
        read(b"a" * 1_000, pause=1)


def test_a_file_ends_however_much_of_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arriving, "LONGEST", 0.2)
    with pytest.raises(Slow, match="too slowly"):
        read(*[bytes(1_000_000)] * 100, pause=0.04)
