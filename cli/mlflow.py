"""The MLflow server of the local stack: whether it runs, and how to sign in to it and to its registry of models."""

from typing import Any

from cli.output import Refused
from local.aws import server
from local.engine.run import Engine
from local.kubernetes import workloads
from local.kubernetes.workloads import State, Workload
from local.workspace import LOCAL_REGION, Workspace

NAME = ("mlflow", "mlflow")
"""Its Deployment: namespace and name."""
DEADLINE = 300.0  # seconds: where its packages are not there yet, they come from the package index first
PATIENCE = 60.0  # seconds in which what fails may come right


def wait(workspace: Workspace) -> Workload | None:
    """The server as it is once it runs, or cannot; None where the stack has none."""
    return _chosen(workloads.settled(workspace, DEADLINE, PATIENCE))


def running(workspace: Workspace) -> Workload | None:
    """The server, if it runs."""
    alive = {record.port for record in workloads.processes_of(workspace)}
    found = _chosen(workloads.told(workspace)[1])
    return found if found and found.state is State.RUNNING and found.port in alive else None


def credentials(workspace: Workspace, stack: str, user: str | None) -> dict[str, str]:
    """The variables with which an MLflow client signs in as one of the stack's accounts, and `./parapet model` decides;
    raises Refused."""
    mlflow, outputs = running(workspace), Engine(workspace, {}, stack).outputs()
    arns: dict[str, str] = outputs.get("mlflowUserSecretArns") or {}
    endpoint = server.url(workspace)
    if not mlflow or not endpoint:
        raise Refused("The MLflow server is not running: `./parapet up` starts it.")
    if not arns:
        raise Refused(f"The stack {stack} has no account of MLflow: name some in parapet:mlflowUsers.")
    name = user or min(arns)
    if name not in arns:
        raise Refused(f"There is no account {name!r} in parapet:mlflowUsers; there are {', '.join(sorted(arns))}.")
    import boto3  # half a second that a shell without MLflow should not wait for

    secrets = boto3.client(
        "secretsmanager",
        region_name=LOCAL_REGION,
        endpoint_url=endpoint,
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106 (the local API takes any)
    )
    return {
        "MLFLOW_TRACKING_URI": mlflow.url,
        "MLFLOW_TRACKING_USERNAME": name,
        "MLFLOW_TRACKING_PASSWORD": secrets.get_secret_value(SecretId=arns[name], VersionStage="AWSCURRENT")[
            "SecretString"
        ],
        **_of_the_registry(outputs),
    }


def _chosen(found: list[Workload]) -> Workload | None:
    return next((each for each in found if (each.namespace, each.name) == NAME), None)


def _of_the_registry(outputs: dict[str, Any]) -> dict[str, str]:
    """What is missing was made by a program that had no registry yet."""
    buckets = outputs.get("buckets") or {}
    told = {
        "PARAPET_AUDIT_BUCKET": buckets.get("audit"),
        "PARAPET_ARTIFACTS_BUCKET": buckets.get("artifacts"),
        "PARAPET_SIGNING_KEY": outputs.get("modelSigningKeyArn"),
    }
    return {name: value for name, value in told.items() if value}
