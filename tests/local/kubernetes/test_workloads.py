"""Deployments and Jobs as processes, by what a real API server has of them. Their image is a script of the test's."""

import json
import os
import signal
import stat
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local import processes
from local.kubernetes import control_plane, workloads
from local.kubernetes.control_plane.api import Api
from local.kubernetes.workloads import State, Workload, images, replicas, sources
from local.kubernetes.workloads.__main__ import Keeper
from local.kubernetes.workloads.images import Image
from local.workspace import Workspace
from tests.cluster import CLUSTER, Cluster, wait_for

pytestmark = CLUSTER
NAMESPACE = "workloads"
WITH_ROLES = "with-roles"
VERSION = {"Version": "2012-10-17"}


class World:
    """A keeper of the test's own, over a cluster whose own keeper does not know the image."""

    def __init__(self, cluster: Cluster, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cluster = cluster
        self.workspace = Workspace(home=home)
        self.secret: str = cluster.aws("secretsmanager").create_secret(Name=f"s-{home.name}", SecretString="first")[
            "ARN"
        ]
        _give_role(cluster)
        environment = home / "image"
        (environment / "bin").mkdir(parents=True)
        script = environment / "bin" / "serve"
        script.write_text(f"#!{self.workspace.python}\n{Path(__file__).with_name('serve.py').read_text()}")
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        image = Image(environment, {"/etc/own": home / "own"})
        monkeypatch.setitem(sources.SOURCES, "probe", "a script of the test's")
        monkeypatch.setattr(images, "of", lambda _, __: image)
        plane = control_plane.running(cluster.workspace)
        assert plane
        # The record of the AWS API that the cluster's nodes come from leads to the secrets too.
        self.workspace.run.mkdir()
        for file in cluster.workspace.run.glob("aws.json"):
            (self.workspace.run / file.name).write_bytes(file.read_bytes())
        api = Api(cluster.workspace.kubernetes / "pki", "workloads", int(plane.server.rpartition(":")[2]))
        self.keeper = Keeper(self.workspace, api, patience=60)

    def apply(
        self, kind: str, name: str, arguments: list[str], greeting: str = "hello", initial: list[str] | None = None
    ) -> None:
        container = {
            "name": "main",
            "image": f"registry.test/probe@sha256:{'0' * 64}",
            "command": ["serve"],
            "args": arguments,
            "env": [{"name": "GREETING", "value": greeting}],
            "ports": [{"name": "http", "containerPort": 8080}],
            "volumeMounts": [
                {"name": "secrets", "mountPath": "/mnt/secrets"},
                {"name": "told", "mountPath": "/etc/told"},
                {"name": "kept", "mountPath": "/kept"},
            ],
        }
        first = {**container, "name": "first", "args": initial}
        if kind != "Job":
            container["readinessProbe"] = {"httpGet": {"path": "/", "port": "http"}}
        volume = {
            "name": "secrets",
            "csi": {
                "driver": "secrets-store.csi.k8s.io",
                "readOnly": True,
                "volumeAttributes": {"secretProviderClass": "all"},
            },
        }
        annotations = {"configuration": json.dumps({"port": 8080, "host": "0.0.0.0"})}
        items = [{"path": "file", "fieldRef": {"fieldPath": "metadata.annotations['configuration']"}}]
        told = {"name": "told", "downwardAPI": {"items": items}}
        pod: dict[str, Any] = {"containers": [container], "volumes": [volume, told, {"name": "kept", "emptyDir": {}}]}
        if initial:
            pod["initContainers"] = [first]
        # As Argo Rollouts calls a version's, and no other of these tests is one of its.
        labels = {"app": name} | ({replicas.VERSION: name} if kind == "ReplicaSet" else {})
        meta = {"labels": labels, "annotations": annotations}
        spec: dict[str, Any] = {"template": {"metadata": meta, "spec": pod}}
        if kind == "Job":
            pod["restartPolicy"] = "Never"
        else:
            spec["selector"] = {"matchLabels": labels}
        version = {"Job": "batch/v1"}.get(kind, "apps/v1")
        metadata = {"name": name, "namespace": NAMESPACE, "labels": labels}
        self.cluster.apply({"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec})

    def deploy(self, greeting: str = "hello") -> None:
        self.apply("Deployment", "server", ["0.0.0.0", "8080", "/mnt/secrets/password"], greeting)

    def look(self) -> Workload:
        self.keeper.look()
        (found,) = workloads.told(self.workspace)[1]
        return found

    def answer(self) -> Any:
        with urllib.request.urlopen(self.look().url, timeout=5) as answer:  # noqa: S310 (a loopback address)
            return json.loads(answer.read())


def _give_role(cluster: Cluster) -> None:
    """The service account of the pods reads secrets, as an EKS cluster's pod identity lets it."""
    eks, iam = cluster.aws("eks"), cluster.aws("iam")
    if WITH_ROLES in eks.list_clusters()["clusters"]:
        return
    trust = {"Effect": "Allow", "Principal": {"Service": "pods.eks.amazonaws.com"}, "Action": "sts:AssumeRole"}
    read = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": "*"}
    role = iam.create_role(RoleName=WITH_ROLES, AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))["Role"]
    iam.put_role_policy(
        RoleName=WITH_ROLES, PolicyName="read", PolicyDocument=json.dumps(VERSION | {"Statement": [read]})
    )
    eks.create_cluster(name=WITH_ROLES, roleArn=role["Arn"], resourcesVpcConfig={})
    eks.create_pod_identity_association(
        clusterName=WITH_ROLES, namespace=NAMESPACE, serviceAccount="default", roleArn=role["Arn"]
    )


@pytest.fixture
def world(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):  # as the process gets them from `workspace.exports`
        monkeypatch.setenv(name, "local")
    cluster.run("create", "namespace", NAMESPACE)
    found = World(cluster, tmp_path, monkeypatch)
    objects = [{"objectName": found.secret, "objectType": "secretsmanager", "objectAlias": "password"}]
    cluster.apply(
        {
            "apiVersion": "secrets-store.csi.x-k8s.io/v1",
            "kind": "SecretProviderClass",
            "metadata": {"name": "all", "namespace": NAMESPACE},
            "spec": {"provider": "aws", "parameters": {"objects": json.dumps(objects)}},
        }
    )
    yield found
    for kind in ("deployments", "jobs", "replicasets"):
        cluster.kubectl("delete", kind, "--all", f"--namespace={NAMESPACE}", "--cascade=background")
    found.keeper.look()
    assert workloads.processes_of(found.workspace) == []


def test_a_deployment_runs_with_its_arguments_variables_and_secrets(world: World) -> None:
    world.deploy()
    arguments, greeting, secret = world.answer()
    assert arguments[0] == "127.0.0.1"
    assert int(arguments[1]) == world.look().port
    assert (greeting, secret) == ("hello", "first")
    file = world.workspace.workloads / NAMESPACE / "server" / "secrets" / "password"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_secret_that_was_rotated_is_written_again_without_a_restart(world: World) -> None:
    world.deploy()
    world.answer()
    before = workloads.processes_of(world.workspace)
    world.cluster.aws("secretsmanager").put_secret_value(SecretId=world.secret, SecretString="second")
    assert world.answer()[2] == "second"
    assert workloads.processes_of(world.workspace) == before


def test_a_change_of_the_deployment_restarts_it_at_the_same_port(world: World) -> None:
    world.deploy()
    before = world.look()
    world.deploy("good evening")
    assert world.answer()[1] == "good evening"
    assert world.look() == before


def test_a_process_that_was_killed_is_started_again(world: World) -> None:
    world.deploy()
    world.answer()
    (record,) = workloads.processes_of(world.workspace)
    os.kill(record.pid, signal.SIGKILL)
    wait_for(lambda: not record.alive())
    assert world.answer()
    assert workloads.processes_of(world.workspace) != [record]


def test_a_deployment_waits_for_a_job_that_fails_and_tells_its_last_words(world: World) -> None:
    done, database = world.workspace.home / "done", world.workspace.home / "database"
    world.apply("Job", "migration", ["migrate", str(done), str(database)])
    world.deploy()
    found = world.look()
    assert found.state is State.FAILED
    assert "the database is not there" in found.message
    assert workloads.processes_of(world.workspace) == []
    database.touch()
    wait_for(lambda: world.look().state is State.RUNNING, seconds=30)
    world.look()
    assert done.read_text() == "migrated\n", "it ran more than once"


def test_a_server_that_ends_at_once_is_told_and_tried_again_later(world: World) -> None:
    world.apply("Deployment", "server", ["256.0.0.1", "8080", "/mnt/secrets/password"])
    found = world.look()
    assert found.state is State.FAILED
    assert "did not come up" in found.message
    begun = [record.pid for record in workloads.processes_of(world.workspace)]
    world.look()
    assert begun == [] == workloads.processes_of(world.workspace), "it was started again at once"
    world.deploy()
    wait_for(lambda: world.look().state is State.RUNNING, seconds=30)


def test_what_is_deleted_ends(world: World) -> None:
    world.deploy()
    world.answer()
    (record,) = workloads.processes_of(world.workspace)
    world.cluster.kubectl("delete", "deployment", "server", f"--namespace={NAMESPACE}")
    world.keeper.look()
    assert not record.alive()
    assert processes.read(world.workspace.run, record.name) is None
    assert workloads.told(world.workspace)[1] == []


# Versions of a Rollout


SERVES = ["0.0.0.0", "8080", "/mnt/secrets/password"]


def test_a_version_runs_as_a_deployment_does_and_says_all_its_ports(world: World) -> None:
    world.apply("ReplicaSet", "first", SERVES)
    arguments, _, _ = world.answer()
    found = world.look()
    assert (found.name, found.on_trial, found.ports) == ("first", True, {"http": found.port})
    assert arguments[1] == str(found.port)
    told = json.loads((world.workspace.workloads / NAMESPACE / "first" / "told" / "file").read_text())
    assert told == {"port": found.port, "host": "127.0.0.1"}


def test_two_versions_run_beside_each_other_and_one_without_pods_ends(world: World) -> None:
    for each in ("first", "second"):
        world.apply("ReplicaSet", each, SERVES)
    world.keeper.look()
    found = {each.name: each for each in workloads.told(world.workspace)[1]}
    assert {each.state for each in found.values()} == {State.RUNNING}
    assert found["first"].port != found["second"].port
    world.cluster.kubectl("scale", "replicaset", "first", "--replicas=0", f"--namespace={NAMESPACE}")
    assert world.look().name == "second"
    (record,) = workloads.processes_of(world.workspace)
    assert record.name == found["second"].record


def test_what_comes_first_in_a_pod_runs_once_and_another_pod_has_other_volumes(world: World) -> None:
    needed = world.workspace.home / "needed"
    needed.touch()
    initial = ["migrate", "/kept/done", str(needed)]
    world.apply("ReplicaSet", "first", SERVES, initial=initial)
    world.answer()
    kept = world.workspace.workloads / NAMESPACE / "first" / "kept"
    (kept / "own").touch()
    (record,) = workloads.processes_of(world.workspace)
    os.kill(record.pid, signal.SIGKILL)
    wait_for(lambda: not record.alive())
    world.answer()
    assert (kept / "done").read_text() == "migrated\n"
    assert (kept / "own").exists(), "a container that is started again has its pod's volumes"
    world.cluster.kubectl("delete", "replicaset", "first", f"--namespace={NAMESPACE}")
    world.keeper.look()
    world.apply("ReplicaSet", "first", SERVES, "good evening", initial=initial)
    assert world.answer()[1] == "good evening"
    assert sorted(each.name for each in kept.iterdir()) == ["done"]


def test_where_what_comes_first_fails_the_version_does_not_run_and_says_why(world: World) -> None:
    needed = world.workspace.home / "needed"
    world.apply("ReplicaSet", "first", SERVES, initial=["migrate", "/kept/done", str(needed)])
    found = world.look()
    assert (found.state, workloads.processes_of(world.workspace)) == (State.FAILED, [])
    assert "first ended with status 1" in found.message
    assert "the database is not there" in found.message
    needed.touch()
    wait_for(lambda: world.look().state is State.RUNNING, seconds=30)


def test_nobody_waits_for_a_version_that_does_not_start(world: World) -> None:
    world.apply("ReplicaSet", "first", ["256.0.0.1", "8080", "/mnt/secrets/password"])
    begun = time.monotonic()
    world.keeper.look()
    workloads.tell(world.workspace, time.time() + 60, workloads.told(world.workspace)[1])
    assert [each.state for each in workloads.settled(world.workspace, 30, 30)] == [State.FAILED]
    assert time.monotonic() < begun + 25
