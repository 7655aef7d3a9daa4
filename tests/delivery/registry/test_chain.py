"""What somebody puts under a chain's prefix costs nobody else more than its name."""

import io
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from delivery.incidents import kept as of_incidents
from delivery.incidents.reading import reading
from delivery.incidents.record import Record
from delivery.registry.chain import AT_ONCE, LARGEST, Chain, broken
from delivery.registry.refused import Refused
from delivery.registry.verification import Kept

AT = datetime(2026, 11, 30, tzinfo=UTC)
PREFIX = "models/sepsis/"
HUGE = 5 << 30


@dataclass
class Bucket:
    """As much of S3 as a chain asks, with objects whose bytes nobody needs to have."""

    sizes: dict[str, int]
    read: list[str] = field(default_factory=list)

    def get_paginator(self, _operation: str) -> "Bucket":
        return self

    def paginate(self, **_where: Any) -> list[dict[str, Any]]:
        told = {"VersionId": "1", "IsLatest": True, "LastModified": AT}
        return [{"Versions": [{"Key": name, "Size": size, **told} for name, size in self.sizes.items()]}]

    def get_object(self, **which: Any) -> dict[str, Any]:
        self.read.append(which["Key"])
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
