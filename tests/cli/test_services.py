"""The AWS API and the cluster, as the commands start, know again and end them."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli import services
from cli.output import Refused
from local import processes
from local.aws import server
from local.kubernetes import control_plane
from local.workspace import Workspace
from tests.cluster import CLUSTER, Cluster, wait_for

pytestmark = CLUSTER


@pytest.fixture
def workspace(cluster: Cluster, tmp_path: Path) -> Iterator[Workspace]:
    """Nothing runs in it."""
    workspace = Workspace(home=tmp_path / "home")
    workspace.home.mkdir()
    workspace.bin.symlink_to(cluster.workspace.bin.resolve())
    workspace.sources.mkdir()
    (workspace.sources / "kwok").symlink_to(cluster.workspace.sources.resolve() / "kwok")
    (workspace.sources / "crds").mkdir()  # none: they take the longest
    yield workspace
    services.stop(workspace)


def test_what_a_preview_started_it_ends_and_what_ran_before_goes_on(workspace: Workspace) -> None:
    running = services.start(workspace, None)
    again = services.start(workspace, None)
    assert (running.api_is_new, running.keeper_is_new, running.plane_is_new) == (True, True, True)
    assert (again.api_is_new, again.keeper_is_new, again.plane_is_new) == (False, False, False)
    services.stop_new(workspace, again)
    assert server.running(workspace)
    assert control_plane.running(workspace)
    services.stop_new(workspace, running)
    assert not list(workspace.run.glob("*.json"))


def test_an_api_and_a_cluster_that_were_lost_are_noticed_apart(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    running = services.start(workspace, None)
    services.remember(workspace, running)
    assert not services.tell_lost(workspace, services.start(workspace, None))
    os.kill(running.api.pid, signal.SIGKILL)
    wait_for(lambda: not running.api.alive())
    assert services.tell_lost(workspace, services.start(workspace, None))
    said = capsys.readouterr().err
    assert "AWS API was started anew and is empty" in said
    assert "cluster" not in said
    services.remember(workspace, services.start(workspace, None))
    control_plane.stop(workspace)
    assert not services.tell_lost(workspace, services.start(workspace, None)), "a restart keeps what the cluster held"
    control_plane.forget(workspace)
    assert services.tell_lost(workspace, services.start(workspace, None))
    said = capsys.readouterr().err
    assert "is not the one that the stack was made in" in said
    assert "AWS API" not in said


def test_what_an_older_version_remembered_counts_as_lost(workspace: Workspace) -> None:
    running = services.start(workspace, None)
    (workspace.run / services.MEMORY).write_text(json.dumps([1]))
    assert services.tell_lost(workspace, running)


def test_one_that_does_not_come_up_takes_the_other_along(workspace: Workspace) -> None:
    with pytest.raises(Refused, match="80000 is no port"):
        services.start(workspace, 80000)
    assert not list(workspace.run.glob("*.json"))


def test_down_removes_what_all_held(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    services.start(workspace, None)
    services.stop(workspace)
    said = capsys.readouterr().err
    assert "Stopped the control plane (8 processes) and removed what it held." in said
    assert "Stopped the AWS API" in said
    assert "Stopped what serves the databases (processes: 1) and removed what it held." in said
    assert not workspace.kubernetes.exists()
    assert not workspace.databases.exists()
    assert processes.read(workspace.run, "etcd") is None
