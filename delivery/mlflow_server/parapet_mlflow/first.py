"""What MLflow makes when the first request comes, made before: of two that come at once, one would fail."""

from mlflow.exceptions import MlflowException
from mlflow.server import handlers


def experiment() -> None:
    """Opens the store, which makes experiment 0 where there is none. Of two workers one finds it made meanwhile."""
    try:
        handlers._get_tracking_store()
    except MlflowException:
        handlers._get_tracking_store()
