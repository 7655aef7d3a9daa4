"""The process that runs the stack's own controllers: `... HOME PORT-OF-THE-API`."""

import json
import os
import shutil
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from hashlib import sha256
from http.client import HTTPException
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local import processes
from local.aws import server
from local.keeping import Troubles, Voice, keep
from local.kubernetes import live, workloads
from local.kubernetes.control_plane import pki, rollouts
from local.kubernetes.control_plane.api import Api, ApiError
from local.kubernetes.control_plane.heard import Heard, Listed
from local.kubernetes.live import Part, State, door, parts, prometheus, tokens
from local.kubernetes.live.door import DOOR
from local.kubernetes.live.jobs import Jobs
from local.kubernetes.live.load_balancer import Certificate
from local.kubernetes.live.parts import MAKERS, Cluster, Waits
from local.kubernetes.live.process import Place, Process
from local.kubernetes.live.standing import (
    LOAD_BALANCER,
    PROMETHEUS,
    STANDING,
    Replica,
    Standing,
    first,
    is_meshed,
    replicas,
)
from local.workspace import Workspace

DEADLINE = 60.0  # seconds until a part answers
DRAINED = 5.0  # seconds that a proxy goes on once nobody is led to it: for whom it answers then, and who did not hear
LATE = 0.5  # seconds, by which what was heard may be behind what the API server has
PODS = "/api/v1/pods"
SERVICES = "/api/v1/namespaces/ingress/services"
ROUTES = [f"/apis/networking.istio.io/v1/namespaces/{each}/virtualservices" for each in (rollouts.NAMESPACE, "serving")]
"""Of what the stack serves, and of what teams do."""


