"""Where a value falls, and where a histogram is cut."""

import math

import ibis
import numpy as np
import pytest

from delivery.monitoring.counting import INFINITE, MISSING, coded
from delivery.monitoring.cutting import Quantile, edges_of


@pytest.mark.data
@pytest.mark.parametrize("edges", [(0.5, 1.5), (-2.0, 0.0, 1.0, 4.0, 9.0, 9.5, 12.0), tuple(np.linspace(-3, 3, 22))])
def test_a_value_falls_into_the_bin_that_ends_at_or_above_it(edges: tuple[float, ...]) -> None:
    values = [*np.linspace(-4, 14, 300), *edges, math.nan, math.inf, -math.inf, None]
    table = ibis.memtable({"x": values}, schema={"x": "float64"})
    found = table.select(bin=coded(table.x, edges)).to_pyarrow()["bin"].to_pylist()
    wanted = [int(np.searchsorted(edges, value)) for value in values[:-4]]
    assert found == [*wanted, MISSING, INFINITE, INFINITE, MISSING]


def test_each_value_of_few_has_a_bin_of_its_own() -> None:
    edges, low, high = edges_of([Quantile(value, value, rows, 1) for value, rows in ((1.0, 50), (2.0, 20), (4.0, 30))])
    bins = np.searchsorted(edges, [0.0, 1.0, 2.0, 4.0, 6.0])
    assert len(set(bins.tolist())) == 5
    assert low <= bins[1] <= bins[3] < high


def test_a_constant_is_cut_off_on_both_sides() -> None:
    edges, _, _ = edges_of([Quantile(5.0, 5.0, 100, 1)])
    assert np.searchsorted(edges, [4.9, 5.0, 5.1]).tolist() == [0, 1, 2]


def test_what_is_far_out_lies_beyond_a_fence_and_no_edge_is_a_value() -> None:
    values = np.sort(np.random.default_rng(1).normal(100, 10, 2_000))
    parts = [Quantile(part[0], part[-1], len(part), len(part)) for part in np.array_split(values, 20)]
    edges, low, high = edges_of(parts)
    assert not set(edges) & set(values)
    q1, q3 = np.quantile(values, (0.25, 0.75))
    inside = np.searchsorted(edges, [q1 - 2 * (q3 - q1), q3 + 2 * (q3 - q1)])
    beyond = np.searchsorted(edges, [q1 - 4 * (q3 - q1), q3 + 4 * (q3 - q1)])
    assert low <= inside[0] <= inside[1] < high
    assert beyond[0] < low < high <= beyond[1]


def test_no_value_of_few_rows_has_a_bin_of_its_own() -> None:
    counted = ((1.0, 5), (2.0, 50), (3.0, 46), (4.0, 3))
    edges, _, _ = edges_of([Quantile(value, value, rows, 1) for value, rows in counted])
    bins = np.searchsorted(edges, [1.0, 2.0, 3.0, 4.0])
    assert bins[0] == bins[1] < bins[2] == bins[3]
