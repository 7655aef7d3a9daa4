"""What MLflow's own parser does not take, MLflow refuses.

Where it fails half way, MLflow goes on with the fields that came before (`handlers._get_request_message`): one that is
written wrongly, and comes first, leaves the others out, such as the experiments that a search is confined to.
"""

from functools import wraps
from http import HTTPStatus
from typing import Any, Final

import flask
from google.protobuf.json_format import ParseError
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.server import app, handlers
from mlflow.utils import search_logged_model_utils

MISREAD: Final = "A filter or page token is not written as it should be."


def install() -> None:
    """Doing it again adds nothing."""
    app.register_error_handler(ValueError, _misread)
    _strictly(handlers, "parse_dict", ParseError, "A field is not written as its type is: a time, bytes or a mask.")
    # Within a session of the database, where MLflow takes every exception for a failure of its own.
    _strictly(search_logged_model_utils, "parse_filter_string", (ValueError, SyntaxError), MISREAD)


def _strictly(module: Any, name: str, errors: type[Exception] | tuple[type[Exception], ...], words: str) -> None:
    parse = getattr(module, name)
    if hasattr(parse, "__wrapped__"):
        return

    @wraps(parse)
    def strictly(*given: Any) -> Any:
        try:
            return parse(*given)
        except errors:
            # Its own words have the value in them.
            raise MlflowException(words, INVALID_PARAMETER_VALUE) from None

    setattr(module, name, strictly)


def _misread(error: ValueError) -> flask.Response:
    """What a search takes apart itself, as a page token, is the caller's mistake."""
    if not flask.request.path.endswith("/search"):
        raise error
    told = MlflowException(MISREAD, INVALID_PARAMETER_VALUE)
    return flask.Response(told.serialize_as_json(), HTTPStatus.BAD_REQUEST, mimetype="application/json")
