"""The tables of the log-in, in the database of MLflow's accounts. The migration Job makes them."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import BAD_REQUEST, INTERNAL_ERROR, TEMPORARILY_UNAVAILABLE, ErrorCode
from sqlalchemy import BigInteger, Column, DateTime, ForeignKey, Integer, MetaData, String, Table, UniqueConstraint
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from parapet_mlflow.login.outage import Outage

# As which MLflow's stores tell what SQLAlchemy could not do (mlflow/store/db/utils.py).
_OUTAGES = [ErrorCode.Name(code) for code in (TEMPORARILY_UNAVAILABLE, BAD_REQUEST, INTERNAL_ERROR)]
METADATA = MetaData()
TRIES = Table(
    "parapet_log_in_tries",
    METADATA,
    Column("key", String(64), primary_key=True),
    Column("tries", Integer, nullable=False),
    Column("last", DateTime(timezone=True), nullable=False, index=True),
    Column("until", DateTime(timezone=True), nullable=False),
)
# As much of MLflow's own as is referred to; it makes it.
_USERS = Table("users", MetaData(), Column("id", Integer, primary_key=True), Column("username", String(255)))
PEOPLE = Table(
    "parapet_people",
    METADATA,
    # An account that MLflow deletes is no longer anybody's.
    Column("user_id", Integer, ForeignKey(_USERS.c.id, ondelete="CASCADE"), primary_key=True),
    Column("issuer", String(255), nullable=False),
    Column("subject", String(255), nullable=False),
    # When the provider said what the account's rights are of (`iat`), in seconds; when its owner last signed out, in
    # milliseconds. A database that was migrated before they were there gets them (`create`).
    Column("told", BigInteger, nullable=False, server_default="0"),
    Column("signed_out", BigInteger, nullable=False, server_default="0"),
    UniqueConstraint("issuer", "subject"),
)
"""Which account is whose, by what the identity provider never gives to another (OpenID Connect Core 1.0, 5.7)."""


@contextmanager
def asked() -> Iterator[None]:
    """Around questions to the database. Raises Outage where it does not answer them."""
    try:
        yield
    except SQLAlchemyError as error:
        raise Outage(type(error).__name__) from None
    except MlflowException as error:
        if error.error_code not in _OUTAGES:
            raise
        raise Outage(error.error_code) from None


def is_a_persons(engine: Engine, username: str) -> bool:
    """Whether the account is of somebody who signs on with the identity provider, whose name is in small letters."""
    mine = sqlalchemy.select(PEOPLE.c.user_id).join(_USERS, _USERS.c.id == PEOPLE.c.user_id)
    with engine.connect() as connection:
        return connection.scalar(mine.where(_USERS.c.username == username.lower())) is not None


def create(engine: Engine) -> None:
    """Makes those that are not there, once MLflow's are."""
    METADATA.create_all(engine)
    with engine.begin() as connection:
        for column in (PEOPLE.c.told, PEOPLE.c.signed_out):
            added = f"ADD COLUMN IF NOT EXISTS {column.name} BIGINT NOT NULL DEFAULT 0"
            connection.execute(sqlalchemy.text(f"ALTER TABLE {PEOPLE.name} {added}"))


def missing(connection: Connection) -> list[str]:
    """The names of those that are not there as they are here."""
    found = sqlalchemy.inspect(connection)
    return [
        table.name
        for table in METADATA.sorted_tables
        if not found.has_table(table.name)
        or {column["name"] for column in found.get_columns(table.name)} != {column.name for column in table.columns}
    ]
