"""Pairs of many shapes: without drift nobody is told, and a known change is found with its kind and column."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from delivery.monitoring.found import Check
from delivery.monitoring.running import check_files
from tests.delivery.monitoring.pairs import Pair, with_drift, without_drift

pytestmark = [pytest.mark.data, pytest.mark.xdist_group("drift pairs")]
SEED = 20_281
"""Another than those that the limits were looked at with."""
EACH = 8
"""Every eighth pair, so that this takes seconds; `python -m tests.delivery.monitoring.pairs SEED` tries all."""


def check(pair: Pair, folder: Path) -> Check:
    reference, current = folder / "reference.parquet", folder / "current.parquet"
    pq.write_table(pair.reference, reference)
    pq.write_table(pair.current, current)
    return check_files([reference], [current], pair.predictions, pair.labels)


def test_of_pairs_without_drift_one_alarms_at_most(tmp_path: Path) -> None:
    checked = {pair.name: check(pair, tmp_path) for pair in without_drift(SEED)[::EACH]}
    false = {name: found.alerts for name, found in checked.items() if found.drifted}
    assert len(false) <= 1, false


def test_a_planted_change_is_found_by_its_kind_and_column(tmp_path: Path) -> None:
    missed = {}
    pairs = with_drift(SEED)[::EACH]
    for pair in pairs:
        found = check(pair, tmp_path)
        named = {name for name, column in found.columns.items() if column.drifted}
        if found.kind != pair.kind or not named & set(pair.columns):
            missed[pair.name] = (found.kind, found.alerts)
    assert len(missed) <= len(pairs) // 10, missed
