"""Tries what only its owner may do with a run: `... RUN EXPERIMENT MODEL`."""

import json
import sys
from collections.abc import Callable

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

client, (run, experiment, model) = MlflowClient(), sys.argv[1:]


def refusal(call: Callable[[], object]) -> str:
    try:
        call()
    except MlflowException as error:
        return str(error)
    return ""


refusals = [
    refusal(call)
    for call in (
        lambda: client.get_run(run),
        lambda: client.get_experiment(experiment),
        lambda: client.list_artifacts(run),
        lambda: client.download_artifacts(run, "weights.bin"),
        lambda: client.log_metric(run, "loss", 0),
        lambda: client.get_registered_model(model),
        lambda: client.set_registered_model_alias(model, "production", "1"),
        lambda: client.delete_run(run),
    )
]
print(json.dumps({"refusals": refusals, "seen": [each.name for each in client.search_experiments()]}))
