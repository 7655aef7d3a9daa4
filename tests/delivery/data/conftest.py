"""Data sets that several tests look at, made once."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from delivery.data.generating import generate
from delivery.data.validation import Report, validate

FEW = 400


@pytest.fixture(scope="session")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of a few sound records."""
    folder = tmp_path_factory.mktemp("clean") / "intake"
    generate(FEW, 5, folder)
    (file,) = folder.glob("*.parquet")
    return file


@pytest.fixture(scope="session")
def accepted(clean: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Report, Path]:
    """What validation makes of them, and where."""
    out = tmp_path_factory.mktemp("accepted") / "out"
    return validate([clean], out), out


@pytest.fixture(scope="session")
def records(clean: Path) -> pa.Table:
    """The same records as a table."""
    return pq.read_table(clean)
