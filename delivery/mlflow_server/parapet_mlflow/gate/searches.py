"""What a search shows: whatever the caller may not read is left out in the database, before anything is counted.

MLflow takes out of an answer what may not be read, after it was found: the token of the next page then tells that
there is more, and how much, so that a filter asks about other teams' names, tags and parameters, one comparison at a
time. And its filter of experiments before a search for runs leaves everything in where it fails
(`filter_experiment_ids`, "Auth system not fully initialized").
"""

from collections.abc import Callable, Iterable
from typing import Any

from flask import g
from mlflow.entities import EntityAssociationType
from mlflow.prompt.constants import IS_PROMPT_TAG_KEY
from mlflow.server import auth
from mlflow.store.model_registry.dbmodels.models import SqlModelVersion, SqlRegisteredModel, SqlRegisteredModelTag
from mlflow.store.tracking.dbmodels.models import (
    SqlEntityAssociation,
    SqlEvaluationDataset,
    SqlExperiment,
    SqlLoggedModel,
    SqlRun,
)
from sqlalchemy import and_, event, func, not_, or_, select
from sqlalchemy.orm import ORMExecuteState, Session, aliased, with_loader_criteria

from parapet_mlflow.gate.caller import READ, REGISTRY, TRACKING, Asking, Caller, asking
from parapet_mlflow.gate.world import Database

Filter = Callable[[list[str]], list[str]]

_TAG, _OF = aliased(SqlRegisteredModelTag), aliased(SqlEntityAssociation)
PROMPTS = select(_TAG.name).where(_TAG.key == IS_PROMPT_TAG_KEY, func.lower(_TAG.value) == "true").correlate(None)


class _Both:
    """MLflow's filter of the experiments of a search for runs, and ours."""

    def __init__(self, theirs: Filter, world: Database) -> None:
        self._theirs, self._world = theirs, world

    def __call__(self, experiments: list[str]) -> list[str]:
        about = asking.get()
        if about is None or about.caller is None:
            # What theirs asks for is then found there.
            about = Asking(self._world.caller(g.mlflow_authenticated_user, TRACKING | REGISTRY), searches=True)
            asking.set(about)
        if (caller := about.caller) is None:
            return []
        return [each for each in self._theirs(experiments) if caller.within(each, "run") >= READ]


def install(world: Database) -> None:
    """Doing it again adds nothing."""
    if not isinstance(auth.filter_experiment_ids, _Both):
        auth.filter_experiment_ids = _Both(auth.filter_experiment_ids, world)
        event.listen(Session, "do_orm_execute", _narrow)


def criteria(caller: Caller) -> list[Any]:
    """Of whatever is read in a search: what this account may read."""
    if caller.has_everything:
        return []
    conditions = {
        SqlExperiment: in_experiments(SqlExperiment.experiment_id, caller),
        SqlRun: in_experiments(SqlRun.experiment_id, caller, "run"),
        SqlLoggedModel: in_experiments(SqlLoggedModel.experiment_id, caller, "logged_model"),
        SqlEvaluationDataset: _of_all_experiments(SqlEvaluationDataset.dataset_id, caller),
        SqlRegisteredModel: _registered(SqlRegisteredModel.name, caller),
        SqlModelVersion: _registered(SqlModelVersion.name, caller),
    }
    return [with_loader_criteria(kind, condition) for kind, condition in conditions.items()]


def _narrow(state: ORMExecuteState) -> None:
    about = asking.get()
    if about is None or not about.searches or about.caller is None:
        return
    # What is loaded with what was found has its conditions already.
    if state.is_select and not state.is_column_load and not state.is_relationship_load:
        state.statement = state.statement.options(*criteria(about.caller))


def in_experiments(column: Any, caller: Caller, kind: str = "", level: int = READ) -> Any:
    """The rows whose experiment has that level for the caller, or its runs, traces or logged models have."""
    every, names = caller.experiments_with(kind, level)
    return _among(column, every, [int(name) for name in names if name.isdigit()])


def _of_all_experiments(column: Any, caller: Caller) -> Any:
    """The data sets of whose experiments none is closed to the caller."""
    every, names = caller.experiments_with("", READ)
    closed = select(_OF.source_id).where(
        _OF.source_type == EntityAssociationType.EVALUATION_DATASET,
        _OF.destination_type == EntityAssociationType.EXPERIMENT,
        not_(_among(_OF.destination_id, every, names)),
    )
    return column.not_in(closed.correlate(None))


def _registered(column: Any, caller: Caller) -> Any:
    is_prompt = column.in_(PROMPTS)
    return or_(
        and_(not_(is_prompt), _among(column, *caller.readable("registered_model"))),
        and_(is_prompt, _among(column, *caller.readable("prompt"))),
    )


def _among(column: Any, every: bool, names: Iterable[Any]) -> Any:
    return column.not_in(names) if every else column.in_(names)
