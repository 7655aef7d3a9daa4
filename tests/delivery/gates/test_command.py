"""`./parapet model gate`: what a user types and gets, with the gates of this repository."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.delivery.gates.made import write
from tests.delivery.typed import typed

pytestmark = pytest.mark.process


def predictions(test: pa.Table, good: float, seed: int) -> dict[str, object]:
    label = np.array(test["readmitted_30d"].to_pylist(), float)
    noise = np.random.default_rng(seed).normal(size=label.size)
    score = 0.18 + 0.06 * good * (2 * label - 1) + 0.08 * noise
    told = {name: test[name] for name in ("record_key", "patient_key", "sex", "race_ethnicity")}
    return told | {"label": label, "score": np.clip(score, 0.01, 0.99)}


def test_a_model_is_held_to_what_is_declared(split: tuple[pa.Table, pa.Table], model: Path, tmp_path: Path) -> None:
    """A better model on too few rows: the gates that it can pass let it pass, the others say what they lack."""
    train, test = (table.filter(table["readmitted_30d"].is_valid()) for table in split)
    for name, table in (("train", train), ("test", test)):
        pq.write_table(table, tmp_path / name)
    write(tmp_path / "new", predictions(test, 1.0, 1))
    write(tmp_path / "old", predictions(test, 0.3, 2))
    given = ("--train", "train", "--test", "test", "--candidate", "new", "--reference", "old")
    done = typed(tmp_path, "model", "gate", model.name, *given, "--injected", "feature-shift=new", "--json")
    assert (done.returncode, done.stderr) == (3, "")
    told = {each["name"]: each for each in json.loads(done.stdout)["gates"]}
    for name in ("data.ranges", "data.leakage", "quality.auroc", "production.auroc", "groups.sex.judged", "model.size"):
        assert told[name]["passed"], told[name]
    assert not told["data.volume.train"]["passed"]
    assert told["model.licence"]["says"] == "nothing was given to look at: sbom"
    kept = json.loads((tmp_path / "gates.json").read_text())
    assert {"model.licence.measured", "quality.auroc"} <= {each["name"] for each in kept["gates"]}
    done = typed(tmp_path, "model", "gate", "gone.onnx")
    assert (done.returncode, "gone.onnx is not there" in done.stderr) == (1, True), done.stderr
    assert "Traceback" not in done.stderr
