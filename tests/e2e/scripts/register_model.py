"""Registers a model in dev as a pipeline does: `register_model.py MODEL FOLDER`, the folder with its two files."""

import json
import sys

from mlflow import MlflowClient

model, folder = sys.argv[1:]
client = MlflowClient()
experiment = client.create_experiment(f"of {model}")
logged = client.create_logged_model(experiment, name="model")
client.log_model_artifacts(logged.model_id, folder)
client.finalize_logged_model(logged.model_id, "READY")
client.create_registered_model(f"{model}-dev")
facts = {"dataset": f"sha256:{'1' * 64}", "code": "3f2a9c1e"}
facts |= {"image": f"sha256:{'2' * 64}", "environment": f"sha256:{'3' * 64}"}
version = client.create_model_version(
    f"{model}-dev",
    source=f"models:/{logged.model_id}",
    model_id=logged.model_id,
    tags={f"parapet.{name}": value for name, value in facts.items()},
)
print(json.dumps({"version": version.version}))
