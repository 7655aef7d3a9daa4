"""The controllers that the stack installs, as processes of this machine, for `./parapet up --live`.

KWOK plays the kubelet for every pod. Here the first pod of each controller's Deployment really runs: with that pod's
arguments, variables and service account, and marked as running only once its process answers.
"""

import json
import shutil
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Any

from local import processes
from local.kubernetes.workloads.replicas import Held, on_trial
from local.processes import Record
from local.workspace import Workspace

__all__ = [
    "PREFIX",
    "Part",
    "State",
    "asked_for",
    "enter",
    "holds",
    "leads_to",
    "leave",
    "network",
    "processes_of",
    "runs_here",
]

PREFIX = "live-"
STATUS = "status.json"


class State(StrEnum):
    RUNNING = "running"
    STARTING = "starting"
    FAILED = "failed"


@dataclass(frozen=True)
class Part:
    """A controller that runs here, or does not yet; `message` says why."""

    name: str
    state: State
    message: str = ""


def enter(workspace: Workspace) -> None:
    """Turns the stack to its live controllers: from now on they are started, and their pods wait for them."""
    workspace.live.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not asked_for(workspace):
        (workspace.live / "network").write_text(_network(workspace))


def leave(workspace: Workspace) -> None:
    """Turns it back, without a token left; the processes are ended before."""
    shutil.rmtree(workspace.live, ignore_errors=True)


def asked_for(workspace: Workspace) -> bool:
    """Whether the stack has live controllers."""
    return workspace.live_network is not None


def network(workspace: Workspace) -> str:
    """The first three numbers of this stack's loopback addresses: two stacks beside each other have fixed ports too."""
    found = workspace.live_network
    assert found, "asked of a stack with live parts"
    return found


def load_balancer_address(workspace: Workspace) -> str | None:
    """Where a client outside comes in; None where the stack has no live parts."""
    return f"{workspace.live_network}.1" if workspace.live_network else None


def _network(workspace: Workspace) -> str:
    # 127.0.0.x is everybody's; of the rest, a place that the next run of this home finds again.
    first, second = sha256(str(workspace.home).encode()).digest()[:2]
    return f"127.{first % 254 + 1}.{second}"


def tell(
    workspace: Workspace,
    parts: list[Part],
    services: Mapping[str, Mapping[str, str]],
    led_to: Iterable[str],
    begun: float,
    jobs: Mapping[str, str] | None = None,
) -> None:
    """Writes down what a look that began at this time (seconds since the epoch) found.

    `services`: for each `NAMESPACE/NAME`, where each of its ports is here. `led_to`: the records of the workloads that
    the mesh leads to. `jobs`: by the UID of a Job's pod that has a process here, why it does not run; empty where it
    was started.
    """
    staged = workspace.live / f"{STATUS}.new"
    found = {
        "begun": begun,
        "parts": [asdict(each) for each in parts],
        "services": services,
        "led_to": sorted(led_to),
        "jobs": dict(jobs or {}),
    }
    staged.write_text(json.dumps(found))
    staged.replace(workspace.live / STATUS)


def _told(workspace: Workspace) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((workspace.live / STATUS).read_text())
    except (FileNotFoundError, ValueError):
        return {"begun": 0.0, "parts": [], "services": {}, "led_to": [], "jobs": {}}
    return found


def told(workspace: Workspace) -> tuple[float, list[Part]]:
    """When the last look began, and what it found."""
    found = _told(workspace)
    return found["begun"], [Part(**each | {"state": State(each["state"])}) for each in found["parts"]]


def services(workspace: Workspace) -> dict[str, dict[str, str]]:
    """Where the Services of the live parts are: `ADDRESS:PORT` by `NAMESPACE/NAME` and by the Service's port."""
    found: dict[str, dict[str, str]] = _told(workspace)["services"]
    return found


def leads_to(workspace: Workspace, record: str) -> bool:
    """Whether the mesh leads calls to the workload with this record."""
    return record in _told(workspace)["led_to"]


def settled(workspace: Workspace, deadline: float) -> list[Part]:
    """The parts once all run; after `deadline` seconds, what the last look found."""
    now = time.time()
    while time.time() < now + deadline:
        begun, parts = told(workspace)
        if begun >= now and parts and all(each.state is State.RUNNING for each in parts):
            return parts
        time.sleep(0.2)
    return told(workspace)[1]


def proxy_of(workload: str) -> str:
    """What the proxy beside a workload's process is called."""
    return f"{workload}-proxy"


def holds(workspace: Workspace, pod: Mapping[str, Any]) -> Held | None:
    """Why a pod is not to be called running yet: the live part that it stands for does not answer."""
    if not asked_for(workspace):
        return None
    from local.kubernetes.live.standing import is_meshed, standing_for  # a plain `up` needs none of it

    if runs_here(workspace, pod):
        why = _told(workspace).get("jobs", {}).get(pod["metadata"]["uid"], "it is being started")
        return Held("ContainerCreating", why) if why else None
    if version := on_trial(pod):
        part = proxy_of(version[1]) if is_meshed(pod) else ""
    else:
        standing = standing_for(pod)
        part = standing.name if standing and standing.holds else ""
    found = {each.name: each for each in told(workspace)[1]}.get(part)
    if not part or (found and found.state is State.RUNNING):
        return None
    return Held("ContainerCreating", found.message if found and found.message else f"{part} is being started")


def runs_here(workspace: Workspace, pod: Mapping[str, Any]) -> bool:
    """Whether a pod is a Job's that has a process here, with which it ends."""
    if not asked_for(workspace):
        return False
    from local.kubernetes.live.jobs import image_of  # a plain `up` needs none of it

    return bool(image_of(pod))


def processes_of(workspace: Workspace) -> list[Record]:
    """The records of the live parts' processes that live."""
    names = [file.stem for file in workspace.run.glob(f"{PREFIX}*.json")]
    return [record for name in names if (record := processes.read(workspace.run, name))]


def log_of(workspace: Workspace, part: str) -> Path:
    return workspace.logs / f"{PREFIX}{part}.log"
