"""Whether a profile hangs together: its sums, lengths, the order of its edges. One that was edited by hand may judge
nothing, or everything as noise; its digest alone says that it is the one that was made."""

from collections.abc import Iterator
from itertools import pairwise
from math import isfinite
from typing import Final

from delivery.monitoring.limits import CELL, ROWS
from delivery.monitoring.profile import Categories, Held, Noise, Numbers, Pairs, Profile, Scores
from delivery.monitoring.small_cells import shows
from delivery.registry.refused import Refused

MADE: Final = "Make it anew by `./parapet drift profile`."


def sound(profile: Profile, what: str, anew: str = MADE) -> None:
    """Raises Refused, with the first that is wrong, by its place, and how to have it `anew`; columns are told by their
    number alone."""
    wrong = next(_wrong(profile), None)
    if wrong:
        raise Refused(f"{what} is not as it was made: {wrong}. {anew}")


def _wrong(profile: Profile) -> Iterator[str]:
    if profile.rows < 0:
        yield "rows is below 0"
    names = [each.name.casefold() for each in profile.columns]
    if len(set(names)) < len(names):
        yield "a column is there twice"
    for name, what in ((profile.predictions, "predictions"), (profile.labels, "labels")):
        if name is not None and name.casefold() not in names:
            yield f"{what} is no column of it"
    for place, held in enumerate(profile.columns):
        yield from (f"columns[{place}].{each}" for each in _column(held, profile.rows))
    if profile.pairs:
        yield from (f"pairs.{each}" for each in _pairs(profile.pairs, profile))
    if profile.scores:
        yield from (f"scores.{each}" for each in _scores(profile.scores, profile.rows))


def _column(held: Held, rows: int) -> Iterator[str]:
    if not 0 <= held.missing <= rows or not 0 <= held.infinite <= rows:
        yield f"missing and infinite are not of 0 to {rows} rows"
    if (held.numbers is not None) != (held.role == "number"):
        yield "numbers are there for the role number, and for no other"
    if (held.categories is not None) != (held.role == "category"):
        yield "categories are there for the role category, and for no other"
    if held.type == "empty" and held.missing != rows:
        yield "type is empty, and it has values"
    if held.role == "number" and held.type not in ("integer", "float"):
        yield "role is number, and the type none"
    if held.role == "none" and held.type in ("integer", "float") and rows - held.missing - held.infinite >= ROWS:
        yield "role is none, and it has finite numbers to judge by"
    yield from (f"missing_{each}" for each in _noise(held.missing_noise, rows))
    if held.numbers:
        yield from _numbers(held.numbers, held, rows)
    if held.categories:
        yield from _categories(held.categories, rows - held.missing)


def _numbers(numbers: Numbers, held: Held, rows: int) -> Iterator[str]:
    edges, counts = numbers.edges, numbers.counts
    if not edges or not all(map(isfinite, edges)) or any(one >= other for one, other in pairwise(edges)):
        yield "numbers.edges do not rise"
    if len(counts) != len(edges) + 1 or min(counts, default=-1) < 0:
        yield "numbers.counts are not one more than edges, each 0 or more"
    elif sum(counts) + held.missing + held.infinite != rows:
        yield "numbers.counts, missing and infinite do not add up to the rows"
    if not 0 <= numbers.low <= numbers.high <= len(counts):
        yield "numbers.low and high are no bins"
    elif shows(numbers):
        yield f"numbers have cells of fewer than {CELL} rows"
    if held.missing_by_block:
        yield "missing_by_block is of few rows"
    yield from (f"numbers.{each}" for each in _noise(numbers.noise, rows))


def _noise(noise: Noise | None, rows: int) -> Iterator[str]:
    if noise and (not 0 < noise.rows <= rows or not noise.parts):
        yield "noise is not of its rows"
    if noise and not all(isfinite(each) and each >= 1 for each in (*noise.parts, noise.longer)):
        yield "noise is below 1"


def _categories(categories: Categories, most: int) -> Iterator[str]:
    if min(categories.counts.values(), default=CELL) < CELL or categories.rest < 0:
        yield f"categories.counts are not {CELL} or more each"
    elif sum(categories.counts.values()) + categories.rest != categories.rows or categories.rows > most:
        yield "categories.counts and rest do not add up to its rows"
    yield from (f"categories.{each}" for each in _noise(categories.noise, most))


def _pairs(pairs: Pairs, profile: Profile) -> Iterator[str]:
    numbers = {each.name for each in profile.columns if each.numbers}
    size = len(pairs.names)
    if len(set(pairs.names)) < size or not set(pairs.names) <= numbers or not 0 <= pairs.rows <= profile.rows:
        yield "names are not of its numbers"
    for what, table in (("products", pairs.products), ("noise", pairs.noise)):
        told = [value for row in table for value in row if value is not None]
        if [len(row) for row in table] != [size] * size or not all(map(isfinite, told)):
            yield f"{what} is not of {size} rows and columns"
        elif what == "noise" and min(told, default=0.0) < 0:
            yield "noise is below 0"


def _scores(scores: Scores, rows: int) -> Iterator[str]:
    if not 0 <= scores.rows <= rows or not (isfinite(scores.loss) and isfinite(scores.variance)):
        yield "rows are not of the profile's"
    if scores.loss < 0 or scores.variance < 0:
        yield "loss and variance are below 0"
    if not len(scores.counts) == len(scores.positives) == len(scores.foreseen):
        yield "counts, positives and foreseen are not as long as each other"
    elif any(not 0 <= some <= all_ for some, all_ in zip(scores.positives, scores.counts, strict=True)):
        yield "positives are not some of counts"
    elif scores.counts and sum(scores.counts) != scores.rows:
        yield "counts do not add up to rows"
