"""What lies in the bucket and belongs to nothing any longer: of traces, of runs, of what an earlier version left."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from mlflow.store.tracking.dbmodels.models import SqlExperiment, SqlLoggedModel, SqlRun, SqlTraceInfo
from sqlalchemy import select, text

from parapet_mlflow.disposal.bucket import Bucket, NotDeleted
from parapet_mlflow.disposal.garbage import Only
from parapet_mlflow.disposal.report import Report

NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,18}")
RUN: Final = re.compile(r"[0-9a-f]{32}")
FOLDERS: Final = {
    "models": (re.compile(r"m-[0-9a-f]{32}"), SqlLoggedModel.model_id),
    # Of older clients, without `tr-`.
    "traces": (re.compile(r"(?:tr-)?[0-9a-f]{32}"), SqlTraceInfo.request_id),
}
LAST: Final = text("SELECT pg_sequence_last_value(pg_get_serial_sequence('experiments', 'experiment_id')::regclass)")
"""The number of the last experiment that this database has had, deleted ones too."""
AT_ONCE: Final = 500


def sweep(store: Any, bucket: Bucket, keep: Mapping[str, int], only: Only, report: Report) -> None:
    """Deletes files whose run, logged model, trace or experiment has no row, and which nobody changed lately.

    What has no such name is counted and left, and so is what is of an experiment that this database cannot have had:
    it may have been restored from an older copy.
    """
    _Sweep(store, bucket, keep, report).run(only)


class _Sweep:
    def __init__(self, store: Any, bucket: Bucket, keep: Mapping[str, int], report: Report) -> None:
        self._store, self._bucket, self._report = store, bucket, report
        now = datetime.now(UTC)
        self._before = {kind: now - timedelta(milliseconds=kept) for kind, kept in keep.items()}

    def run(self, only: Only) -> None:
        with self._store.ManagedSessionMaker() as session:
            there = {str(each) for each in session.scalars(select(SqlExperiment.experiment_id))}
            last = session.scalar(LAST) or 0
        for folder in sorted(only.experiments) or self._bucket.folders(""):
            if folder in there:
                self._experiment(folder)
            elif NUMBER.fullmatch(folder) and int(folder) <= last:
                self._delete("experiments", folder)
            else:
                self._report.left["folders of no experiment"] += 1

    def _experiment(self, experiment: str) -> None:
        runs = self._named(f"{experiment}/", RUN.fullmatch)
        self._gone("runs", experiment, runs, SqlRun.run_uuid)
        for kind, (name, column) in FOLDERS.items():
            self._gone(kind, f"{experiment}/{kind}", self._named(f"{experiment}/{kind}/", name.fullmatch), column)

    def _named(self, place: str, is_one: Callable[[str], object]) -> list[str]:
        found = [name for name in self._bucket.folders(place) if name not in FOLDERS]
        ours = [name for name in found if is_one(name)]
        self._report.left["folders of no kind"] += len(found) - len(ours)
        return ours

    def _gone(self, kind: str, place: str, names: list[str], column: Any) -> None:
        for start in range(0, len(names), AT_ONCE):
            some = names[start : start + AT_ONCE]
            with self._store.ManagedSessionMaker() as session:
                there = set(session.scalars(select(column).where(column.in_(some))))
            for name in some:
                if name not in there:
                    self._delete(kind, f"{place}/{name}")

    def _delete(self, kind: str, place: str) -> None:
        lying = self._bucket.lying(place)
        if lying.newest is None:
            return
        if lying.newest > self._before[kind]:
            self._report.left[f"files of {kind} that are gone, not old enough"] += lying.files
            return
        try:
            self._report.deleted["files"] += self._bucket.delete(place)
        except NotDeleted:
            self._report.failed[f"files of {kind} that are gone"] += lying.files
        else:
            self._report.deleted[f"remains of {kind}"] += 1
