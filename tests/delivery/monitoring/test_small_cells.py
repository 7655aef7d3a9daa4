"""A profile has no bin of so few rows that they are somebody, knows its noise all the same, and is added to another."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from msgspec import structs

from delivery.monitoring import limits
from delivery.monitoring.features import noise_for, noise_in, noise_of
from delivery.monitoring.limits import CELL
from delivery.monitoring.profile import FORMAT, Held, Noise, Numbers, Profile, merged
from delivery.monitoring.running import check_files, profile_files
from delivery.monitoring.small_cells import FEW, hidden, shows
from delivery.monitoring.sound import sound
from delivery.registry.refused import Refused

pytestmark = pytest.mark.data

ROWS = st.integers(0, 40)


def of(edges: list[float], low: int, high: int, blocks: list[list[int]]) -> Profile:
    counts = [sum(column) for column in zip(*blocks, strict=True)]
    held = Held("lab", "float", "number", 0, numbers=Numbers(edges, counts, low, high, blocks))
    return Profile(FORMAT, sum(counts), True, [held])


def may(cells: list[int]) -> bool:
    return all(each == 0 or each >= CELL for each in cells)


@st.composite
def profiles(draw: st.DrawFn) -> Profile:
    bins = draw(st.integers(3, 12))
    low = draw(st.integers(0, 1))
    high = bins - 1 if low == 0 else draw(st.sampled_from([bins - 1, bins]))
    parts = draw(st.sampled_from([1, 3, 16]))
    blocks = draw(st.lists(st.lists(ROWS, min_size=bins, max_size=bins), min_size=parts, max_size=parts))
    made = of([float(each) for each in range(bins - 1)], low, high, blocks)
    within = made.columns[0].numbers.counts[low:high] if made.columns[0].numbers else []
    assume(2 * sum(within) >= made.rows)  # a fence is three interquartile ranges from the quartiles
    return made


@settings(max_examples=300, deadline=None)
@given(profiles())
@example(of([0.0, 1.0], 0, 2, [[20, 0, 10]])).via("an empty bin beside few rows beyond the fence")
@example(of([0.0, 1.0, 2.0, 3.0], 1, 4, [[10, 0, 40, 0, 10]])).via("the same on both sides")
def test_no_bin_is_of_few_rows_and_all_adds_up(given_: Profile) -> None:
    told = hidden(given_)
    (held,) = told.columns
    sound(told, "The profile")
    if given_.rows < limits.ROWS:
        assert (held.role, held.missing, held.numbers) == ("none", 0, None)
        if 2 * given_.rows >= limits.ROWS:
            with pytest.raises(Refused, match="each had too few values"):
                merged(told, told)
        return
    sound(merged(told, told), "The sum")
    assert held.numbers
    assert not shows(held.numbers)
    assert sum(held.numbers.counts) == given_.rows
    within = held.numbers.counts[held.numbers.low : held.numbers.high]
    assert len(within) == 1 or may(within)


def test_how_few_lie_beyond_a_fence_is_not_told() -> None:
    for beyond, told in ((0, 0), (1, FEW), (5, FEW), (10, FEW), (11, 11), (30, 30)):
        (held,) = hidden(made := of([0.0, 1.0], 0, 2, [[500, 400, beyond]])).columns
        sound(merged(hidden(made), hidden(made)), "The sum")
        assert held.numbers
        assert held.numbers.counts == [500, 400 + beyond - told, told]


@given(st.lists(st.lists(ROWS, min_size=4, max_size=4), min_size=16, max_size=16), st.integers(1, 3_000))
def test_the_noise_that_is_kept_is_that_of_the_parts(rows: list[list[int]], window: int) -> None:
    blocks = np.array(rows, dtype=np.float64)
    assume(blocks.sum() > 0)
    assert noise_for(noise_in(blocks), window) == pytest.approx(noise_of(blocks, window), rel=1e-5)


def test_of_a_small_reference_no_part_is_counted(tmp_path: Path) -> None:
    """In the order of time a sixteenth of three hundred rows is a week's few people."""
    rng = np.random.default_rng(7)
    days = np.arange(300) / 300
    lab = rng.normal(10, 2, 300) + 4 * np.cos(2 * np.pi * days)
    lab[rng.integers(0, 300, 25)] = np.nan
    ward = np.where(rng.random(300) < 0.5 + 0.45 * np.cos(2 * np.pi * days), "icu", "medical")
    few = np.where(np.arange(300) < 9, 1.5, np.nan)
    table = {"lab": pa.array(lab, from_pandas=True), "ward": ward.tolist(), "few": pa.array(few, from_pandas=True)}
    pq.write_table(pa.table(table), tmp_path / "rows.parquet")
    made = profile_files([tmp_path / "rows.parquet"], tmp_path / "profile.json", None, None)
    for each in json.loads((tmp_path / "profile.json").read_text())["columns"]:
        assert each["missing_by_block"] == []
        if numbers := each["numbers"]:
            assert numbers["blocks"] == []
            assert may(numbers["counts"])
    number, code, rare = made.columns
    assert number.numbers
    assert code.categories
    for noise in (number.numbers.noise, code.categories.noise):
        assert noise
        assert noise.parts[0] > 2, "a season"
    assert (rare.role, rare.numbers, rare.missing) == ("none", None, 291)


