"""What is deleted along with something else: no assessment that the caller could not delete by itself.

Where a run is deleted, or an experiment with its runs, MLflow deletes the assessments that name the run as what they
come from (`SqlAlchemyStore._mark_run_deleted`), whatever experiment their traces are of: who may no longer write to
another team's traces took from them, so, what he had once judged.
"""

from mlflow.store.tracking.dbmodels.models import SqlAssessments, SqlTraceInfo
from sqlalchemy import event, select
from sqlalchemy.orm import ORMExecuteState, Session

from parapet_mlflow.gate.caller import EDIT, asking
from parapet_mlflow.gate.searches import in_experiments


def install() -> None:
    """For all that requests delete. Doing it again adds nothing."""
    if not event.contains(Session, "do_orm_execute", _narrow):
        event.listen(Session, "do_orm_execute", _narrow)


def _narrow(state: ORMExecuteState) -> None:
    if (about := asking.get()) is None or not state.is_delete:
        return
    if SqlAssessments.__mapper__ not in state.all_mappers:
        return
    of = select(SqlTraceInfo.request_id)
    if about.caller is None:  # which no request is that deletes something
        of = of.where(SqlTraceInfo.request_id.in_([]))
    else:
        of = of.where(in_experiments(SqlTraceInfo.experiment_id, about.caller, "trace", EDIT))
    state.statement = state.statement.where(SqlAssessments.trace_id.in_(of))
