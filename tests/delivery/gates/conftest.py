"""Features of made-up people, split by patient, made once."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from delivery.data.deidentification import deidentify
from delivery.data.generating import generate


@pytest.fixture(scope="session")
def split(tmp_path_factory: pytest.TempPathFactory) -> tuple[pa.Table, pa.Table]:
    """Tables to train and to try on, of about 1,500 rows each."""
    folder = tmp_path_factory.mktemp("features")
    made = generate(3000, 11, folder / "intake")
    (folder / "key").write_bytes(bytes(32))
    done = deidentify(made.paths(folder / "intake"), folder / "key", folder / "features")
    table = pq.read_table(done.manifest.paths(folder / "features"))
    even = pa.array([int(key[-1], 16) % 2 == 0 for key in table["patient_key"].to_pylist()])
    return table.filter(even), table.filter(pa.array([not each.as_py() for each in even]))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"graph")
    return path
