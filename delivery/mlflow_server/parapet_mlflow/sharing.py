"""The calls by which an owner shares an experiment or a registered model, as MLflow's clients before 3.17 make them.

MLflow 3.17 has one call for every kind of thing, `users/permissions/grant`, and left out those that its documentation
names; the rows behind them are the same. They are added here, for whoever has MANAGE (docs/sharing.md).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from flask import jsonify, make_response
from mlflow.server import app, auth

from parapet_mlflow.gate.routes import at

METHODS = {"create": "POST", "get": "GET", "update": "PATCH", "delete": "DELETE"}


@dataclass(frozen=True)
class Kind:
    """`experiments` or `registered-models`, the field that names one, and who may share it."""

    path: str
    field: str
    name: str
    may_share: Callable[[], bool]


KINDS = (
    Kind("experiments", "experiment_id", "experiment", auth.validate_can_manage_experiment),
    Kind("registered-models", "name", "registered_model", auth.validate_can_manage_registered_model),
)


def install() -> None:
    """Before the first request. Doing it again adds nothing."""
    # A prompt is a registered model with a tag; MLflow's one call knows every kind of thing but it.
    auth._RESOURCE_WORKSPACE_FETCHER[auth.RESOURCE_TYPE_PROMPT] = auth._WORKSPACE_FETCHER[auth.RESOURCE_TYPE_PROMPT]
    for kind in KINDS:
        for step, method in METHODS.items():
            for path in at(f"2.0/mlflow/{kind.path}/permissions/{step}"):
                auth.BEFORE_REQUEST_VALIDATORS[path, method] = kind.may_share
                if path not in app.view_functions:
                    app.add_url_rule(path, path, partial(_answer, kind, step), methods=[method])


@auth.catch_mlflow_exception
def _answer(kind: Kind, step: str) -> Any:
    fields = [auth._get_request_param(kind.field), auth._get_request_param("username")]
    if step in ("create", "update"):
        fields.append(auth._get_request_param("permission"))
    told = getattr(auth.store, f"{step}_{kind.name}_permission")(*fields)
    return make_response({}) if step in ("update", "delete") else jsonify({f"{kind.name}_permission": told.to_json()})
