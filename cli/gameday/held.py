"""Which fault is in: one at a time, known also to who comes after a game day that was killed."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from cli.output import Refused, note
from local.workspace import Workspace


@dataclass(frozen=True)
class Held:
    """A game day, by its process: `started` (seconds since the epoch) tells it from a later one with the same id."""

    fault: str
    incident: str
    pid: int
    started: float

    def is_ours(self) -> bool:
        """Whether this process is of that game day: what a runbook types is."""
        return self.pid in {os.getpid(), *(each.pid for each in psutil.Process().parents())}

    def alive(self) -> bool:
        try:
            return abs(psutil.Process(self.pid).create_time() - self.started) < 1
        except psutil.NoSuchProcess:
            return False


def folder(workspace: Workspace) -> Path:
    """What game days leave: their reports."""
    return workspace.home / "gameday"


def name(workspace: Workspace, fault: str) -> str:
    """What the next one's incident is called: each has another name as long as this home is there."""
    counter = folder(workspace) / "number"
    counter.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    number = int(counter.read_text()) + 1 if counter.exists() else 1
    counter.write_text(str(number))
    return f"gameday-{fault}-{number}"


def begin(workspace: Workspace, fault: str, incident: str) -> None:
    """From now on a fault may be in, until `end`; raises Refused where another's may be."""
    own = Held(fault, incident, os.getpid(), psutil.Process().create_time())
    staged = workspace.gameday.with_name(f"gameday.{own.pid}")
    staged.write_text(json.dumps(asdict(own)))
    try:
        os.link(staged, workspace.gameday)  # whole, and by one alone
    except FileExistsError:
        raise Refused(_under_way(_read(workspace.gameday))) from None
    finally:
        staged.unlink()


def end(workspace: Workspace) -> None:
    workspace.gameday.unlink(missing_ok=True)


def mend_left(workspace: Workspace) -> None:
    """Takes back what a game day has left that was killed; raises Refused where another than our own is under way."""
    if not (left := _read(workspace.gameday)):
        return
    if left.alive():
        if left.is_ours():
            return
        raise Refused(_under_way(left))
    from cli.demo.shell import Failed, Shell
    from cli.gameday.faults import FAULTS
    from cli.gameday.world import World

    world = World(Shell(workspace, lambda _: None))
    for fault in FAULTS:
        if fault.name == left.fault:
            note(
                f"A game day was killed with its fault {fault.name} in the stack: it is taken back. Its incident "
                f"{left.incident} is open, if the fault was detected by then."
            )
            try:
                fault.undo(world)
            except Failed as error:
                raise Refused(f"{error}\nIt is still in: `./parapet down`, then `up`, makes a stack without.") from None
    end(workspace)


def _read(file: Path) -> Held | None:
    try:
        return Held(**json.loads(file.read_text()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError):
        return Held("", "", 0, 0)  # nothing of ours


def _under_way(other: Held | None) -> str:
    of = f", {other.fault}, by process {other.pid}" if other else ""
    return (
        f"A game day is under way{of}, and one fault at a time is enough: wait, or end it, and it takes its own back."
    )
