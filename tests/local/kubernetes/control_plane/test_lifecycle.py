"""The control plane starts whole, is mended where a part dies, keeps what it holds, and ends without a trace."""

import os
import shutil
import signal
import socket
import time
from pathlib import Path

import psutil
import pytest

from local import processes
from local.kubernetes import control_plane
from local.kubernetes.control_plane import Unreachable
from local.kubernetes.control_plane.servers import API, ETCD, PARTS
from local.processes import Record, StartFailed
from local.workspace import Workspace
from tests.cluster import CLUSTER, Cluster, wait_for

pytestmark = CLUSTER


def _records(cluster: Cluster) -> dict[str, Record]:
    found = {part: processes.read(cluster.workspace.run, part) for part in PARTS}
    return {part: record for part, record in found.items() if record}


def test_a_second_start_starts_nothing(cluster: Cluster) -> None:
    before = _records(cluster)
    assert set(before) == set(PARTS)
    plane, new = control_plane.ensure(cluster.workspace)
    assert not new
    assert plane == control_plane.running(cluster.workspace)
    assert _records(cluster) == before


@pytest.mark.parametrize("killed", [*((part,) for part in PARTS), PARTS], ids=lambda parts: "+".join(parts))
def test_what_was_killed_is_started_again_over_the_same_data(cluster: Cluster, killed: tuple[str, ...]) -> None:
    # A controller manager that is still starting ends when the API server does not answer.
    wait_for(lambda: cluster.run("get", "serviceaccount", "default", "--output=json").returncode == 0)
    name = f"kept-{len(killed)}-{killed[0]}"
    cluster.kubectl("create", "configmap", name)
    identity, before = cluster.identity(), _records(cluster)
    for part in killed:
        os.kill(before[part].pid, signal.SIGKILL)
    wait_for(lambda: not any(before[part].alive() for part in killed))
    _, new = control_plane.ensure(cluster.workspace)
    after = _records(cluster)
    assert new == (set(killed) == set(PARTS))
    assert {part for part in PARTS if after[part] != before[part]} >= set(killed)
    assert cluster.identity() == identity
    assert cluster.get("configmap", name)
    # All of it works: a controller makes the account of a namespace, and the API server tells it.
    cluster.kubectl("create", "namespace", name)
    wait_for(
        lambda: cluster.run("get", "serviceaccount", "default", f"--namespace={name}", "--output=json").returncode == 0
    )


def test_a_server_that_hangs_is_replaced(cluster: Cluster) -> None:
    before = _records(cluster)[API]
    os.kill(before.pid, signal.SIGSTOP)
    wait_for(lambda: psutil.Process(before.pid).status() == psutil.STATUS_STOPPED)  # each of its threads
    control_plane.ensure(cluster.workspace)
    assert _records(cluster)[API] != before
    assert cluster.get("nodes")


def test_a_stop_leaves_no_process_and_the_next_start_has_the_same_cluster(cluster: Cluster) -> None:
    identity, before = cluster.identity(), _records(cluster)
    families = [one for record in before.values() for one in _family(record)]
    ended = control_plane.stop(cluster.workspace)
    assert [record.name for record in ended][-2:] == [API, ETCD]
    assert not [one for one in families if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
    assert not list(cluster.workspace.run.glob("k*.json"))
    assert control_plane.running(cluster.workspace) is None
    _, new = control_plane.ensure(cluster.workspace)
    assert new
    assert cluster.identity() == identity


def _family(record: Record) -> list[psutil.Process]:
    process = psutil.Process(record.pid)
    return [process, *process.children(recursive=True)]


def test_a_port_that_somebody_took_meanwhile_is_given_up_by_all_that_knew_it(cluster: Cluster) -> None:
    etcd = _records(cluster)[ETCD]
    processes.stop(cluster.workspace.run, etcd)
    with socket.create_server(("127.0.0.1", etcd.port)):
        control_plane.ensure(cluster.workspace)
        assert _records(cluster)[ETCD].port != etcd.port
        assert cluster.get("nodes")


def test_what_was_forgotten_is_another_cluster_at_the_same_address(cluster: Cluster) -> None:
    identity, plane = cluster.identity(), control_plane.running(cluster.workspace)
    control_plane.forget(cluster.workspace)
    assert not cluster.workspace.kubernetes.exists()
    again, new = control_plane.ensure(cluster.workspace)
    assert new
    assert again == plane
    assert cluster.identity() != identity


def test_a_control_plane_whose_folder_was_removed_is_made_anew(cluster: Cluster) -> None:
    before = _records(cluster)
    shutil.rmtree(cluster.workspace.kubernetes)
    _, new = control_plane.ensure(cluster.workspace)
    assert new
    assert cluster.get("nodes")
    assert not any(record.alive() for record in before.values())


def test_a_part_that_does_not_come_up_is_named_with_its_last_words_and_nothing_is_left(tmp_path: Path) -> None:
    workspace = Workspace(home=tmp_path)
    workspace.bin.mkdir()
    for name in ("etcd", "kube-apiserver"):
        (workspace.bin / name).write_text("#!/bin/sh\necho the disk is full >&2\nexit 1\n")
        (workspace.bin / name).chmod(0o755)
    with pytest.raises(StartFailed, match=r"(?s)etcd did not come up.*logs/etcd\.log.*the disk is full"):
        control_plane.ensure(workspace)
    assert not list(workspace.run.iterdir())


def test_a_cluster_of_the_users_own_is_used_and_left_alone(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user's own is played by the running one, seen from another workspace."""
    mine = tmp_path / "mine.yaml"
    mine.write_text(cluster.workspace.kubeconfig.read_text())
    monkeypatch.setenv("PARAPET_KUBECONFIG", str(mine))
    other = Workspace(home=tmp_path / "home")
    other.home.mkdir()
    other.bin.symlink_to(cluster.workspace.bin)
    plane, new = control_plane.ensure(other)
    assert (plane.kubeconfig, plane.ours, new) == (mine, False, False)
    assert control_plane.stop(other) == []
    control_plane.forget(other)
    assert control_plane.identity(other, plane)
    assert not other.kubernetes.exists()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{}", "is no kubeconfig with a current context"),
        (
            "{clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}], "
            "users: [{name: u, user: {token: t}}], "
            "contexts: [{name: c, context: {cluster: c, user: u}}], current-context: c}",
            r"https://127\.0\.0\.1:1.*does not answer: The connection[^\n]*refused",
        ),
        (None, "No such file"),
    ],
)
def test_a_cluster_of_the_users_own_that_cannot_be_reached_is_told_with_the_reason(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None, told: str
) -> None:
    mine = tmp_path / "mine.yaml"
    if content is not None:
        mine.write_text(content)
    monkeypatch.setenv("PARAPET_KUBECONFIG", str(mine))
    begun = time.monotonic()
    with pytest.raises(Unreachable, match=f"(?s){told}.*PARAPET_KUBECONFIG|PARAPET_KUBECONFIG.*{told}"):
        control_plane.ensure(cluster.workspace)
    assert time.monotonic() - begun < 30
