"""The process that runs the workloads whose images are built from this repository: `... HOME PORT-OF-THE-API`."""

import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local import processes
from local.aws import server
from local.images import InstallFailed
from local.keeping import Troubles, Voice, keep
from local.kubernetes.control_plane.api import Api, ApiError
from local.kubernetes.workloads import State, Workload, images, processes_of, runner, tell
from local.kubernetes.workloads.images import Image
from local.kubernetes.workloads.runner import Place
from local.kubernetes.workloads.secrets import SecretFiles
from local.workspace import Workspace

EVERY = 2.0  # seconds between two looks; the driver on EKS polls every two minutes
JOBS, DEPLOYMENTS = "/apis/batch/v1/jobs", "/apis/apps/v1/deployments"
CLASSES = "/apis/secrets-store.csi.x-k8s.io/v1/secretproviderclasses"


class Keeper:
    """Makes what runs be what the cluster wants, look by look."""

    def __init__(self, workspace: Workspace, api: Api) -> None:
        self._workspace, self._api = workspace, api
        self._endpoint = ""
        self._secrets: SecretFiles | None = None
        self._images: dict[str, Image] = {}
        self._troubles = Troubles()
        self._voice = Voice()

    def look(self) -> None:
        begun = time.time()
        try:
            self._images = images.all_of(self._workspace)  # while the cluster is still being made
            if not (secrets := self._reach()):
                return
            jobs, deployments, classes = (self._listed(path) for path in (JOBS, DEPLOYMENTS, CLASSES))
            by_namespace: dict[str, dict[str, Any]] = {}
            for each in classes:
                by_namespace.setdefault(each["metadata"]["namespace"], {})[each["metadata"]["name"]] = each
        except (ApiError, OSError) as error:
            self._voice.say(f"The API server does not tell its workloads: {error}")
            return
        except InstallFailed as error:
            self._voice.say(str(error))
            return
        ready = True
        for job, image in self._ours(jobs):
            done = self._finish(job, image, by_namespace, secrets)
            # What a server must wait for was made with it, not by a schedule.
            ready = ready and (done or bool(job["metadata"].get("ownerReferences")))
        wanted = list(self._ours(deployments))
        self._end_others({self._place(each).record for each, _ in wanted})
        found = [self._run(each, image, by_namespace, secrets, ready) for each, image in wanted]
        tell(self._workspace, begun, found)

    def _reach(self) -> SecretFiles | None:
        endpoint = server.url(self._workspace) or ""
        if endpoint != self._endpoint:
            self._endpoint = endpoint
            self._secrets = SecretFiles(endpoint) if endpoint else None
        return self._secrets

    def _listed(self, path: str) -> list[dict[str, Any]]:
        return self._api.call("GET", f"{path}?resourceVersion=0")["items"] or []

    def _ours(self, objects: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], Image]]:
        for each in sorted(objects, key=lambda one: str(one["metadata"]["creationTimestamp"])):
            image = self._images.get(images.name_of(each["spec"]["template"]["spec"]["containers"][0]["image"]))
            if image and not each["metadata"].get("deletionTimestamp"):
                yield each, image

    def _place(self, each: Mapping[str, Any]) -> Place:
        return Place(self._workspace, each["metadata"]["namespace"], each["metadata"]["name"])

    def _finish(self, job: dict[str, Any], image: Image, classes: Mapping[str, Any], secrets: SecretFiles) -> bool:
        """Runs a job that was not run yet; returns whether it has succeeded. KWOK has told the cluster so before."""
        place, pod = self._place(job), job["spec"]["template"]["spec"]
        stamp = self._workspace.workloads / "done" / job["metadata"]["uid"]
        if stamp.exists():
            return True
        if not self._troubles.may_try(place.record):
            return False
        try:
            runner.mount(place, pod, classes.get(place.namespace, {}), secrets, image)
            status = runner.run_once(place, pod, image, self._endpoint)
        except (BotoCoreError, ClientError, LookupError, OSError) as error:
            self._failed(place, str(error))
            return False
        if status:
            self._failed(place, f"it ended with status {status}:\n{processes.last_words(place.log)}")
            return False
        stamp.parent.mkdir(parents=True, exist_ok=True)
        stamp.touch()
        self._troubles.pop(place.record, None)
        print(f"{place.namespace}/{place.name} is done.", flush=True)
        return True

    def _run(
        self, each: dict[str, Any], image: Image, classes: Mapping[str, Any], secrets: SecretFiles, ready: bool
    ) -> Workload:
        place, pod = self._place(each), each["spec"]["template"]["spec"]
        record = place.running()
        try:
            runner.mount(place, pod, classes.get(place.namespace, {}), secrets, image)
            wanted = runner.digest(pod, self._endpoint, image)
            if record and runner.started_with(place) != wanted:
                processes.stop(self._workspace.run, record)
                record = None
            if not record and ready and self._troubles.may_try(place.record):
                record = runner.start(place, pod, image, self._endpoint)
                self._troubles.pop(place.record, None)
                print(f"{place.namespace}/{place.name} runs.", flush=True)
        except (
            BotoCoreError,
            ClientError,
            LookupError,
            OSError,
            processes.StartFailed,
            processes.PortUnusable,
        ) as error:
            self._failed(place, str(error))
        if record:
            return Workload(place.namespace, place.name, State.RUNNING, record.port)
        why = "\n".join(trouble.message for trouble in self._troubles.values())
        return Workload(place.namespace, place.name, State.FAILED, 0, why or "it waits")

    def _end_others(self, wanted: set[str]) -> None:
        for record in processes_of(self._workspace):
            if record.name not in wanted:
                processes.stop(self._workspace.run, record)
                print(f"{record.name} ended.", flush=True)

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
