"""The stack as the real engine provisions it, through the stand-in for the AWS provider, on a local AWS API."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from foundation.data_class import TAG
from local import aws, processes
from local.aws import server
from local.workspace import Workspace
from tests.engine import Engine
from tests.platform.project import copy_project

pytestmark = [pytest.mark.engine, pytest.mark.xdist_group("provisioned")]

CONFIG = """
config:
  parapet:environment: test
  parapet:owner: team@example.com
  parapet:costCenter: "42"
  parapet:localAws: "true"
  parapet:protect: "false"
"""


class Stack:
    """A stack of its own, with an AWS API of its own."""

    def __init__(self, tools: Path, folder: Path) -> None:
        self.workspace = Workspace(home=folder / "home")
        self.api, _ = server.ensure(self.workspace, None)
        aws.install(self.workspace.pulumi_home("stand-in"), self.workspace.python)
        self.engine = Engine(tools, self.workspace.home, {"AWS_ENDPOINT_URL": server.endpoint(self.api)})
        self.workspace.state.mkdir(parents=True, exist_ok=True)
        self.project = copy_project(folder / "project")
        self("stack", "init", "test")
        (self.project / "Pulumi.test.yaml").write_text(CONFIG)

    def __call__(self, *arguments: str, **variables: str) -> str:
        """What `pulumi ARGUMENTS` prints; fails with what it said."""
        run = self.engine(self.project, *arguments, "--non-interactive", **variables)
        assert run.returncode == 0, run.stdout + run.stderr
        return run.stdout

    def resources(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self("stack", "export"))["deployment"]["resources"]
        return found

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=server.endpoint(self.api),
            region_name="us-east-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",
        )

    def close(self) -> None:
        processes.stop(self.workspace.run, self.api)


@pytest.fixture(scope="module")
def stack(tools: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tools, tmp_path_factory.mktemp("provisioned"))
    try:
        stack("up", "--yes", "--skip-preview")
        yield stack
    finally:
        stack.close()


def test_a_second_up_changes_nothing(stack: Stack) -> None:
    stack("up", "--yes", "--skip-preview", "--expect-no-changes")


def test_a_refresh_finds_no_drift(stack: Stack) -> None:
    stack("refresh", "--preview-only", "--expect-no-changes")


def test_another_spelling_of_the_endpoint_changes_nothing(stack: Stack) -> None:
    stack("preview", "--expect-no-changes", AWS_ENDPOINT_URL=f"http://localhost:{stack.api.port}")


def test_everything_that_can_be_tagged_carries_the_four_tags(stack: Stack) -> None:
    tagged = [each for each in stack.resources() if "tagsAll" in each.get("outputs", {})]
    assert len(tagged) > 30
    for resource in tagged:
        assert {TAG, "Owner", "Environment", "CostCenter"} <= set(resource["outputs"]["tagsAll"]), resource["urn"]


def test_the_keys_are_there_for_any_client_and_rotate(stack: Stack) -> None:
    kms = stack.client("kms")
    aliases = {each["AliasName"]: each.get("TargetKeyId") for each in kms.list_aliases()["Aliases"]}
    for name in ("phi", "artifacts", "logs", "secrets", "cluster"):
        key = aliases[f"alias/parapet-test-{name}"]
        assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"]
        assert {"TagKey": TAG, "TagValue": name} in kms.list_resource_tags(KeyId=key)["Tags"]


def test_the_audit_bucket_locks_whatever_any_client_puts_there(stack: Stack) -> None:
    s3 = stack.client("s3")
    (bucket,) = [b["Name"] for b in s3.list_buckets()["Buckets"] if b["Name"].startswith("parapet-test-audit-")]
    lock = s3.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"]
    retention = lock["Rule"]["DefaultRetention"]
    assert (lock["ObjectLockEnabled"], retention["Mode"], retention["Years"]) == ("Enabled", "COMPLIANCE", 6)


def test_another_account_than_the_allowed_one_is_told_without_a_stack_trace(stack: Stack) -> None:
    stack("config", "set", "parapet:allowedAccountId", "111122223333", "--stack", "test")
    try:
        refused = stack.engine(stack.project, "preview", "--non-interactive")
    finally:
        stack("config", "rm", "parapet:allowedAccountId", "--stack", "test")
    assert refused.returncode != 0
    assert "The AWS account cannot be read: " in refused.stdout
    assert "Check the credentials, parapet:region and parapet:allowedAccountId." in refused.stdout
    assert "Traceback" not in refused.stdout


def test_with_protection_the_engine_refuses_to_delete_keys_buckets_and_logs(stack: Stack) -> None:
    stack("config", "set", "parapet:protect", "true", "--stack", "test")
    try:
        steps = json.loads(stack("preview", "--json"))["steps"]
    finally:
        stack("config", "set", "parapet:protect", "false", "--stack", "test")
    protected = {step["newState"]["type"] for step in steps if step["newState"].get("protect")}
    assert protected == {"aws:kms/key:Key", "aws:s3/bucket:Bucket", "aws:cloudwatch/logGroup:LogGroup"}


def test_asking_for_egress_and_taking_it_back_replaces_nothing(stack: Stack) -> None:
    def changes() -> set[str]:
        """What a preview would do to AWS's resources; a component's own inputs are no resource."""
        steps = json.loads(stack("preview", "--json"))["steps"]
        return {step["op"] for step in steps if "$aws:" in step["urn"]} - {"same"}

    ec2 = stack.client("ec2")
    stack("config", "set", "parapet:egress", "true", "--stack", "test")
    assert changes() == {"create"}
    stack("up", "--yes", "--skip-preview")
    assert len(ec2.describe_nat_gateways()["NatGateways"]) == 3
    stack("config", "rm", "parapet:egress", "--stack", "test")
    assert changes() == {"delete"}
    stack("up", "--yes", "--skip-preview")
    assert not [nat for nat in ec2.describe_nat_gateways()["NatGateways"] if nat["State"] != "deleted"]
    own = stack.client("sts").get_caller_identity()["Account"]
    assert not [g for g in ec2.describe_internet_gateways()["InternetGateways"] if g["OwnerId"] == own and g["Tags"]]


def test_a_destroy_leaves_nothing(stack: Stack) -> None:
    stack("destroy", "--yes", "--skip-preview")
    assert stack.client("s3").list_buckets()["Buckets"] == []
    assert all(vpc["IsDefault"] for vpc in stack.client("ec2").describe_vpcs()["Vpcs"])
    assert stack.client("logs").describe_log_groups()["logGroups"] == []
    assert stack.client("iam").list_roles()["Roles"] == []
