"""A pod starts once the registry has all of its images; until then it says which one is missing."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from local import registry, toolchain
from local.kubernetes import live, workloads
from local.kubernetes.control_plane import pulls, stages
from local.kubernetes.control_plane.api import Api
from local.kubernetes.control_plane.pulls import Keeper, missing
from local.kubernetes.workloads import State, Workload
from local.kubernetes.workloads.replicas import VERSION
from local.registry import Registry
from local.workspace import Workspace

pytestmark = [pytest.mark.server]

HOST = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
REPOSITORY = "parapet-test/own"


class Recorded(Api):
    """The API server's part: the pods that wait, and what is changed about them."""

    def __init__(self, *pods: dict[str, Any]) -> None:
        self.pods, self.changes = list(pods), dict[str, Any]()

    def call(self, method: str, path: str, body: object = None, kind: str = "application/json") -> Any:
        if method == "GET":
            pending = "Pending" in path
            of = [each for each in self.pods if (each["status"].get("phase", "Pending") == "Pending") == pending]
            return {"items": of}
        self.changes[path] = body
        return None


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    workspace = Workspace(home=tmp_path)
    toolchain.ensure_crane(workspace)
    registry.ensure(workspace)
    yield workspace
    registry.forget(workspace)


@pytest.fixture
def held(workspace: Workspace) -> Registry:
    found = registry.of(workspace)
    assert found
    return found


def pod(*images: str, **metadata: Any) -> dict[str, Any]:
    containers = [{"name": f"c{number}", "image": image} for number, image in enumerate(images)]
    return {
        "metadata": {"name": "p", "namespace": "n", **metadata},
        "spec": {"nodeName": "node", "containers": containers[:1], "initContainers": containers[1:]},
        "status": {},
    }


def test_an_image_is_there_by_its_tag_and_by_its_digest_and_no_other_is(held: Registry) -> None:
    digest = held.push_stand_in(REPOSITORY, "1.0", "somebody's")
    there = [f"{HOST}/{REPOSITORY}:1.0", f"{HOST}/{REPOSITORY}@{digest}", f"{HOST}/{REPOSITORY}:1.0@{digest}"]
    other = f"sha256:{'0' * 64}"
    absent = [f"{HOST}/{REPOSITORY}", f"{HOST}/{REPOSITORY}:1.0@{other}", f"{HOST}/{REPOSITORY}x:1.0"]
    assert missing(held, pod(*there)["spec"]) == {}
    for image in absent:
        assert missing(held, pod(image)["spec"]) == {"c0": f"{image}: not found in the registry"}
    assert missing(held, pod("docker.io/library/busybox:1")["spec"]) == {
        "c0": "docker.io/library/busybox:1: the nodes have no way to any registry but ECR"
    }


def test_a_pod_starts_when_its_images_are_there_and_tells_of_them_until_then(
    workspace: Workspace, held: Registry
) -> None:
    first, second = f"{HOST}/{REPOSITORY}:1.0", f"{HOST}/{REPOSITORY}:2.0"
    held.push_stand_in(REPOSITORY, "2.0", "second")
    api = Recorded(pod(first, second))
    keeper = Keeper(workspace, api)
    assert keeper.look()
    (waiting,) = api.changes["/api/v1/namespaces/n/pods/p/status"]["status"]["containerStatuses"]
    assert waiting["state"]["waiting"] == {"reason": "ErrImagePull", "message": f"{first}: not found in the registry"}
    assert not waiting["ready"]
    assert pulls.MARK not in str(api.changes)
    api.pods[0]["status"] = api.changes["/api/v1/namespaces/n/pods/p/status"]["status"]
    assert not keeper.look(), "what was told is not told again"
    held.push_stand_in(REPOSITORY, "1.0", "first")
    assert keeper.look()
    assert api.changes["/api/v1/namespaces/n/pods/p"] == {"metadata": {"annotations": {pulls.MARK: "pulled"}}}


def test_what_is_not_scheduled_or_on_its_way_out_is_left_alone(workspace: Workspace) -> None:
    unscheduled = pod(f"{HOST}/{REPOSITORY}:1.0")
    del unscheduled["spec"]["nodeName"]
    api = Recorded(unscheduled, pod(f"{HOST}/{REPOSITORY}:1.0", deletionTimestamp="now"))
    assert not Keeper(workspace, api).look()
    assert api.changes == {}


def test_without_a_registry_nobody_asks_for_pods(tmp_path: Path) -> None:
    api = Recorded(pod(f"{HOST}/{REPOSITORY}:1.0"))
    assert not Keeper(Workspace(home=tmp_path), api).look()
    assert api.changes == {}


