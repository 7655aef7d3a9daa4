"""What is told of how a column is spread: no cell of so few rows that they are somebody, whatever the counts."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.monitoring.found import OTHERS, Spread
from delivery.monitoring.limits import CELL
from delivery.monitoring.profile import Numbers
from delivery.monitoring.spreading import of_category, of_number

pytestmark = pytest.mark.data
ROWS = st.one_of(st.integers(0, 12), st.integers(0, 400))


def may_be_told(spread: Spread) -> bool:
    return all(rows == 0 or rows >= CELL for rows in (*spread.reference, *spread.window))


@given(st.lists(st.tuples(ROWS, ROWS), min_size=1, max_size=24))
def test_ranges_are_put_together_until_they_may_be_told(rows: list[tuple[int, int]]) -> None:
    before, now = zip(*rows, strict=True)
    edges = [float(each) for each in range(len(rows) - 1)]
    spread = of_number("lab", Numbers(edges, list(before), 0, len(rows), []), now)
    if spread is None:
        return
    assert may_be_told(spread)
    assert (sum(spread.reference), sum(spread.window)) == (sum(before), sum(now))
    assert len(spread.edges) + 1 == len(spread.reference) == len(spread.window)
    assert set(spread.edges) <= set(edges)
    bounds = [-1, *(int(edge) for edge in spread.edges), len(rows) - 1]
    told = [sum(before[low + 1 : high + 1]) for low, high in pairwise(bounds)]
    assert told == spread.reference


@given(st.lists(st.tuples(st.integers(CELL, 400), ROWS), max_size=12), st.tuples(ROWS, ROWS))
def test_categories_go_to_the_others_until_they_may_be_told(rows: list[tuple[int, int]], rest: tuple[int, int]) -> None:
    cells = {f"code {at}": each for at, each in enumerate(rows)}
    total = tuple(sum(each[side] for each in (*rows, rest)) for side in (0, 1))
    spread = of_category("ward", cells, (total[0], total[1]))
    if spread is None:
        return
    assert may_be_told(spread)
    assert (sum(spread.reference), sum(spread.window)) == total
    for name, one, other in zip(spread.categories, spread.reference, spread.window, strict=True):
        assert name == OTHERS or cells[name] == (one, other)


def numbers(counts: list[int]) -> Numbers:
    return Numbers([float(each) for each in range(len(counts) - 1)], counts, 0, len(counts), [])


def test_what_may_be_told_is_told_as_it_is() -> None:
    spread = of_number("lab", numbers([20, 30, 40]), [0, 11, 60])
    assert spread == Spread("lab", [0.0, 1.0], [], [20, 30, 40], [0, 11, 60])


@pytest.mark.parametrize(
    ("counts", "window", "told"),
    [
        pytest.param([20, 30, 3], [40, 40, 40], ([20, 33], [40, 80]), id="few-of-the-reference-at-the-end"),
        pytest.param([20, 30, 40], [60, 40, 2], ([20, 70], [60, 42]), id="few-of-the-window-at-the-end"),
        pytest.param([20, 30, 40], [0, 0, 2], None, id="nothing-but-few"),
        pytest.param([20, 30, 40], [0, 2, 60], ([20, 70], [0, 62]), id="few-in-the-middle"),
        pytest.param([20, 0, 0], [0, 0, 60], ([20, 0], [0, 60]), id="nothing-in-the-middle"),
    ],
)
def test_few_are_with_their_neighbours(counts: list[int], window: list[int], told: Any) -> None:
    spread = of_number("lab", numbers(counts), window)
    assert (None if spread is None else (spread.reference, spread.window)) == told


def test_counts_of_any_size_are_whole_numbers() -> None:
    spread = of_number("lab", numbers([10**9, 10**9]), [int(each) for each in np.array([3e9, 5e9])])
    assert spread is not None
    assert spread.window == [3 * 10**9, 5 * 10**9]
