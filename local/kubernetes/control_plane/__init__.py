"""A real Kubernetes control plane on this machine: etcd, API server, controllers, scheduler, and KWOK for the nodes.

`PARAPET_KUBECONFIG` names a cluster of the user's own to be used in its place; that one is never started, stopped or
emptied from here.
"""

import json
import shutil
import subprocess
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from local import processes
from local.keeping import is_ready
from local.kubernetes import live, workloads
from local.kubernetes.control_plane import configuration, definitions, pki
from local.kubernetes.control_plane.api import Api, ApiError
from local.kubernetes.control_plane.servers import (
    API,
    CONTROLLERS,
    EGRESS,
    ETCD,
    KWOK,
    ONLY_LIVE,
    OURS,
    PARTS,
    SCHEDULER,
    command,
)
from local.processes import Record, StartFailed
from local.workspace import Workspace, environment, named_kubeconfig

__all__ = [
    "ControlPlane",
    "Unreachable",
    "administrator",
    "ensure",
    "forget",
    "identity",
    "leave_live",
    "running",
    "stop",
]

LISTENING = (ETCD, "etcd-peer", API, CONTROLLERS, SCHEDULER, KWOK, EGRESS)
FOLLOWING = (CONTROLLERS, SCHEDULER, KWOK, *OURS, *ONLY_LIVE)
DEFINED = "definitions.applied"
ADMISSION = "/apis/admissionregistration.k8s.io/v1"
WEBHOOKS = ("mutatingwebhookconfigurations", "validatingwebhookconfigurations")
RULES = "validatingadmissionpolicybindings"
OF_THE_INJECTOR = ("parapet-every-pod-of-the-mesh-has-its-proxy",)
"""Rules of the stack that ask of a pod what a webhook puts in. The engine takes them away last of all, and until then
no pod would come up."""
PATIENCE = 60  # seconds for one call while all starts at once, on a machine that may have other work too


class Unreachable(Exception):
    """A cluster does not answer. The text says which, and what it said."""


@dataclass(frozen=True)
class ControlPlane:
    """A cluster that can be reached by its kubeconfig."""

    kubeconfig: Path
    server: str
    ours: bool


def running(workspace: Workspace) -> ControlPlane | None:
    """The control plane, if its API server lives; the user's own cluster, whether or not it answers."""
    if named := named_kubeconfig():
        return ControlPlane(named, _server_of(named), ours=False)
    record = processes.read(workspace.run, API)
    return _own(workspace, record.port) if record else None


def administrator(workspace: Workspace) -> Api | None:
    """The API server of this machine, asked by its administrator, whatever cluster the user has besides; None where it
    does not run."""
    record = processes.read(workspace.run, API)
    return Api(workspace.kubernetes / "pki", "admin", record.port) if record else None


def ensure(workspace: Workspace) -> tuple[ControlPlane, bool]:
    """The running control plane, mended where a part of it is gone; the second value tells whether none of it ran.

    What etcd holds stays from one start to the next, until `forget`. Raises StartFailed where a part does not come up,
    Unreachable where the user's own cluster does not answer.
    """
    if named := named_kubeconfig():
        plane = ControlPlane(named, _server_of(named), ours=False)
        identity(workspace, plane)
        return plane, False
    wanted = (*PARTS, *ONLY_LIVE) if live.asked_for(workspace) else PARTS
    alive = {part: record for part in wanted if (record := processes.read(workspace.run, part))}
    folder = workspace.kubernetes
    if alive and not (folder / "pki").exists():  # somebody removed it: what still runs cannot be spoken to
        stop(workspace)
        alive.clear()
    new = not alive
    if API in alive and not (ETCD in alive and Api(folder / "pki", "admin", alive[API].port, timeout=5).ready()):
        # One that hangs is no server; one whose etcd is gone would look for it again at ever longer intervals.
        processes.stop(workspace.run, alive.pop(API), patience=2)
    missing = [part for part in wanted if part not in alive]
    if missing or not definitions.are_applied(workspace.sources / "crds", folder / DEFINED):
        try:
            _start(workspace, alive, missing)
        except BaseException:
            if new:  # half a control plane serves nobody
                stop(workspace)
            raise
    record = processes.read(workspace.run, API)
    if record is None:
        raise StartFailed(f"{API} ended right after its start; what it said is in {_log(workspace, API)}")
    return _own(workspace, record.port), new


