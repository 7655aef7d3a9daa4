"""A chain of entries in the locked audit bucket: an object for each, put once, which names the one before.

A model's ledger is one, an incident's record is another. What their entries say, and who signs them, is theirs.
"""

import re
import shlex
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, Protocol, TypeVar

from botocore.exceptions import ClientError

from delivery.registry.documents import NAME
from delivery.registry.objects import put_new
from delivery.registry.refused import Refused

CLOCKS: Final = timedelta(minutes=15)
"""By how much clocks may differ: AWS answers none that differs more (General Reference, "RequestTimeTooSkewed")."""

LARGEST: Final = 1 << 20
"""Bytes that an entry has at most, many times what one says. Who may put objects could put one of five gigabytes,
locked for years, and each reader of all chains would carry it: so of a larger one only its size is looked at."""

AT_ONCE: Final = 8
"""Objects that are asked for at a time: who may put one may put ten thousand, which S3 takes 20 ms each to answer."""
MOST: Final = 10_000
"""Versions of objects under one prefix, and names under a part of a bucket, that are listed: ten pages of S3's list. A
record of an incident has hundreds, and whoever may write into one may put millions."""
BYTES: Final = 256 << 20
"""Of all entries of a chain together, where it has no bound of its own."""
ASKED: Final = 64
"""Numbers that are asked for together where the list does not come to them: where none is there, none is later."""
SHOWN: Final = 20
"""Findings of one kind that are told one by one, of those that anybody may make who may put an object."""
LONGEST: Final = 60
"""Characters of an object's name that are shown."""
CALLED: Final = rf"[A-Za-z0-9._/-]{{1,{LONGEST}}}"
LAST: Final = 99_999_999
"""The last number that an object's name has room for."""


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
    archived: bool = False
    """It lies in a storage class that S3 answers nothing from, and so was not read."""
    filled: str = ""
    """No object, but how many there are beside these: somebody fills the chain, which is not read to its end."""

    @property
    def called(self) -> str:
        """Its name as it can be shown: who may put an object may call it by anything."""
        return shown(self.name)

    def unread(self, largest: int = LARGEST) -> str | None:
        """Why it was not read, where none larger than this is."""
        if self.size > largest:
            return f"has {self.size} bytes, and none has more than {largest}"
        return "lies in an archive, from which nobody reads it" if self.archived else None

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
    def called(self) -> str: ...

    @property
    def filled(self) -> str: ...

    def unread(self, largest: int = LARGEST) -> str | None: ...

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
    together: int = BYTES
    """Bytes of all its entries that are read, from the first on."""

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
        """Every object under the prefix, by name, with how many versions it has.

        Of a chain that somebody fills, by more than MOST of them or `together`, so many as that from the first number
        on, and one more that says so: what lay there before is read, whatever was put beside it.
        """
        listed, filled = self._listed()
        if filled:
            listed = self._by_number(listed)
        found, wanted, size = list[Stored](), dict[int, tuple[str, str]](), 0
        for name, each in sorted(listed.items()):
            stored = each.stored(name.removeprefix(self.prefix))
            if each.latest and stored.sequence and stored.size <= self.largest:
                if (size := size + stored.size) > self.together:
                    filled = f"more than {self.together:,} bytes of entries"
                    break
                wanted[len(found)] = name, each.latest["VersionId"]
            found.append(stored)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            reads = {place: pool.submit(self._version, *which) for place, which in wanted.items()}
        for place, read in reads.items():
            raw = read.result()
            found[place] = replace(found[place], raw=raw or b"", archived=raw is None)
        return (
            [*found, Stored("", b"", 0, filled=f"s3://{self.bucket}/{self.prefix} has {filled}")] if filled else found
        )

    def newest(self) -> datetime | None:
        """When something was last put there, as far as the first page of its list says; None where nothing lies."""
        page = self.s3.list_object_versions(Bucket=self.bucket, Prefix=self.prefix)
        return max((each["LastModified"] for each in page.get("Versions", [])), default=None)

    def _listed(self) -> tuple[dict[str, "_Versions"], str]:
        """By name, up to the page with which they are more than MOST, and that they are."""
        found, there, filled = dict[str, _Versions](), 0, ""
        for page in self.s3.get_paginator("list_object_versions").paginate(Bucket=self.bucket, Prefix=self.prefix):
            there += _take(found, page)
            if there > MOST:
                filled = f"more than {MOST:,} objects or versions of them"
                break
        return {name: each for name, each in found.items() if each.versions}, filled

    def _by_number(self, listed: Mapping[str, "_Versions"]) -> dict[str, "_Versions"]:
        """Those alone that entries may be, of a list that has an end only by its bound, and after it those that are
        asked for by their numbers: whoever may put objects may put ten thousand that come before any number."""
        last = max(listed, default="")  # of which the list may have a part of the versions alone
        found = {
            name: each
            for name, each in listed.items()
            if name != last and each.stored(name[len(self.prefix) :]).sequence
        }
        first = bisect_left(range(1, LAST + 1), last, key=self._name) + 1
        with ThreadPoolExecutor(AT_ONCE) as pool:
            while first <= LAST and len(found) <= MOST:
                numbers = range(first, min(first + ASKED, LAST + 1))
                there = {name: each for name, each in pool.map(self._numbered, numbers) if each.versions}
                found |= there
                first = numbers.stop if there else LAST + 1
        return found

    def _numbered(self, sequence: int) -> tuple[str, "_Versions"]:
        name, found = self._name(sequence), dict[str, _Versions]()
        _take(found, self.s3.list_object_versions(Bucket=self.bucket, Prefix=name, MaxKeys=SHOWN))
        return name, found.get(name, _Versions())

    def _name(self, sequence: int) -> str:
        return f"{self.prefix}{sequence:08d}.json"

    def _version(self, name: str, version: str) -> bytes | None:
        """None for what S3 has put away: who may put an object chooses its storage class."""
        if (name, version) not in self.seen:
            try:
                told = self.s3.get_object(Bucket=self.bucket, Key=name, VersionId=version)
            except ClientError as error:
                if error.response["Error"]["Code"] != "InvalidObjectState":
                    raise
                return None
            self.seen[name, version] = told["Body"].read()
        return self.seen[name, version]


