"""Runs the engine on a stack of the local workspace, and cleans up what a killed run left."""

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from local import processes
from local.plugin import journal
from local.workspace import Workspace, inherited

PROJECT = "parapet"
HASTY = {"GOGC": "400", "PARAPET_NO_DEBUG": "true"}
"""Looked through for garbage less often, the engine takes a fifth less of a core, and some hundred MB more. A program
sends it no messages for debugging, which it shows where it is asked to (`--debug`), and it is not."""
WRITTEN_ONCE = {"PULUMI_EXPERIMENTAL": "true", "PULUMI_SKIP_CHECKPOINTS": "true"}
"""The engine writes a run's state at its end, and not, as by itself, before and after each resource: megabytes of JSON
each time, more than half of a run that makes hundreds. What a killed run made is in the stand-ins' journal."""


class EngineFailed(Exception):
    """A command of the engine that prepares a run failed. The text has its words."""


class Busy(Exception):
    """Another run of the engine holds the stack."""


def keep_no_logs(home: Path) -> None:
    """Keeps the engine from logging every property of every resource in its home.

    It has no setting for that. The log takes two fifths of its time on a run without a change, and grows to 500 MB;
    where a file is in the place of its folder, the engine goes on without.
    """
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "logs").exists():
        (home / "logs").touch()


