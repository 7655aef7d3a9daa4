"""What a profile keeps of its counts: no bin of so few rows that they are somebody.

Bins of few rows go to their neighbours, and few rows beyond a fence are told as FEW, however many they are. Counts of
parts of the rows, in the order of time perhaps, are small by nature: of them their noise is kept and no count. Of a
number of fewer values than are judged only how many it has is told.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np

from delivery.monitoring.features import coarse, noise_in, presence, together
from delivery.monitoring.limits import CELL, ROWS
from delivery.monitoring.profile import Held, Numbers, Profile

FEW: Final = 5
"""What stands for one to ten rows: none would make an alarm of as many in a window, and CELL hide twice as many."""


def hidden(profile: Profile) -> Profile:
    """The same without them."""
    return msgspec.structs.replace(profile, columns=[_held(each, profile.rows) for each in profile.columns])


def shows(numbers: Numbers) -> bool:
    """Whether a bin or a part is of so few rows."""
    beyond = [*numbers.counts[: numbers.low], *numbers.counts[numbers.high :]]
    # A sum of two has twice as many.
    told = [0 if each % FEW == 0 else each for each in beyond]
    return bool(numbers.blocks) or _least(numbers) is not None or not _may(told)


def _held(held: Held, rows: int) -> Held:
    if held.numbers and sum(held.numbers.counts) < ROWS:
        return Held(held.name, held.type, "none", held.missing, held.infinite, held.whole)
    numbers = _beyond(_inside(_noted(held.numbers))) if held.numbers else None
    lacks = noise_in(presence(held.missing_by_block, rows))
    return msgspec.structs.replace(held, missing_by_block=[], missing_noise=lacks, numbers=numbers)


def _noted(numbers: Numbers) -> Numbers:
    """With the parts' noise in their place."""
    counts = np.array(numbers.counts, dtype=np.float64)
    bins = coarse(counts, counts)
    blocks = np.array([together(np.array(row, dtype=np.float64), bins) for row in numbers.blocks])
    noise = noise_in(blocks) if numbers.blocks else None
    return msgspec.structs.replace(numbers, blocks=[], noise=noise)


def _may(cells: Sequence[int]) -> bool:
    """Whether each may be told."""
    return all(each == 0 or each >= CELL for each in cells)


def _inside(numbers: Numbers) -> Numbers:
    """Bins of few rows put together with a neighbour between the same fences, of which the cut between them is left
    out."""
    while (at := _least(numbers)) is not None:
        numbers = _without(numbers, at)
    return numbers


def _without(numbers: Numbers, cut: int) -> Numbers:
    """The bins beside it are one."""
    counts = numbers.counts
    return msgspec.structs.replace(
        numbers,
        edges=[each for place, each in enumerate(numbers.edges) if place != cut],
        counts=[*counts[:cut], counts[cut] + counts[cut + 1], *counts[cut + 2 :]],
        low=numbers.low - (numbers.low > cut),
        high=numbers.high - (numbers.high > cut),
    )


def _least(numbers: Numbers) -> int | None:
    """The cut beside a bin of too few rows that is no fence."""
    places = range(len(numbers.edges)) if len(numbers.edges) > 1 else ()
    cuts = [place for place in places if place + 1 not in (numbers.low, numbers.high)]
    few = [place for place in cuts if not _may([numbers.counts[place], numbers.counts[place + 1]])]
    return min(few, key=lambda place: numbers.counts[place] + numbers.counts[place + 1], default=None)


def _beyond(numbers: Numbers) -> Numbers:
    """Few rows beyond a fence are FEW; those of the bin within are so many more or fewer.

    Where that one would then be of few rows, it is put together with its neighbour first.
    """
    counts = list(numbers.counts)
    beside = ((numbers.low - 1, numbers.low, numbers.low), (numbers.high, numbers.high - 1, numbers.high - 2))
    for outer, inner, cut in beside:
        if not (0 <= outer < len(counts) and 0 <= inner < len(counts)) or _may([counts[outer]]):
            continue
        both = counts[inner] + counts[outer]
        if both < CELL + FEW and numbers.high - numbers.low > 1:
            return _beyond(_without(msgspec.structs.replace(numbers, counts=counts), cut))
        told = FEW if both >= CELL + FEW else 0
        counts[inner], counts[outer] = both - told, told
    return msgspec.structs.replace(numbers, counts=counts)
