"""The way to PostgreSQL: who connects is read anew for each connection, so that a rotation needs no restart."""

import os
import time
from collections.abc import Sequence
from functools import cache
from typing import Any

import boto3
import botocore.exceptions
import psycopg
import sqlalchemy
from sqlalchemy import ARRAY, URL, ColumnElement, Row, Select, String, any_, bindparam, event
from sqlalchemy.engine import Dialect, Engine
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from parapet_mlflow.configuration import THREADS
from parapet_mlflow.refusal import Refused
from parapet_mlflow.secret_files import Credentials, SecretFiles, credentials

SECRET = "PARAPET_DATABASE_SECRET_ARN"  # noqa: S105 # the name of a variable that holds a name
PATIENCE = 10.0
"""Seconds for which a refused password is tried anew: a rotation changes the database a moment before the secret."""
CONNECT_TIMEOUT = 10
"""Seconds until a host that does not answer counts as unreachable; without it libpq waits as long as TCP does."""

FORM = "postgresql+psycopg://HOST:5432/NAME?sslmode=verify-full&sslrootcert=FILE"

_current: dict[str, Credentials] = {}
"""What Secrets Manager told when the mounted file was behind, under that file's password, until the file changes."""


def install() -> None:
    """Gives every PostgreSQL connection of this process the secret's user and password. Doing it again adds nothing."""
    if not event.contains(Engine, "do_connect", _connect):
        event.listen(Engine, "do_connect", _connect)


def engine(uri: str) -> Engine:
    """An engine without a pool, for what is done once. Raises Refused where the address is no PostgreSQL's."""
    try:
        made = sqlalchemy.create_engine(uri, poolclass=NullPool)
    except (ArgumentError, ImportError):
        raise Refused(f"The backend store {shown(uri)} is no database address. Use {FORM}.") from None
    if made.dialect.name != "postgresql" or made.dialect.driver != "psycopg":
        raise Refused(f"The backend store {shown(uri)} is no PostgreSQL's for psycopg. Use {FORM}.")
    return made


def check(uri: str) -> None:
    """Connects once. Raises Refused: unreachable, name unknown, certificate not trusted, refused."""
    try:
        with engine(uri).connect() as connection:
            connection.execute(sqlalchemy.text("SELECT 1"))
    except SQLAlchemyError as error:
        raise Refused(explain(uri, getattr(error, "orig", None) or error)) from None


class Reader:
    """Reads beside MLflow's own connections, on some that never begin a transaction and are not asked whether they
    still live before each use: MLflow's are, and these trips cost more than a read. One that died is noticed when it
    is used; all that were opened before are then left, and the read is made again.
    """

    def __init__(self, address: URL) -> None:
        self._engine = sqlalchemy.create_engine(
            address,
            pool_size=THREADS,
            isolation_level="AUTOCOMMIT",
            skip_autocommit_rollback=True,
            pool_reset_on_return=None,
        )
        self._texts: dict[Select[Any], tuple[str, dict[str, Any]]] = {}

    def rows(self, statement: Select[Any], **values: Any) -> Sequence[Row[Any]]:
        """What a statement of this process finds; its text is made once, and its results are as the driver has them."""
        text, constants = self._written(statement)
        given = constants | values
        try:
            return self._once(text, given)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
        return self._once(text, given)

    def _once(self, text: str, values: dict[str, Any]) -> Sequence[Row[Any]]:
        with self._engine.connect() as connection:
            return connection.exec_driver_sql(text, values).all()

    def _written(self, statement: Select[Any]) -> tuple[str, dict[str, Any]]:
        if (found := self._texts.get(statement)) is None:
            compiled = statement.compile(self._engine)
            found = self._texts[statement] = str(compiled), dict(compiled.params)
        return found


def one_of(column: Any, name: str) -> ColumnElement[bool]:
    """That the column's text is in the list which is given under this name: one text of SQL for every length."""
    return column == any_(bindparam(name, type_=ARRAY(String)))


@cache
def reader(address: URL) -> Reader:
    """The one of this process for this database."""
    return Reader(address)


def shown(uri: str) -> str:
    """The address as it may be told: without user, password and options."""
    return uri.partition("?")[0].rpartition("@")[2] if "@" in uri else uri.partition("?")[0]


def explain(uri: str, error: BaseException) -> str:
    """What to tell of a failed connection, and what to do about it."""
    where = f"The database {shown(uri)}"
    words = str(error)
    told = words.lower()
    first = next((line.strip() for line in reversed(words.splitlines()) if line.strip()), type(error).__name__)
    if refuses_password(error):
        return (
            f"{where} refused the password of the secret `database`, and of {SECRET}. "
            "See that the secret is this database's and that its rotation is done."
        )
    if "resolve host" in told or "translate host" in told or "name or service not known" in told:
        return f"{where} has a host name that is unknown. See --backend-store-uri and the cluster's DNS."
    if any(word in told for word in ("certificate", "ssl", "tls")):
        return f"{where} is not trusted: {first}. See sslmode and sslrootcert in --backend-store-uri."
    if "does not exist" in told:
        return f"{where} does not exist there: {first}. Make it, or name another in --backend-store-uri."
    return f"{where} is unreachable: {first}. See its security group, its state and the NetworkPolicy."


def refuses_password(error: BaseException) -> bool:
    """Whether the server refused the password (SQLSTATE 28P01).

    libpq gives no SQLSTATE for a connection that never came to be, so the server's words count too.
    """
    return getattr(error, "sqlstate", None) == "28P01" or "password authentication failed" in str(error)


def _connect(dialect: Dialect, record: object, arguments: list[Any], options: dict[str, Any]) -> object:
    """Connects in SQLAlchemy's stead. A password is in no exception: psycopg's texts have none."""
    if dialect.name != "postgresql":
        return None
    files = SecretFiles.named()
    limit, pause = time.monotonic() + PATIENCE, 0.1
    options.setdefault("connect_timeout", CONNECT_TIMEOUT)
    while True:
        mounted = files.database()
        who = _current.get(mounted.password, mounted)
        try:
            return dialect.connect(*arguments, **options | {"user": who.username, "password": who.password})
        except psycopg.OperationalError as error:
            if not refuses_password(error) or time.monotonic() + pause > limit:
                raise
        _current.clear()
        if (told := _from_secrets_manager()) and told.password != who.password:
            # Tried at once; the pause is for a secret that is as old as the file.
            _current[mounted.password] = told
            continue
        time.sleep(pause)
        pause = min(2 * pause, 2.0)


def _from_secrets_manager() -> Credentials | None:
    """The secret as it is now. None where it cannot be had: then the file, which will follow, is tried again."""
    if not (name := os.environ.get(SECRET)):
        return None
    try:
        text = boto3.client("secretsmanager").get_secret_value(SecretId=name)["SecretString"]
        return credentials(text, f"The secret {name}")
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError, KeyError, Refused):
        return None
