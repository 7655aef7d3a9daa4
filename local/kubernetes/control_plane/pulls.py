"""The process that pulls images in the kubelets' place: a pod starts once the registry of this machine has all of its.

KWOK starts a pod as soon as it is scheduled. Where a registry runs, its stage waits for a mark, which is put here; for
a pod that a process of this machine stands for, once that runs. A version's is not ready while its process is gone; a
Job's ends with its process, and not by KWOK.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any

from local import registry
from local.keeping import keep
from local.kubernetes import live, workloads
from local.kubernetes.control_plane import readiness
from local.kubernetes.control_plane.api import MERGE, STRATEGIC, Api, ApiError
from local.kubernetes.control_plane.heard import Heard, Listed, asked_of
from local.kubernetes.control_plane.stages import MARK, RUNS_HERE
from local.kubernetes.workloads import replicas
from local.kubernetes.workloads.replicas import Held
from local.registry import ECR, Registry
from local.workspace import Workspace

EVERY = 0.3  # seconds between two looks: what a pod waits at most, where its images are there
PENDING = "/api/v1/pods?fieldSelector=status.phase%3DPending"


def missing(held: Registry, pod: Mapping[str, Any]) -> dict[str, str]:
    """Why each container that cannot start has no image, by the container's name; `pod` is its specification."""
    containers = [*pod.get("initContainers", []), *pod["containers"]]
    found = {each["name"]: _lacking(held, each["image"]) for each in containers}
    return {name: why for name, why in found.items() if why}


def _lacking(held: Registry, reference: str) -> str:
    parsed = ECR.fullmatch(reference)
    if not parsed:
        return f"{reference}: the nodes have no way to any registry but ECR"
    wanted = parsed["digest"] or parsed["tag"] or "latest"
    return "" if held.digest(parsed["name"], wanted) else f"{reference}: not found in the registry"


class Keeper:
    """Starts what may start, and says of the rest which image is missing, as a kubelet does."""

    def __init__(self, workspace: Workspace, api: Api, listed: Listed | None = None) -> None:
        self._workspace, self._api = workspace, api
        self._listed = listed or asked_of(api)
        self._told = ""

    def look(self) -> bool:
        """Whether any pod was started or told of, or may be at any time."""
        held = registry.of(self._workspace)
        if held is None:
            return False
        # While versions of models run it looks on as often: a process may be gone for a moment alone.
        changed = on_trial = any(each.on_trial for each in workloads.told(self._workspace)[1])
        try:
            for pod in self._waiting():
                changed = self._pull(held, pod) or changed
            if on_trial:
                for pod in self._listed(readiness.PODS):
                    changed = self._look_again(pod) or changed
        except (ApiError, HTTPException, OSError) as error:
            self._tell(str(error))
        return changed

    def _waiting(self) -> Iterator[dict[str, Any]]:
        for pod in self._listed(PENDING):
            scheduled, marked = pod["spec"].get("nodeName"), MARK in pod["metadata"].get("annotations", {})
            if scheduled and not marked and "deletionTimestamp" not in pod["metadata"]:
                yield pod

    def _pull(self, held: Registry, pod: dict[str, Any]) -> bool:
        path = _path(pod)
        lacking = {name: Held("ErrImagePull", why) for name, why in missing(held, pod["spec"]).items()}
        if not lacking:
            if not (waits_for := self._waits_for(pod)):
                here = {RUNS_HERE: "here"} if live.runs_here(self._workspace, pod) else {}
                self._patch(path, {"metadata": {"annotations": {MARK: "pulled", **here}}})
                return True
            lacking = {each["name"]: waits_for for each in pod["spec"]["containers"]}
        status = {
            kind: [_state(each, lacking) for each in pod["spec"].get(of, [])]
            for kind, of in (("initContainerStatuses", "initContainers"), ("containerStatuses", "containers"))
        }
        before = {kind: [_bare(each) for each in pod.get("status", {}).get(kind, [])] for kind in status}
        if before == {kind: [_bare(each) for each in states] for kind, states in status.items()}:
            return False
        self._patch(f"{path}/status", {"status": status})
        print(f"{path}: {json.dumps({name: why.message for name, why in lacking.items()})}", flush=True)
        return True

    def _look_again(self, pod: dict[str, Any]) -> bool:
        if not replicas.on_trial(pod):
            return False
        change = readiness.change(pod, self._waits_for(pod))
        if change:
            self._patch(f"{_path(pod)}/status", change, STRATEGIC)
        return bool(change)

    def _waits_for(self, pod: dict[str, Any]) -> Held | None:
        return replicas.holds(self._workspace, pod) or live.holds(self._workspace, pod)

    def _patch(self, path: str, change: dict[str, Any], kind: str = MERGE) -> None:
        try:
            self._api.call("PATCH", path, change, kind)
        except ApiError as error:
            if error.status != 404:  # it was deleted meanwhile
                raise

    def _tell(self, text: str) -> None:
        if text != self._told:
            print(text, flush=True)
        self._told = text


def _path(pod: Mapping[str, Any]) -> str:
    return f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"


def _state(container: Mapping[str, Any], lacking: Mapping[str, Held]) -> dict[str, Any]:
    name = container["name"]
    waiting = lacking[name]._asdict() if name in lacking else {"reason": "PodInitializing"}
    common = {"name": name, "image": container["image"], "imageID": "", "ready": False, "restartCount": 0}
    return {**common, "state": {"waiting": waiting}}


def _bare(state: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": state["name"], "state": state.get("state")}


def main() -> None:
    home, port = sys.argv[1:]
    workspace = Workspace(home=Path(home))

    def connect() -> Api:
        return Api(workspace.kubernetes / "pki", "pulls", int(port))

    keep(Keeper(workspace, connect(), Heard(connect)).look, every=EVERY)


if __name__ == "__main__":
    main()
