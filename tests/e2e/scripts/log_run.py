"""Logs a run with an artifact of so many bytes, reads it back and registers a model: `... NAME BYTES`."""

import json
import os
import sys
import tempfile
from hashlib import sha256
from pathlib import Path

import mlflow
from mlflow import MlflowClient

name, content = sys.argv[1], os.urandom(int(sys.argv[2]))
mlflow.set_experiment(name)
with mlflow.start_run() as run, tempfile.TemporaryDirectory() as folder:
    mlflow.log_param("depth", 4)
    mlflow.log_metric("loss", 0.253714)
    file = Path(folder, "weights.bin")
    file.write_bytes(content)
    mlflow.log_artifact(str(file))
    back = mlflow.artifacts.download_artifacts(
        run_id=run.info.run_id, artifact_path=file.name, dst_path=str(Path(folder, "back"))
    )
    if sha256(Path(back).read_bytes()).digest() != sha256(content).digest():
        sys.exit("the artifact that came back is another")
client = MlflowClient()
client.create_registered_model(name)
version = client.create_model_version(name, f"{run.info.artifact_uri}/{file.name}", run.info.run_id)
print(json.dumps({"run": run.info.run_id, "experiment": run.info.experiment_id, "version": version.version}))
