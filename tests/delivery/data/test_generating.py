"""Synthetic records: the same from the same seed, like the published figures, with something to learn and noise."""

import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from delivery.data import generating, records
from delivery.data.contract import contract
from delivery.data.dataset import CONTRACT_KEY, Manifest
from delivery.data.figures import figures
from delivery.data.generating import generate
from delivery.data.refused import Refused

pytestmark = pytest.mark.data

ROWS = 40_000


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    folder = tmp_path_factory.mktemp("many") / "intake"
    return pq.read_table(generate(ROWS, 11, folder).paths(folder))


def test_the_same_seed_gives_the_same_bytes_and_another_one_others(tmp_path: Path) -> None:
    first, second, other = (generate(300, seed, tmp_path / name) for seed, name in ((1, "a"), (1, "b"), (2, "c")))
    assert first == second
    assert (tmp_path / "a" / first.files[0].name).read_bytes() == (tmp_path / "b" / first.files[0].name).read_bytes()
    assert first.digest != other.digest


def test_a_smaller_data_set_is_the_beginning_of_a_larger_one(tmp_path: Path) -> None:
    small, large = (pq.read_table(generate(rows, 1, tmp_path).paths(tmp_path)) for rows in (50, 9000))
    same = large.filter(pc.is_in(large["record_id"], small["record_id"]))
    assert same.sort_by("record_id").equals(small.sort_by("record_id"))


@pytest.mark.parametrize("rows", [0, 1, 5000, 12_345])
def test_there_are_as_many_rows_as_were_asked_for_each_with_a_key_of_its_own(
    rows: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generating, "BLOCKS_A_FILE", 1)
    manifest = generate(rows, 1, tmp_path / "out")
    table = pq.read_table(manifest.paths(tmp_path / "out"))
    assert table.num_rows == rows == sum(file.rows for file in manifest.files)
    assert len(set(table["record_id"].to_pylist())) == rows
    assert Manifest.read(tmp_path / "out") == manifest


