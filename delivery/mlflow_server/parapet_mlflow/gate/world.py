"""What the database tells of who owns what, by a few prepared statements.

What can never change, the experiment of a run or a logged model, is remembered. Not that of a trace: its id is chosen
by whoever starts it, and may be that of one which was deleted. Grants are read at every request, so that one that is
taken away holds no request longer.
"""

import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from cachetools import LRUCache
from mlflow.entities import EntityAssociationType
from mlflow.entities.model_registry.model_version_stages import STAGE_DELETED_INTERNAL
from mlflow.prompt.constants import IS_PROMPT_TAG_KEY
from mlflow.server.auth.db.models import SqlRole, SqlRolePermission, SqlUser, SqlUserRoleAssignment
from mlflow.server.auth.sqlalchemy_store import SqlAlchemyStore
from mlflow.store.model_registry.dbmodels.models import SqlModelVersion, SqlRegisteredModelTag
from mlflow.store.tracking.dbmodels.models import (
    SqlAssessments,
    SqlEntityAssociation,
    SqlExperiment,
    SqlLoggedModel,
    SqlRun,
    SqlTraceInfo,
)
from mlflow.utils.workspace_utils import DEFAULT_WORKSPACE_NAME
from sqlalchemy import Engine, Row, Select, String, and_, bindparam, cast, select

from parapet_mlflow.database import one_of, reader
from parapet_mlflow.gate.caller import Caller, Grant, counts
from parapet_mlflow.gate.loading import ARTIFACTS, Numbered, Version

REMEMBERED = 20_000
"""How many of each kind a worker remembers, the last asked for: some megabytes."""

CALLERS = (
    select(
        SqlUser.username,
        SqlUser.id,
        SqlUser.is_admin,
        SqlRole.name,
        SqlRolePermission.resource_type,
        SqlRolePermission.resource_pattern,
        SqlRolePermission.permission,
    )
    .select_from(SqlUser)
    .outerjoin(SqlUserRoleAssignment, SqlUserRoleAssignment.user_id == SqlUser.id)
    .outerjoin(
        SqlRole,
        and_(SqlRole.id == SqlUserRoleAssignment.role_id, SqlRole.workspace == DEFAULT_WORKSPACE_NAME),
    )
    .outerjoin(
        SqlRolePermission,
        and_(
            SqlRolePermission.role_id == SqlRole.id,
            one_of(SqlRolePermission.resource_type, "types"),
        ),
    )
)
CALLER = CALLERS.where(SqlUser.username == bindparam("name"))
SEVERAL = CALLERS.where(one_of(SqlUser.username, "names"))


def _of(key: Any, owner: Any) -> Select[Any]:
    return select(key, owner).where(one_of(key, "names"))


EXPERIMENTS = {
    "run": _of(SqlRun.run_uuid, SqlRun.experiment_id),
    "trace": _of(SqlTraceInfo.request_id, SqlTraceInfo.experiment_id),
    "logged-model": _of(SqlLoggedModel.model_id, SqlLoggedModel.experiment_id),
}
ASSESSMENTS = _of(SqlAssessments.assessment_id, SqlAssessments.trace_id)
NAMED = select(SqlExperiment.experiment_id).where(
    SqlExperiment.workspace == DEFAULT_WORKSPACE_NAME, SqlExperiment.name == bindparam("name")
)
OF_DATASET = select(SqlEntityAssociation.destination_id).where(
    SqlEntityAssociation.source_type == EntityAssociationType.EVALUATION_DATASET,
    SqlEntityAssociation.source_id == bindparam("name"),
    SqlEntityAssociation.destination_type == EntityAssociationType.EXPERIMENT,
)
PROMPTS = select(SqlRegisteredModelTag.value).where(
    SqlRegisteredModelTag.workspace == DEFAULT_WORKSPACE_NAME,
    SqlRegisteredModelTag.key == IS_PROMPT_TAG_KEY,
    SqlRegisteredModelTag.name == bindparam("name"),
)
VERSIONS = select(
    SqlModelVersion.name,
    SqlModelVersion.version,
    SqlModelVersion.source,
    SqlModelVersion.storage_location,
    SqlModelVersion.run_id,
    SqlModelVersion.user_id,
).where(SqlModelVersion.workspace == DEFAULT_WORKSPACE_NAME, SqlModelVersion.current_stage != STAGE_DELETED_INTERNAL)
NUMBERED = VERSIONS.where(
    one_of(SqlModelVersion.name, "names"),
    one_of(SqlModelVersion.name + "/" + cast(SqlModelVersion.version, String), "numbered"),
)
AT = VERSIONS.where(one_of(SqlModelVersion.storage_location, "locations"))
AT_OF = AT.where(one_of(SqlModelVersion.name, "names"))


