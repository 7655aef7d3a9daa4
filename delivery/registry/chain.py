"""A chain of entries in the locked audit bucket: an object for each, put once, which names the one before.

A model's ledger is one, an incident's record is another. What their entries say, and who signs them, is theirs.
"""

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, Protocol, TypeVar

from delivery.registry.objects import put_new
from delivery.registry.refused import Refused

CLOCKS: Final = timedelta(minutes=15)
"""By how much clocks may differ: AWS answers none that differs more (General Reference, "RequestTimeTooSkewed")."""

LARGEST: Final = 1 << 20
"""Bytes that an entry has at most, many times what one says. Who may put objects could put one of five gigabytes,
locked for years, and each reader of all chains would carry it: so of a larger one only its size is looked at."""

AT_ONCE: Final = 8
MOST: Final = 10_000
"""Versions of objects under one prefix, and names under a part of a bucket, that are listed: ten pages of S3's list. A
record of an incident has hundreds, and whoever may write into one may put millions."""
BYTES: Final = 256 << 20
"""Of all entries of a chain together, that are read."""
"""Objects that are asked for at a time: who may put one may put ten thousand, which S3 takes 20 ms each to answer."""


class Link(Protocol):
    """What an entry of any chain says of its place."""

    @property
    def subject(self) -> str:
        """Whose chain it is in."""

    @property
    def sequence(self) -> int: ...

    @property
    def previous(self) -> str | None:
        """The digest of the entry before; none for the first."""

    @property
    def digest(self) -> str: ...


@dataclass(frozen=True)
class Stored:
    """An object under a chain's prefix."""

    name: str
    raw: bytes | None
    """Without one, it was deleted: an older version is there still. Empty where it was not read: it is no entry, by its
    name or by its size."""
    versions: int
    written: datetime | None = None
    """By the clock of S3."""
    size: int = 0
    mark: str = ""
    """Of all its versions: another once anything is done to it."""

    @property
    def sequence(self) -> int:
        """0 for what is none of the chain's."""
        stem = self.name.removesuffix(".json")
        return int(stem) if self.name == f"{stem}.json" and len(stem) == 8 and stem.isascii() and stem.isdigit() else 0


class Read(Protocol):
    """An object, and the entry in it where it is one."""

    @property
    def name(self) -> str: ...

    @property
    def raw(self) -> bytes | None: ...

    @property
    def versions(self) -> int: ...

    @property
    def size(self) -> int: ...

    @property
    def sequence(self) -> int: ...

    @property
    def entry(self) -> Link | None: ...


@dataclass(frozen=True)
class Finding:
    """One thing that is amiss."""

    kind: str
    sequence: int
    """The number of the entry; 0 for what has none."""
    text: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"


@dataclass(frozen=True)
class Chain:
    """The objects of one, under a prefix of their own that ends with a slash."""

    s3: Any
    bucket: str
    prefix: str
    seen: dict[tuple[str, str], bytes] = field(default_factory=dict)
    """Versions of objects that were read before, which never change."""
    largest: int = LARGEST
    """Bytes that an entry of this one has at most."""

    def add(self, sequence: int, raw: bytes) -> bool:
        """Whether it is there; False where another one has its number. Writing the same one again is nothing new.

        Raises Refused where it is larger than an entry may be.
        """
        if len(raw) > self.largest:
            raise Refused(
                f"Entry {sequence} would have {len(raw)} bytes, and none has more than {self.largest}. Say less in it, "
                "and name where the rest is."
            )
        name = self._name(sequence)
        if put_new(self.s3, self.bucket, name, raw, ContentType="application/json"):
            return True
        told = self.s3.get_object(Bucket=self.bucket, Key=name)
        return bool(told["ContentLength"] == len(raw) and told["Body"].read() == raw)

    def stored(self) -> list[Stored]:
        """Every object under the prefix, by name, with how many versions it has. Raises Refused for more than MOST, and
        than BYTES."""
        versions: dict[str, int] = {}
        latest: dict[str, tuple[str, datetime, int]] = {}
        marks: dict[str, list[str]] = {}
        there = 0
        for page in self.s3.get_paginator("list_object_versions").paginate(Bucket=self.bucket, Prefix=self.prefix):
            there += len(page.get("Versions", [])) + len(page.get("DeleteMarkers", []))
            _bounded(there, f"{self.bucket}/{self.prefix}")
            for each in page.get("Versions", []):
                versions[each["Key"]] = versions.get(each["Key"], 0) + 1
                marks.setdefault(each["Key"], []).append(f"{each['VersionId']} {each.get('ETag', '')} {each['Size']}")
                if each["IsLatest"]:
                    latest[each["Key"]] = each["VersionId"], each["LastModified"], each["Size"]
            for each in page.get("DeleteMarkers", []):
                marks.setdefault(each["Key"], []).append(f"{each['VersionId']} deleted")
        found, wanted = list[Stored](), dict[int, tuple[str, str]]()
        for name in sorted(versions):
            version, written, size = latest.get(name, (None, None, 0))
            mark = "\n".join(sorted(marks[name]))
            raw = None if version is None else b""
            stored = Stored(name.removeprefix(self.prefix), raw, versions[name], written, size, mark)
            if version is not None and stored.sequence and size <= self.largest:
                wanted[len(found)] = name, version
            found.append(stored)
        _bounded(sum(found[place].size for place in wanted), f"{self.bucket}/{self.prefix}", BYTES, "bytes of entries")
        with ThreadPoolExecutor(AT_ONCE) as pool:
            reads = {place: pool.submit(self._version, *which) for place, which in wanted.items()}
        for place, read in reads.items():
            found[place] = replace(found[place], raw=read.result())
        return found

    def _name(self, sequence: int) -> str:
        return f"{self.prefix}{sequence:08d}.json"

    def _version(self, name: str, version: str) -> bytes:
        if (name, version) not in self.seen:
            told = self.s3.get_object(Bucket=self.bucket, Key=name, VersionId=version)
            self.seen[name, version] = told["Body"].read()
        return self.seen[name, version]


