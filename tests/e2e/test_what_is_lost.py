"""What the local stack was made in is gone, in part or as a whole: the next `up` says so and makes it again."""

import json
import os
import re
import shutil
import signal
from pathlib import Path

from local import processes, registry
from local.aws import databases, server
from local.kubernetes.control_plane.servers import PARTS
from tests.cluster import wait_for
from tests.e2e.user import ONE_STACK, User

pytestmark = ONE_STACK


def _kill(user: User, *parts: str) -> None:
    records = [record for part in parts if (record := processes.read(user.home / "run", part))]
    assert len(records) == len(parts)
    for record in records:
        os.kill(record.pid, signal.SIGKILL)
    wait_for(lambda: not any(record.alive() for record in records))


def test_an_api_that_was_lost_is_noticed_and_filled_again(user: User, said_by_up: str) -> None:
    _kill(user, "aws")
    status, said = user.parapet("up")
    assert status == 0, said
    assert "started anew and is empty" in said
    assert "is not the one that the stack was made in" not in said
    assert user.client("s3").get_bucket_versioning(Bucket=user.outputs()["buckets"]["phi"])["Status"] == "Enabled"
    assert user.review()["totals"]["failed"] == 0


def test_an_api_server_that_was_killed_is_started_again_over_the_same_cluster(user: User, said_by_up: str) -> None:
    identity = user.get("namespace", "kube-system")["metadata"]["uid"]
    _kill(user, "kube-apiserver")
    assert user.kubectl("get", "namespaces")[0] != 0
    status, said = user.parapet("up")
    assert status == 0, said
    assert not re.search(r"\d+ (created|updated|deleted|replaced)", said)
    assert user.get("namespace", "kube-system")["metadata"]["uid"] == identity


def test_a_cluster_whose_data_was_lost_is_noticed_and_filled_again_also_by_an_up_that_is_killed(
    user: User, said_by_up: str
) -> None:
    """Killed in the middle of it, with hundreds of resources in the state and many under way."""
    names = {one["metadata"]["name"] for one in user.get("namespaces")["items"]}
    identity = user.get("namespace", "kube-system")["metadata"]["uid"]
    _kill(user, *PARTS)
    shutil.rmtree(user.home / "kubernetes")
    process = user.start("up")
    told = "is not the one that the stack was made in"
    user.wait_for(process, lambda: told in user.said.read_text())
    user.wait_for(process, lambda: user.made("kubernetes:") > 200 and user.under_way("kubernetes:") > 3)
    user.kill_all_but_the_servers()
    process.wait()
    assert "started anew and is empty" not in user.said.read_text()
    status, said = user.parapet("up")
    assert status == 0, said
    status, said = user.shell("pulumi preview --stack local --expect-no-changes")
    assert status == 0, said
    assert user.get("namespace", "kube-system")["metadata"]["uid"] != identity
    assert {one["metadata"]["name"] for one in user.get("namespaces")["items"]} == names
    assert user.review()["totals"]["failed"] == 0


def test_every_file_of_the_state_is_replaced_as_a_whole(user: User, said_by_up: str) -> None:
    """What the engine's backend writes in place (`.attrs`) is cut by a kill, and the state cannot be read any more."""
    assert list((user.home / "state").rglob("*.json"))
    assert not list((user.home / "state").rglob("*.attrs"))


def test_down_leaves_nothing_running_and_no_file_elsewhere(user: User, said_by_up: str) -> None:
    servers = {file.stem: json.loads(file.read_text())["pid"] for file in (user.home / "run").glob("*.json")}
    ours = {process.pid for process in user.processes()}
    assert ours >= set(servers.values())
    served = {name for name in servers if name.startswith(("database-", "workload-"))}
    assert len(served) == 3, "PostgreSQL, what speaks TLS for it, and MLflow"
    assert set(servers) - served == {server.NAME, databases.NAME, registry.NAME, *PARTS}
    status, said = user.parapet("down")
    assert status == 0, said
    assert user.processes() == []
    assert not [pid for pid in ours if Path(f"/proc/{pid}").exists()]
    assert not (user.home / "kubernetes").exists()
    assert not (user.home / "databases").exists()
    assert list(user.house.iterdir()) == []
    gone = {"aws_endpoint_url": None, "kubernetes_url": None, "kubeconfig": None, "resources": 0}
    assert user.status() | gone == user.status()
    status, said = user.parapet("down")
    assert status == 0, said
