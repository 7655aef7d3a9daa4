"""The same expressions on DuckDB and on a local Spark session come to the same figures."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from local import images
from local.workspace import ROOT

pytestmark = pytest.mark.process
HERE = Path(__file__).parent / "spark"


def written(path: Path, seed: int, moved: float) -> Path:
    rng = np.random.default_rng(seed)
    score = rng.random(300)
    columns = {
        "lab": np.where(rng.random(300) < 0.1, np.nan, rng.normal(moved, 1, 300)),
        "visits": rng.poisson(2, 300),
        "ward": rng.choice(["icu", "medical", "surgical"], 300),
        "score": score,
        "label": (rng.random(300) < score).astype(np.int64),
    }
    columns["lab"][0] = np.inf
    pq.write_table(pa.table({name: pa.array(values) for name, values in columns.items()}), path)
    return path


def test_duckdb_and_spark_come_to_the_same(tmp_path: Path) -> None:
    files = [written(tmp_path / "reference.parquet", 1, 0.0), written(tmp_path / "current.parquet", 2, 0.8)]
    python = images.installed("drift-spark", HERE / "requirements.txt") / "bin" / "python"
    done = subprocess.run(
        [str(python), "-P", str(HERE / "both.py"), *map(str, files)],
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYSPARK_PYTHON": str(python), "SPARK_LOCAL_IP": "127.0.0.1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    duckdb, spark = json.loads(done.stdout.splitlines()[-1])
    assert (duckdb["kind"], spark["kind"]) == ("data", "data")
    ours, theirs = ({(each["name"], each["test"]): each for each in side["tests"]} for side in (duckdb, spark))
    assert ours.keys() == theirs.keys()
    for key, each in ours.items():
        same = theirs[key]
        assert same["drifted"] == each["drifted"], key
        assert (same["value"], same["p"]) == pytest.approx((each["value"], each["p"]), abs=1e-9), key
    assert duckdb["spreads"] == spark["spreads"] != []
