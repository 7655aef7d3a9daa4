"""The model that the demo has left: with what a game day of a model begins, who asks it meanwhile, and the way back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from cli import mlflow
from cli.demo import releasing, rollout
from cli.demo.calls import Caller
from cli.demo.rollout import Seen
from cli.demo.shell import wait
from cli.demo.walk import MODEL, STACK, Demo
from cli.gameday.fault import Fault
from cli.gameday.world import World
from cli.output import Refused

OURS: Final = "next"
THEIRS: Final = "theirs"
"""Runs of the demo: the model that is good for those who are asked about, and that of another population."""
DOCUMENTED: Final = "readmission"
"""The model that the runbooks' commands are written for."""
WHY: Final = "A game day was ended before its runbook had mended it."
WITHIN: Final = 300.0
"""Seconds in which a model's fault is detected, and again in which it is mended."""
STARTS: Final = 120.0
"""Seconds in which MLflow, that keeps the ledger's models, runs in a stack that comes up."""


class OfAModel(Protocol):
    """A fault of a model, with who asks it meanwhile."""

    def prepare(self, world: World) -> None: ...
    def inject(self, world: World) -> None: ...
    def detected(self, world: World) -> str: ...
    def recovered(self, world: World) -> bool: ...
    def undo(self, world: World) -> None: ...


def fault(own: OfAModel, *, name: str, about: str, runbook: str) -> Fault:
    """As a game day takes it."""
    return Fault(
        name=name,
        about=about,
        runbook=runbook,
        prepare=own.prepare,
        inject=own.inject,
        detected=own.detected,
        recovered=own.recovered,
        undo=own.undo,
        named=lambda world: named(_last(world)),
        within=WITHIN,
        live=True,
    )


def ready(world: World) -> Demo:
    """The last demo, signed in, of whose model the version that the ledger has gets all calls; where that was decided
    and not brought yet, it is. Raises Refused where there is none."""
    demo = _last(world)
    if demo:
        demo.sign_in()
    if demo is None or not (version := _version(demo)):
        raise Refused(f"No {MODEL} serves here, which this needs: run `./parapet demo` first.")
    if rollout.look(world.shell, MODEL).version != version:
        releasing.release(demo)
        rollout.walk(world.shell, MODEL, version, _has_all_calls)
    if not _has_all_calls(seen := rollout.look(world.shell, MODEL)):
        raise Refused(
            f"{MODEL} is {seen.phase or 'not known'} at version {seen.version}, and a game day begins with a model "
            "that is well: `./parapet status` tells when it is, runbooks/failed-canary.md mends one that is Degraded."
        )
    return demo


def serves(demo: Demo) -> bool:
    """Whether all calls go to the version that the ledger has, and the stack is told no other."""
    seen = rollout.look(demo.shell, MODEL)
    return seen.version == _version(demo) and _has_all_calls(seen)


def is_of(demo: Demo, run: str) -> bool:
    """Whether a run's model is the one that serves by the ledger."""
    return bool(demo.serving().get("prod", {}).get("model") == demo.end_run(run)["registered"]["model"])


def named(demo: Demo | None) -> Mapping[str, str]:
    """What a runbook's commands are told: the model, and the version that serves by the ledger."""
    return {DOCUMENTED: MODEL, "VERSION": _version(demo) if demo else ""}


def take_back(world: World, run: str) -> None:
    """Lets the version before serve, where the one of this run does by the ledger; and has the stack's settings say
    what the ledger does. Calls are led back at once, the rest comes with the next `up`. Raises Failed."""
    if not (demo := _last(world)):
        return
    wait(STARTS, lambda: mlflow.running(world.workspace), lambda: "MLflow does not run.")
    demo.sign_in()
    if not (version := _version(demo)):
        return
    if is_of(demo, run):
        world.shell.run("model", "rollback", MODEL, "--from", version, "--why", WHY, "--stack", STACK)
    else:
        world.shell.run("model", "serve", MODEL, "--stack", STACK)


@dataclass
class Calls:
    """Who asks the model, from this process: it ends with it at the latest."""

    caller: Caller | None = None
    about: str = ""

    def begin(self, demo: Demo, run: str) -> Caller:
        """From now on about the records that this run's model was tried on, and no others."""
        if self.caller and self.about == run:
            return self.caller
        self.end()
        self.caller, self.about = demo.caller(run), run
        return self.caller.__enter__()

    def end(self) -> None:
        if self.caller:
            self.caller.__exit__()
        self.caller = None


def _last(world: World) -> Demo | None:
    return Demo.last(world.shell, (OURS, THEIRS))


def _version(demo: Demo) -> str:
    """That which serves by the ledger; empty where none does."""
    return str(demo.serving().get("prod", {}).get("version", ""))


def _has_all_calls(seen: Seen) -> bool:
    return seen.phase == rollout.WELL or seen.weight == 100