@dataclass
class _Versions:
    """What the list has of one name."""

    versions: int = 0
    latest: Mapping[str, Any] | None = None
    """None where it was deleted."""
    marks: list[str] = field(default_factory=list)

    def stored(self, name: str) -> Stored:
        mark = "\n".join(sorted(self.marks))
        if self.latest is None:
            return Stored(name, None, self.versions, mark=mark)
        return Stored(name, b"", self.versions, self.latest["LastModified"], self.latest["Size"], mark)


def _take(found: dict[str, _Versions], page: Mapping[str, Any]) -> int:
    """What a page of the list has goes to what was found; how much that is."""
    there = page.get("Versions", [])
    for each in there:
        of = found.setdefault(each["Key"], _Versions())
        of.versions += 1
        of.marks.append(f"{each['VersionId']} {each.get('ETag', '')} {each['Size']}")
        if each["IsLatest"]:
            of.latest = each
    gone = page.get("DeleteMarkers", [])
    for each in gone:
        found.setdefault(each["Key"], _Versions()).marks.append(f"{each['VersionId']} deleted")
    return len(there) + len(gone)


@dataclass(frozen=True)
class Subjects:
    """Those that have a chain under a part of a bucket, or had one: of what is deleted, versions are there."""

    names: list[str]
    found: list[Finding]
    """What lies there beside their chains, and keeps nobody from any of them."""


