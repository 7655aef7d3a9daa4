"""The end of a workload: nobody is led to it any more, then it is asked to, and has the time that its pod has."""

import time
from contextlib import suppress
from dataclasses import dataclass

import psutil

from local import processes
from local.kubernetes import live
from local.kubernetes.workloads import processes_of
from local.processes import Record
from local.workspace import Workspace

GRACE = 60.0  # seconds; more than any pod of the stack's has
AWAITED = 1.0  # seconds that a look waits for one that was asked to end
WITHDRAWN = 15.0  # seconds that the mesh is given to lead nobody to it


@dataclass
class _End:
    begun: float
    asked: float = 0.0


class Ends:
    """What is ending, by the names of its records."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._ends: dict[str, _End] = {}

    def others(self, wanted: set[str]) -> None:
        """Goes on ending all that is not among these."""
        for record in processes_of(self._workspace):
            if record.name not in wanted:
                self._go_on(record, self._ends.setdefault(record.name, _End(time.monotonic())))
        self._ends = {name: end for name, end in self._ends.items() if name not in wanted or end.asked}

    def asked(self, name: str) -> bool:
        """Whether it was asked to end, so that another one has to take its place where it is wanted again."""
        return name in self._ends and bool(self._ends[name].asked)

    def forget(self, name: str) -> None:
        """Another one has taken its place."""
        self._ends.pop(name, None)

    def _go_on(self, record: Record, end: _End) -> None:
        now = time.monotonic()
        if not end.asked:
            if live.leads_to(self._workspace, record.name) and now < end.begun + WITHDRAWN:
                return
            end.asked = now
            with suppress(psutil.NoSuchProcess, psutil.TimeoutExpired):
                process = psutil.Process(record.pid)
                process.terminate()
                process.wait(AWAITED)
        if not record.alive() or now > end.asked + GRACE:
            processes.stop(self._workspace.run, record, patience=1)
            self._ends.pop(record.name, None)
            print(f"{record.name} ended.", flush=True)