def test_a_category_that_changes_with_the_season_is_no_drift_by_the_profile_either(tmp_path: Path) -> None:
    """A part of the year of which the reference knows, in other numbers than the whole year's."""
    rng = np.random.default_rng(5)
    days = np.sort(rng.integers(0, 366, 8_000))
    flu = rng.random(8_000) < 0.2 + 0.15 * np.cos(2 * np.pi * days / 366)
    pq.write_table(pa.table({"flu": flu}), tmp_path / "rows.parquet")
    pq.write_table(pa.table({"flu": rng.random(900) < 0.34}), tmp_path / "winter.parquet")
    pq.write_table(pa.table({"flu": rng.random(900) < 0.9}), tmp_path / "more.parquet")
    profile_files([tmp_path / "rows.parquet"], tmp_path / "profile.json", None, None)
    for reference in ("rows.parquet", "profile.json"):
        assert not check_files([tmp_path / reference], [tmp_path / "winter.parquet"]).drifted, reference
        assert check_files([tmp_path / reference], [tmp_path / "more.parquet"]).drifted, reference


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Profile, Profile]:
    """One, and the sum of it and itself a month later."""
    rng = np.random.default_rng(11)
    told: dict[str, Any] = {"lab": rng.normal(10, 2, 600), "ward": rng.choice(["icu", "medical"], 600).tolist()}
    told["seen"] = (np.datetime64("2026-01-01", "us") + np.arange(600) * np.timedelta64(1, "h")).tolist()
    told["lab"][::10] = np.nan
    table = pa.table({name: pa.array(values, from_pandas=True) for name, values in told.items()})
    pq.write_table(table, tmp_path / "rows.parquet")
    one = profile_files([tmp_path / "rows.parquet"], tmp_path / "profile.json", None, None)
    later = structs.replace(one, start="2026-02-01T00:00:00Z", end="2026-03-01T00:00:00Z")
    return one, merged(one, later)


def test_the_sum_of_two_profiles_is_of_the_rows_of_both(pair: tuple[Profile, Profile]) -> None:
    one, two = pair
    assert (two.rows, two.start, two.end) == (1_200, one.start, "2026-03-01T00:00:00Z")
    for each, sum_ in zip(one.columns, two.columns, strict=True):
        assert (sum_.name, sum_.missing, sum_.missing_noise) == (each.name, 2 * each.missing, each.missing_noise)
        if each.numbers and sum_.numbers:
            counts = [2 * rows for rows in each.numbers.counts]
            assert sum_.numbers == structs.replace(each.numbers, counts=counts)
        if each.categories and sum_.categories:
            assert sum_.categories.counts == {name: 2 * rows for name, rows in each.categories.counts.items()}
            assert (sum_.categories.rest, sum_.categories.rows) == (2 * each.categories.rest, 2 * each.categories.rows)
    sound(two, "The sum")


def test_what_is_no_sum_is_that_of_the_larger(pair: tuple[Profile, Profile]) -> None:
    one, two = pair
    noise = Noise(1_200, [2.0, 3.0], 4.0)
    numbers = two.columns[0].numbers
    assert numbers
    larger = structs.replace(
        two,
        pairs=None,
        columns=[structs.replace(two.columns[0], numbers=structs.replace(numbers, noise=noise)), *two.columns[1:]],
    )
    for sum_ in (merged(one, larger), merged(larger, one)):
        assert (sum_.rows, sum_.pairs) == (1_800, None)
        assert sum_.columns[0].numbers
        assert sum_.columns[0].numbers.noise == noise


@pytest.mark.parametrize(
    "other",
    [
        lambda one: structs.replace(one, columns=one.columns[:1]),
        lambda one: structs.replace(one, columns=[structs.replace(one.columns[0], name="x"), *one.columns[1:]]),
        lambda one: structs.replace(one, columns=[structs.replace(one.columns[0], role="key"), *one.columns[1:]]),
        lambda one: structs.replace(
            one,
            columns=[
                structs.replace(one.columns[0], numbers=structs.replace(one.columns[0].numbers, edges=[0.5])),
                *one.columns[1:],
            ],
        ),
    ],
    ids=["fewer columns", "another name", "another role", "other edges"],
)
def test_profiles_that_cannot_be_added_are_refused(pair: tuple[Profile, Profile], other: Any) -> None:
    with pytest.raises(Refused, match=r"other columns or edges, or .* cannot be added"):
        merged(pair[0], other(pair[0]))