def test_a_pod_is_started_with_the_mark_and_ended_where_no_process_stands_for_it(tmp_path: Path) -> None:
    files = [tmp_path / name for name in (stages.STARTS, stages.ENDS, "pod-delete.yaml")]
    for file in files:
        file.write_text(yaml.safe_dump({"spec": {"selector": {"matchExpressions": [{"key": ".a"}]}}}))
    target = tmp_path / "target"
    target.mkdir()
    start, end, delete = stages.gated(files, target)
    assert delete == files[2]
    for gated, annotation, operator in ((start, pulls.MARK, "Exists"), (end, pulls.RUNS_HERE, "DoesNotExist")):
        assert gated.parent == target
        first, own = yaml.safe_load(gated.read_text())["spec"]["selector"]["matchExpressions"]
        assert (first["key"], own) == (".a", {"key": f'.metadata.annotations["{annotation}"]', "operator": operator})


def test_a_jobs_pod_that_has_a_process_here_is_marked_as_such(workspace: Workspace, held: Registry) -> None:
    live.enter(workspace)
    held.push_stand_in("parapet-test/pipeline", "1.0", "the pipeline's")
    owned = {"uid": "a-b", "ownerReferences": [{"kind": "Job", "name": "check"}]}
    api = Recorded(pod(f"{HOST}/parapet-test/pipeline:1.0", **owned))
    live.tell(workspace, [], {}, [], 0, {"a-b": ""})
    assert Keeper(workspace, api).look()
    marked = {pulls.MARK: "pulled", pulls.RUNS_HERE: "here"}
    assert api.changes["/api/v1/namespaces/n/pods/p"] == {"metadata": {"annotations": marked}}


# Pods that a process of this machine stands for


def version(image: str, **status: Any) -> dict[str, Any]:
    found = pod(
        image,
        labels={VERSION: "5d8f"},
        ownerReferences=[{"kind": "ReplicaSet", "name": "model-5d8f"}],
    )
    return {**found, "status": status}


@pytest.fixture
def image(held: Registry) -> str:
    held.push_stand_in("parapet-test/serving", "1.0", "a server")
    return f"{HOST}/parapet-test/serving:1.0"


def say(workspace: Workspace, state: State, message: str = "") -> None:
    told = Workload("n", "model-5d8f", state, 0, message, on_trial=True)
    workloads.tell(workspace, 0, [told])


def test_a_versions_pod_starts_with_its_process_and_tells_what_keeps_it_until_then(
    workspace: Workspace, image: str
) -> None:
    api = Recorded(version(image))
    keeper = Keeper(workspace, api)
    for state, reason, message in (
        (State.STARTING, "ContainerCreating", "it is being started"),
        (State.FAILED, "CrashLoopBackOff", "server ended with status 1"),
    ):
        say(workspace, state, message)
        assert keeper.look()
        (told,) = api.changes["/api/v1/namespaces/n/pods/p/status"]["status"]["containerStatuses"]
        assert told["state"] == {"waiting": {"reason": reason, "message": message}}
        assert pulls.MARK not in str(api.changes)
    say(workspace, State.RUNNING)
    assert keeper.look()
    assert api.changes["/api/v1/namespaces/n/pods/p"] == {"metadata": {"annotations": {pulls.MARK: "pulled"}}}


def test_a_versions_pod_whose_process_is_gone_is_not_ready_until_that_is_back(workspace: Workspace, image: str) -> None:
    ready = [{"type": each, "status": "True"} for each in ("Initialized", "Ready", "ContainersReady")]
    running = version(image, phase="Running", conditions=ready, containerStatuses=[{"name": "c0", "ready": True}])
    api = Recorded(running)
    keeper = Keeper(workspace, api)
    say(workspace, State.RUNNING)
    assert keeper.look(), "it looks on as often as when something changes: a process may be gone for a moment"
    assert api.changes == {}
    say(workspace, State.FAILED, "it was killed")
    keeper.look()
    status = api.changes.pop("/api/v1/namespaces/n/pods/p/status")["status"]
    assert {(each["type"], each["status"], each["message"]) for each in status["conditions"]} == {
        ("Ready", "False", "it was killed"),
        ("ContainersReady", "False", "it was killed"),
    }
    assert status["containerStatuses"] == [{"name": "c0", "ready": False}]
    running["status"] |= status
    keeper.look()
    assert api.changes == {}, "what was told is not told again"
    say(workspace, State.RUNNING)
    keeper.look()
    told = api.changes["/api/v1/namespaces/n/pods/p/status"]["status"]
    assert {each["status"] for each in told["conditions"]} == {"True"}
