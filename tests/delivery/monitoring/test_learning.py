"""What a reference's days are like is learnt where they suffice, and a usual day in winter wakes nobody then."""

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from delivery.monitoring import checking, counting, learning
from delivery.monitoring.alerting.declared import declared
from delivery.monitoring.alerting.evidence import seen
from delivery.monitoring.alerting.noise import read_noise
from delivery.monitoring.checking import Reference, check, profile_types
from delivery.monitoring.counting import Codes
from delivery.monitoring.cutting import Cut
from delivery.monitoring.found import Check
from delivery.monitoring.learning import LONGEST, WINDOWS, learnt, spans
from delivery.monitoring.profile import Profile
from delivery.monitoring.reading import Source, source
from delivery.monitoring.running import engine, load, profile_files

FIRST = date(2025, 1, 1)


def each_day(days: int, rows: int) -> list[date]:
    return [FIRST + timedelta(days=day) for day in range(days) for _ in range(rows)]


@pytest.mark.parametrize(
    ("days", "rows", "windows", "length"),
    [(365, 100, 73, 1), (365, 30, 73, 2), (365, 9, 45, 7), (365, 8, 0, 0), (40, 100, 40, 1), (0, 0, 0, 0)],
)
def test_windows_are_of_days_enough_and_of_all_weekdays(days: int, rows: int, windows: int, length: int) -> None:
    found = spans(each_day(days, rows))
    assert len(found) == windows <= WINDOWS
    assert all((last - first).days + 1 == length <= LONGEST for first, last in found)
    if windows:
        assert {first.weekday() for first, _ in found} == set(range(7))
        assert found[-1][1] <= FIRST + timedelta(days=days - 1)


def checked(profile: Profile, rows: pa.Table, file: Path) -> Check:
    pq.write_table(rows, file)
    with engine() as connection:
        return check(Reference(profile), source(connection, [file], "window", profile_types(profile)))


@pytest.mark.data
def test_what_is_learnt_is_of_the_profile_and_of_columns_that_move_with_the_season(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learning, "WINDOWS", 34)  # that is enough here
    days = each_day(330, 70)
    draw, turn = np.random.default_rng(3), np.array([2 * np.pi * day.timetuple().tm_yday / 365 for day in days])
    weekend = np.array([day.weekday() > 4 for day in days])
    rows = pa.table(
        {
            "temperature": draw.normal(37 + 0.3 * np.cos(turn), 0.5),
            "age": draw.normal(60, 15, len(days)),
            "arrival": np.where(draw.random(len(days)) < 0.1 + 0.3 * weekend, "emergency", "planned"),
        }
    )
    order = draw.permutation(len(days))  # as hashes have it
    rows, days = rows.take(pa.array(order)), [days[place] for place in order]
    pq.write_table(rows, tmp_path / "rows.parquet")
    profile_files([tmp_path / "rows.parquet"], tmp_path / "profile.json", None, None)
    profile = load(tmp_path / "profile.json")
    found = learnt(profile, rows, days, "readmission", 28)
    assert found
    assert read_noise(found.raw) == found
    assert (found.reference, found.model) == (profile.digest, "readmission")
    signals = {each.name: each for each in found.signals if each.test in ("ks_binned", "total_variation")}
    assert np.ptp(signals["arrival"].weekdays) > 2 * np.ptp(signals["age"].weekdays)
    assert np.abs(signals["temperature"].season).max() > 2 * np.abs(signals["age"].season).max()
    assert learnt(profile, rows, days, "readmission", 99) is None
    many = checked(profile, rows.slice(0, 50 * 70), tmp_path / "many.parquet")
    assert many.kind == "none"
    assert [each.signal for each in seen(many, found, declared()) if not each.ordinary] == [], "of many days at once"


@pytest.mark.data
def test_in_which_bin_a_number_is_is_asked_once_and_each_window_is_judged_as_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = each_day(4, 70)
    draw = np.random.default_rng(5)
    order = draw.permutation(len(days))
    days = [days[place] for place in order]
    moved = np.array([2.0 * (day == FIRST + timedelta(days=2)) for day in days])
    rows = pa.table({"sodium": draw.normal(138, 3, 280), "temperature": draw.normal(37, 0.5, 280) + moved})
    pq.write_table(rows, tmp_path / "rows.parquet")
    profile_files([tmp_path / "rows.parquet"], tmp_path / "profile.json", None, None)
    profile = load(tmp_path / "profile.json")
    windows = [(day, day) for day in sorted(set(days))]
    alone = [
        checked(profile, rows.filter(pa.array([day == first for day in days])), tmp_path / "window.parquet")
        for first, _ in windows
    ]
    asked: list[int] = []

    def codes(rows: Source, cuts: Mapping[str, Cut]) -> Codes:
        asked.append(rows.rows)
        return counting.codes(rows, cuts)

    monkeypatch.setattr(checking, "codes", codes)
    found = list(learning._checks(profile, rows, days, windows, "readmission"))
    assert asked == [280]
    assert [each.rows for each in found] == [70] * 4
    assert found[2].drifted
    assert [each.tests for each in found] == [each.tests for each in alone]
