"""Fixtures that several rooms share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local import processes, toolchain
from local.aws import server
from local.kubernetes import control_plane
from local.workspace import Workspace
from tests.cluster import Cluster
from tests.engine import Engine


@pytest.fixture(scope="session")
def tools() -> Path:
    """The folder with the engine and its language host; built first where it is missing."""
    return toolchain.ensure(Workspace())


@pytest.fixture
def engine(tools: Path, tmp_path: Path) -> Engine:
    """An engine with an empty state."""
    return Engine(tools, tmp_path / "home")


@pytest.fixture(scope="session")
def control_plane_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A workspace whose control plane and AWS API end with the tests."""
    workspace = Workspace(home=tmp_path_factory.mktemp("cluster"))
    toolchain.ensure(workspace)
    yield workspace
    control_plane.stop(workspace)
    if record := server.running(workspace):
        processes.stop(workspace.run, record)


@pytest.fixture
def cluster(control_plane_home: Workspace, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """The control plane of this session's tests; what a test breaks in it is mended for the next."""
    monkeypatch.delenv("PARAPET_KUBECONFIG", raising=False)
    control_plane.ensure(control_plane_home)
    return Cluster(control_plane_home)
