"""One workload: its folder, its secrets, its process."""

import http.client
import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from local import processes
from local.kubernetes.workloads import PREFIX
from local.kubernetes.workloads.confined import inside
from local.kubernetes.workloads.images import Image
from local.kubernetes.workloads.pod import Process, container_ports, process, service_account, volumes
from local.kubernetes.workloads.secrets import SecretFiles, agent
from local.processes import Record
from local.workspace import Workspace, exports
from local.workspace import environment as workspaces_own

ADMINISTRATOR = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
"""The variables with which the stack's own administrator signs."""
HTTP = "http"
"""The name of the port at which a workload is called."""


@dataclass(frozen=True)
class Place:
    """Where a workload lives on this machine."""

    workspace: Workspace
    namespace: str
    name: str

    @property
    def record(self) -> str:
        return f"{PREFIX}{self.namespace}-{self.name}"

    @property
    def folder(self) -> Path:
        return self.workspace.workloads / self.namespace / self.name

    @property
    def log(self) -> Path:
        return self.workspace.logs / f"{self.namespace}-{self.name}.log"

    def running(self) -> Record | None:
        return processes.read(self.workspace.run, self.record)


def started_with(place: Place) -> str:
    """The digest of the specification that the process was started with."""
    try:
        return (place.folder / "started").read_text()
    except FileNotFoundError:
        return ""


def digest(pod: Mapping[str, Any], endpoint: str, image: Image) -> str:
    """Names all that a process is started with: where one of it changes, it is started anew."""
    told = json.dumps([pod, endpoint, str(image.environment)], sort_keys=True)
    return sha256(told.encode()).hexdigest()


def mount(place: Place, pod: Mapping[str, Any], classes: Mapping[str, Any], secrets: SecretFiles, image: Image) -> None:
    """Makes the pod's volumes and writes what changed of its secrets; raises LookupError where there is no class."""
    for name, volume in volumes(pod).items():
        folder = place.folder / name
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if image.built:
            _give(folder, pod)
        if "csi" in volume:
            named = volume["csi"]["volumeAttributes"]["secretProviderClass"]
            if named not in classes:
                raise LookupError(f"there is no SecretProviderClass {named} in the namespace {place.namespace}")
            secrets.write(classes[named], service_account(pod), folder)
            if image.built:
                _give(folder, pod)


def start(place: Place, pod: Mapping[str, Any], image: Image, endpoint: str) -> Record:
    """Starts the process and waits until it is ready; raises StartFailed with its last words where it is not."""
    named = container_ports(pod)
    ports = _ports(place, named)
    meant = _meant(pod, ports, image, place)
    (place.folder / "started").unlink(missing_ok=True)
    record = processes.start(
        place.record,
        _found(meant.command, pod, image, place),
        port=ports[named[HTTP]],
        folder=place.workspace.run,
        log=place.log,
        ready=lambda: _ready(pod, ports),
        environment=environment(place, pod, image, endpoint) | dict(meant.environment),
        deadline=120,
    )
    (place.folder / "started").write_text(digest(pod, endpoint, image))
    return record


def run_once(place: Place, pod: Mapping[str, Any], image: Image, endpoint: str) -> int:
    """Runs a job's container to its end, and returns its exit status."""
    meant = _meant(pod, {}, image, place)
    place.log.parent.mkdir(parents=True, exist_ok=True)
    with place.log.open("ab") as log:
        return subprocess.run(
            _found(meant.command, pod, image, place),
            env=environment(place, pod, image, endpoint) | dict(meant.environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        ).returncode


def environment(place: Place, pod: Mapping[str, Any], image: Image, endpoint: str) -> dict[str, str]:
    """What a process has besides the pod's own variables: the image's programs, and the way to the local AWS API.

    There it may do what the role of its service account may, and has its credentials as on EKS: from the agent, by
    itself, for as long as it runs.
    """
    identity = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": agent(endpoint, place.namespace, service_account(pod))}
    if image.variables is not None:
        own = {name: value for name, value in exports(place.workspace, endpoint).items() if name.startswith("AWS_")}
        return {**_without_administrator(own), **identity, **image.variables}
    path = f"{image.environment / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return _without_administrator(workspaces_own(place.workspace, endpoint)) | identity | {"PATH": path}


def _without_administrator(variables: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in variables.items() if name not in ADMINISTRATOR}


def _meant(pod: Mapping[str, Any], ports: Mapping[int, int], image: Image, place: Place) -> Process:
    """The process; in the image's own file system each path leads to what the pod mounts there."""
    if image.built:
        return process(pod, ports, {}, place.folder, mounted=True)
    return process(pod, ports, image.files, place.folder)


def _found(command: tuple[str, ...], pod: Mapping[str, Any], image: Image, place: Place) -> list[str]:
    if not image.built:
        return [str(image.environment / "bin" / command[0]), *command[1:]]
    mounts = {
        mount["mountPath"]: place.folder / mount["name"] for mount in pod["containers"][0].get("volumeMounts", [])
    }
    return inside(image.environment, {**mounts, **image.files}, _user(pod), command)


def _give(folder: Path, pod: Mapping[str, Any]) -> None:
    """Gives a volume to the pod's user, as the kubelet does by fsGroup."""
    user, group = _user(pod)
    for each in (folder, *folder.iterdir()):
        os.chown(each, user, group)


def _user(pod: Mapping[str, Any]) -> tuple[int, int]:
    context = pod["securityContext"]
    return context["runAsUser"], context["runAsGroup"]


def _ports(place: Place, named: Mapping[str, int]) -> dict[int, int]:
    """A port here for each of the container's; the last time's where it is free, so that a client goes on."""
    file = place.folder / "ports.json"
    try:
        last: dict[int, int] = {int(port): here for port, here in json.loads(file.read_text()).items()}
    except (FileNotFoundError, ValueError):
        last = dict[int, int]()
    ports: dict[int, int] = {}
    for port in named.values():
        ports[port] = processes.choose_port(None, preferred=last.get(port), taken=ports.values())
    place.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file.write_text(json.dumps(ports))
    return ports


def _ready(pod: Mapping[str, Any], ports: Mapping[int, int]) -> bool:
    """Whether the container's readiness probe succeeds."""
    asked = pod["containers"][0]["readinessProbe"]["httpGet"]
    port = container_ports(pod).get(asked["port"], asked["port"])
    connection = http.client.HTTPConnection("127.0.0.1", ports[port], timeout=2)
    try:
        headers = {each["name"]: each["value"] for each in asked.get("httpHeaders", [])}
        connection.request("GET", asked["path"], headers=headers)
        return 200 <= connection.getresponse().status < 400  # what a kubelet counts as a success
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
