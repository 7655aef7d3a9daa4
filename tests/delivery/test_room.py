"""How much of the server one request and one account may take."""

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from parapet_mlflow.asgi import Message
from parapet_mlflow.gate import room
from parapet_mlflow.gate.refusal import Refusal
from parapet_mlflow.gate.room import Body, Gone, Room
from parapet_mlflow.gate.routes import load
from tests.delivery.lawful import RUN, request
from tests.delivery.test_reading import of

MIB = 2**20


async def sent(room: Room, user: str, *chunks: bytes, ends: bool = True) -> bytes:
    """What is read of a body that comes in these pieces."""
    messages: Iterator[Message] = iter(
        [{"type": "http.request", "body": chunk, "more_body": not ends or chunk is not chunks[-1]} for chunk in chunks]
    )

    async def receive() -> Message:
        if (message := next(messages, None)) is None:
            await asyncio.sleep(3600)
        return message or {}

    body = Body(room, user)
    try:
        return await body.read([], receive, lambda whole: whole)
    finally:
        body.end()


def refused(user: str, *chunks: bytes, house: Room | None = None, ends: bool = True) -> Refusal:
    with pytest.raises(Refusal) as why:
        asyncio.run(sent(house or Room(), user, *chunks, ends=ends))
    return why.value


def test_a_body_comes_whole_and_gives_its_room_back() -> None:
    house = Room()
    for chunks in ((b"",), (b"a", b"b"), (bytes(MIB), bytes(MIB))):
        assert asyncio.run(sent(house, "alice", *chunks)) == b"".join(chunks)
    assert not house.held


def test_an_account_takes_its_own_room_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "SHARE", 3 * MIB)
    house = Room()

    async def both() -> tuple[bytes, bytes]:
        waiting = asyncio.create_task(sent(house, "bob", bytes(2 * MIB), ends=False))
        await asyncio.sleep(0.05)
        with pytest.raises(Refusal) as why:
            await sent(house, "bob", bytes(2 * MIB))
        assert why.value.status == 429
        told = await sent(house, "bob", b"small"), await sent(house, "alice", bytes(2 * MIB))
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        return told

    assert [len(each) for each in asyncio.run(both())] == [5, 2 * MIB]
    assert not house.held


def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "PATIENCE", 0.05)
    house = Room()
    assert refused("bob", bytes(MIB), house=house, ends=False).status == 408
    assert not house.held


def test_a_body_that_is_all_commas_is_not_taken_apart() -> None:
    commas = b'{"a":[' + b"{}," * 5_000_000
    begun = time.monotonic()
    why = refused("bob", commas)
    assert (why.status, "commas" in why.message) == (400, True)
    assert time.monotonic() - begun < 2
    metrics = [{"key": f"k{number}", "value": 0.5, "timestamp": 1, "step": number} for number in range(1_000)]
    lawful = json.dumps({"run_id": RUN, "metrics": metrics}).encode()
    records = json.dumps([{"inputs": {"question": "x" * 900}, "tags": {"a": "b"}}] * 10_000)
    for body in (lawful, json.dumps({"records": records}).encode()):
        assert asyncio.run(sent(Room(), "alice", body)) == body


def test_a_client_that_goes_is_gone() -> None:
    async def receive() -> Message:
        return {"type": "http.disconnect"}

    with pytest.raises(Gone):
        asyncio.run(Body(Room(), "alice").read([], receive, lambda whole: whole))


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("runs/search", {"filter": "a" * 20_001}),
        ("experiments/search", {"order_by": ["name"] * 21}),
        ("runs/search", {"order_by": ["a" * 20_001]}),
        ("datasets/search", {"filter_string": "a" * 20_001}),
        ("traces/calculate-filter-correlation", {"filter_string2": "a" * 20_001}),
    ],
)
def test_what_is_taken_apart_before_the_database_has_a_length(name: str, fields: dict[str, Any]) -> None:
    with pytest.raises(Refusal, match=f"^{next(iter(fields))} "):
        room.check(of(name, **fields).read())
    room.check(of(name, **{each: "a" if isinstance(value, str) else ["a"] for each, value in fields.items()}).read())


def joined(number: int, word: str = "and") -> str:
    return f" {word} ".join(f"params.a{each} = 'this and that, or \\' and'" for each in range(number))


@pytest.mark.parametrize(
    ("name", "most", "beyond"),
    [
        ("runs/search", {"filter": joined(30)}, {"filter": joined(31)}),
        ("runs/search", {"filter": joined(30, "AND")}, {"filter": joined(31, "\tAnD\n")}),
        ("traces/search", {"filter": joined(30)}, {"filter": joined(31)}),
        (
            "traces/calculate-filter-correlation",
            {"filter_string1": joined(20), "filter_string2": joined(10)},
            {"filter_string1": joined(20), "filter_string2": joined(11)},
        ),
    ],
)
def test_filters_compare_so_much_and_no_more(name: str, most: dict[str, Any], beyond: dict[str, Any]) -> None:
    room.check(of(name, **most).read())
    with pytest.raises(Refusal, match=r"^filter\w* has, with the others, more than 30 comparisons\. Ask for less"):
        room.check(of(name, **beyond).read())
    ids = ", ".join(f"'{RUN}'" for _ in range(400))
    room.check(of("runs/search", filter=f"attributes.run_id IN ({ids})").read())


def test_addresses_are_made_for_as_many_parts_as_a_file_has() -> None:
    route = next(route for route in load() if route.name == "artifacts/multipart-create")
    bare = request(route, route.paths[0])
    for parts in (1, 1_000):
        room.check(bare.with_fields({"path": "a", "num_parts": parts}).read())
    for parts in (0, -1, 1_001, 10**9):
        with pytest.raises(Refusal, match=r"^num_parts is not between 1 and 1000\."):
            room.check(bare.with_fields({"path": "a", "num_parts": parts}).read())
