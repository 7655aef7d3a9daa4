"""Who registered a version, in MLflow's own column for it, which MLflow leaves empty."""

from flask import g, has_request_context
from mlflow.store.model_registry.dbmodels.models import SqlModelVersion
from sqlalchemy import event


def install() -> None:
    """For every version that this process makes. Doing it again adds nothing."""
    if not event.contains(SqlModelVersion, "before_insert", _sign):
        event.listen(SqlModelVersion, "before_insert", _sign)


def _sign(mapper: object, connection: object, version: SqlModelVersion) -> None:
    # MLflow's own check has put the name there, of the account whose password or token was right.
    version.user_id = g.get("mlflow_authenticated_user") if has_request_context() else None
