"""The audit trail of MLflow is kept from writing, by somebody who may write policies."""

import json
import time
import urllib.error
import urllib.request
from contextlib import suppress
from typing import Any, Final
from uuid import uuid4

from cli.gameday.fault import Fault
from cli.gameday.world import STACK, World

GROUP: Final = f"/parapet-{STACK}/mlflow-audit"
POLICY: Final = "gameday"
DENIED: Final = {
    "Version": "2012-10-17",
    "Statement": {"Effect": "Deny", "Action": "logs:PutLogEvents", "Resource": "*"},
}
ARRIVES: Final = 5.0
"""Seconds in which a line is in CloudWatch Logs; the server sends them each second."""
PATH: Final = "/api/2.0/mlflow/experiments/search?max_results=1"


def inject(world: World) -> None:
    """What an intruder does who wants to be unseen, and nothing in the stack looks different."""
    world.aws("iam").put_role_policy(RoleName=_role(world), PolicyName=POLICY, PolicyDocument=json.dumps(DENIED))


def undo(world: World) -> None:
    iam = world.aws("iam")
    with suppress(iam.exceptions.NoSuchEntityException, LookupError):
        iam.delete_role_policy(RoleName=_role(world), PolicyName=POLICY)


def detected(world: World) -> str:
    """A request that must be refused, and so written down, leaves no line."""
    return (
        "" if recovered(world) else f"A refused request to MLflow left no line in {GROUP} within {ARRIVES:.0f} seconds."
    )


def recovered(world: World) -> bool:
    """Whether the line of a request that is made now arrives."""
    request, since = str(uuid4()), int(time.time() * 1000)
    asked = urllib.request.Request(world.mlflow() + PATH, headers={"X-Request-Id": request})  # noqa: S310 (loopback)
    with suppress(urllib.error.HTTPError):  # it has no account
        urllib.request.urlopen(asked, timeout=30).close()  # noqa: S310 (likewise)
    logs, limit = world.aws("logs"), time.monotonic() + ARRIVES
    while time.monotonic() < limit:
        if request in _lines(logs, since):
            return True
        time.sleep(0.5)
    return False


def _lines(logs: Any, since: int) -> str:
    with suppress(logs.exceptions.ResourceNotFoundException):
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=GROUP, startTime=since)
        return "".join(each["message"] for page in pages for each in page["events"])
    return ""


def _role(world: World) -> str:
    """MLflow's role; raises LookupError where there is none."""
    eks = world.aws("eks")
    cluster = f"parapet-{STACK}"
    found = eks.list_pod_identity_associations(clusterName=cluster, namespace="mlflow", serviceAccount="mlflow")
    for each in found["associations"]:
        told = eks.describe_pod_identity_association(clusterName=cluster, associationId=each["associationId"])
        return str(told["association"]["roleArn"]).rpartition("/")[2]
    raise LookupError("MLflow has no role")


FAULT: Final = Fault(
    name="stopped-trail",
    about="MLflow's role is denied to write its audit trail, by a policy that somebody put on it",
    runbook="audit-trail-stopped",
    inject=inject,
    detected=detected,
    recovered=recovered,
    undo=undo,
    within=60,
)
