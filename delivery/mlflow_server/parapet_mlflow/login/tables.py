"""The tables of the log-in, in the database of MLflow's accounts. The migration Job makes them."""

import sqlalchemy
from sqlalchemy import Column, DateTime, ForeignKey, Integer, MetaData, String, Table, UniqueConstraint
from sqlalchemy.engine import Connection, Engine

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
    UniqueConstraint("issuer", "subject"),
)
"""Which account is whose, by what the identity provider never gives to another (OpenID Connect Core 1.0, 5.7)."""


def is_a_persons(engine: Engine, username: str) -> bool:
    """Whether the account is of somebody who signs on with the identity provider."""
    mine = sqlalchemy.select(PEOPLE.c.user_id).join(_USERS, _USERS.c.id == PEOPLE.c.user_id)
    with engine.connect() as connection:
        return connection.scalar(mine.where(_USERS.c.username == username)) is not None


def create(engine: Engine) -> None:
    """Makes those that are not there, once MLflow's are."""
    METADATA.create_all(engine)


def missing(connection: Connection) -> list[str]:
    """The names of those that are not there as they are here."""
    found = sqlalchemy.inspect(connection)
    return [
        table.name
        for table in METADATA.sorted_tables
        if not found.has_table(table.name)
        or {column["name"] for column in found.get_columns(table.name)} != {column.name for column in table.columns}
    ]
