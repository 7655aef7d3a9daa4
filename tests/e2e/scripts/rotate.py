"""Logs while the database's password is rotated, and tells how many of the metrics are there."""

import json
import os
import sys
import time

import boto3
import mlflow
from mlflow import MlflowClient

rds, secrets = (boto3.client(name, endpoint_url=os.environ["AWS_ENDPOINT_URL"]) for name in ("rds", "secretsmanager"))
(instance,) = rds.describe_db_instances()["DBInstances"]
secret = instance["MasterUserSecret"]["SecretArn"]
before = secrets.get_secret_value(SecretId=secret)["SecretString"]
mlflow.set_experiment("rotation")
client, logged, end = MlflowClient(), 0, 0.0
with mlflow.start_run() as run:
    while not end or time.monotonic() < end:
        client.log_metric(run.info.run_id, "step", logged)
        logged += 1
        if logged == 20:
            rds.modify_db_instance(
                DBInstanceIdentifier=instance["DBInstanceIdentifier"],
                RotateMasterUserPassword=True,
                ApplyImmediately=True,
            )
            end = time.monotonic() + 10
if secrets.get_secret_value(SecretId=secret)["SecretString"] == before:
    sys.exit("the password is the same as before")
kept = client.get_metric_history(run.info.run_id, "step")
print(json.dumps({"logged": logged, "kept": len(kept)}))
