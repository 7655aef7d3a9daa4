"""How well predictions and labels go together: by group, of classes and of numbers, and before labels come."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from delivery.monitoring.found import Check
from delivery.monitoring.running import check_files, load, profile_files
from delivery.registry.refused import Refused

pytestmark = pytest.mark.data
ROWS = 1_200


def rows(seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    score = rng.random(ROWS)
    stay = rng.gamma(3, 2, ROWS)
    return {
        "sex": rng.choice(["f", "m"], ROWS),
        "score": score,
        "label": (rng.random(ROWS) < score).astype(np.int64),
        "days": stay,
        "days_foreseen": stay + rng.normal(0, 1, ROWS),
        "triage": rng.choice(["red", "green"], ROWS),
    }


def checked(folder: Path, before: dict[str, Any], now: dict[str, Any], *columns: str, by: str | None = None) -> Check:
    for name, told in (("before", before), ("now", now)):
        pq.write_table(pa.table(told), folder / f"{name}.parquet")
    return check_files([folder / "before.parquet"], [folder / "now.parquet"], *columns, by=by)


def test_a_group_for_which_the_model_is_worse_is_named(tmp_path: Path) -> None:
    now = rows(2)
    now["label"] = np.where(
        (now["sex"] == "m") & (np.random.default_rng(1).random(ROWS) < 0.5), 1 - now["label"], now["label"]
    )
    found = checked(tmp_path, rows(1), now, "score", "label", by="sex")
    worse = {(each.test, each.cohort) for each in found.tests if each.drifted and each.test == "auroc_drop"}
    assert worse == {("auroc_drop", None), ("auroc_drop", "sex=m")}
    assert found.kind == "quality"
    with pytest.raises(Refused, match="--by ward: none of the reference's 6 columns"):
        checked(tmp_path, rows(1), now, "score", "label", by="ward")


def test_classes_and_numbers_that_miss_more_often_are_found(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    sides = []
    for seed, wrong, error in ((1, 0.1, 1.0), (2, 0.3, 2.0)):
        told = rows(seed)
        other = np.where(told["triage"] == "red", "green", "red")
        told["answer"] = np.where(rng.random(ROWS) < wrong, other, told["triage"])
        told["days_foreseen"] = told["days"] + error * (told["days_foreseen"] - told["days"])
        sides.append(told)
    for columns, test in (
        (("answer", "triage"), "accuracy_drop"),
        (("days_foreseen", "days"), "mean_absolute_error_rise"),
    ):
        keep = [{name: side[name] for name in columns} for side in sides]
        found = checked(tmp_path, *keep, *columns)
        assert (found.kind, found.columns[columns[1]].test) == ("quality", test)


def test_before_labels_come_what_to_expect_of_them_is_told(tmp_path: Path) -> None:
    now = rows(2)
    del now["label"]
    found = checked(tmp_path, rows(1), now, "score", "label")
    assert not found.drifted
    told = {each.test: each.value for each in found.tests if each.name == "score"}
    assert told["auroc_expected"] == pytest.approx(5 / 6, abs=0.03)  # of scores that are uniform and mean what they say
    assert told["accuracy_expected"] == pytest.approx(0.75, abs=0.03)


def test_a_margin_that_ranks_no_more_is_found_by_its_profile(tmp_path: Path) -> None:
    """Of answers beyond 0 and 1 a profile had sums alone, and no model was ever worse by it."""
    sides = []
    for seed in (1, 2, 3):
        told = rows(seed)
        sides.append({"margin": 10 * told["score"] - 5, "label": told["label"]})
    sides[2]["label"] = np.random.default_rng(4).permutation(sides[2]["label"])
    for name, side in zip(("before", "same", "worse"), sides, strict=True):
        pq.write_table(pa.table(side), tmp_path / f"{name}.parquet")
    profile = profile_files([tmp_path / "before.parquet"], tmp_path / "profile.json", "margin", "label")
    assert profile.scores
    assert profile.scores.kind == "ranks"
    assert load(tmp_path / "profile.json") == profile
    same, worse = (
        check_files([tmp_path / "profile.json"], [tmp_path / f"{name}.parquet"]) for name in ("same", "worse")
    )
    assert (same.kind, worse.kind) == ("none", "quality")
    assert worse.columns["label"].test == "auroc_drop_binned"
    (auroc,) = (each.value for each in same.tests if each.test == "auroc_binned")
    assert auroc == pytest.approx(5 / 6, abs=0.03)