def subjects(s3: Any, bucket: str, prefix: str) -> list[str]:
    """Those that have a chain under this part of the bucket, or had one: of what is deleted, versions are there."""
    found: set[str] = set()
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=f"{prefix}/", Delimiter="/"):
        found |= {each["Prefix"].split("/")[1] for each in page.get("CommonPrefixes", [])}
        _bounded(len(found), f"{bucket}/{prefix}/")
    return sorted(found)


def _bounded(there: int, where: str, most: int | None = None, what: str = "objects or versions of them") -> None:
    most = MOST if most is None else most
    if there > most:
        raise Refused(
            f"s3://{where} has more than {most:,} {what}, and is not read: no record has so many, "
            "so somebody fills it. CloudTrail has who put them; tell your security officer, and begin another one that "
            "names this one (`./parapet incident start audit-trail-stopped --name NAME`). Nothing in it is lost."
        )


R = TypeVar("R", bound=Read)


def broken(chain: str, subject: str, kept: Sequence[R], amiss: Callable[[R], str | None]) -> list[Finding]:
    """Empty where the chain is whole: each entry in its place, once, none missing before the last.

    `chain` is what to call it, and `amiss` says of an object why it is no entry, whatever its place.
    """
    found = [
        Finding("foreign", 0, f"the object {each.name} is none of the {chain}'s") for each in kept if not each.sequence
    ]
    objects = {each.sequence: each for each in kept if each.sequence}
    before: Link | None = None
    wanted = 1
    for sequence, each in sorted(objects.items()):
        lacks = gap(wanted, sequence)
        wanted = sequence + 1
        if each.raw is None:
            lacks.append(Finding("dropped", sequence, f"entry {sequence} was deleted, and is kept as it was"))
        if lacks:
            found += lacks
            before = None
        if each.raw is None:
            continue
        wrong = _of_one(chain, subject, each, before, amiss)
        found += wrong
        # After what is amiss the next one is looked at by itself: it says of the former one no more than is said.
        before = None if wrong else each.entry
    return found


def gap(first: int, after: int, passed: Collection[int] = ()) -> list[Finding]:
    """Whether entries lack from the number `first` on and before another, where none is missing at those `passed`.

    One finding, however many lack: who may put an object can put the last of a hundred million.
    """
    lacks = after - first - sum(first <= each < after for each in passed)
    which = f"entry {first} is" if after == first + 1 else f"{lacks} of the entries {first} to {after - 1} are"
    return [Finding("dropped", first, f"{which} gone, and later ones are there")] if lacks else []


def _of_one(chain: str, subject: str, kept: R, before: Link | None, amiss: Callable[[R], str | None]) -> list[Finding]:
    number, entry = kept.sequence, kept.entry
    again = (
        [Finding("forked", number, f"entry {number} was written {kept.versions} times")] if kept.versions > 1 else []
    )
    large = f"has {kept.size} bytes, and none has more than {LARGEST}" if kept.size > LARGEST else None
    why = large or amiss(kept)
    if why or entry is None:
        return [*again, Finding("edited", number, f"entry {number} {why or 'is none'}")]
    if entry.subject != subject:
        return [*again, Finding("foreign", number, f"entry {number} is of the {chain} of {entry.subject}")]
    if entry.sequence != number:
        return [*again, Finding("reordered", number, f"entry {entry.sequence} is in the place of {number}")]
    if (number == 1 and entry.previous is not None) or (before and entry.previous != before.digest):
        return [*again, Finding("forked", number, f"entry {number} follows another one than that before it")]
    return again