def identity(workspace: Workspace, plane: ControlPlane) -> str:
    """What tells this cluster, with all that it holds, from any other: the UID of its namespace `kube-system`."""
    if plane.ours:
        api = Api(workspace.kubernetes / "pki", "admin", int(plane.server.rpartition(":")[2]))
        try:
            found: str = api.call("GET", "/api/v1/namespaces/kube-system")["metadata"]["uid"]
        except (ApiError, OSError) as error:
            raise Unreachable(f"The control plane does not answer: {error}. See {_log(workspace, API)}.") from None
        return found
    told = subprocess.run(
        [
            str(workspace.bin / "kubectl"),
            f"--kubeconfig={plane.kubeconfig}",
            "--request-timeout=10s",
            "get",
            "namespace",
            "kube-system",
            "--output=jsonpath={.metadata.uid}",
        ],
        stdin=subprocess.DEVNULL,  # it would ask for a password where the kubeconfig has none
        capture_output=True,
        text=True,
    )
    if told.returncode:
        reason = (told.stderr.strip().splitlines() or ["it says nothing"])[-1]  # before it, each attempt has a line
        raise Unreachable(
            f"The cluster at {plane.server} does not answer: {reason}\n"
            f"See that `kubectl --kubeconfig={plane.kubeconfig} get namespaces` works, "
            "or unset PARAPET_KUBECONFIG for a control plane on this machine."
        )
    return told.stdout


def stop(workspace: Workspace) -> list[Record]:
    """Ends what was started, the API server before the etcd that it needs for its shutdown; returns what was ended."""
    ended: list[Record] = []
    for group in (FOLLOWING, (API,), (ETCD,)):
        records = [record for part in group if (record := processes.read(workspace.run, part))]
        _stop_at_once(workspace, records)
        ended += records
        if group == FOLLOWING:  # what would start them again has ended
            kept = [*workloads.processes_of(workspace), *live.processes_of(workspace)]
            _stop_at_once(workspace, kept)
            ended += kept
    return ended


def leave_live(workspace: Workspace) -> None:
    """Ends the live controllers and takes back what asks them: without one of them, nothing would be admitted."""
    plane = None if named_kubeconfig() else running(workspace)
    for part in ONLY_LIVE:
        if record := processes.read(workspace.run, part):
            processes.stop(workspace.run, record)
    _stop_at_once(workspace, live.processes_of(workspace))
    live.leave(workspace)
    if plane:
        api = Api(workspace.kubernetes / "pki", "admin", int(plane.server.rpartition(":")[2]))
        with _told(workspace, "that no webhook is asked any more"):
            for kind in WEBHOOKS:
                for each in api.call("GET", f"{ADMISSION}/{kind}")["items"] or []:
                    if any("service" in hook["clientConfig"] for hook in each.get("webhooks", [])):
                        api.call("DELETE", f"{ADMISSION}/{kind}/{each['metadata']['name']}")
            for each in api.call("GET", f"{ADMISSION}/{RULES}")["items"] or []:
                if each["metadata"]["name"] in OF_THE_INJECTOR:
                    api.call("DELETE", f"{ADMISSION}/{RULES}/{each['metadata']['name']}")


def forget(workspace: Workspace) -> None:
    """Throws away all that the cluster held, its keys included; stops it first."""
    stop(workspace)
    workloads.forget(workspace)
    live.leave(workspace)
    shutil.rmtree(workspace.kubernetes, ignore_errors=True)


def _own(workspace: Workspace, port: int) -> ControlPlane:
    return ControlPlane(workspace.kubernetes / "kubeconfig", f"https://127.0.0.1:{port}", ours=True)


def _start(workspace: Workspace, alive: dict[str, Record], missing: list[str]) -> None:
    folder = workspace.kubernetes
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    ports, moved = _choose_ports(workspace, alive)
    # Who was told a port that is another's now is started anew, with all that follow it.
    outdated = {API, *FOLLOWING} if {ETCD, API, EGRESS} & moved else set()
    for part in [part for part in reversed((*PARTS, *ONLY_LIVE)) if part in outdated and part in alive]:
        processes.stop(workspace.run, alive.pop(part))
        missing.append(part)
    pki.make(folder / "pki")
    configuration.write(folder, ports[API], ports[EGRESS])
    api = Api(folder / "pki", "admin", ports[API], timeout=PATIENCE)

    def begin(part: str) -> None:
        processes.start(
            part,
            command(workspace, part, ports),
            port=ports.get(part, 0),
            folder=workspace.run,
            log=_log(workspace, part),
            ready=_ready(workspace, part, ports),
            environment=environment(workspace),
        )

    _at_once((lambda part=part: begin(part)) for part in (ETCD, API) if part in missing)
    if {KWOK, *OURS, *ONLY_LIVE} & set(missing):
        with _told(workspace, "the permissions of its parts"):
            definitions.permit(api)
    _at_once(
        [
            *((lambda part=part: begin(part)) for part in FOLLOWING if part in missing),
            lambda: _define(workspace, ports[API]),
        ]
    )


