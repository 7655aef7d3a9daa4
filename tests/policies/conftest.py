"""The engine of the pack's tests."""

from pathlib import Path

import pytest

from tests.engine import Engine
from tests.policies.harness import warmed
from tests.warm import Warm


@pytest.fixture
def engine(warm: Warm, tmp_path: Path) -> Engine:
    """An engine with an empty state."""
    return warmed(warm, tmp_path / "home")
