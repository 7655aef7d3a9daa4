"""The local API tells whether it may have changed; who looks at it again and again asks for no more until it has."""

import io
from collections.abc import Callable
from typing import Any

import pytest

from local.aws import changes
from local.aws.api.heard import FORM, only_reads
from local.aws.changes import Watched
from local.processes import choose_port
from tests.local.aws.conftest import LocalAws

Client = Callable[[str], Any]


@pytest.mark.process
@pytest.mark.parametrize(
    "read",
    [
        lambda client: client("ec2").describe_vpcs(),
        lambda client: client("autoscaling").describe_auto_scaling_groups(),
        lambda client: client("eks").list_clusters(),
        lambda client: client("rds").describe_db_instances(),
        lambda client: client("s3").list_buckets(),
        lambda client: client("secretsmanager").list_secrets(),
        lambda client: client("dynamodb").list_tables(),
    ],
    ids=["ec2", "autoscaling", "eks", "rds", "s3", "secretsmanager", "dynamodb"],
)
def test_who_only_reads_changes_nothing(local_aws: LocalAws, read: Callable[[Client], object]) -> None:
    before = changes.last(local_aws.url)
    read(local_aws.client)
    assert before
    assert changes.last(local_aws.url) == before


@pytest.mark.process
@pytest.mark.parametrize(
    "write",
    [
        lambda client: client("ec2").create_vpc(CidrBlock="10.0.0.0/16"),
        lambda client: client("autoscaling").create_launch_configuration(
            LaunchConfigurationName="one", ImageId="ami-12c6146b", InstanceType="m5.large"
        ),
        lambda client: client("eks").create_cluster(
            name="one", roleArn="arn:aws:iam::123456789012:role/one", resourcesVpcConfig={}
        ),
        lambda client: client("rds").create_db_parameter_group(
            DBParameterGroupName="one", DBParameterGroupFamily="postgres17", Description="one"
        ),
        lambda client: client("s3").create_bucket(Bucket="one-of-mine"),
        lambda client: client("secretsmanager").create_secret(Name="one", SecretString="value"),
    ],
    ids=["ec2", "autoscaling", "eks", "rds", "s3", "secretsmanager"],
)
def test_who_writes_has_changed_it_when_he_is_answered(local_aws: LocalAws, write: Callable[[Client], object]) -> None:
    before = changes.last(local_aws.url)
    write(local_aws.client)
    assert changes.last(local_aws.url) != before


@pytest.mark.parametrize(
    ("method", "asked", "reads"),
    [
        ("POST", {"HTTP_X_AMZ_TARGET": "secretsmanager.GetSecretValue"}, True),
        ("POST", {"HTTP_X_AMZ_TARGET": "secretsmanager.PutSecretValue"}, False),
        ("POST", {"CONTENT_TYPE": FORM, "body": b"Version=2016-11-15&Action=DescribeInstances"}, True),
        ("POST", {"CONTENT_TYPE": FORM, "body": b"Action=TerminateInstances&Name=Describe"}, False),
        ("GET", {"QUERY_STRING": "Action=TerminateInstances"}, False),
        ("GET", {"QUERY_STRING": "list-type=2"}, True),
        ("PUT", {}, False),
        ("DELETE", {}, False),
        ("POST", {}, False),
        ("POST", {"HTTP_X_AMZ_TARGET": "some.Listen"}, False),
    ],
)
def test_what_reads_is_told_by_its_operation_and_else_by_its_method(
    method: str, asked: dict[str, Any], reads: bool
) -> None:
    body = asked.get("body", b"")
    environ = {"REQUEST_METHOD": method, "CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body)} | asked
    assert only_reads(environ) is reads
    assert environ["wsgi.input"].read() == body, "the API reads it afterwards"


def test_where_nobody_answers_no_change_is_told() -> None:
    assert changes.last(f"http://127.0.0.1:{choose_port(None)}") is None


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the API names as its last change, and the time."""
    told: dict[str, Any] = {"change": "a 1", "time": 0.0}
    monkeypatch.setattr(changes, "last", lambda _: told["change"])
    monkeypatch.setattr(changes.time, "monotonic", lambda: told["time"])
    return told


def test_it_is_asked_once_until_something_changed_or_time_has_passed(told: dict[str, Any]) -> None:
    asked: list[int] = []
    watched = Watched("", lambda: asked.append(len(asked)) or len(asked))
    assert [watched.told(), watched.told()] == [1, 1]
    told["change"] = "a 2"
    assert [watched.told(), watched.told()] == [2, 2]
    told["time"] += changes.ANEW_AFTER
    assert [watched.told(), watched.told()] == [3, 3]
    told["change"] = "b 2"  # another API at the address
    assert watched.told() == 4


def test_one_that_tells_of_no_change_is_asked_each_time(told: dict[str, Any]) -> None:
    told["change"] = None
    asked: list[int] = []
    watched = Watched("", lambda: asked.append(len(asked)) or len(asked))
    assert [watched.told(), watched.told()] == [1, 2]


def test_what_could_not_be_asked_is_asked_again(told: dict[str, Any]) -> None:
    answers: list[int] = []
    watched = Watched("", answers.pop)
    with pytest.raises(IndexError):
        watched.told()
    answers.append(7)
    assert [watched.told(), watched.told()] == [7, 7]