def _define(workspace: Workspace, port: int) -> None:
    folder = workspace.kubernetes
    api = Api(folder / "pki", "admin", port, timeout=PATIENCE)
    with _told(workspace, "the resource definitions"):
        definitions.define(api, workspace.sources / "crds", folder / DEFINED)


@contextmanager
def _told(workspace: Workspace, what: str) -> Iterator[None]:
    """What the API server does not take, or not in time, becomes one line with what to do."""
    try:
        yield
    except (ApiError, definitions.NotEstablished, OSError) as error:
        raise StartFailed(
            f"The API server did not take {what}: {str(error) or type(error).__name__}. Run the same command again, "
            f"when the machine has less to do; what the server said is in {_log(workspace, API)}."
        ) from None


def _choose_ports(workspace: Workspace, alive: dict[str, Record]) -> tuple[dict[str, int], set[str]]:
    """A port for each part, the last time's while it is free; and who got another one."""
    last = _ports(workspace) | {part: record.port for part, record in alive.items()}
    ports: dict[str, int] = {}
    for name in LISTENING:  # etcd's port for peers, of which it has none, is told to nobody
        if name in alive:
            ports[name] = alive[name].port
            continue
        ports[name] = processes.choose_port(None, preferred=last.get(name), taken=ports.values())
    (workspace.home / "kubernetes.ports").write_text(json.dumps(ports))
    return ports, {name for name, port in ports.items() if last.get(name) != port}


def _ports(workspace: Workspace) -> dict[str, int]:
    # Outlives the cluster, so that a kubeconfig which somebody copied still leads to the right port.
    try:
        found: dict[str, int] = json.loads((workspace.home / "kubernetes.ports").read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return found


def _ready(workspace: Workspace, part: str, ports: dict[str, int]) -> Callable[[], bool]:
    keys = workspace.kubernetes / "pki"
    if part == ETCD:
        etcd = Api(keys, "etcd-client", ports[ETCD], authority=pki.ETCD_CA, timeout=2)
        return lambda: etcd.ready("/health")
    if part in {*OURS, *ONLY_LIVE}:
        return lambda: is_ready(_log(workspace, part))
    if part == KWOK:
        return lambda: _answers(f"http://127.0.0.1:{ports[KWOK]}/healthz")
    server = Api(keys, "admin", ports[part], timeout=2)
    return lambda: server.ready("/readyz" if part == API else "/healthz")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1):  # noqa: S310 (a loopback address)
            return True
    except OSError:
        return False


def _log(workspace: Workspace, part: str) -> Path:
    return workspace.logs / f"{part}.log"


def _stop_at_once(workspace: Workspace, records: Iterable[Record]) -> None:
    _at_once((lambda record=record: processes.stop(workspace.run, record)) for record in records)


def _at_once(tasks: Iterable[Callable[[], object]]) -> None:
    """Does all of them at the same time; raises the first one's error when all have ended."""
    with ThreadPoolExecutor() as pool:
        for future in [pool.submit(task) for task in tasks]:
            future.result()


def _server_of(kubeconfig: Path) -> str:
    """The address that a kubeconfig's current context leads to."""
    try:
        content = yaml.safe_load(kubeconfig.read_text())
        context = next(one["context"] for one in content["contexts"] if one["name"] == content["current-context"])
        server: str = next(one["cluster"]["server"] for one in content["clusters"] if one["name"] == context["cluster"])
    except (OSError, yaml.YAMLError, KeyError, TypeError, StopIteration) as error:
        raise Unreachable(
            f"PARAPET_KUBECONFIG={kubeconfig} is no kubeconfig with a current context "
            f"({type(error).__name__}: {error}). Name one, or unset it for a control plane on this machine."
        ) from None
    return server
