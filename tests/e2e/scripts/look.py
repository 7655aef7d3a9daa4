"""Tells what a run holds: `... RUN`."""

import json
import sys

from mlflow import MlflowClient

client = MlflowClient()
run = client.get_run(sys.argv[1])
artifacts = sorted(each.path for each in client.list_artifacts(sys.argv[1]))
print(json.dumps({"param": run.data.params["depth"], "metric": run.data.metrics["loss"], "artifacts": artifacts}))
