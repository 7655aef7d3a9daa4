"""What stays as it is, in MLflow's own tables, whichever request comes and however many at once.

The gate's check looks before MLflow acts. What is here holds in the transaction in which it acts:

- a trace stays in its experiment, and an assessment with its trace: MLflow writes over one that is there when another
  is made under its id (`SqlAlchemyStore.start_trace`);
- the grants on a registered model or prompt are of that one thing and not of its name: they go when it goes, they come
  along when it is renamed, and none is there when it is made. MLflow does it after its answer, so that a grant made
  meanwhile, or a worker that ended meanwhile, left the next team's model of that name to somebody else.

Grants that an administrator gave to a role are about names, and stay.
"""

from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import PERMISSION_DENIED
from mlflow.server.auth.db.models import SqlRole, SqlRolePermission
from mlflow.store.model_registry.dbmodels.models import SqlRegisteredModel
from mlflow.store.tracking.dbmodels.models import SqlAssessments, SqlTraceInfo
from mlflow.utils.workspace_utils import DEFAULT_WORKSPACE_NAME
from sqlalchemy import Connection, delete, event, inspect, select, update

KINDS = ("registered_model", "prompt")
OWN = select(SqlRole.id).where(
    # MLflow keeps these names to itself (`_reject_synthetic_role_name`).
    SqlRole.workspace == DEFAULT_WORKSPACE_NAME,
    SqlRole.name.startswith("__user_", autoescape=True),
)
"""The roles that are one account's own."""
GRANTS = (SqlRolePermission.resource_type.in_(KINDS), SqlRolePermission.role_id.in_(OWN))


def install() -> None:
    """For all that this process writes. Doing it again adds nothing."""
    if event.contains(SqlTraceInfo, "before_update", _trace):
        return
    event.listen(SqlTraceInfo, "before_update", _trace)
    event.listen(SqlAssessments, "before_update", _assessment)
    event.listen(SqlRegisteredModel, "before_insert", _made)
    event.listen(SqlRegisteredModel, "before_update", _renamed)
    event.listen(SqlRegisteredModel, "before_delete", _made)


def _trace(mapper: object, connection: object, trace: SqlTraceInfo) -> None:
    _stays(trace, "experiment_id", "This trace is of another experiment. Start one under a new id.")


def _assessment(mapper: object, connection: object, assessment: SqlAssessments) -> None:
    _stays(assessment, "trace_id", "This assessment is of another trace. Make one under a new id.")


def _stays(row: Any, column: str, otherwise: str) -> None:
    if (was := _before(row, column)) is not None and str(was) != str(getattr(row, column)):
        raise MlflowException(otherwise, PERMISSION_DENIED)


def _made(mapper: object, connection: Connection, model: SqlRegisteredModel) -> None:
    connection.execute(delete(SqlRolePermission).where(*GRANTS, SqlRolePermission.resource_pattern == model.name))


def _renamed(mapper: object, connection: Connection, model: SqlRegisteredModel) -> None:
    if (was := _before(model, "name")) is None or was == model.name:
        return
    _made(mapper, connection, model)
    moved = update(SqlRolePermission).where(*GRANTS, SqlRolePermission.resource_pattern == was)
    connection.execute(moved.values(resource_pattern=model.name))


def _before(row: Any, column: str) -> Any:
    """What was in the database; None where nothing else is to be written."""
    replaced = inspect(row).attrs[column].history.deleted
    return replaced[0] if replaced else None