class Engine:
    """The `pulumi` command with the variables of the local stack, and with none that would lead elsewhere."""

    def __init__(
        self, workspace: Workspace, variables: Mapping[str, str], stack: str, *, journaled: bool = True
    ) -> None:
        """`journaled` is whether all plugins keep the stand-ins' journal."""
        self.workspace = workspace
        self.written = WRITTEN_ONCE if journaled else {}
        self.stack = stack
        path = f"{workspace.bin}{os.pathsep}{os.environ.get('PATH', '')}"
        self.environment = inherited() | dict(variables) | HASTY | {"PATH": path, "PULUMI_DEBUG_COMMANDS": "true"}
        self.unwritten = False

    def run(self, *arguments: str) -> int:
        """Runs a command with the user's own terminal, and returns its exit status. The engine handles Ctrl-C."""
        return self._run(arguments, {})

    def _run(self, arguments: Sequence[str], more: Mapping[str, str]) -> int:
        before = signal.signal(signal.SIGINT, lambda *_: None)
        try:
            process = subprocess.Popen(
                self._command(arguments),
                cwd=self.workspace.root,
                env={**self.environment, **more},
                preexec_fn=_end_with_parent,
            )
            signal.signal(signal.SIGTERM, lambda *_: process.send_signal(signal.SIGINT))
            return process.wait()
        finally:
            signal.signal(signal.SIGINT, before)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def quietly(self, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """Runs a command with `given` on its standard input and keeps what it says; raises EngineFailed if it fails."""
        told = self.told(*arguments, given=given)
        if told.returncode:
            raise EngineFailed(f"`pulumi {' '.join(arguments)}` failed: {(told.stderr or told.stdout).strip()}")
        return told

    def told(self, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """The same, for who reads by themselves why it failed."""
        return subprocess.run(
            self._command(arguments),
            cwd=self.workspace.root,
            env=self.environment,
            capture_output=True,
            text=True,
            input=given,
        )

    def _command(self, arguments: Sequence[str]) -> list[str]:
        return [str(self.workspace.bin / "pulumi"), *arguments]

    def version(self) -> str:
        """The engine's version, as it tells it: `v3.259.0`."""
        return self.quietly("version").stdout.strip()

    def ensure_stack(self) -> None:
        """Makes the stack in the local backend where it is missing."""
        self.workspace.state.mkdir(parents=True, exist_ok=True)
        keep_no_logs(Path(self.environment["PULUMI_HOME"]))
        if not self._state_file().exists():
            self.quietly("stack", "init", self.stack, "--no-select")

    def release_stale_lock(self, patience: float = 60) -> None:
        """Removes the locks of runs that were killed; waits for one that still ends (`patience` in seconds).

        Raises Busy where a run goes on.
        """
        limit = time.monotonic() + patience
        while locks := [lock for lock in self._locks() if _remove_if_stale(lock)]:
            if time.monotonic() > limit:
                raise Busy(
                    f"Another run holds the stack {self.stack} (process {_holder(locks[0])}). "
                    "Wait for its end, or end it."
                )
            time.sleep(0.5)

    def change(self, *arguments: str) -> int:
        """Runs a command that changes the stack; its state is written at its end alone where a journal is kept."""
        self.workspace.running.write_text(self._version_of_state())
        return self._run(arguments, self.written)

    def _version_of_state(self) -> str:
        return str(self._state_file().stat().st_mtime_ns) if self._state_file().exists() else ""

    def settle(self) -> int:
        """Takes up what a run that was killed has left; returns how many things it was making or had made.

        Whether the last run was killed before it wrote its state is told by `unwritten` from then on.

        What is in no state stands in a file that the stand-ins are told of (`journal.LEFT`), until a run succeeds
        (`forget_left`): they take each for their own where the program still wants it.
        """
        before = self.workspace.running
        self.unwritten = before.exists() and before.read_text() == self._version_of_state()
        before.unlink(missing_ok=True)
        state = self.deployment()  # once: it is megabytes
        if state.get("pending_operations"):
            self._drop_pending()
        held = {(resource["urn"], resource.get("id")) for resource in state.get("resources") or []}
        journals = self.workspace.unfinished, self.workspace.created
        left = {urn: one for urn, one in journal.read(*journals).items() if (urn, one.id) not in held}
        if left:
            journal.write(self.workspace.unfinished, left)
            self.environment[journal.LEFT] = str(self.workspace.unfinished)
        else:
            self.workspace.unfinished.unlink(missing_ok=True)
        self.workspace.created.unlink(missing_ok=True)
        return len(left)

    def _drop_pending(self) -> None:
        """The engine's own record of what a run was making, which it keeps where it writes its state each time."""
        state = json.loads(self.quietly("stack", "export", "--stack", self.stack).stdout)
        state["deployment"]["pending_operations"] = []
        self.quietly("stack", "import", "--stack", self.stack, given=json.dumps(state))

    def forget_left(self) -> None:
        """After a run that made all that there is to make."""
        self.workspace.unfinished.unlink(missing_ok=True)

    def forget_stack(self) -> None:
        """Drops the state of a stack whose account goes."""
        self.quietly("stack", "rm", "--force", "--yes", "--preserve-config", "--stack", self.stack)

    def _locks(self) -> list[Path]:
        return sorted((self.workspace.state / ".pulumi" / "locks").glob(f"organization/{PROJECT}/{self.stack}/*.json"))

    def _state_file(self) -> Path:
        return self.workspace.state / ".pulumi" / "stacks" / PROJECT / f"{self.stack}.json"

    def deployment(self) -> dict[str, Any]:
        """The stack's state as the backend has it, or an empty one. A file: asking the engine costs a second."""
        try:
            latest = json.loads(self._state_file().read_text())["checkpoint"]["latest"]
        except (FileNotFoundError, ValueError, KeyError):
            return {}
        return latest or {}

    def resources(self) -> list[dict[str, Any]]:
        """The resources in the state, the stack itself and the providers left out."""
        return [
            resource
            for resource in self.deployment().get("resources", [])
            if not resource["type"].startswith("pulumi:") and not resource.get("delete")
        ]

    def outputs(self) -> dict[str, Any]:
        """What the stack tells, as the state has it; nothing of one that is not there."""
        stacks = [each for each in self.deployment().get("resources", []) if each["type"] == "pulumi:pulumi:Stack"]
        return dict(stacks[0].get("outputs") or {}) if stacks else {}


def _holder(lock: Path) -> int | None:
    try:
        return int(json.loads(lock.read_text())["pid"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def _remove_if_stale(lock: Path) -> bool:
    """Whether the lock is held by an engine that lives; otherwise it is removed."""
    pid = _holder(lock)
    try:
        if pid is not None and "pulumi" in psutil.Process(pid).name():
            return True
    except psutil.NoSuchProcess:
        pass
    lock.unlink(missing_ok=True)
    return False


def _end_with_parent() -> None:
    # Linux: a command line that is killed must not leave an engine at work. SIGINT lets it end what it has begun.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGINT)  # PR_SET_PDEATHSIG


def end_leftovers(workspace: Workspace, patience: float = 30) -> None:
    """Ends engines and plugins of this workspace that outlived their command (found by its PULUMI_HOME)."""
    mine = [process for process in psutil.process_iter() if _belongs(process, workspace)]
    for process in mine:
        processes.signal_quietly(process, signal.SIGINT)
    for process in processes.still_there(mine, patience):
        processes.signal_quietly(process, signal.SIGKILL)


def _belongs(process: psutil.Process, workspace: Workspace) -> bool:
    try:
        home = process.environ().get("PULUMI_HOME", "") if process.name() == "pulumi" else ""
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False
    return Path(home).is_relative_to(workspace.home)