def test_memory_does_not_grow_with_the_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of a block is kept when the next one is made."""
    alive: list[int] = []
    made = records.block

    def counted(seed: int, index: int) -> records.Columns:
        alive.append(pa.total_allocated_bytes())
        return made(seed, index)

    monkeypatch.setattr(records, "block", counted)
    generate(60_000, 1, tmp_path / "out")
    assert len(alive) > 8
    assert max(alive[4:]) <= 1.5 * max(alive[1:4])


def test_files_say_the_version_of_their_contract(clean: Path) -> None:
    assert pq.read_schema(clean).metadata[CONTRACT_KEY].decode() == f"intake/{contract().version}"


def test_what_is_there_and_was_not_written_here_stays(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(Refused, match="something else"):
        generate(1, 1, tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_what_a_killed_run_left_goes_with_the_next_and_what_another_is_writing_stays(tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    left, written = tmp_path / f".out.new-{ended.pid}", tmp_path / f".out.new-{os.getppid()}"
    for draft in (left, written):
        draft.mkdir()
        (draft / "intake-00000.parquet").touch()
    generate(1, 1, tmp_path / "out")
    assert sorted(each.name for each in tmp_path.iterdir()) == [written.name, "out"]


def test_prevalence_and_length_of_stay_are_the_published_ones(many: pa.Table) -> None:
    known = many["readmitted_30d"].drop_null()
    assert pc.mean(known).as_py() == pytest.approx(figures()["readmission"]["prevalence"]["value"], abs=0.015)
    days = pc.days_between(many["admitted_at"].cast(pa.date32()), many["discharged_at"].cast(pa.date32()))
    assert pc.mean(days).as_py() == pytest.approx(figures()["stays"]["length"]["mean"], rel=0.1)


def test_vital_signs_have_the_published_means_in_people_who_are_not_that_ill(many: pa.Table) -> None:
    for name in ("systolic_bp", "diastolic_bp", "temperature"):
        told = figures()["measurements"][name]
        assert pc.mean(many[name]).as_py() == pytest.approx(told["mean"], abs=told["spread"] / 3)


def test_patients_come_back_over_years(many: pa.Table) -> None:
    of_patients = many.group_by("mrn").aggregate([("admitted_at", "min"), ("admitted_at", "max"), ("mrn", "count")])
    again = of_patients.filter(pc.greater(of_patients["mrn_count"], 1))
    assert 0.4 < again.num_rows / of_patients.num_rows < 0.95
    spans = pc.days_between(again["admitted_at_min"], again["admitted_at_max"])
    assert pc.quantile(spans, 0.5)[0].as_py() > 180
    years = set(pc.year(many["admitted_at"]).to_pylist())
    assert len(years) == 4


def test_the_label_is_what_then_happened_but_for_its_noise(many: pa.Table) -> None:
    ordered = many.sort_by([("mrn", "ascending"), ("admitted_at", "ascending")])
    mrn, known = ordered["mrn"].to_numpy(), ordered["readmitted_30d"].to_pandas()
    gap = (ordered["admitted_at"].to_numpy()[1:] - ordered["discharged_at"].to_numpy()[:-1]) / np.timedelta64(1, "D")
    back = (mrn[1:] == mrn[:-1]) & (gap <= records.WINDOW + 1)
    told = known[:-1].notna().to_numpy()
    agree = (known[:-1] == True).to_numpy()[told] == back[told]  # noqa: E712
    assert 0.95 < agree.mean() < 1.0


def test_what_was_discharged_within_the_last_thirty_days_has_no_label_yet(many: pa.Table) -> None:
    end = np.datetime64(figures()["calendar"]["last_day"]) + 1
    recent = many["discharged_at"].to_numpy() >= end - np.timedelta64(records.WINDOW, "D")
    assert (many["readmitted_30d"].is_null().to_numpy() == recent).all()


def test_there_is_something_to_learn_and_not_everything(many: pa.Table) -> None:
    """A linear score, fitted on the first half, on other patients of the second: as good as published models are."""
    known = many.filter(many["readmitted_30d"].is_valid())
    names = [
        "heart_rate",
        "systolic_bp",
        "respiratory_rate",
        "diagnosis_count",
        "medication_count",
        "bmi",
        "hemoglobin",
    ]
    columns = [pc.fill_null(known[name], pc.mean(known[name])).to_numpy().astype(float) for name in names]
    days = pc.days_between(known["admitted_at"], known["discharged_at"]).to_numpy()
    diagnosis = known["diagnosis_1"].to_numpy()
    codes = [(diagnosis == code).astype(float) for code in ("I50.9", "J44.1", "M17.11", "O80")]
    x = np.stack([np.ones(days.size), *columns, days > 7, *codes], axis=1)
    y = known["readmitted_30d"].to_numpy().astype(float)
    train = np.array([int(each[1:]) % 2 == 0 for each in known["mrn"].to_pylist()])
    weights, *_ = np.linalg.lstsq(x[train], y[train], rcond=None)
    assert 0.6 < _auroc(x[~train] @ weights, y[~train]) < 0.8


def _auroc(score: NDArray[np.float64], label: NDArray[np.float64]) -> float:
    ranks = np.argsort(np.argsort(score)) + 1
    positive = label.sum()
    return float((ranks[label == 1].sum() - positive * (positive + 1) / 2) / (positive * (label.size - positive)))


def test_what_is_missing_depends_on_how_ill_somebody_seems(many: pa.Table) -> None:
    without = many.filter(many["creatinine"].is_null())
    share = without.num_rows / many.num_rows
    assert share == pytest.approx(figures()["measurements"]["creatinine"]["missing"], abs=0.02)
    assert pc.mean(without["heart_rate"]).as_py() < pc.mean(many["heart_rate"]).as_py() - 1
    assert without["creatinine_unit"].null_count == without.num_rows


def test_most_arrive_by_day_and_on_weekdays(many: pa.Table) -> None:
    hours = pc.hour(many["admitted_at"]).to_numpy()
    assert ((hours >= 8) & (hours < 20)).mean() > 0.55
    weekend = pc.day_of_week(many["admitted_at"]).to_numpy() >= 5
    assert 0.22 < weekend.mean() < 2 / 7


@pytest.mark.parametrize(
    ("column", "form"),
    [
        ("ssn", r"9\d\d-\d\d-\d{4}"),
        ("phone", r"\(\d{3}\) 555-01\d\d"),
        ("email", r".+@example\.com"),
        ("portal_url", r"https://portal\.example\.org/.*"),
        ("portal_ip", r"192\.0\.2\.\d+"),
    ],
)
def test_identifiers_are_of_ranges_that_nobody_has(column: str, form: str, many: pa.Table) -> None:
    assert [each for each in many[column].unique().to_pylist() if not re.fullmatch(form, each)] == []
