"""A model that is good for another population passed its gates, was approved, and comes to ours."""

import re
from typing import Final

from cli.demo import releasing, rollout
from cli.demo.walk import MODEL, Demo
from cli.gameday import served
from cli.gameday.served import OURS, THEIRS, Calls
from cli.gameday.world import World

MORE: Final = re.compile(r"(?<=\.\d{3})\d+")
"""Digits of a figure that nobody needs, and that an incident's record refuses: a record's number may be as long."""


class BadModel:
    """The fault, with who asks meanwhile: without calls nothing is judged."""

    def __init__(self) -> None:
        self._calls = Calls()
        self._demo: Demo | None = None

    def prepare(self, world: World) -> None:
        self._demo = served.ready(world)
        self._calls.begin(self._demo, OURS)

    def inject(self, world: World) -> None:
        """From the decision on: it is what was wrong."""
        releasing.promote(self._prepared, THEIRS)
        releasing.release(self._prepared)

    def detected(self, world: World) -> str:
        seen = rollout.look(world.shell, MODEL)
        if seen.phase != rollout.ENDED:
            return ""
        judged = MORE.sub("", rollout.judged(world.shell))
        return f"Argo Rollouts has let version {seen.version} of {MODEL} go: {judged}."

    def recovered(self, world: World) -> bool:
        """Whether ledger and Rollout say the same version, and that has all calls."""
        if mended := served.serves(self._prepared):
            self._calls.end()
        return mended

    def undo(self, world: World) -> None:
        self._calls.end()
        served.take_back(world, THEIRS)

    @property
    def _prepared(self) -> Demo:
        assert self._demo, "prepared first"
        return self._demo


FAULT: Final = served.fault(
    BadModel(),
    name="bad-model",
    about="a version that learnt from another population is promoted to production",
    runbook="failed-canary",
)
