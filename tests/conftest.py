"""Fixtures that several rooms share."""

from pathlib import Path

import pytest

from local import toolchain
from local.workspace import Workspace
from tests.engine import Engine


@pytest.fixture(scope="session")
def tools() -> Path:
    """The folder with the engine and its language host; built first where it is missing."""
    return toolchain.ensure(Workspace())


@pytest.fixture
def engine(tools: Path, tmp_path: Path) -> Engine:
    """An engine with an empty state."""
    return Engine(tools, tmp_path / "home")
