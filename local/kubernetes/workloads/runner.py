"""One workload: its folder, its secrets, its process."""

import http.client
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from local import processes
from local.files import write_private
from local.kubernetes.workloads import record_of
from local.kubernetes.workloads.confined import inside
from local.kubernetes.workloads.images import Image
from local.kubernetes.workloads.pod import HTTP, Here, Pod, mounted, process, told
from local.kubernetes.workloads.secrets import SecretFiles, agent
from local.processes import Record
from local.workspace import LOCAL_REGION, Workspace, inherited

OUTSIDE: Final = ("AWS_", "KUBE", "PARAPET_", "PULUMI_")
"""How variables of this machine begin that a container knows nothing of."""
NOTHING_ELSE: Final = {
    # Whoever works on this machine has profiles of their own, and a node's role is not for its pods.
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}
DEADLINE = 120.0  # seconds until a process is ready


class Failed(Exception):
    """A process that was to end well did not. The text says how it ended, with its last words."""


@dataclass(frozen=True)
class Place:
    """Where a workload lives on this machine."""

    workspace: Workspace
    namespace: str
    name: str

    @property
    def record(self) -> str:
        return record_of(self.namespace, self.name)

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


def digest(pod: Pod, endpoint: str, image: Image) -> str:
    """Names all that a process is started with: where one of it changes, it is started anew."""
    said = json.dumps([pod.template, endpoint, str(image.environment)], sort_keys=True)
    return sha256(said.encode()).hexdigest()


def clear(place: Place, pod: Pod) -> None:
    """Takes away what lies in the volumes: another pod has its own."""
    for name in pod.volumes:
        shutil.rmtree(place.folder / name, ignore_errors=True)


def mount(place: Place, pod: Pod, classes: Mapping[str, Any], secrets: SecretFiles, image: Image) -> None:
    """Makes the pod's volumes and writes what changed of its secrets; raises LookupError where there is no class."""
    for name, volume in pod.volumes.items():
        folder = place.folder / name
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if image.built:
            _give(folder, pod)
        if "csi" in volume:
            named = volume["csi"]["volumeAttributes"]["secretProviderClass"]
            if named not in classes:
                raise LookupError(f"there is no SecretProviderClass {named} in the namespace {place.namespace}")
            secrets.write(classes[named], pod.service_account, folder)
            if image.built:
                _give(folder, pod)


def start(place: Place, pod: Pod, image: Image, endpoint: str, *, initial: bool) -> Record:
    """Starts the process and waits until it is ready.

    `initial`: whether the pod's first containers run before. Raises StartFailed with its last words where it does not
    come up, and Failed where one of those before it does not end well.
    """
    ports = choose_ports(place, pod.ports)
    (place.folder / "started").unlink(missing_ok=True)
    here = prepare(place, pod, image, ports)
    for container in pod.initial if initial else ():
        _end(place, pod, container, image, endpoint, here)
    command, variables = meant(place, pod, pod.container, image, endpoint, here)
    record = processes.start(
        place.record,
        command,
        port=ports[pod.ports[HTTP]],
        folder=place.workspace.run,
        log=place.log,
        ready=lambda: _ready(pod, ports),
        environment=variables,
        deadline=DEADLINE,
    )
    (place.folder / "started").write_text(digest(pod, endpoint, image))
    return record


def prepare(place: Place, pod: Pod, image: Image, ports: Mapping[int, int]) -> Here:
    """Writes what the pod reads of itself, as it is here, into its volumes, which are there (`mount`)."""
    here = _here(pod, ports, image, place)
    for volume, file, content in told(pod, here):
        write_private(place.folder / volume / file, content.encode())
        if image.built:
            _give(place.folder / volume, pod)
    return here


def meant(
    place: Place, pod: Pod, container: Mapping[str, Any], image: Image, endpoint: str, here: Here
) -> tuple[list[str], dict[str, str]]:
    """What a container is started with here: its command line, and its variables."""
    said = process(pod.template, container, here)
    variables = environment(place, pod, container, image, endpoint) | dict(said.environment)
    return _found(said.command, pod, container, image, place), variables


def run_once(place: Place, pod: Pod, image: Image, endpoint: str) -> None:
    """Runs a job's container to its end; raises Failed where it does not end well."""
    _end(place, pod, pod.container, image, endpoint, _here(pod, {}, image, place))


