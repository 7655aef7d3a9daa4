"""What somebody puts under a chain's prefix costs nobody else more than its name."""

import io
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from delivery.incidents import kept as of_incidents
from delivery.incidents.reading import reading
from delivery.incidents.record import Record
from delivery.registry import chain as chains
from delivery.registry.chain import AT_ONCE, LARGEST, SHOWN, Chain, broken
from delivery.registry.refused import Refused
from delivery.registry.verification import Kept

AT = datetime(2026, 11, 30, tzinfo=UTC)
PREFIX = "models/sepsis/"
HUGE = 5 << 30
PAGE = 10
"""Names that a page of the list has."""


@dataclass
class Bucket:
    """As much of S3 as a chain asks, with objects whose bytes nobody needs to have."""

    sizes: dict[str, int]
    read: list[str] = field(default_factory=list)
    archived: str = ""
    pages: int = 0

    def get_paginator(self, _operation: str) -> "Bucket":
        return self

    def paginate(self, **where: Any) -> Iterator[dict[str, Any]]:
        names = sorted(each for each in self.sizes if each.startswith(where["Prefix"]))
        for begin in range(0, len(names), PAGE):
            self.pages += 1
            yield self._page(names[begin : begin + PAGE])

    def list_object_versions(self, **where: Any) -> dict[str, Any]:
        names = sorted(each for each in self.sizes if each.startswith(where["Prefix"]))
        return self._page(names[: where["MaxKeys"]])

    def _page(self, names: list[str]) -> dict[str, Any]:
        told = {"VersionId": "1", "IsLatest": True, "LastModified": AT}
        return {"Versions": [{"Key": name, "Size": self.sizes[name], **told} for name in names]}

    def get_object(self, **which: Any) -> dict[str, Any]:
        self.read.append(which["Key"])
        if which["Key"] == self.archived:
            raise ClientError({"Error": {"Code": "InvalidObjectState"}}, "GetObject")
        size = self.sizes[which["Key"]]
        return {"ContentLength": size, "Body": io.BytesIO(b"{}" if size <= LARGEST else b"")}

    def put_object(self, **_what: Any) -> None:
        raise ClientError({"Error": {"Code": "PreconditionFailed"}}, "PutObject")


@pytest.fixture
def bucket() -> Bucket:
    return Bucket({f"{PREFIX}00000001.json": 2, f"{PREFIX}00000002.json": HUGE, f"{PREFIX}notes/film.mp4": HUGE})


def test_what_is_too_large_to_be_an_entry_is_told_and_not_read(bucket: Bucket) -> None:
    stored = Chain(bucket, "audit", PREFIX).stored()
    assert bucket.read == [f"{PREFIX}00000001.json"]
    told = {str(each) for each in broken("ledger", "sepsis", [Kept.of(each) for each in stored], lambda _: "is none")}
    assert f"edited: entry 2 has {HUGE} bytes, and none has more than {LARGEST}" in told
    assert "foreign: the object notes/film.mp4 is none of the ledger's" in told
    # The record of an incident is such a chain too.
    kept = [of_incidents.Kept.of(each) for each in stored]
    assert any(each.kind == "foreign" and f"{HUGE} bytes" in each.text for each in reading("i", kept).found)


def test_a_key_that_puts_thousands_of_objects_holds_up_nobody_for_long(bucket: Bucket, monkeypatch: Any) -> None:
    """Each is read, for it may be an entry: several at a time, and of an incident none that is larger than one is."""
    most = of_incidents.LARGEST
    bucket.sizes = {f"incidents/i/{number:08d}.json": most for number in range(1, 2 * AT_ONCE + 1)}
    bucket.sizes |= {"incidents/i/00000099.json": most + 1}
    together, get = threading.Barrier(AT_ONCE, timeout=20), bucket.get_object
    monkeypatch.setattr(bucket, "get_object", lambda **which: (together.wait(), get(**which))[1])
    kept = Record(bucket, "audit", "i").kept()
    assert sorted(bucket.read) == sorted(bucket.sizes)[:-1]
    assert [each.name for each in kept] == [name.rpartition("/")[2] for name in sorted(bucket.sizes)]
    (told,) = (each.text for each in reading("i", kept).found if each.sequence == 99)
    assert told == f"entry 99 has {most + 1} bytes, and none has more than {most}"


