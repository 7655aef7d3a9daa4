"""What the recorded programs of this room have in common."""

import os

import pytest

from tests.platform import mocked


@pytest.fixture(scope="session", autouse=True)
def shared_recordings(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A program that one worker recorded is read by the others."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = tmp_path_factory.getbasetemp().parent / "recorded"  # each worker's own is a folder in there
        folder.mkdir(exist_ok=True)
        os.environ[mocked.SHARED] = str(folder)
