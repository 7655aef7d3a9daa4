"""A reference's profile: frozen edges and counts of each column, so that a day's check reads that day only.

Two profiles of the same edges are merged by adding their counts. As a document it is canonical JSON
(`delivery/registry/documents.py`), beside the model version: its digest names it. It has no value that fewer than
CELL rows have, no bin of fewer (`small_cells.py`), and no edge that is a value to its last digit.
"""

from pathlib import Path
from typing import Final, Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType

from delivery.monitoring.limits import CELL, ROWS
from delivery.registry.documents import canonical, digest_of, read
from delivery.registry.refused import Refused

FORMAT: Final = "parapet-profile/1"
Type = Literal["integer", "float", "boolean", "text", "date", "moment", "empty", "other"]
Role = Literal["number", "category", "moment", "key", "none"]
"""How a column is judged: a key is different in each row, and only its presence is."""


class Noise(Struct, frozen=True):
    """How much more parts of the rows differ than chance would have them, as factors of chi-squared (`features.py`)."""

    rows: int
    """Of which the parts are."""
    parts: list[float]
    """Of four parts, of five, and so on."""
    longer: float
    """For a window of more than a quarter of the rows."""


class Numbers(Struct, frozen=True):
    """A number's histogram. Bin i holds what is above edge i-1 and not above edge i; the last what is above all."""

    edges: list[float]
    counts: list[int]
    low: int
    """Bins below this one are beyond the lower far fence."""
    high: int
    """This bin and those after it are beyond the upper one."""
    blocks: list[list[int]] = []
    """The same counts of each part of the rows, in their order; a row for each part. They are small cells: a document
    has none, and their noise."""
    noise: Noise | None = None


class Categories(Struct, frozen=True):
    """A category's counts, over `rows` rows that have one."""

    counts: dict[str, int]
    rest: int
    """Rows of categories that have too few to be named."""
    rows: int
    noise: Noise | None = None


class Held(Struct, frozen=True):
    """A column of the reference."""

    name: str
    type: Type
    role: Role
    missing: int
    """Null or NaN."""
    infinite: int = 0
    whole: bool = False
    """All its numbers are whole."""
    missing_by_block: list[int] = []
    """As `Numbers.blocks`."""
    missing_noise: Noise | None = None
    numbers: Numbers | None = None
    categories: Categories | None = None


class Pairs(Struct, frozen=True):
    """Moments of two columns at a time, in normal scores, over a sample of rows."""

    names: list[str]
    rows: int
    products: list[list[float | None]]
    """Mean of the product, over the rows that have both; None where those are too few."""
    noise: list[list[float | None]]
    """Variance of the correlation."""


class Scores(Struct, frozen=True):
    """How predictions and labels went together. A hundred bins of one width for scores of 0 to 1, bins between edges
    for other numbers that rank; else sums alone."""

    kind: Literal["scores", "ranks", "classes", "numbers"]
    rows: int
    loss: float
    """Mean error: squared of scores, absolute of numbers, share of wrong classes."""
    variance: float
    """Of the error."""
    counts: list[int] = []
    positives: list[int] = []
    foreseen: list[float] = []
    """Sum of the scores of each bin."""
    edges: list[float] | UnsetType = UNSET
    """Of numbers that rank, whose bins are those of their own column."""


class Profile(Struct, frozen=True, forbid_unknown_fields=True):
    """A reference."""

    format: Literal["parapet-profile/1"]
    rows: int
    parquet: bool
    """Whether its types were declared, as Parquet's are; a CSV's are what its values look like."""
    columns: list[Held]
    """In the order of the file."""
    start: str | None = None
    end: str | None = None
    pairs: Pairs | None = None
    scores: Scores | None = None
    predictions: str | None = None
    labels: str | None = None

    @property
    def digest(self) -> str:
        return digest_of(self)


def write(profile: Profile, path: Path) -> None:
    """Raises Refused where it cannot be written."""
    try:
        path.write_bytes(canonical(profile) + b"\n")
    except OSError as error:
        raise Refused(f"The profile cannot be written to {path}: {error.strerror}.") from None


def is_profile(path: Path) -> bool:
    """Whether the file begins as a profile does, and not as a table."""
    try:
        with path.open("rb") as file:
            return file.read(1) == b"{"
    except OSError:
        return False


def read_profile(path: Path) -> Profile:
    """Raises Refused for another document."""
    return read(path.read_bytes(), Profile, f"The profile {path}")


def merged(one: Profile, other: Profile) -> Profile:
    """Of the rows of both. Raises Refused unless they have the same columns and edges: profile the second by the first.

    What is no sum (noise, correlations, how labels went with scores) is that of the larger.
    """
    larger = one if one.rows >= other.rows else other
    smaller = other if larger is one else one
    columns = [_added(*pair) for pair in zip(larger.columns, smaller.columns, strict=False)]
    rows = one.rows + other.rows
    columns = [each if each and (each.numbers or not _numbers_of(each, rows)) else None for each in columns]
    if len(one.columns) != len(other.columns) or None in columns:
        raise Refused(
            "The profiles have other columns or edges, or a number of which each had too few values, and cannot be "
            "added: make one of the rows of both."
        )
    moments = [told for each in (one, other) for told in (each.start, each.end) if told]
    return msgspec.structs.replace(
        larger,
        rows=rows,
        columns=columns,
        start=min(moments, default=None),
        end=max(moments, default=None),
    )


def _numbers_of(held: Held, rows: int) -> bool:
    """Whether a column has as many numbers as are judged."""
    return held.type in ("integer", "float") and held.role == "none" and rows - held.missing - held.infinite >= ROWS


def _added(one: Held, other: Held) -> Held | None:
    """None where they cannot be. `one` is of the larger profile."""
    if (one.name, one.type, one.role) != (other.name, other.type, other.role):
        return None
    numbers, categories = one.numbers, one.categories
    if numbers and other.numbers:
        if numbers.edges != other.numbers.edges:
            return None
        numbers = msgspec.structs.replace(
            numbers,
            counts=_sum(numbers.counts, other.numbers.counts),
            blocks=[],
        )
    if categories and other.categories:
        both = {
            name: categories.counts.get(name, 0) + other.categories.counts.get(name, 0)
            for name in sorted({*categories.counts, *other.categories.counts})
        }
        named = {name: rows for name, rows in both.items() if rows >= CELL}
        rows = categories.rows + other.categories.rows
        categories = Categories(named, rows - sum(named.values()), rows, categories.noise)
    return msgspec.structs.replace(
        one,
        missing=one.missing + other.missing,
        infinite=one.infinite + other.infinite,
        whole=one.whole and other.whole,
        missing_by_block=[],
        numbers=numbers,
        categories=categories,
    )


def _sum(one: list[int], other: list[int]) -> list[int]:
    return [a + b for a, b in zip(one, other, strict=True)]
