"""The tables of MLflow, its accounts and the log-in: checked by the server, changed by the migration Job alone."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from mlflow.server.auth.db import utils as accounts
from mlflow.store.db import utils as tracking
from mlflow.version import VERSION
from sqlalchemy.engine import Engine

from parapet_mlflow import database
from parapet_mlflow.login import tables
from parapet_mlflow.refusal import Refused

LOCK = 0x70617261706574  # "parapet" in ASCII: one number for every migration of this database


def verify(uri: str) -> None:
    """Raises Refused unless all are those of this version. Changes nothing."""
    with database.engine(uri).connect() as connection:
        for name, table, wanted in _heads():
            found = MigrationContext.configure(connection, opts={"version_table": table}).get_current_revision()
            if found != wanted:
                raise Refused(
                    f"The {name} schema of {database.shown(uri)} is at {found or 'nothing'}, and MLflow {VERSION} "
                    f"needs {wanted}. Run the migration Job (`parapet-mlflow migrate`) of this image first."
                )
        if missing := tables.missing(connection):
            raise Refused(
                f"{database.shown(uri)} has no {' and no '.join(missing)} as this image needs. Run the migration Job "
                "(`parapet-mlflow migrate`) of this image first."
            )


def migrate(uri: str) -> None:
    """Brings all to this version, an empty database too. Two at once take turns; the second finds it done."""
    engine = database.engine(uri)
    with _alone(engine):
        # MLflow makes its first tables outside of the migrations; on tables that are there, this adds nothing.
        if tracking._is_empty_database(engine):
            tracking._initialize_tables(engine)
        else:
            tracking._upgrade_db(engine)
        accounts.migrate(engine, "head")
        tables.create(engine)


def _heads() -> Iterator[tuple[str, str, str]]:
    """Each schema's name, the table with its revision, and the revision that this version needs."""
    yield "tracking", "alembic_version", tracking._get_latest_schema_revision()
    script = ScriptDirectory.from_config(accounts._get_alembic_config("postgresql://"))
    yield "accounts", "alembic_version_auth", script.get_current_head() or ""


@contextmanager
def _alone(engine: Engine) -> Iterator[None]:
    """Holds PostgreSQL's advisory lock, which ends with its connection, whatever becomes of the process."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sqlalchemy.text("SELECT pg_advisory_lock(:key)"), {"key": LOCK})
        yield
