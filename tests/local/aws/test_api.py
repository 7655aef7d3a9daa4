"""What the local AWS API answers where moto alone would not."""

import json

import pytest
from botocore.exceptions import ClientError

from tests.local.aws.conftest import LocalAws


def _deny(condition: dict[str, object]) -> str:
    statement = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": ["arn:aws:s3:::a-bucket/*"]}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement | condition]})


def test_a_bucket_that_denies_insecure_transport_still_takes_objects(local_aws: LocalAws) -> None:
    s3 = local_aws.client("s3")
    s3.create_bucket(Bucket="a-bucket")
    s3.put_bucket_policy(Bucket="a-bucket", Policy=_deny({"Condition": {"Bool": {"aws:SecureTransport": "false"}}}))
    s3.put_object(Bucket="a-bucket", Key="key", Body=b"content")
    assert s3.get_object(Bucket="a-bucket", Key="key")["Body"].read() == b"content"


def test_a_bucket_that_denies_everything_takes_none(local_aws: LocalAws) -> None:
    s3 = local_aws.client("s3")
    s3.create_bucket(Bucket="a-bucket")
    s3.put_bucket_policy(Bucket="a-bucket", Policy=_deny({}))
    with pytest.raises(ClientError, match=r"AccessDenied|Forbidden"):
        s3.put_object(Bucket="a-bucket", Key="key", Body=b"content")
