"""The user whom the log-in found out, handed to MLflow. A context variable is nothing that a request can bring."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_CALLER: ContextVar[Any] = ContextVar("parapet_caller", default=None)


def caller() -> Any:
    """MLflow's `User` who makes the request that is being answered, or None."""
    return _CALLER.get()


@contextmanager
def handed(user: Any) -> Iterator[None]:
    """Holds for what is called meanwhile: its tasks and threads have this context's copy."""
    token = _CALLER.set(user)
    try:
        yield
    finally:
        _CALLER.reset(token)


def authorization() -> Any:
    """What MLflow calls as its `authorization_function`, in the context of Flask's request."""
    from mlflow.server.auth import make_basic_auth_response
    from werkzeug.datastructures import Authorization

    if (user := caller()) is None:
        return make_basic_auth_response()
    return Authorization("basic", {"username": user.username})
