"""A profile that was edited by hand is not believed: what is not as it was made is refused by its place."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from delivery.monitoring.profile import Profile, merged
from delivery.monitoring.running import check_files, load, profile_files
from delivery.monitoring.sound import sound
from delivery.registry.refused import Refused

pytestmark = pytest.mark.data
ROWS = 600


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Profile]:
    folder = tmp_path_factory.mktemp("profile")
    rng = np.random.default_rng(5)
    score = rng.uniform(0, 1, ROWS)
    lab = np.where(np.arange(ROWS) % 9 == 0, np.nan, rng.normal(10, 2, ROWS))
    lab[0] = np.inf
    told = {
        **{"lab": lab, "sodium": rng.normal(140, 3, ROWS), "ward": rng.choice(["icu", "medical"], ROWS)},
        **{"score": score, "label": (rng.uniform(0, 1, ROWS) < score).astype(int), "row": np.arange(ROWS)},
    }
    pq.write_table(pa.table(told), folder / "reference.parquet")
    return folder, profile_files([folder / "reference.parquet"], folder / "profile.json", "score", "label")


def test_what_is_made_is_sound_and_its_sum_too(made: tuple[Path, Profile]) -> None:
    folder, profile = made
    assert load(folder / "profile.json") == profile
    sound(merged(profile, profile), "The sum")


def _lab(told: Any) -> Any:
    return told["columns"][0]


def _few(numbers: Any) -> dict[str, Any]:
    """A row taken out of its bin, into one of its own."""
    counts, edges = numbers["counts"], numbers["edges"]
    at = numbers["low"]
    apart = [*counts[:at], 1, counts[at] - 1, *counts[at + 1 :]]
    return {"counts": apart, "edges": [*edges[:at], (edges[at - 1] + edges[at]) / 2, *edges[at:]]}


NOISE = {"rows": ROWS, "parts": [1.0], "longer": 1.0}
CHANGES: dict[str, tuple[Callable[[Any], Any], str]] = {
    "counts of parts": (
        lambda told: _lab(told)["numbers"].update(blocks=[_lab(told)["numbers"]["counts"]]),
        "cells of fewer than 11 rows",
    ),
    "a bin of few rows": (
        lambda told: _lab(told)["numbers"].update(_few(_lab(told)["numbers"])),
        "cells of fewer than 11 rows",
    ),
    "parts that lack": (lambda told: _lab(told).update(missing_by_block=[1]), "missing_by_block is of few rows"),
    "noise of more rows": (lambda told: _lab(told)["numbers"].update(noise=NOISE | {"rows": 9_999}), "numbers.noise"),
    "noise of nothing": (lambda told: _lab(told).update(missing_noise=NOISE | {"parts": []}), "missing_noise is not"),
    "no noise at all": (
        lambda told: told["columns"][2]["categories"].update(noise=NOISE | {"longer": 0.0}),
        "categories.noise is below 1",
    ),
    "no role": (
        lambda told: _lab(told).update(role="none", numbers=None, missing_by_block=[]),
        r"columns\[0\].role",
    ),
    "a role without its numbers": (lambda told: _lab(told).update(numbers=None), r"columns\[0\].numbers"),
    "another role": (lambda told: _lab(told).update(role="category"), r"columns\[0\].numbers"),
    "one row": (lambda told: told.update(rows=1), r"columns\[0\]"),
    "more rows": (lambda told: told.update(rows=ROWS + 1), r"columns\[0\].numbers.counts"),
    "edges that fall": (lambda told: _lab(told)["numbers"]["edges"].reverse(), "edges do not rise"),
    "an edge less": (lambda told: _lab(told)["numbers"]["edges"].pop(), "counts"),
    "no edges": (lambda told: _lab(told)["numbers"].update(edges=[]), "edges"),
    "a negative count": (
        lambda told: _lab(told)["numbers"].update(counts=[-1, *_lab(told)["numbers"]["counts"][1:]]),
        "counts",
    ),
    "a fence beyond": (lambda told: _lab(told)["numbers"].update(low=99), "low and high"),
    "missing": (lambda told: _lab(told).update(missing=0), "add up"),
    "a rare category": (lambda told: told["columns"][2]["categories"]["counts"].update(Smith=1), "categories.counts"),
    "categories' rows": (lambda told: told["columns"][2]["categories"].update(rest=9), "categories"),
    "a column twice": (lambda told: told["columns"].append(_lab(told)), "twice"),
    "no such column": (lambda told: told.update(predictions="other"), "predictions"),
    "a pair": (lambda told: told["pairs"]["products"].pop(), "pairs.products"),
    "noise of pairs": (lambda told: told["pairs"]["noise"][0].__setitem__(1, -1.0), "pairs.noise"),
    "positives": (lambda told: told["scores"]["positives"].__setitem__(50, 600), "scores.positives"),
    "foreseen": (lambda told: told["scores"]["foreseen"].pop(), "scores.counts"),
    "an infinite loss": (lambda told: told["scores"].update(loss=-1.0), "scores.loss"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_was_edited_is_refused_by_its_place(made: tuple[Path, Profile], tmp_path: Path, name: str) -> None:
    change, says = CHANGES[name]
    told = json.loads((made[0] / "profile.json").read_text())
    change(told)
    (tmp_path / "edited.json").write_text(json.dumps(told))
    with pytest.raises(Refused, match=f"edited.json is not as it was made: .*{says}.*anew") as refused:
        load(tmp_path / "edited.json")
    assert "Smith" not in str(refused.value)


def test_another_profile_than_the_one_that_is_meant_is_refused(made: tuple[Path, Profile], tmp_path: Path) -> None:
    folder, profile = made
    told = json.loads((folder / "profile.json").read_text())
    told["columns"].reverse()
    (tmp_path / "other.json").write_text(json.dumps(told))
    rows = [folder / "reference.parquet"]
    assert check_files([folder / "profile.json"], rows, digest=profile.digest).reference == profile.digest
    with pytest.raises(Refused, match=f"other.json has the digest sha256:.*, and not {profile.digest}"):
        check_files([tmp_path / "other.json"], rows, digest=profile.digest)
    with pytest.raises(Refused, match=r"--digest.*profile"):
        check_files(rows, rows, digest=profile.digest)


def test_a_reference_that_can_judge_nothing_is_refused(made: tuple[Path, Profile], tmp_path: Path) -> None:
    few = pq.read_table(made[0] / "reference.parquet").slice(0, 29)
    pq.write_table(few, tmp_path / "few.parquet")
    with pytest.raises(Refused, match=r"reference has 29 rows.*30"):
        check_files([tmp_path / "few.parquet"], [made[0] / "reference.parquet"])
