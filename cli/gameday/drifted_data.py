"""What a model is asked changes: another population's records come, as from an analyser that measures otherwise."""

from time import sleep
from typing import Final, NamedTuple

from cli.demo import releasing, rollout
from cli.demo.alerts import Pager
from cli.demo.drifting import DRIFTED, RUNBOOK, noticed
from cli.demo.shell import wait
from cli.demo.walk import MODEL, Demo
from cli.gameday import served
from cli.gameday.served import OURS, THEIRS, Calls
from cli.gameday.world import World

CALM: Final = 240.0
"""Seconds in which a page ends once nothing speaks for it: windows, and what Prometheus and Alertmanager wait for."""
FORGETS: Final = 75.0
"""Seconds in which Alertmanager forgets that it told of one that is over: it looks at what it grouped once a minute
(`platform/mlops/monitoring/routes.py`), and until then another would be the same, of which nobody is told anew. That
drift is over it tells nobody."""


class Day(NamedTuple):
    """What looks, and who is paged."""

    demo: Demo
    pager: Pager


class DriftedData:
    """The fault, with who asks meanwhile."""

    def __init__(self) -> None:
        self._calls = Calls()
        self._day: Day | None = None

    def prepare(self, world: World) -> None:
        """A version that can be gone back from, and no page: that of the demo is open until checks find nothing."""
        demo = served.ready(world)
        pager = Pager.listens(world, demo.alerts_topic)
        self._day = Day(demo, pager)
        before = pager.open(MODEL)
        self._calls.begin(demo, OURS)
        if not served.is_of(demo, OURS):
            releasing.promote(demo, OURS)
            rollout.walk(world.shell, MODEL, releasing.release(demo), lambda seen: seen.weight == 100)
        wait(
            CALM,
            self._is_calm,
            lambda: f"{MODEL} drifts, or a page says so, without a game day: runbooks/data-drift.md.",
        )
        if before:
            sleep(FORGETS)

    def inject(self, world: World) -> None:
        """The checks are made at once that come each day."""
        demo = self._prepared.demo
        noticed(demo, self._calls.begin(demo, THEIRS))

    def detected(self, world: World) -> str:
        """Not what checks say: what arrives."""
        told = self._prepared.pager.rings(MODEL)
        return f"{told.subject}, told by Alertmanager to who is paged." if told else ""

    def recovered(self, world: World) -> bool:
        """Whether the version before has all calls, and a check of it finds no drift, now that the feed is as it was:
        that is not mended by commands here, but by who brings it. When the page ends, some windows later, is not waited
        for."""
        demo = self._prepared.demo
        if not served.serves(demo):
            return False
        self._calls.begin(demo, OURS)  # the first window from then on may have some of before
        found = demo.checks.run()
        if mended := bool(found["enough"] and not found["drifted"]):
            self._calls.end()
        return mended

    def undo(self, world: World) -> None:
        """In the end the version before serves, as after the runbook."""
        self._calls.end()
        served.take_back(world, OURS)

    def _is_calm(self) -> bool:
        """Whether nothing speaks for a page, by one check more, and by all who keep one open."""
        demo, pager = self._prepared
        found = demo.checks.run()
        drifts = not found["enough"] or found["kind"] in ("schema", "data")
        return not drifts and not demo.checks.paged() and not pager.open(MODEL)

    @property
    def _prepared(self) -> Day:
        assert self._day, "prepared first"
        return self._day


FAULT: Final = served.fault(
    DriftedData(),
    name=DRIFTED,
    about="a model is asked about another population, whose vital signs are measured otherwise",
    runbook=RUNBOOK,
)
