"""Pods of Jobs that run here to their end: those with an image of ours whose programs lie in this clone.

KWOK calls a Job's pod done as soon as it runs. Such a pod has a process instead, with its own arguments, variables,
files and role; it runs while that does, and has succeeded or failed by how that ends.
"""

import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from local import images, processes, registry
from local.keeping import Troubles
from local.kubernetes import live
from local.kubernetes.control_plane.api import STRATEGIC, Api, ApiError
from local.kubernetes.control_plane.pulls import missing
from local.kubernetes.live.standing import Replica
from local.kubernetes.workloads import State, Workload, runner
from local.kubernetes.workloads.images import Image
from local.kubernetes.workloads.pod import Pod
from local.kubernetes.workloads.secrets import SecretFiles
from local.kubernetes.workloads.sources import name_of
from local.workspace import ROOT, Workspace

PROGRAMS: Final = ("pipeline",)
"""The images that have a Job's process here: each by a folder of `delivery/` with its lock, and with all of `delivery`
beside its packages."""
ENDED: Final = ("Succeeded", "Failed")
KILLED: Final = 137
"""What a container ends with that was killed: 128 and the signal's number."""
PATIENCE: Final = 5.0  # seconds that a process has to end in whose pod is gone
TO_ITS_END: Final = 'status=$1; shift; "$@"; echo $? > "$status"'
"""Keeps how it ended, for who looks later: who started it may have ended before."""
ERRORS: Final = (
    ApiError,
    BotoCoreError,
    ClientError,
    HTTPException,
    LookupError,
    OSError,
    images.InstallFailed,
    processes.PortUnusable,
    processes.StartFailed,
    runner.Failed,
)
"""What keeps a pod's process from its start, and goes away or is tried again."""


def image_of(pod: Mapping[str, Any]) -> str:
    """The name of the image whose container runs here; empty for a pod that has none, or is no Job's."""
    owned = any(each["kind"] == "Job" for each in pod["metadata"].get("ownerReferences", []))
    names = [name_of(each["image"]) for each in pod["spec"]["containers"]] if owned else []
    return next((name for name in names if name in PROGRAMS), "")


def of_its_own(pod: Mapping[str, Any]) -> Pod:
    """The pod with the volumes alone that this container mounts: a mesh adds its own, for its proxy."""
    found = Pod(pod, image_of(pod))
    mounted = {each["name"] for each in found.container.get("volumeMounts", [])}
    volumes = [each for each in pod["spec"].get("volumes", []) if each["name"] in mounted]
    return Pod({**pod, "spec": {**pod["spec"], "volumes": volumes}}, found.image)


@dataclass(frozen=True)
class Place(runner.Place):
    """Where a pod lives on this machine: by its UID, which no later one has."""

    uid: str

    @property
    def record(self) -> str:
        return f"{live.PREFIX}job-{self.uid}"

    @property
    def folder(self) -> Path:
        return _folder(self.workspace) / self.uid

    @property
    def started(self) -> bool:
        return (self.folder / "started").exists()

    @property
    def status(self) -> Path:
        """The file of how it ended."""
        return self.folder / "ended"

    @property
    def code(self) -> int:
        """What it ended with; of one that could not say so, that it was killed."""
        try:
            return int(self.status.read_text())
        except (FileNotFoundError, ValueError):
            return KILLED


def _folder(workspace: Workspace) -> Path:
    return workspace.live / "jobs"


