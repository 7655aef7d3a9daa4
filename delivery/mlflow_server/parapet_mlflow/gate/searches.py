"""The search for runs: what may not be read is left out, by MLflow's filter and by ours.

MLflow's own leaves everything in where it fails (`filter_experiment_ids`, "Auth system not fully initialized").
"""

from collections.abc import Callable

from flask import g
from mlflow.server import auth

from parapet_mlflow.gate.caller import READ, TRACKING, Asking, asking
from parapet_mlflow.gate.world import Database

Filter = Callable[[list[str]], list[str]]


class _Both:
    def __init__(self, theirs: Filter, world: Database) -> None:
        self._theirs, self._world = theirs, world

    def __call__(self, experiments: list[str]) -> list[str]:
        caller = self._world.caller(g.mlflow_authenticated_user, TRACKING)
        if caller is None:
            return []
        asking.set(Asking(caller))  # so that theirs finds what was just read
        return [each for each in self._theirs(experiments) if caller.within(each, "run") >= READ]


def install(world: Database) -> None:
    """Doing it again adds nothing."""
    if not isinstance(auth.filter_experiment_ids, _Both):
        auth.filter_experiment_ids = _Both(auth.filter_experiment_ids, world)
