"""MLflow's accounts, as the log-in asks for them and guards them."""

import inspect
import secrets
from typing import Any, Final

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import (
    INVALID_PARAMETER_VALUE,
    RESOURCE_ALREADY_EXISTS,
    TEMPORARILY_UNAVAILABLE,
    ErrorCode,
)
from mlflow.server import auth
from mlflow.server.auth.db.models import SqlUser
from mlflow.server.auth.entities import User
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.security import check_password_hash, generate_password_hash

from parapet_mlflow.login import passwords
from parapet_mlflow.login.basic import Checks
from parapet_mlflow.login.tables import asked, is_a_persons

_HASH = select(SqlUser.password_hash)
_WORDS: Final = {
    ErrorCode.Name(RESOURCE_ALREADY_EXISTS): "There is one of this name already.",
    ErrorCode.Name(TEMPORARILY_UNAVAILABLE): "The database does not answer. Try again.",
}
PERSON: Final = "This account is a person's, who signs in with the identity provider and has no password here."


def checks() -> Checks:
    """MLflow's own check of a password, before which a worker remembers the last right ones."""
    return Checks(_remembered, _checked, auth._auth_cache_key)


def install() -> None:
    """Puts the guards around MLflow's store of accounts, whichever of its routes asks for it. Once in each process."""
    store = auth.store
    if not isinstance(store.create_user, _Guarded):
        pretended = generate_password_hash(secrets.token_urlsafe())
        store.authenticate_user = _Authenticate(store, pretended)
        store.create_user, store.update_user = (
            _Guarded(store, set_password) for set_password in (store.create_user, store.update_user)
        )
        for name, function in inspect.getmembers(store, inspect.ismethod):
            if not name.startswith("_"):
                setattr(store, name, _Told(function))


def _remembered(name: str, password: str) -> User | None:
    if auth._USER_AUTH_CACHE is None:
        return None
    with auth._USER_AUTH_CACHE_LOCK:
        found: User | None = auth._USER_AUTH_CACHE.get(auth._auth_cache_key(name, password))
    return found


def _checked(name: str, password: str) -> User | None:
    with asked():
        found: User | None = auth._authenticate_cached(name, password)
    return found


class _Authenticate:
    """MLflow's own answers at once where there is no such account, and holds a connection while it checks."""

    def __init__(self, store: Any, pretended: str) -> None:
        self._store, self._pretended = store, pretended

    def __call__(self, username: str, password: str, *, use_primary: bool = False) -> bool:
        with self._store.engine.connect() as connection:
            stored = connection.scalar(_HASH.where(SqlUser.username == username))
        return passwords.right(stored, self._pretended, password, check_password_hash)


class _Guarded:
    """One of the store's two functions that set a password."""

    def __init__(self, store: Any, function: Any) -> None:
        self._store, self._function = store, function

    def __call__(self, username: str, password: str | None = None, *more: Any, **named: Any) -> User:
        if password is not None:
            if told := passwords.weakness(username, password):
                raise MlflowException(told, INVALID_PARAMETER_VALUE)
            if is_a_persons(self._store.engine, username):
                raise MlflowException(PERSON, INVALID_PARAMETER_VALUE)
        changed: User = _Told(self._function)(username, password, *more, **named)
        return changed


class _Told:
    """Any function of the store, whose errors say what is wrong. MLflow's words have the statement with its parameters,
    the hash of a password among them, and of a connection the database's address."""

    def __init__(self, function: Any) -> None:
        self._function = function

    def __call__(self, *given: Any, **named: Any) -> Any:
        try:
            return self._function(*given, **named)
        except MlflowException as error:
            if not isinstance(error.__cause__, SQLAlchemyError):
                raise
            told = _WORDS.get(error.error_code, "The database did not take this.")
            raise MlflowException(told, ErrorCode.Value(error.error_code)) from None