class Database:
    """The database of one worker."""

    def __init__(self, engine: Engine) -> None:
        self._rows = reader(engine.url).rows
        self._known: dict[str, LRUCache[str, str]] = {kind: LRUCache(REMEMBERED) for kind in ("run", "logged-model")}
        self._lock = threading.Lock()

    def caller(self, name: str, types: frozenset[str]) -> Caller | None:
        """An account with its grants of these types; None where there is none of that name."""
        return next(_callers(self._rows(CALLER, name=name, types=sorted(types)), types), None)

    def callers(self, names: Collection[str], types: frozenset[str]) -> dict[str, Caller]:
        """The same of several that are there, by their names, in one question."""
        rows = self._rows(SEVERAL, names=sorted(names), types=sorted(types))
        return {caller.name: caller for caller in _callers(rows, types)}

    def experiments(self, kind: str, names: Iterable[str]) -> dict[str, str]:
        """The experiment of each run, trace or logged model that is there."""
        if (known := self._known.get(kind)) is None:
            return {name: str(experiment) for name, experiment in self._rows(EXPERIMENTS[kind], names=list(names))}
        found, missing = dict[str, str](), list[str]()
        with self._lock:  # a cache that moves what was asked for is not safe between threads
            for name in names:
                if (told := known.get(name)) is None:
                    missing.append(name)
                else:
                    found[name] = told
        if missing:
            read = {name: str(experiment) for name, experiment in self._rows(EXPERIMENTS[kind], names=missing)}
            found |= read
            with self._lock:
                known.update(read)
        return found

    def experiment_named(self, name: str) -> str | None:
        return next((str(row[0]) for row in self._rows(NAMED, name=name)), None)

    def experiments_of_dataset(self, dataset: str) -> list[str]:
        return [str(row[0]) for row in self._rows(OF_DATASET, name=dataset)]

    def family(self, name: str) -> str:
        """The type of the grants on what has this name in the registry: a prompt is a model with a tag."""
        prompt = any(str(row[0]).lower() == "true" for row in self._rows(PROMPTS, name=name))
        return "prompt" if prompt else "registered_model"

    def traces_of_assessments(self, names: Iterable[str]) -> dict[str, str]:
        return {str(name): str(trace) for name, trace in self._rows(ASSESSMENTS, names=list(names))}

    def versions(self, numbered: Collection[Numbered]) -> dict[Numbered, Version]:
        """Those of these names and numbers that are there, in one question."""
        names, asked = sorted({name for name, _ in numbered}), ["/".join(each) for each in numbered]
        rows = self._rows(NUMBERED, names=names, numbered=asked)
        return {(each.name, each.version): each for each in map(_version, rows)}

    def versions_at(self, places: Sequence[str], names: Sequence[str] | None) -> list[Version]:
        """The versions whose files lie at one of these places; of the models of these names, or of any."""
        locations = [ARTIFACTS + place for place in places]
        if names is None:
            return [_version(row) for row in self._rows(AT, locations=locations)]
        return [_version(row) for row in self._rows(AT_OF, locations=locations, names=list(names))]


def _callers(rows: Iterable[Row[Any]], types: frozenset[str]) -> Iterator[Caller]:
    own, grants, told = SqlAlchemyStore._is_synthetic_role_name, dict[str, list[Grant]](), dict[str, Row[Any]]()
    for row in rows:
        name, _, _, role, kind, pattern, permission = row
        told[name], held = row, grants.setdefault(name, [])
        if kind and counts(pattern, role_is_own=own(role)):
            held.append(Grant(kind, pattern, permission))
    for name, held in grants.items():
        yield Caller(name, told[name][1], bool(told[name][2]), types, tuple(held))


def _version(row: Row[Any]) -> Version:
    name, version, source, location, run, creator = row
    return Version(name, str(version), source or "", location or "", run or "", creator or "")
