"""One game day, in its order: refused or begun, the fault, what the stack says, the runbook, the record."""

import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

from cli.demo.shell import Failed, wait
from cli.gameday import held, marked
from cli.gameday.fault import Fault
from cli.gameday.world import STACK, World
from cli.output import Refused, note
from local.aws import server
from local.engine.run import Engine
from local.kubernetes import live
from local.workspace import Workspace, named_kubeconfig


def check(workspace: Workspace, fault: Fault) -> None:
    """Raises Refused where what would be broken is not a whole stack of this machine."""
    if named := named_kubeconfig():
        raise Refused(
            f"A game day breaks things, and PARAPET_KUBECONFIG={named} names a cluster that is not of this stack "
            "alone: leave it out, and `./parapet up` makes one that may be broken."
        )
    if not server.url(workspace) or not Engine(workspace, {}, STACK).resources():
        raise Refused("A game day breaks the stack of this machine, and none runs here: `./parapet up` makes one.")
    if fault.live and not live.asked_for(workspace):
        raise Refused(f"{fault.name} needs the stack's own controllers: `./parapet up --live` runs them.")


def run(fault: Fault, world: World) -> dict[str, Any]:
    """What came of it, by the names that programs know. Whatever it raises, the fault was taken back before.

    Raises Failed where the stack does not say that the fault is in, or the runbook's commands do not mend it.
    """
    text = marked.runbook(world.workspace.root, fault.runbook)
    blocks, asked = marked.mending(text, fault.name), marked.asked(text)
    world.shell.sign_in()
    if not fault.prepare and (already := fault.detected(world)):
        raise Refused(f"It is so already, and no game day did it. {already} runbooks/{fault.runbook}.md mends it.")
    incident = held.name(world.workspace, fault.name)
    declared = False
    with _ended_by_signals():
        held.begin(world.workspace, fault.name, incident)
        begun, at = _now(), time.monotonic()
        try:
            if fault.prepare:
                fault.prepare(world)
                begun, at = _now(), time.monotonic()
            fault.inject(world)
            said = wait(fault.within, lambda: fault.detected(world), lambda: "nothing of the stack says that it is so.")
            known, seen = _now(), time.monotonic()
            world.shell.run(
                *("incident", "start", fault.runbook, "--name", incident, "--severity", "ticket", "--detected", known),
                *("--text", f"A game day. {said}"),
            )
            declared = True
            for block in blocks:
                world.run(block, fault.named(world))
            wait(fault.within, lambda: fault.recovered(world), lambda: "the runbook's commands have not mended it.")
            over = time.monotonic()
        except BaseException:
            note(f"The fault {fault.name} is taken back by what put it in.")
            fault.undo(world)
            held.end(world.workspace)
            if declared:
                with suppress(Failed):  # what was wrong is more than that
                    _close(world, incident, asked, begun, "The game day was ended, and took back what it had put in.")
            raise
        held.end(world.workspace)
    _close(world, incident, asked, begun, "The commands of its runbook mended it.")
    return {
        "fault": fault.name,
        "detected_by": said,
        "detected_seconds": round(seen - at, 1),
        "recovered_seconds": round(over - seen, 1),
        "runbook": f"runbooks/{fault.runbook}.md",
        "mended_by": [" ".join(line.split()) for each in blocks for line in marked.lines(each)],
        "incident": incident,
    }


def _close(world: World, name: str, asked: Sequence[str], begun: str, how: str) -> None:
    world.shell.run(
        *("incident", "log", name, "--what", "seen", "--happened", begun),
        *("--text", "This is when the game day began to put the fault in."),
    )
    world.shell.run("incident", "log", name, "--what", "recovered", "--text", how)
    answers = [word for each in asked for word in ("--answer", f"{each}=A game day on a local stack. {how}")]
    report = str(held.folder(world.workspace) / f"{name}.md")
    world.shell.run("incident", "close", name, "--text", how, *answers, "--out", report)


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Who ends it by a signal interrupts it, so that it takes the fault back first."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