class Jobs:
    """Makes what runs be what the cluster has such pods for, look by look."""

    def __init__(
        self, workspace: Workspace, api: Api, installed: Callable[[str, Path], Path] = images.installed
    ) -> None:
        self._workspace, self._api, self._installed = workspace, api, installed
        self._pool = ThreadPoolExecutor(1)
        self._environments: dict[str, Future[Path]] = {}
        self._troubles = Troubles()
        self.told: dict[str, str] = {}
        """By the pod's UID, what keeps it from running: empty of one whose process was started."""

    def look(self, pods: Iterable[Mapping[str, Any]], endpoint: str) -> list[Replica]:
        """Those that run, and their ports here. `endpoint`: the AWS API's, without which none is started."""
        wanted = {each["metadata"]["uid"]: each for each in pods if _is_wanted(each)}
        self._forget(wanted.keys())
        return [found for pod in wanted.values() if (found := self._go_on(pod, endpoint))]

    def _forget(self, wanted: Iterable[str]) -> None:
        """Ends what has no pod any more, and takes away what it had."""
        kept = set(wanted)
        for folder in _folder(self._workspace).glob("*"):
            if folder.name not in kept:
                if record := Place(self._workspace, "", "", folder.name).running():
                    processes.stop(self._workspace.run, record, patience=PATIENCE)
                shutil.rmtree(folder, ignore_errors=True)
        self.told = {uid: why for uid, why in self.told.items() if uid in kept}

    def _go_on(self, pod: Mapping[str, Any], endpoint: str) -> Replica | None:
        meta = pod["metadata"]
        place = Place(self._workspace, meta["namespace"], meta["name"], meta["uid"])
        try:
            if not place.started:
                self._start(place, pod, endpoint)
            if record := place.running():
                ports = runner.ports_of(place, of_its_own(pod))
                return Replica(Workload(place.namespace, place.name, State.RUNNING, record.port, ports=ports), pod)
            if place.started and pod.get("status", {}).get("phase") == "Running":  # before, KWOK would have it run anew
                self._end(place, pod)
        except ERRORS as error:
            self._troubles.failed(place.uid, str(error))
            self.told[place.uid] = str(error)
        return None

    def _start(self, place: Place, pod: Mapping[str, Any], endpoint: str) -> None:
        self.told.setdefault(place.uid, "it is being started")
        held = registry.of(self._workspace)
        if not endpoint or (held and missing(held, pod["spec"])) or not self._troubles.may_try(place.uid):
            return
        of = of_its_own(pod)
        if of.initial:
            first = of.initial[0]["name"]
            raise LookupError(f"{first} is to run before it, and a Job's pod has one process here")
        if not (environment := self._environment(of.image)):
            self.told[place.uid] = "its packages are being installed"
            return
        image = Image(environment, {})
        place.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        runner.mount(place, of, self._classes(of, place.namespace), SecretFiles(endpoint), image)
        ports = runner.choose_ports(place, of.ports)
        here = runner.prepare(place, of, image, ports)
        command, variables = runner.meant(place, of, of.container, image, endpoint, here)
        processes.start(
            place.record,
            ["sh", "-c", TO_ITS_END, "sh", str(place.status), *command],
            port=next(iter(ports.values()), 0),
            folder=self._workspace.run,
            log=place.log,
            ready=lambda: True,
            environment=variables | _program(place),
            directory=place.folder,
        )
        (place.folder / "started").touch()
        self._troubles.pop(place.uid, None)
        self.told[place.uid] = ""
        print(f"{place.namespace}/{place.name} runs.", flush=True)

    def _environment(self, image: str) -> Path | None:
        """Where its packages are; None while they are being installed, in minutes, once on a machine."""
        lock = images.DELIVERY / image / "requirements.txt"
        future = self._environments.setdefault(image, self._pool.submit(self._installed, f"{image}-packages", lock))
        if not future.done():
            return None
        if future.exception():
            del self._environments[image]
        return future.result()

    def _classes(self, pod: Pod, namespace: str) -> dict[str, Any]:
        """The SecretProviderClasses, of a pod that mounts one."""
        if not any("csi" in each for each in pod.volumes.values()):
            return {}
        path = f"/apis/secrets-store.csi.x-k8s.io/v1/namespaces/{namespace}/secretproviderclasses"
        return {each["metadata"]["name"]: each for each in self._api.call("GET", path)["items"] or []}

    def _end(self, place: Place, pod: Mapping[str, Any]) -> None:
        """Tells the API server how it ended."""
        code, path = place.code, f"/api/v1/namespaces/{place.namespace}/pods/{place.name}/status"
        try:
            self._api.call("PATCH", path, {"status": ended(pod, code, f"What it said is in {place.log}.")}, STRATEGIC)
        except ApiError as error:
            if error.status != 404:  # it was deleted meanwhile
                raise
        print(f"{place.namespace}/{place.name} ended with {code}.", flush=True)


def _is_wanted(pod: Mapping[str, Any]) -> bool:
    scheduled = pod["spec"].get("nodeName") and "deletionTimestamp" not in pod["metadata"]
    return bool(scheduled and image_of(pod)) and pod.get("status", {}).get("phase") not in ENDED


def _program(place: Place) -> dict[str, str]:
    """The variables by which its Python finds `delivery`, as in the image, and nothing else of this clone."""
    link = place.folder / "code" / "delivery"
    link.parent.mkdir(exist_ok=True)
    if not link.exists():
        link.symlink_to(ROOT / "delivery")
    return {"PYTHONPATH": str(link.parent), "PYTHONSAFEPATH": "1", "PYTHONUNBUFFERED": "1"}


def ended(pod: Mapping[str, Any], code: int, message: str) -> dict[str, Any]:
    """The status of a pod whose process ended with `code`, as a kubelet tells it; `message` where that is not 0."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    ours, status = image_of(pod), pod.get("status", {})

    def terminated(container: Mapping[str, Any]) -> dict[str, Any]:
        own = code if name_of(container["image"]) == ours else 0
        of = {"reason": "Error", "message": message} if own else {"reason": "Completed"}
        return {
            **{"name": container["name"], "image": container["image"], "imageID": ""},
            **{"ready": False, "started": False, "restartCount": 0},
            "state": {
                "terminated": {"exitCode": own, "startedAt": status.get("startTime", now), "finishedAt": now, **of}
            },
        }

    condition = {"status": "False", "reason": "PodFailed" if code else "PodCompleted", "lastTransitionTime": now}
    return {
        "phase": "Failed" if code else "Succeeded",
        "conditions": [{"type": each, **condition} for each in ("Ready", "ContainersReady")],
        "containerStatuses": [terminated(each) for each in pod["spec"]["containers"]],
    }