def ports_of(place: Place, pod: Pod) -> dict[str, int]:
    """The port here for each of the container's, by its name, as it was started."""
    last = _last_ports(place)
    return {name: last[port] for name, port in pod.ports.items() if port in last}


def environment(place: Place, pod: Pod, container: Mapping[str, Any], image: Image, endpoint: str) -> dict[str, str]:
    """What a container's process has besides the pod's own variables: the image's programs, and what EKS gives it.

    In the AWS API here it may do what the role of its service account may, and has its credentials as on EKS: from the
    agent, by itself, for as long as it runs.
    """
    own = {name: value for name, value in inherited().items() if not name.startswith(OUTSIDE)}
    path = f"{image.environment / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    machine = own | {"PATH": path} if image.variables is None else image.variables
    return {**machine, **_given(place, pod, container, endpoint)}


def _given(place: Place, pod: Pod, container: Mapping[str, Any], endpoint: str) -> dict[str, str]:
    """What EKS's webhook adds to a container whose account has a role, but for the token, which no agent here asks for
    (aws/amazon-eks-pod-identity-webhook, pkg/handler/handler.go)."""
    regions = ("AWS_DEFAULT_REGION", "AWS_REGION")
    named = any(each["name"] in regions for each in container.get("env", []))
    return {
        "AWS_STS_REGIONAL_ENDPOINTS": "regional",
        **({} if named else dict.fromkeys(regions, LOCAL_REGION)),
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": agent(endpoint, place.namespace, pod.service_account),
        # What DNS does on EKS: AWS's names lead to the API here.
        "AWS_ENDPOINT_URL": endpoint,
        **NOTHING_ELSE,
    }


def _end(place: Place, pod: Pod, container: Mapping[str, Any], image: Image, endpoint: str, here: Here) -> None:
    """Runs a container to its end."""
    command, variables = meant(place, pod, container, image, endpoint, here)
    place.log.parent.mkdir(parents=True, exist_ok=True)
    with place.log.open("ab") as log:
        status = subprocess.run(
            command,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        ).returncode
    if status:
        name = container.get("name", "its container")
        raise Failed(f"{name} ended with status {status}:\n{processes.last_words(place.log)}")


def _here(pod: Pod, ports: Mapping[int, int], image: Image, place: Place) -> Here:
    """In the image's own file system each path leads to what the pod mounts there."""
    if image.built:
        return Here(ports, {})
    return Here(ports, mounted(pod.container, place.folder) | dict(image.files))


def _found(command: tuple[str, ...], pod: Pod, container: Mapping[str, Any], image: Image, place: Place) -> list[str]:
    if not image.built:
        return [str(image.environment / "bin" / command[0]), *command[1:]]
    return inside(image.environment, {**mounted(container, place.folder), **image.files}, pod.user, command)


def _give(folder: Path, pod: Pod) -> None:
    """Gives a volume to the pod's user, as the kubelet does by fsGroup."""
    user, group = pod.user
    for each in (folder, *folder.iterdir()):
        os.chown(each, user, group)


def choose_ports(place: Place, named: Mapping[str, int]) -> dict[int, int]:
    """A port here for each of the container's; the last time's where it is free, so that a client goes on."""
    last = _last_ports(place)
    ports: dict[int, int] = {}
    for port in named.values():
        ports[port] = processes.choose_port(None, preferred=last.get(port), taken=ports.values())
    place.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (place.folder / "ports.json").write_text(json.dumps(ports))
    return ports


def _last_ports(place: Place) -> dict[int, int]:
    try:
        return {int(port): here for port, here in json.loads((place.folder / "ports.json").read_text()).items()}
    except (FileNotFoundError, ValueError):
        return {}


def _ready(pod: Pod, ports: Mapping[int, int]) -> bool:
    """Whether the container's readiness probe succeeds."""
    asked = pod.container["readinessProbe"]["httpGet"]
    port = pod.ports.get(asked["port"], asked["port"])
    connection = http.client.HTTPConnection("127.0.0.1", ports[port], timeout=2)
    try:
        headers = {each["name"]: each["value"] for each in asked.get("httpHeaders", [])}
        connection.request("GET", asked["path"], headers=headers)
        return 200 <= connection.getresponse().status < 400  # what a kubelet counts as a success
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
