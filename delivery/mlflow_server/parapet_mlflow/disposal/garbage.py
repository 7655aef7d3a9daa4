"""What MLflow hides when it is deleted, removed once it has been hidden for long enough."""

import re
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from mlflow.entities.entity_type import EntityAssociationType
from mlflow.entities.lifecycle_stage import LifecycleStage
from mlflow.entities.model_registry.model_version_stages import STAGE_DELETED_INTERNAL
from mlflow.store.model_registry.dbmodels.models import SqlModelVersion, SqlModelVersionTag
from mlflow.store.tracking.dbmodels.models import (
    SqlDataset,
    SqlEntityAssociation,
    SqlExperiment,
    SqlInput,
    SqlInputTag,
    SqlLoggedModel,
    SqlRun,
)
from sqlalchemy import and_, delete, exists, or_, select, update

from parapet_mlflow.disposal.bucket import Bucket, NotDeleted, place_of
from parapet_mlflow.disposal.report import Report
from parapet_mlflow.refusal import Refused

DELETED: Final = LifecycleStage.DELETED
IDENTIFIER: Final = re.compile(r"(?<![0-9a-z])(?:m-)?[0-9a-f]{32}(?![0-9a-z])")
"""Of a run or a logged model, in the source or the place of a model version."""


@dataclass(frozen=True)
class Only:
    """What a person named. Nothing named is everything; what is named leaves all else alone."""

    experiments: Collection[str] = ()
    runs: Collection[str] = ()
    models: Collection[str] = ()

    @property
    def some_alone(self) -> bool:
        """Whether runs or models were named, and no experiment."""
        return bool((self.runs or self.models) and not self.experiments)

    def within(self, column: Any) -> Any:
        """Rows of these experiments."""
        return column.in_([int(each) for each in self.experiments]) if self.experiments else column.is_not(None)


def collect(store: Any, bucket: Bucket, keep: Mapping[str, int], only: Only, report: Report) -> None:
    """Removes runs, logged models, experiments, and what belonged to them. Raises Refused for what may not be."""
    _Collection(store, bucket, keep, only, report).run()


