"""What MLflow's permission checks ask of the database at each call, asked more cheaply.

Which experiment a run is of, MLflow reads the whole run for: the gate has just asked, and remembers it. Who the caller
is, the log-in has just told. Grants are read at every call, so that one that is taken away holds no call longer; but by
one prepared statement, without a transaction and without a ping (database.Reader).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from mlflow.server import auth
from mlflow.server.auth.db.models import SqlRole, SqlRolePermission, SqlUserRoleAssignment
from mlflow.server.auth.entities import User
from mlflow.server.auth.sqlalchemy_store import RESOURCE_TYPE_WORKSPACE, RoleGrantRow
from mlflow.utils.workspace_utils import DEFAULT_WORKSPACE_NAME
from sqlalchemy import bindparam, select

from parapet_mlflow.database import one_of, reader
from parapet_mlflow.gate.caller import Asking, asking, counts
from parapet_mlflow.gate.world import Database
from parapet_mlflow.login.handed import caller


@dataclass(frozen=True)
class _Info:
    experiment_id: str


@dataclass(frozen=True)
class _Run:
    """As much of a run as the checks read. A run never changes its experiment."""

    info: _Info


class _Store:
    """The tracking store, as the checks see it."""

    def __init__(self, store: Any, world: Database) -> None:
        self._store, self._world = store, world

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def get_run(self, run_id: str) -> _Run:
        told = self._world.experiments("run", [run_id]).get(run_id)
        # MLflow's own words for a run that is not there.
        return _Run(_Info(self._store.get_run(run_id).info.experiment_id if told is None else told))


def install(world: Database) -> None:
    """Puts both between the checks of this process and the database. Doing it again adds nothing."""
    if isinstance(auth._get_tracking_store, _Remembering):
        return
    auth._get_tracking_store = _Remembering(auth._get_tracking_store, world)
    auth.store.get_user = _users(auth.store.get_user)
    auth.store.list_grants = list_grants


GRANTS = (
    select(
        SqlRole.name, SqlRolePermission.resource_type, SqlRolePermission.resource_pattern, SqlRolePermission.permission
    )
    .join(SqlRole, SqlRole.id == SqlRolePermission.role_id)
    .join(SqlUserRoleAssignment, SqlUserRoleAssignment.role_id == SqlRole.id)
    .where(
        SqlUserRoleAssignment.user_id == bindparam("user"),
        SqlRole.workspace == bindparam("workspace"),
        one_of(SqlRolePermission.resource_type, "types"),
    )
)


def list_grants(user_id: int, workspace: str, resource_types: Collection[str]) -> list[RoleGrantRow]:
    """What a user may do with things of these types, as `SqlAlchemyStore.list_grants` tells it (a test compares).

    Less a `*` among an account's own grants, which is a name there (gate/caller.py), and with what a READ on a model
    opens to this request. What the gate has read for this request is not read again.
    """
    types = {*resource_types, RESOURCE_TYPE_WORKSPACE}
    about = asking.get() or Asking()
    found: Sequence[tuple[str, str, str]] | None = (
        about.told(user_id, types) if workspace == DEFAULT_WORKSPACE_NAME else None
    )
    if found is None:
        rows = reader(auth.store.engine.url).rows(GRANTS, user=user_id, workspace=workspace, types=sorted(types))
        own = auth.store._is_synthetic_role_name
        found = [
            (kind, pattern, level) for role, kind, pattern, level in rows if counts(pattern, role_is_own=own(role))
        ]
    return [RoleGrantRow(*each) for each in (*found, *about.implied(types))]


class _Remembering:
    def __init__(self, ask: Any, world: Database) -> None:
        self._ask, self._world = ask, world

    def __call__(self) -> _Store:
        return _Store(self._ask(), self._world)


def _users(ask: Any) -> Any:
    def get_user(username: str, *more: Any, **named: Any) -> User:
        return _caller(username) or ask(username, *more, **named)

    return get_user


def _caller(username: str) -> User | None:
    """The one who calls, as the log-in found him out (`configuration.CACHED`)."""
    user: User | None = caller()
    return user if user is not None and user.username == username else None
