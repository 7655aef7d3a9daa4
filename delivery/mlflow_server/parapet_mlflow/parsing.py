"""What MLflow's own parser does not take, MLflow refuses.

Where it fails half way, MLflow goes on with the fields that came before (`handlers._get_request_message`): one that is
written wrongly, and comes first, leaves the others out, such as the experiments that a search is confined to.
"""

from functools import wraps
from typing import Any

from google.protobuf.json_format import ParseError
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.server import handlers


def install() -> None:
    """Doing it again adds nothing."""
    parse = handlers.parse_dict
    if hasattr(parse, "__wrapped__"):
        return

    @wraps(parse)
    def strictly(told: Any, message: Any) -> None:
        try:
            parse(told, message)
        except ParseError:
            # Its words have the value in them.
            raise MlflowException(
                "A field is not written as its type is: a time, a duration, bytes or a mask.", INVALID_PARAMETER_VALUE
            ) from None

    handlers.parse_dict = strictly
