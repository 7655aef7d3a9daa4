"""A data set is put into more experiments, on PostgreSQL.

MLflow 3.17.2 looks for the experiments with the text that the client sent, where the column is a number. SQLite
forgives that, and so does psycopg2; this driver tells PostgreSQL the types, and it refuses.
"""

from collections.abc import Iterable
from typing import Any
from uuid import uuid4

from mlflow.entities import EntityAssociationType, EvaluationDataset
from mlflow.store.tracking.dbmodels.models import SqlEntityAssociation, SqlEvaluationDataset
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from mlflow.utils.time import get_current_time_millis
from sqlalchemy import select


def install() -> None:
    """In MLflow's stead. Doing it again changes nothing."""
    SqlAlchemyStore.add_dataset_to_experiments = _add


def _add(store: Any, dataset_id: str, experiment_ids: Iterable[str]) -> EvaluationDataset:
    asked = dict.fromkeys(str(each) for each in experiment_ids)
    for experiment in asked:
        store.get_experiment(experiment)  # says so where there is none
    store.get_dataset(dataset_id)
    kinds = {
        "source_type": EntityAssociationType.EVALUATION_DATASET,
        "destination_type": EntityAssociationType.EXPERIMENT,
    }
    there = select(SqlEntityAssociation.destination_id).filter_by(source_id=dataset_id, **kinds)
    with store.ManagedSessionMaker(read_only=False) as session:
        dataset = session.get(SqlEvaluationDataset, dataset_id)
        known = set(session.scalars(there))
        session.add_all(
            SqlEntityAssociation(association_id=uuid4().hex, source_id=dataset_id, destination_id=experiment, **kinds)
            for experiment in asked
            if experiment not in known
        )
        dataset.last_update_time = get_current_time_millis()
        session.flush()
        return dataset.to_mlflow_entity()
