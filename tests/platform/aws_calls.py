"""What an AWS client of the stack calls, and the host that it would connect to."""

from collections.abc import Callable
from ipaddress import IPv4Network
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config

from foundation.account import Account
from foundation.network.names import answered
from tests.platform.mocked import ACCOUNT_ID

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
    "a topic": ("sns", lambda sns: sns.publish(TopicArn=f"arn:aws:sns:us-east-1:{ACCOUNT_ID}:alerts", Message="m")),
    "a parameter": ("ssm", lambda ssm: ssm.get_parameter(Name="pin")),
    "an instance": ("ec2", lambda ec2: ec2.describe_instances()),
    "the cluster": ("eks", lambda eks: eks.describe_cluster(name="parapet-test")),
}
"""What pods of the mesh call."""
NODE_CALLS: dict[str, tuple[str, Callable[[Any], object]]] = {
    "a pod's role": ("eks-auth", lambda auth: auth.assume_role_for_pod_identity(clusterName="c", token="a.b.c")),
    "a scaling group": ("autoscaling", lambda scaling: scaling.describe_auto_scaling_groups()),
    "a load balancer": ("elbv2", lambda balancers: balancers.describe_load_balancers()),
    "a database": ("rds", lambda databases: databases.describe_db_instances()),
}
"""What nodes and controllers besides call, past the mesh."""


VPC = "10.16.0.0/16"
DOMAIN = "ml.hospital.internal"


def answered_names(region: str, vpc: str = VPC, *others: str) -> list[str]:
    """What the resolver of a VPC answers."""
    account = Account(ACCOUNT_ID, REGIONS[region], region, ())
    return answered(account, IPv4Network(vpc), DOMAIN, others)


def is_answered(host: str, names: list[str]) -> bool:
    """As DNS Firewall matches a question: a star at the start of a name on the list stands for any number of labels,
    and without it the name is itself alone (Amazon Route 53 Developer Guide, "Managing your own domain lists")."""
    return any(host.endswith(name[1:]) if name.startswith("*.") else host == name for name in names)


class _AskedError(Exception):
    """The host that a client was about to connect to."""


SETTINGS = (
    "AWS_ENDPOINT_URL",
    "AWS_PROFILE",
    "AWS_S3_US_EAST_1_REGIONAL_ENDPOINT",
    "AWS_STS_REGIONAL_ENDPOINTS",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_USE_FIPS_ENDPOINT",
)
"""Of whoever runs the tests."""


def endpoint(region: str, call: str, **config: Any) -> str:
    """The host of a call, as boto3 resolves it."""
    service, make = (CALLS | NODE_CALLS)[call]
    with pytest.MonkeyPatch.context() as patch:
        for name in SETTINGS:
            patch.delenv(name, raising=False)
        patch.setenv("AWS_CONFIG_FILE", "/nonexistent")
        client = boto3.client(
            service, region_name=region, aws_access_key_id="a", aws_secret_access_key="b", config=Config(**config)
        )
        client.meta.events.register("before-send", _tell)
        with pytest.raises(_AskedError) as told:
            make(client)
    return str(told.value)


def _tell(request: Any, **_: Any) -> None:
    raise _AskedError(urlsplit(request.url).hostname)
