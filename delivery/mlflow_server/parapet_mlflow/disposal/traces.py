"""The deletion of a trace through the API takes its files along: spans, archive, attachments."""

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import TEMPORARILY_UNAVAILABLE
from mlflow.store.tracking.dbmodels.models import SqlExperiment, SqlTraceInfo
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from sqlalchemy import select

from parapet_mlflow.disposal.bucket import Bucket, NotDeleted, place_of


def install(bucket: Bucket) -> None:
    """Once in each worker, before it serves."""
    remove = SqlAlchemyStore._delete_traces

    def with_files(
        store: Any,
        experiment_id: str,
        max_timestamp_millis: int | None = None,
        max_traces: int | None = None,
        trace_ids: list[str] | None = None,
    ) -> int:
        asked = select(SqlTraceInfo.request_id).where(SqlTraceInfo.experiment_id == int(experiment_id))
        if max_timestamp_millis is not None:
            asked = asked.where(SqlTraceInfo.timestamp_ms <= max_timestamp_millis)
        if trace_ids:
            asked = asked.where(SqlTraceInfo.request_id.in_(trace_ids))
        if max_traces is not None:
            asked = asked.order_by(SqlTraceInfo.timestamp_ms, SqlTraceInfo.request_id).limit(max_traces)
        with store.ManagedSessionMaker() as session:
            found = list(session.scalars(asked))
            address = session.scalar(
                select(SqlExperiment.artifact_location).where(SqlExperiment.experiment_id == int(experiment_id))
            )
        if not found:
            return 0
        _delete(bucket, place_of(address or ""), found)
        return int(remove(store, experiment_id, trace_ids=found))

    SqlAlchemyStore._delete_traces = with_files


def _delete(bucket: Bucket, place: str | None, traces: list[str]) -> None:
    """The files before the rows: where a file stays, the trace does, and can be deleted again."""
    if place is None:
        return
    try:
        for trace in traces:
            bucket.delete(f"{place}/traces/{trace}")
    except (NotDeleted, BotoCoreError, ClientError):
        raise MlflowException(
            "The traces' files could not be deleted. The traces are still there: delete them again.",
            TEMPORARILY_UNAVAILABLE,
        ) from None
