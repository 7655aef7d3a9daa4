"""Whether a profile could find a drift: that it has the names, types and sums of its model says nothing of that.

One whose every number is in one bin, or whose every category is among the rest, is as it must be and hears nothing, for
as long as the version serves. What is asked here the profile's own maker holds (`delivery/monitoring/cutting.py`,
`profiling.py`), of whatever rows.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final

HUNDRED: Final = 100
"""Rows from which on that is asked: of fewer, bins of CELL rows are few, and a model of so few rows passes no gate."""
PARTS: Final = 20
CELL: Final = 11
"""Bins of a number's histogram, each with as many rows of the reference; and the rows that a category or a bin must
have: fewer are people who could be told (CMS' small cells)."""
MOST: Final = 0.6
"""Share of the rows that a bin may have, beside one part of them and its few neighbours: a value that more than half of
the rows have is in a bin of its own."""
ENDLESS: Final = 2
"""Parts of the rows that a bin without an end may have: what has more is a value, and is cut off on both sides."""
NEAR: Final = 1e-6
"""How close to that value, as a share of it where that is more than 1, the cuts on its sides may be."""
NARROW: Final = 4 * NEAR
"""How wide that bin is, likewise."""
QUARTER: Final = 0.25
FARTHEST: Final = 4.0
"""How many ranges between the quartiles a fence may lie from them: three by its maker, of a part of the rows."""
UNNAMED: Final = 100
"""Rows of a category that may be too few for its name, where one half of the rows chooses and the other is counted."""
RARE: Final = 5
"""Answers that may all be so rare, where nobody says which there may be."""
UNTOLD: Final = 0.5
"""Share of the rows whose category may be none to be told: of more, what moved among them is not heard of."""
MANY: Final = 2_000
"""Rows from which on that holds however many names there may be: a contract may list names that no row has."""
COUNTED: Final = 0.3
"""Share of the rows that are counted by category: a half, and by chance fewer."""
CODE: Final = re.compile(r"(?!.*[0-9]{4})[^@\n]{1,40}")
"""A category that may be told where enough rows have it: short, and no number of four digits, which may be a year of
birth, a ZIP code or a record's."""


def of_numbers(edges: Sequence[float], counts: Sequence[int], step: float = 0.0, *, low: int, high: int) -> str:
    """Why it hears nothing; empty where it does. Two values are `step` apart at least; bins below `low`, and from
    `high` on, are far out.

    How many bins there are says nothing: a number with three values has no more, and none may have MOST of the rows.
    """
    if not edges or len(counts) != len(edges) + 1:
        return "has other counts than edges"
    rows = sum(counts)
    if rows < HUNDRED:
        return ""
    part = rows / min(PARTS, rows // CELL)
    most = MOST * rows + part + 3 * CELL
    for count, (least, upto) in zip(counts, pairwise([None, *edges, None]), strict=True):
        if count > most and not _one_value(least, upto, step):
            return f"has {count:,} of {rows:,} rows in one bin, and no value is other than another"
    if (beyond := max(counts[0], counts[-1])) > ENDLESS * part + 3 * CELL:
        return f"has {beyond:,} of {rows:,} rows in a bin without an end, and what goes farther out is not other"
    return _of_fences(edges, counts, step, low, high)


def _of_fences(edges: Sequence[float], counts: Sequence[int], step: float, low: int, high: int) -> str:
    """What most rows have is a bin of its own, beside which the rest is heard, far out or not. Of any other number each
    side has a fence, which is not farther from the quartiles than its maker puts it."""
    rows, places = sum(counts), range(len(counts))
    sides = list(pairwise([None, *edges, None]))
    if any(2 * counts[each] >= rows and _one_value(*sides[each], step) for each in places):
        return ""
    if low < 1 or high > len(edges):
        return "has no bin for what lies far out"
    upto = list(_sums(counts))
    first = next(each for each in places if upto[each + 1] >= QUARTER * rows)
    last = next(each for each in places if upto[each + 1] >= (1 - QUARTER) * rows)
    least, most = edges[max(first - 1, 0)], edges[min(last, len(edges) - 1)]
    far = FARTHEST * (most - least) + NEAR * max(abs(least), abs(most), 1.0)
    # Where a quartile lies in the bin before a fence, that fence is what is known of it.
    if (first >= low and edges[low - 1] < least - far) or (last < high - 1 and edges[high - 1] > most + far):
        return "calls far out what lies much farther out than its own quartiles have it"
    return ""


def _one_value(least: float | None, upto: float | None, step: float) -> bool:
    if least is None or upto is None:
        return False
    return upto - least <= max(NARROW * max(abs(least), abs(upto), 1.0), step)


def of_categories(
    counts: Mapping[str, int], rest: int, rows: int, present: int, allowed: Collection[str] | None
) -> str:
    """The same. `present` are the rows that have a value, `allowed` the contract's categories where it says which."""
    if present < HUNDRED:
        return ""
    if rows < COUNTED * present:
        return f"is counted in {rows:,} of {present:,} rows"
    unnamed = [each for each in allowed or () if each not in counts]
    if not counts and not unnamed:
        return "has no category"
    codes = [each for each in unnamed if CODE.fullmatch(each)]
    rare = UNNAMED * (RARE if allowed is None else len(codes))
    untold = UNTOLD * rows if allowed is None or len(codes) < len(unnamed) else 0.0
    if rest > (max(rare, untold) if present < MANY else min(max(rare, untold), UNTOLD * rows)):
        return (
            f"has {rest:,} of {rows:,} rows in no category, and {len(codes)} that may be told have no rows of their own"
        )
    return ""


def of_answers(edges: Sequence[float], counts: Sequence[int], hundredths: Sequence[int], besides: int) -> str:
    """How the answers' bins and their hundredths, of the same rows but for some, contradict each other."""
    slack = besides + 3 * CELL
    upto = list(_sums(hundredths))
    below = 0
    for edge, count in zip(edges, counts, strict=False):
        below += count
        at = min(max(int(edge * len(hundredths)), -1), len(hundredths))
        least, most = upto[min(max(at - 1, 0), len(hundredths))], upto[min(max(at + 2, 0), len(hundredths))]
        if not least - slack <= below <= most + slack:
            return "are of other answers than the column of them"
    return ""


def _sums(counts: Sequence[int]) -> Iterator[int]:
    """What is before each place, and at last all."""
    found = 0
    yield found
    for each in counts:
        found += each
        yield found
