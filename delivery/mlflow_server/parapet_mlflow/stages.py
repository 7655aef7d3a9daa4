"""MLflow's stages, on PostgreSQL.

Where a version takes a stage and the others of the stage are archived, MLflow 3.17.2 compares a version's number with
the text that the client sent. SQLite forgives that, and so does psycopg2; this driver tells PostgreSQL the types, and
it refuses.
"""

from functools import wraps
from typing import Any

from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore
from mlflow.utils.validation import _validate_model_version


def install() -> None:
    """Makes the text a number before it is compared. Doing it again adds nothing."""
    archive = SqlAlchemyStore.transition_model_version_stage
    if hasattr(archive, "__wrapped__"):
        return

    @wraps(archive)
    def transition(self: Any, name: str, version: str | int, *more: Any, **named: Any) -> Any:
        return archive(self, name, _validate_model_version(version), *more, **named)

    SqlAlchemyStore.transition_model_version_stage = transition
