"""The process that runs the workloads whose images are built from this repository: `... HOME PORT-OF-THE-API`."""

import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from http.client import HTTPException
from pathlib import Path
from threading import Lock
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local import processes
from local.aws import server
from local.images import InstallFailed
from local.keeping import Troubles, Voice, keep
from local.kubernetes.control_plane.api import Api, ApiError
from local.kubernetes.workloads import State, Workload, ending, images, owners, runner, tell
from local.kubernetes.workloads.images import Image
from local.kubernetes.workloads.owners import Owner
from local.kubernetes.workloads.runner import Place
from local.kubernetes.workloads.secrets import SecretFiles
from local.workspace import Workspace

EVERY = 2.0  # seconds between two looks; the driver on EKS polls every two minutes
PATIENCE = 1.0  # seconds that a look waits for what is being started
AT_ONCE = 4  # workloads that are started at the same time
CLASSES = "/apis/secrets-store.csi.x-k8s.io/v1/secretproviderclasses"
ERRORS = (
    BotoCoreError,
    ClientError,
    InstallFailed,
    LookupError,
    OSError,
    processes.StartFailed,
    processes.PortUnusable,
    runner.Failed,
)
"""What keeps a workload from running, and goes away or is tried again."""
Classes = Mapping[str, Mapping[str, Any]]
"""The SecretProviderClasses, by namespace and name."""