class Keeper:
    """Makes what runs be what the cluster has pods for, look by look."""

    def __init__(self, workspace: Workspace, api: Api, listed: Listed, url: str) -> None:
        self._workspace, self._api, self._listed, self._url = workspace, api, listed, url
        self._troubles = Troubles()
        self._services: dict[str, dict[str, Mapping[str, str]]] = {}
        self._parts: dict[str, Part] = {}
        self._looked = 0.0
        self._led_to: dict[str, str] = {}
        self._left: dict[str, float] = {}
        self._certificates: dict[tuple[str, str], Certificate] = {}
        self._voice = Voice()
        self._jobs = Jobs(workspace, api)

    def look(self) -> bool:
        begun = time.time() - LATE
        try:
            pods, services = self._listed(PODS), self._listed(SERVICES)
            names = self._models()
        except (ApiError, OSError, HTTPException) as error:
            self._voice.say(f"The API server does not tell its pods: {error}")
            return False
        cluster = Cluster(self._api, self._listed, server.url(self._workspace) or "", self._certificates)
        jobs = self._jobs.look(pods, cluster.endpoint)
        for standing in STANDING:
            if (pod := first(standing, pods)) is None:
                self._end(standing.name)
            else:
                self._run(standing.name, lambda place, s=standing, p=pod: self._stand(s, p, place, cluster))
        if service := parts.balanced(services):
            state = self._run(LOAD_BALANCER, lambda place: parts.load_balancer_of(service, place, cluster))
            if state is State.RUNNING:
                self._address(service, cluster)
        else:
            self._end(LOAD_BALANCER)
        if service and names:
            self._run(DOOR, lambda place: parts.door_of(names, service, place, cluster))
        else:
            self._end(DOOR)
        found = replicas(workloads.told(self._workspace)[1], pods)
        prometheus.tell([*found, *jobs], self._workspace.live / PROMETHEUS)
        self._look_beside(found, cluster)
        self._looked = begun
        self._tell()
        return bool(jobs)

    def _look_beside(self, found: list[Replica], cluster: Cluster) -> None:
        """The proxies beside the workloads here, and where the mesh finds these."""
        meshed = [each for each in found if is_meshed(each.pod)]
        led_to = {each.proxy: each.workload.record for each in meshed if each.runs}
        parts.withdraw(self._workspace, led_to.keys())
        self._led_to = led_to
        for each in meshed:
            if each.runs:
                self._run(each.proxy, lambda place, e=each: self._beside(e, place, cluster))
        self._leave({each.proxy for each in meshed})

    def _leave(self, staying: set[str]) -> None:
        """Ends the proxies of the workloads that are gone, once nobody is led to them."""
        for record in live.processes_of(self._workspace):
            name = record.name.removeprefix(live.PREFIX)
            if not name.endswith(live.proxy_of("")) or name in staying:
                self._left.pop(name, None)
            elif time.monotonic() > self._left.setdefault(name, time.monotonic()) + DRAINED:
                self._end(name)
                shutil.rmtree(self._workspace.live / name, ignore_errors=True)

    def _beside(self, replica: Replica, place: Place, cluster: Cluster) -> Process:
        self._give(replica.pod, place, meshed=True)
        return parts.proxy_of(replica, place, cluster)

    def _stand(self, standing: Standing, pod: Mapping[str, Any], place: Place, cluster: Cluster) -> Process:
        self._give(pod, place, meshed=standing.meshed)
        return MAKERS[standing.name](pod, place, cluster)

    def _give(self, pod: Mapping[str, Any], place: Place, *, meshed: bool) -> None:
        authority = self._workspace.kubernetes / "pki" / f"{pki.CA}.crt"
        tokens.give(self._api, pod, place.folder, self._url, authority, meshed=meshed)

    def _models(self) -> list[str]:
        """The names by which users come to models."""
        try:
            return door.hosts([each for path in ROUTES for each in self._listed(path)])
        except ApiError as error:
            if error.status != 404:
                raise
            return []  # the mesh's kinds are not there yet

    def _address(self, service: Mapping[str, Any], cluster: Cluster) -> None:
        try:
            parts.tell_address(service, cluster)
        except (ApiError, OSError) as error:
            self._voice.say(f"The load balancer's name was not taken: {error}")

    def _tell(self) -> None:
        """Whoever waits for one part hears of it while another is still being started."""
        services = {name: ports for each in self._services.values() for name, ports in each.items()}
        parts = list(self._parts.values())
        live.tell(self._workspace, parts, services, self._led_to.values(), self._looked, self._jobs.told)

    def _run(self, name: str, make: Callable[[Place], Process]) -> State:
        place = Place(
            self._workspace,
            self._workspace.live / name,
            live.network(self._workspace),
            self._url,
            server.url(self._workspace) or "",
        )
        waits = ""
        try:
            place.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._keep(name, make(place), place)
        except Waits as error:
            waits = str(error)
        except (ApiError, BotoCoreError, ClientError, LookupError, OSError, processes.StartFailed) as error:
            self._failed(name, str(error))
        if processes.read(self._workspace.run, live.PREFIX + name):
            part = Part(name, State.RUNNING)
        elif trouble := self._troubles.get(name):
            part = Part(name, State.FAILED, trouble.message)
        else:
            part = Part(name, State.STARTING, waits or "it is being started")
        if self._parts.get(name) != part:
            self._parts[name] = part
            self._tell()
        return part.state

    def _keep(self, name: str, process: Process, place: Place) -> None:
        record = processes.read(self._workspace.run, live.PREFIX + name)
        wanted = _digest(process, place.folder)
        stamp = place.folder / "started"
        if record and stamp.exists() and stamp.read_text() == wanted:
            self._services[name] = dict(process.services)
            return
        if not self._troubles.may_try(name):
            return
        if record:
            processes.stop(self._workspace.run, record)
        self._services.pop(name, None)
        stamp.unlink(missing_ok=True)
        processes.start(
            live.PREFIX + name,
            process.command,
            port=0,
            folder=self._workspace.run,
            log=live.log_of(self._workspace, name),
            ready=lambda: _answers(process.ready),
            environment=_own(place) | dict(process.environment),
            deadline=DEADLINE,
            directory=place.folder,
        )
        stamp.write_text(wanted)
        self._troubles.pop(name, None)
        self._services[name] = dict(process.services)
        print(f"{name} runs.", flush=True)

    def _end(self, name: str) -> None:
        self._services.pop(name, None)
        self._parts.pop(name, None)
        if record := processes.read(self._workspace.run, live.PREFIX + name):
            processes.stop(self._workspace.run, record)
            print(f"{name} ended.", flush=True)

    def _failed(self, name: str, message: str) -> None:
        self._troubles.failed(name, f"{name}: {message}")
        self._voice.say(self._troubles[name].message)


def _own(place: Place) -> dict[str, str]:
    """What every process has: no variable of whoever started it, least of all credentials, but how often Go is to look
    for garbage."""
    hasty = {"GOGC": found} if (found := os.environ.get("GOGC")) else {}
    own = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(place.folder), "TMPDIR": str(place.folder)}
    return hasty | own


def _digest(process: Process, folder: Path) -> str:
    """Names all that a process is started with: where one of it changes, it is started anew."""
    told = [process.command, dict(process.environment)]
    files = [each.read_bytes() for each in sorted(folder.glob("*.yaml"))]
    return sha256(json.dumps(told, sort_keys=True).encode() + b"\0".join(files)).hexdigest()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:  # noqa: S310 (a loopback address)
            return bool(answer.status < 300)
    except (urllib.error.URLError, OSError, HTTPException):
        return False


def main() -> None:
    home, port = sys.argv[1:]
    workspace = Workspace(home=Path(home))
    url = f"https://127.0.0.1:{port}"

    def connect() -> Api:
        return Api(workspace.kubernetes / "pki", "live", int(port))

    keep(Keeper(workspace, connect(), Heard(connect), url).look, every=0.5)


if __name__ == "__main__":
    main()