def subjects(s3: Any, bucket: str, prefix: str, after: str = "") -> Subjects:
    """By name; of more than MOST the first, or the first that come after that one."""
    found, there, filled = set[str](), 0, list[Finding]()
    where = {"KeyMarker": f"{prefix}/{after}/"} if after else {}  # as S3 itself goes on behind a name
    pages = s3.get_paginator("list_object_versions")
    for page in pages.paginate(Bucket=bucket, Prefix=f"{prefix}/", Delimiter="/", **where):
        found |= {each["Prefix"].split("/")[1] for each in page.get("CommonPrefixes", [])}
        there += sum(len(page.get(each, [])) for each in ("CommonPrefixes", "Versions", "DeleteMarkers"))
        if there > MOST:
            text = f"s3://{bucket}/{prefix}/ has more than {MOST:,} names, and none behind these is looked at"
            last = max(found, key=lambda each: f"{each}/", default="")
            last = shlex.quote(last if last.isprintable() else shown(last))  # whole: it is typed again
            how = f"name each that you know of by itself, or those after {last}"
            filled = [Finding("filled", 0, f"{text}: {how}. {FILLS}")]
            break
    names = sorted(each for each in found if re.fullmatch(NAME, each))
    strange = [
        Finding("foreign", 0, f"{shown(each)}, below {prefix}/, is no name that one has")
        for each in sorted(found.difference(names))
    ]
    return Subjects(names, [*folded(strange), *filled])


FILLS: Final = "Somebody fills it: CloudTrail has who put them (PutObject); tell your security officer."


def shown(name: str) -> str:
    """In quotes where it is more than letters, digits and marks, and no longer than a line: whoever may put an object
    calls it by anything, a sentence too, or one with lines of its own."""
    if re.fullmatch(CALLED, name):
        return name
    more = f" and {len(name) - LONGEST:,} more" if len(name) > LONGEST else ""
    return f"{name[:LONGEST]!a}{more}"


def beside(chain: str, kept: Sequence[Read]) -> list[Finding]:
    """What lies under a chain's prefix and is under none of its numbers."""
    strange = [each for each in kept if not each.sequence and not each.filled]
    text = f"and no {chain} has so many: its entries are read from the first on, as far as that. {FILLS}"
    return [
        *folded([Finding("foreign", 0, f"the object {each.called} is none of the {chain}'s") for each in strange]),
        *(Finding("filled", 0, f"{each.filled}, {text}") for each in kept if each.filled),
    ]


def folded(found: Sequence[Finding], but: Collection[Finding] = ()) -> list[Finding]:
    """The same, and of more than SHOWN of a kind how many there are: ten thousand lines hide the one that counts.

    Those of `but` are all told.
    """
    number, told, but = Counter[str](), list[Finding](), set(but)
    for each in found:
        number[each.kind] += each not in but
        if each in but or number[each.kind] <= SHOWN:
            told.append(each)
    for kind, there in number.items():
        if there > SHOWN:
            last = [each for each in found if each.kind == kind and each not in but][-1]
            told.append(Finding(kind, last.sequence, f"{there - SHOWN:,} more such, the last of them: {last.text}"))
    return told


R = TypeVar("R", bound=Read)


def broken(chain: str, subject: str, kept: Sequence[R], amiss: Callable[[R], str | None]) -> list[Finding]:
    """Empty where the chain is whole: each entry in its place, once, none missing before the last.

    `chain` is what to call it, and `amiss` says of an object why it is no entry, whatever its place.
    """
    found = beside(chain, kept)
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
    why = kept.unread() or amiss(kept)
    if why or entry is None:
        return [*again, Finding("edited", number, f"entry {number} {why or 'is none'}")]
    if entry.subject != subject:
        return [*again, Finding("foreign", number, f"entry {number} is of the {chain} of {entry.subject}")]
    if entry.sequence != number:
        return [*again, Finding("reordered", number, f"entry {entry.sequence} is in the place of {number}")]
    if (number == 1 and entry.previous is not None) or (before and entry.previous != before.digest):
        return [*again, Finding("forked", number, f"entry {number} follows another one than that before it")]
    return again