MOST = 20
JUNK: dict[str, tuple[list[str], int]] = {
    "before all numbers": ([f"!{each}" for each in range(50)], 3),
    "between them": ([f"00000002!{each}" for each in range(50)], 3),
    "behind them": ([f"00000003.json{each}" for each in range(50)], 3),
    "at numbers": ([f"{each:08d}.json" for each in range(7, 200)], 3 + 193),
    "at every second": ([f"{each:08d}.json" for each in range(5, 400, 2)], 3 + 198),
}
"""What somebody adds to three entries, and of how many numbers there are objects then."""


@pytest.mark.parametrize("where", JUNK)
def test_whoever_fills_a_chain_hides_nothing_of_it(bucket: Bucket, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    """S3 lists by name, and what is put comes where its name has it: entries are asked for by their numbers then."""
    monkeypatch.setattr(chains, "MOST", MOST)
    junk, numbers = JUNK[where]
    bucket.sizes = dict.fromkeys(
        [f"{PREFIX}{name}" for name in ("00000001.json", "00000002.json", "00000003.json", *junk)], 2
    )
    kept = [Kept.of(each) for each in Chain(bucket, "audit", PREFIX).stored()]
    assert bucket.pages <= MOST // PAGE + 1
    there = [each.sequence for each in kept if each.sequence]
    assert there[:3] == [1, 2, 3]
    assert min(numbers, MOST) - 1 <= len(there) <= MOST + chains.ASKED
    assert sorted(bucket.read) == [f"{PREFIX}{each:08d}.json" for each in there]
    filled = [each for each in broken("ledger", "sepsis", kept, lambda _: "is none") if each.kind == "filled"]
    assert [str(each).partition(" has ")[0] for each in filled] == [f"filled: s3://audit/{PREFIX}"]


def test_of_a_thousand_objects_that_are_none_of_a_chains_some_are_told_and_how_many_more(bucket: Bucket) -> None:
    """Lines that anybody may make hide the one that counts."""
    bucket.sizes = {f"incidents/i/{number:08d}.json": 2 for number in range(1, 1000)} | {"incidents/i/\x1b[2J": 2}
    told = [str(each) for each in reading("i", Record(bucket, "audit", "i").kept()).found]
    assert len(told) == SHOWN + 1
    assert told[0] == "foreign: the object '\\x1b[2J' is none of the record's"
    assert told[-1] == "foreign: 980 more such, the last of them: entry 999 is none of the record's"


def test_what_lies_in_an_archive_is_told_and_keeps_nobody_from_the_rest(bucket: Bucket) -> None:
    """S3 answers nothing from there, and who puts an object says in which class it lies."""
    bucket.sizes = {f"incidents/i/{number:08d}.json": 2 for number in (1, 2)}
    bucket.archived = "incidents/i/00000001.json"
    told = [str(each) for each in reading("i", Record(bucket, "audit", "i").kept()).found]
    assert told[0] == "foreign: entry 1 lies in an archive, from which nobody reads it"
    assert sorted(bucket.read) == sorted(bucket.sizes)


def test_an_object_at_the_last_of_all_numbers_is_one_finding(bucket: Bucket) -> None:
    """And not one for each of a hundred million that lack before it."""
    bucket.sizes = {f"{PREFIX}00000003.json": 2, f"{PREFIX}99999999.json": 2}
    kept = [Kept.of(each) for each in Chain(bucket, "audit", PREFIX).stored()]
    dropped = [each.text for each in broken("ledger", "sepsis", kept, lambda _: "is none") if each.kind == "dropped"]
    assert dropped == [
        "2 of the entries 1 to 2 are gone, and later ones are there",
        "99999995 of the entries 4 to 99999998 are gone, and later ones are there",
    ]


def test_what_has_ones_number_is_not_read_either_to_see_whether_it_is_ones_own(bucket: Bucket) -> None:
    chain = Chain(bucket, "audit", PREFIX)
    assert chain.add(1, b"{}")
    assert not chain.add(1, b"another")
    assert not chain.add(2, b"{}")


def test_nobody_writes_what_nobody_would_read(bucket: Bucket) -> None:
    with pytest.raises(Refused, match=f"{LARGEST + 1} bytes"):
        Chain(bucket, "audit", PREFIX).add(3, b"x" * (LARGEST + 1))
