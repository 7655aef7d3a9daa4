"""A logged model is told which versions were registered of it, by those who may write to it.

MLflow notes them in a tag of the logged model, for whoever may read it: a reader wrote to another team's model, and
told all its readers the name of his own.
"""

from functools import wraps
from typing import Any

from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

from parapet_mlflow.gate.caller import EDIT, asking


def install() -> None:
    """Doing it again adds nothing."""
    note = SqlAlchemyStore.set_model_versions_tags
    if hasattr(note, "__wrapped__"):
        return

    @wraps(note)
    def noted(self: Any, name: str, version: str, model_id: str) -> None:
        about = asking.get()
        caller = about.caller if about else None
        if caller and caller.within(self.get_logged_model(model_id).experiment_id, "logged_model") >= EDIT:
            note(self, name, version, model_id)

    SqlAlchemyStore.set_model_versions_tags = noted
