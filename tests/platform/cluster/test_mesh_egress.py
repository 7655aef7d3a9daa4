"""Every endpoint that an AWS client in a pod would call, against the hosts that the mesh lets out to."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config

from cluster import namespaces as ns
from cluster.mesh_egress import aws_hosts
from foundation.account import Account
from tests.platform.mocked import ACCOUNT_ID, run_program

REGIONS = {
    "us-east-1": "aws",
    "eu-central-1": "aws",
    "cn-north-1": "aws-cn",
    "us-gov-west-1": "aws-us-gov",
}
BUCKET = "parapet-test-phi-0123456"
KEY_ID = "1234abcd-12ab-34cd-56ef-1234567890ab"
CALLS: dict[str, tuple[str, Callable[[Any], object]]] = {
    "a bucket": ("s3", lambda s3: s3.head_bucket(Bucket=BUCKET)),
    "an object": ("s3", lambda s3: s3.get_object(Bucket=BUCKET, Key="run/model")),
    "a bucket with a dot": ("s3", lambda s3: s3.list_objects_v2(Bucket="data.example.com")),
    "all buckets": ("s3", lambda s3: s3.list_buckets()),
    "who am I": ("sts", lambda sts: sts.get_caller_identity()),
    "a secret": ("secretsmanager", lambda secrets: secrets.get_secret_value(SecretId="mlflow")),
    "a key": ("kms", lambda kms: kms.generate_data_key(KeyId=KEY_ID, KeySpec="AES_256")),
    "a log": ("logs", lambda logs: logs.describe_log_streams(logGroupName="audit")),
    "a metric": ("cloudwatch", lambda metrics: metrics.list_metrics()),
    "a table": ("dynamodb", lambda tables: tables.describe_table(TableName="locks")),
    "a registry": ("ecr", lambda ecr: ecr.get_authorization_token()),
    "a queue": ("sqs", lambda sqs: sqs.get_queue_url(QueueName="warnings")),
    "a parameter": ("ssm", lambda ssm: ssm.get_parameter(Name="pin")),
    "an instance": ("ec2", lambda ec2: ec2.describe_instances()),
    "the cluster": ("eks", lambda eks: eks.describe_cluster(name="parapet-test")),
}


class _AskedError(Exception):
    """The host that a client was about to connect to."""


def endpoint(region: str, call: str, **config: Any) -> str:
    """The host of a call, as boto3 resolves it."""
    service, make = CALLS[call]
    client = boto3.client(
        service, region_name=region, aws_access_key_id="a", aws_secret_access_key="b", config=Config(**config)
    )
    client.meta.events.register("before-send", _tell)
    with pytest.raises(_AskedError) as told:
        make(client)
    return str(told.value)


def _tell(request: Any, **_: Any) -> None:
    raise _AskedError(urlsplit(request.url).hostname)


def let_out(host: str, region: str) -> bool:
    """As Envoy matches the server name of a TLS hello: a star stands for any number of labels (Envoy, "Listener filter
    chain match", server_names)."""
    account = Account(ACCOUNT_ID, REGIONS[region], region, ())
    return any(host.endswith(name[1:]) if name.startswith("*.") else host == name for name in aws_hosts(account))


@pytest.fixture(autouse=True)
def no_settings_of_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_S3_US_EAST_1_REGIONAL_ENDPOINT", "AWS_STS_REGIONAL_ENDPOINTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("call", CALLS)
def test_a_pod_reaches_what_boto3_calls(region: str, call: str) -> None:
    host = endpoint(region, call)
    assert let_out(host, region), f"{host} is refused by the mesh"


def test_every_service_that_a_pod_of_the_mesh_has_a_right_to_is_among_the_calls() -> None:
    """So that what is asked above is all that is called, and stays so."""
    stack = run_program()
    rights: dict[str, set[str]] = {each.name: set() for each in stack.of("iam/policy:Policy")}
    for each in stack.of("iam/policy:Policy"):
        for statement in each.policy():
            if statement["Effect"] == "Allow":
                actions = statement["Action"]
                rights[each.name] |= {one.partition(":")[0] for one in [actions] * isinstance(actions, str) or actions}
    attached = stack.of("iam/rolePolicyAttachment:RolePolicyAttachment")
    called: dict[str, set[str]] = {}
    for each in stack.of("eks/podIdentityAssociation:PodIdentityAssociation"):
        if each.inputs["namespace"] in ns.MESH:
            role = each.inputs["roleArn"].rpartition("/")[2]
            policies = [one.inputs["policyArn"].rpartition("/")[2] for one in attached if one.inputs["role"] == role]
            called[each.inputs["namespace"]] = set[str]().union(*(rights[name] for name in policies))
    assert {"mlflow", "training", "serving", "pipelines", "notebooks", "monitoring"} <= called.keys()
    assert {"s3", "kms"} <= called["training"]
    assert set[str]().union(*called.values()) <= {service for service, _ in CALLS.values()}


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize(
    "config",
    [
        {"s3": {"us_east_1_regional_endpoint": "regional"}},
        {"s3": {"addressing_style": "path"}},
        {"s3": {"use_dualstack_endpoint": True}},
    ],
    ids=["regional", "path", "dualstack"],
)
def test_however_a_client_is_told_to_name_a_bucket(region: str, config: dict[str, Any]) -> None:
    host = endpoint(region, "an object", **config)
    assert let_out(host, region), f"{host} is refused by the mesh"


@pytest.mark.parametrize("region", ["us-east-1", "us-gov-west-1"])
@pytest.mark.parametrize("call", ["an object", "a key", "a secret", "a log", "who am I"])
def test_endpoints_with_validated_cryptography_are_reached_too(region: str, call: str) -> None:
    host = endpoint(region, call, use_fips_endpoint=True)
    assert let_out(host, region), f"{host} is refused by the mesh"


@pytest.mark.parametrize("region", REGIONS)
def test_the_registry_of_the_stack_is_reached(region: str) -> None:
    registry = Account(ACCOUNT_ID, REGIONS[region], region, ()).registry("parapet-test")
    assert let_out(registry.partition("/")[0], region)


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize(
    "host",
    [
        "example.com",
        "iam.amazonaws.com",
        "sts.amazonaws.com",
        "s3.eu-west-1.amazonaws.com",
        f"{BUCKET}.s3.eu-west-1.amazonaws.com",
        "s3.amazonaws.com.attacker.example",
        "notamazonaws.com",
    ],
)
def test_nothing_else_is(region: str, host: str) -> None:
    """Names without a Region have no endpoint in the VPC; another Region's data is not this stack's."""
    assert not let_out(host, region)