class Keeper:
    """Makes what runs be what the cluster wants, look by look."""

    def __init__(self, workspace: Workspace, api: Api, patience: float = PATIENCE) -> None:
        self._workspace, self._api, self._patience = workspace, api, patience
        self._endpoint = ""
        self._secrets: SecretFiles | None = None
        self._made: set[str] = set()  # the images that are there
        self._images: dict[str, Image] = {}  # those of this look: each is known by all files that it is built of
        self._mounting = Lock()
        self._starting: dict[str, Future[None]] = {}
        self._pool = ThreadPoolExecutor(AT_ONCE)
        self._ends = ending.Ends(workspace)
        self._troubles = Troubles()
        self._voice = Voice()

    def look(self) -> None:
        begun = time.time()
        self._images.clear()
        try:
            for name in images.ALWAYS:
                self._image(name)  # while the cluster is still being made
            if not (secrets := self._reach()):
                return
            listed = {path: self._listed(path) for path in (owners.JOBS, owners.DEPLOYMENTS, owners.REPLICA_SETS)}
            classes: dict[str, dict[str, Any]] = {}
            for each in self._listed(CLASSES):
                classes.setdefault(each["metadata"]["namespace"], {})[each["metadata"]["name"]] = each
        except (ApiError, HTTPException, OSError) as error:
            self._voice.say(f"The API server does not tell its workloads: {error}")
            return
        except InstallFailed as error:
            self._voice.say(str(error))
            return
        ready, jobs = True, list(owners.of(listed[owners.JOBS]))
        for job in jobs:
            done = self._finish(job, classes, secrets)
            # What a server must wait for was made with it, not by a schedule.
            ready = ready and (done or not job.made_with)
        deployments = list(owners.of(listed[owners.DEPLOYMENTS]))
        versions = list(owners.of(listed[owners.REPLICA_SETS]))
        self._ends.others({self._place(each).record for each in (*deployments, *versions)})
        for each in (*deployments, *versions):
            self._run(each, classes, secrets, ready=ready or each in versions)
        every = (jobs, deployments, versions)
        if self._starting:
            self._tell(begun, *every)  # what starts anew within a moment was gone all the same
            wait(self._starting.values(), timeout=self._patience)
        self._tell(begun, *every)

    def _tell(self, begun: float, jobs: list[Owner], deployments: list[Owner], versions: list[Owner]) -> None:
        waited_for = [self._troubles.get(self._place(each).record) for each in jobs]
        why = "\n".join(each.message for each in waited_for if each)
        found = [self._told(each, why) for each in deployments]
        tell(self._workspace, begun, [*found, *(self._told(each, on_trial=True) for each in versions)])

    def _reach(self) -> SecretFiles | None:
        endpoint = server.url(self._workspace) or ""
        if endpoint != self._endpoint:
            self._endpoint = endpoint
            self._secrets = SecretFiles(endpoint) if endpoint else None
        return self._secrets

    def _listed(self, path: str) -> Sequence[dict[str, Any]]:
        told = self._api.call("GET", f"{path}{'&' if '?' in path else '?'}resourceVersion=0")["items"] or []
        return list(told)

    def _place(self, owner: Owner) -> Place:
        return Place(self._workspace, owner.namespace, owner.name)

    def _finish(self, job: Owner, classes: Classes, secrets: SecretFiles) -> bool:
        """Runs a job that was not run yet; returns whether it has succeeded. KWOK has told the cluster so before."""
        place = self._place(job)
        stamp = self._workspace.workloads / "done" / job.uid
        if stamp.exists():
            return True
        if not self._troubles.may_try(place.record):
            return False
        try:
            image = self._image(job.pod.image)
            self._mount(place, job, classes, secrets, image)
            runner.run_once(place, job.pod, image, self._endpoint)
        except ERRORS as error:
            self._failed(place, str(error))
            return False
        stamp.parent.mkdir(parents=True, exist_ok=True)
        stamp.touch()
        self._troubles.pop(place.record, None)
        print(f"{place.namespace}/{place.name} is done.", flush=True)
        return True

    def _mount(self, place: Place, owner: Owner, classes: Classes, secrets: SecretFiles, image: Image) -> None:
        with self._mounting:
            runner.mount(place, owner.pod, classes.get(place.namespace, {}), secrets, image)

    def _run(self, owner: Owner, classes: Classes, secrets: SecretFiles, *, ready: bool) -> None:
        """Begins to start it, where it does not run as it should, and keeps its secrets what they are."""
        place = self._place(owner)
        if place.record in self._starting:
            if not self._starting[place.record].done():
                return
            del self._starting[place.record]
        if not self._troubles.may_try(place.record):
            return
        try:
            if owner.pod.image in self._made and self._runs(owner):
                self._mount(place, owner, classes, secrets, self._image(owner.pod.image))
                self._troubles.pop(place.record, None)
                return
        except ERRORS as error:
            self._failed(place, str(error))
            return
        if ready:
            self._starting[place.record] = self._pool.submit(self._start, owner, classes, secrets)

    def _image(self, name: str) -> Image:
        """The image, which may take minutes to be there, once."""
        if (found := self._images.get(name)) is None:
            found = self._images[name] = images.of(self._workspace, name)
            self._made.add(name)
        return found

    def _runs(self, owner: Owner) -> bool:
        """Whether it runs as it should."""
        place = self._place(owner)
        wanted = runner.digest(owner.pod, self._endpoint, self._image(owner.pod.image))
        return (
            runner.started_with(place) == wanted and place.running() is not None and not self._ends.asked(place.record)
        )

    def _start(self, owner: Owner, classes: Classes, secrets: SecretFiles) -> None:
        place, pod = self._place(owner), owner.pod
        try:
            image = self._image(pod.image)
            if self._runs(owner):
                return
            if record := place.running():
                processes.stop(self._workspace.run, record, patience=pod.grace)
            self._ends.forget(place.record)
            another = runner.started_with(place) != runner.digest(pod, self._endpoint, image)
            if another:
                runner.clear(place, pod)
            self._mount(place, owner, classes, secrets, image)
            runner.start(place, pod, image, self._endpoint, initial=another)
        except ERRORS as error:
            self._failed(place, str(error))
            return
        self._troubles.pop(place.record, None)
        print(f"{place.namespace}/{place.name} runs.", flush=True)

    def _told(self, owner: Owner, waits: str = "", *, on_trial: bool = False) -> Workload:
        place = self._place(owner)
        starting = self._starting.get(place.record)
        trouble = self._troubles.get(place.record)
        if starting and not starting.done():
            # Of one that has failed before, that is what there is to say.
            state, message = (State.FAILED, trouble.message) if trouble else (State.STARTING, "it is being started")
            return Workload(place.namespace, place.name, state, 0, message, on_trial=on_trial)
        if record := place.running():
            ports = runner.ports_of(place, owner.pod)
            return Workload(place.namespace, place.name, State.RUNNING, record.port, ports=ports, on_trial=on_trial)
        why = trouble.message if trouble else waits or "it waits"
        return Workload(place.namespace, place.name, State.FAILED, 0, why, on_trial=on_trial)

    def _failed(self, place: Place, message: str) -> None:
        self._troubles.failed(place.record, f"{place.namespace}/{place.name}: {message}")
        self._voice.say(self._troubles[place.record].message)


def main() -> None:
    home, port = sys.argv[1:]
    workspace = Workspace(home=Path(home))
    keeper = Keeper(workspace, Api(workspace.kubernetes / "pki", "workloads", int(port)))
    keep(keeper.look, every=EVERY)


if __name__ == "__main__":
    main()
