"""The workloads whose images are built from this repository, as processes of this machine.

KWOK plays the kubelet for every pod; here the first replica of those that this repository has the code of really runs,
with what the API server has of it.
"""

import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from local import processes
from local.processes import Record
from local.workspace import Workspace

__all__ = ["State", "Workload", "forget", "processes_of", "settled", "told"]

PREFIX = "workload-"
STATUS = "status.json"


def record_of(namespace: str, name: str) -> str:
    """What the record of a workload's process is called."""
    return f"{PREFIX}{namespace}-{name}"


class State(StrEnum):
    RUNNING = "running"
    STARTING = "starting"
    FAILED = "failed"


@dataclass(frozen=True)
class Workload:
    """A Deployment, or a Rollout's ReplicaSet, that runs here, or does not; `message` says why."""

    namespace: str
    name: str
    state: State
    port: int
    """Where it is called."""
    message: str = ""
    ports: Mapping[str, int] = field(default_factory=dict)
    """All of its ports here, by their names."""
    on_trial: bool = False
    """Whether it is one version of several, of which some may not run: a Rollout's ReplicaSet."""

    @property
    def record(self) -> str:
        """What the record of its process is called."""
        return record_of(self.namespace, self.name)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def tell(workspace: Workspace, begun: float, workloads: list[Workload]) -> None:
    """Writes down what a look that began at this time (seconds since the epoch) found."""
    staged = workspace.workloads / f"{STATUS}.new"
    staged.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    staged.write_text(json.dumps({"begun": begun, "workloads": [asdict(each) for each in workloads]}))
    staged.replace(workspace.workloads / STATUS)


def told(workspace: Workspace) -> tuple[float, list[Workload]]:
    """When the last look began, and what it found."""
    try:
        found = json.loads((workspace.workloads / STATUS).read_text())
    except (FileNotFoundError, ValueError):
        return 0, []
    return found["begun"], [_read(each) for each in found["workloads"]]


def _read(each: dict[str, Any]) -> Workload:
    return Workload(**each | {"state": State(each["state"])})


def settled(workspace: Workspace, deadline: float, patience: float) -> list[Workload]:
    """What runs once the cluster of this moment was looked at; after `deadline` seconds, what the last look found.

    What fails is given `patience` seconds to come right: its database may not be there yet. Nobody waits for a version
    that is on trial.
    """
    now = time.time()
    failing = None
    while time.time() < now + deadline:
        begun, workloads = told(workspace)
        if begun >= now:
            waited_for = {each.state for each in workloads if not each.on_trial}
            if waited_for <= {State.RUNNING}:
                return workloads
            if State.FAILED in waited_for:
                failing = failing or time.time()
                if time.time() > failing + patience:
                    return workloads
        time.sleep(0.2)
    return told(workspace)[1]


def processes_of(workspace: Workspace) -> list[Record]:
    """The records of the workloads' processes that live."""
    names = [file.stem for file in workspace.run.glob(f"{PREFIX}*.json")]
    return [record for name in names if (record := processes.read(workspace.run, name))]


def forget(workspace: Workspace) -> None:
    """Removes the workloads' files, secrets among them."""
    shutil.rmtree(workspace.workloads, ignore_errors=True)
