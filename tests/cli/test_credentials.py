"""How an MLflow client signs in to the local stack."""

from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from cli import mlflow
from foundation.secrets.rotation import FIRST_VALUE, STEPS, handler
from local.workspace import Workspace


def test_the_password_is_the_one_in_use_after_a_rotation(secrets: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    arn = str(secrets.create_secret(Name="parapet-test/mlflow-user-alice")["ARN"])
    handler({"SecretId": arn, "Step": FIRST_VALUE, "Length": 40, "KeepOld": False}, None)
    first = secrets.get_secret_value(SecretId=arn, VersionStage="AWSCURRENT")["SecretString"]
    token = str(uuid4())
    for step in STEPS:
        handler({"SecretId": arn, "Step": step, "ClientRequestToken": token}, None)
    monkeypatch.setattr(mlflow, "running", lambda _: SimpleNamespace(url="http://127.0.0.1:5000"))
    outputs = {"mlflowUserSecretArns": {"alice": arn}, "modelSigningKeyArn": "arn:of:a:key", "buckets": {"audit": "a"}}
    monkeypatch.setattr(mlflow.Engine, "outputs", lambda _: outputs)
    monkeypatch.setattr(mlflow.server, "url", lambda _: "https://secretsmanager.us-east-1.amazonaws.com")
    told = mlflow.credentials(Workspace(), "local", None)
    assert (told["MLFLOW_TRACKING_URI"], told["MLFLOW_TRACKING_USERNAME"]) == ("http://127.0.0.1:5000", "alice")
    assert told["MLFLOW_TRACKING_PASSWORD"] not in ("", first)
    assert (told["PARAPET_SIGNING_KEY"], told["PARAPET_AUDIT_BUCKET"]) == ("arn:of:a:key", "a")
    assert "PARAPET_ARTIFACTS_BUCKET" not in told, "a stack that tells of none has none"
