"""A generated secret as the real engine makes it: what any client finds, and what the state does not hold."""

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from local import aws, processes
from local.aws import server
from local.workspace import Workspace
from tests.engine import Engine
from tests.platform.project import PROJECT
from tests.warm import Warm

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("generated secret")]

PROGRAM = f"""
import dataclasses
import sys
sys.path.insert(0, {str(PROJECT / "platform")!r})
import pulumi
import pulumi_aws as aws
from foundation.account import Account
from foundation.secrets import *
from foundation.stack import Stack

account = Account.read(1, pulumi.InvokeOptions())
stack = Stack(name="app", owner="o", account=account, images={{}}, tags={{}}, audit_retention_years=6,
    log_retention_days=400, protect=False)
key_arn = aws.kms.Key("k", deletion_window_in_days=7).arn
rotator = Rotator("app", RotatorArgs(stack=stack, vpc_id="vpc-0", vpc_cidr="10.0.0.0/16", subnet_ids=["subnet-0"],
    key_arn=key_arn, logs_key_arn=key_arn, after=[]))
# As in a protected stack, where what a setting lists goes all the same.
protected = dataclasses.replace(stack, protect=True)
secret = GeneratedSecret("app-admin", GeneratedSecretArgs(stack=protected, rotator=rotator, key_arn=key_arn,
    description="d", rotate_days=90, length=32, listed=True))
SecretReaders("app-admin", SecretReadersArgs(stack=stack, secret_arn=secret.arn, reader_arns=[rotator.role_arn]))
"""


class Stack:
    """The program's stack, on an AWS API that has nothing else."""

    def __init__(self, warm: Warm, folder: Path, api: str) -> None:
        self.api = api
        workspace = Workspace(home=folder / "home")
        aws.install(workspace.pulumi_home("stand-in"), warm.python)
        self.engine = Engine(warm.bin, workspace.home, {"AWS_ENDPOINT_URL": api})
        self.project = self.engine.program(folder / "program", PROGRAM)

    def __call__(self, *arguments: str) -> str:
        run = self.engine(self.project, *arguments, "--non-interactive")
        assert run.returncode == 0, run.stdout + run.stderr
        return run.stdout + run.stderr

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.api,
            region_name="us-east-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",
        )


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    workspace = Workspace(home=tmp_path_factory.mktemp("api"))
    record, _ = server.ensure(workspace, None)
    yield server.endpoint(record)
    processes.stop(workspace.run, record)


@pytest.fixture
def stack(warm: Warm, tmp_path: Path, api: str) -> Stack:
    emptied = urllib.request.Request(f"{api}/moto-api/reset", method="POST")  # noqa: S310 (our own server)
    urllib.request.urlopen(emptied)  # noqa: S310
    return Stack(warm, tmp_path, api)


def test_a_secret_is_made_once_guarded_and_gone_with_its_stack_whose_name_it_does_not_block(stack: Stack) -> None:
    stack("up", "--yes", "--skip-preview")
    stack("preview", "--expect-no-changes")
    secrets = stack.client("secretsmanager")
    (made,) = secrets.list_secrets()["SecretList"]
    assert made["Name"].startswith("app/admin-")
    assert made["RotationRules"] == {"AutomaticallyAfterDays": 90}
    policy = json.loads(secrets.get_resource_policy(SecretId=made["ARN"])["ResourcePolicy"])
    assert {each["Effect"] for each in policy["Statement"]} == {"Deny"}
    stack("destroy", "--yes", "--skip-preview")
    (waiting,) = secrets.list_secrets(IncludePlannedDeletion=True)["SecretList"]
    assert waiting["DeletedDate"]
    stack("up", "--yes", "--skip-preview")
    (again,) = secrets.list_secrets()["SecretList"]
    assert again["Name"] != made["Name"]


def test_a_value_is_made_and_rotated_and_is_neither_in_the_state_nor_told(stack: Stack) -> None:
    told = stack("up", "--yes", "--skip-preview", "--verbose=9", "--logtostderr")
    secrets = stack.client("secretsmanager")
    (made,) = secrets.list_secrets()["SecretList"]
    first = secrets.get_secret_value(SecretId=made["ARN"])["SecretString"]
    assert (len(first), first.isalnum()) == (32, True)
    assert first not in told + stack("stack", "export", "--show-secrets")
    secrets.rotate_secret(SecretId=made["ARN"])
    second = secrets.get_secret_value(SecretId=made["ARN"])["SecretString"]
    assert second != first
    told = stack("up", "--yes", "--skip-preview", "--refresh", "--expect-no-changes")
    assert second not in told + stack("stack", "export", "--show-secrets")