class _Collection:
    def __init__(self, store: Any, bucket: Bucket, keep: Mapping[str, int], only: Only, report: Report) -> None:
        self._store, self._bucket, self._only, self._report = store, bucket, only, report
        now = int(time.time() * 1000)
        self._before = {kind: now - kept for kind, kept in keep.items()}
        self._session = store.ManagedSessionMaker

    def run(self) -> None:
        self._used = self._in_registry()
        experiments, runs = self._experiments(), self._runs()
        models = self._models(runs, experiments)
        for model, address in models.items():
            self._remove("models", model, address, self._store._hard_delete_logged_model)
        for run, address in runs.items():
            self._remove("runs", run, address, self._store._hard_delete_run)
        if not self._only.some_alone:
            self._inputs()
        for experiment, address in experiments.items():
            self._experiment(experiment, address)
        if not (self._only.some_alone or self._only.experiments):
            self._versions()

    def _in_registry(self) -> set[str]:
        asked = select(SqlModelVersion.source, SqlModelVersion.storage_location).where(
            SqlModelVersion.current_stage != STAGE_DELETED_INTERNAL
        )
        with self._session() as session:
            return {name for row in session.execute(asked) for text in row for name in IDENTIFIER.findall(text or "")}

    def _experiments(self) -> dict[str, str]:
        if self._only.some_alone:
            return {}
        asked = select(
            SqlExperiment.experiment_id,
            SqlExperiment.artifact_location,
            SqlExperiment.lifecycle_stage,
            SqlExperiment.last_update_time,
        ).where(self._only.within(SqlExperiment.experiment_id))
        with self._session() as session:
            rows = session.execute(asked).all()
        hidden = {str(row[0]): row for row in rows if row[2] == DELETED}
        if unknown := set(self._only.experiments) - set(hidden):
            raise Refused(f"Experiments {', '.join(sorted(unknown))} are not deleted, or not there. Delete them first.")
        old = {each: row[1] for each, row in hidden.items() if (row[3] or 0) <= self._before["experiments"]}
        self._young("experiments", set(hidden), set(old), self._only.experiments)
        return old

    def _runs(self) -> dict[str, str]:
        named = self._only.runs
        if not named and self._only.some_alone:
            return {}
        asked = select(SqlRun.run_uuid, SqlRun.artifact_uri, SqlRun.deleted_time).where(
            SqlRun.lifecycle_stage == DELETED, self._only.within(SqlRun.experiment_id)
        )
        with self._session() as session:
            hidden = {row[0]: row for row in session.execute(asked) if not named or row[0] in named}
        if unknown := set(named) - set(hidden):
            raise Refused(f"{len(unknown)} of the runs of --run-ids are not deleted, or not there. Delete them first.")
        old = {each: row[1] for each, row in hidden.items() if (row[2] or 0) <= self._before["runs"]}
        self._young("runs", set(hidden), set(old), named)
        return self._unused("runs", old)

    def _models(self, runs: Collection[str], experiments: Collection[str]) -> dict[str, str]:
        """Deleted ones, and those, deleted or not, of the runs and experiments that go."""
        named = self._only.models
        asked = select(
            SqlLoggedModel.model_id,
            SqlLoggedModel.artifact_location,
            SqlLoggedModel.last_updated_timestamp_ms,
            SqlLoggedModel.lifecycle_stage,
            SqlLoggedModel.source_run_id,
            SqlLoggedModel.experiment_id,
        ).where(self._only.within(SqlLoggedModel.experiment_id))
        with self._session() as session:
            rows = session.execute(asked).all()
        gone = {row[0]: row[1] for row in rows if row[4] in runs or str(row[5]) in experiments}
        hidden = {row[0]: row for row in rows if row[3] == DELETED}
        if unknown := set(named) - set(hidden):
            raise Refused(f"{len(unknown)} of the models of --logged-model-ids are not deleted, or not there.")
        hidden = {each: row for each, row in hidden.items() if each in named or not (named or self._only.some_alone)}
        old = {each: row[1] for each, row in hidden.items() if row[2] <= self._before["models"]}
        self._young("models", set(hidden) - set(gone), set(old), named)
        return self._unused("models", gone | old)

    def _young(self, kind: str, hidden: set[str], old: set[str], named: Collection[str]) -> None:
        young = hidden - old
        if young and named:
            raise Refused(f"{len(young)} of the named {kind} were deleted too short a time ago. Wait, or name others.")
        self._report.left[f"{kind} not old enough"] += len(young)

    def _unused(self, kind: str, found: dict[str, str]) -> dict[str, str]:
        unused = {each: address for each, address in found.items() if each not in self._used}
        self._report.left[f"{kind} in the registry"] += len(found) - len(unused)
        return unused

    def _remove(self, kind: str, identifier: str, address: str, remove: Any) -> None:
        """The files first: what is left of a removal that fails still has its row, and is tried again."""
        if (place := place_of(address)) is None:
            self._report.left[f"{kind} with files elsewhere"] += 1
            return
        with self._counted(kind):
            self._report.deleted["files"] += self._bucket.delete(place.removesuffix("/artifacts"))
            with self._session(read_only=False) as session:
                about = or_(SqlInput.source_id == identifier, SqlInput.destination_id == identifier)
                of_them = select(SqlInput.input_uuid).where(about)
                session.execute(delete(SqlInputTag).where(SqlInputTag.input_uuid.in_(of_them)))
                session.execute(delete(SqlInput).where(about))
            remove(identifier)

    def _experiment(self, experiment: str, address: str) -> None:
        number = int(experiment)
        with self._session() as session:
            full = any(
                session.scalar(select(exists().where(table.experiment_id == number)))
                for table in (SqlRun, SqlLoggedModel)
            )
        if full:
            self._report.left["experiments with something left"] += 1
        elif place_of(address) != experiment:
            self._report.left["experiments with files elsewhere"] += 1
        else:
            with self._counted("experiments"):
                self._report.deleted["files"] += self._bucket.delete(experiment)
                self._datasets(experiment)
                self._store._hard_delete_experiment(experiment)

    def _datasets(self, experiment: str) -> None:
        """Those to evaluate with that belong to this experiment and no other."""
        dataset, other = EntityAssociationType.EVALUATION_DATASET, EntityAssociationType.EXPERIMENT
        with self._session(read_only=False) as session:
            asked = select(SqlEntityAssociation.source_id, SqlEntityAssociation.destination_id).where(
                SqlEntityAssociation.source_type == dataset, SqlEntityAssociation.destination_type == other
            )
            owners: dict[str, set[str]] = {}
            for found, owner in session.execute(asked):
                owners.setdefault(found, set()).add(owner)
            session.execute(
                delete(SqlEntityAssociation).where(
                    or_(
                        and_(
                            SqlEntityAssociation.destination_type == other,
                            SqlEntityAssociation.destination_id == experiment,
                        ),
                        and_(SqlEntityAssociation.source_type == other, SqlEntityAssociation.source_id == experiment),
                    )
                )
            )
        for found, experiments in owners.items():
            if experiments == {experiment}:
                with self._counted("datasets"):
                    self._store.delete_dataset(found)

    def _inputs(self) -> None:
        """What runs were logged to have read: schema and profile of a dataset that no run refers to any longer."""
        read = exists().where(SqlInput.source_type == "DATASET", SqlInput.source_id == SqlDataset.dataset_uuid)
        run = exists().where(SqlRun.run_uuid == SqlInput.destination_id)
        dangling = and_(SqlInput.source_type == "DATASET", SqlInput.destination_type == "RUN", ~run)
        with self._session(read_only=False) as session:
            if not self._only.experiments:
                of_them = select(SqlInput.input_uuid).where(dangling)
                session.execute(delete(SqlInputTag).where(SqlInputTag.input_uuid.in_(of_them)))
                session.execute(delete(SqlInput).where(dangling))
            done = session.execute(delete(SqlDataset).where(self._only.within(SqlDataset.experiment_id), ~read))
            self._report.deleted["dataset inputs"] += done.rowcount

    def _versions(self) -> None:
        """MLflow keeps the tags and the place of a deleted version (`delete_model_version`)."""
        gone = SqlModelVersion.current_stage == STAGE_DELETED_INTERNAL
        of_it = exists().where(
            gone,
            SqlModelVersion.workspace == SqlModelVersionTag.workspace,
            SqlModelVersion.name == SqlModelVersionTag.name,
            SqlModelVersion.version == SqlModelVersionTag.version,
        )
        with self._session(read_only=False) as session:
            done = session.execute(delete(SqlModelVersionTag).where(of_it))
            session.execute(update(SqlModelVersion).where(gone).values(storage_location=None))
            self._report.deleted["tags of model versions"] += done.rowcount

    @contextmanager
    def _counted(self, kind: str) -> Iterator[None]:
        try:
            yield
        except NotDeleted:
            self._report.failed[kind] += 1
        else:
            self._report.deleted[kind] += 1
