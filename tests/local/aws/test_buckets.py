"""What a bucket's policy refuses, and the key that its objects lie under."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.aws.conftest import LocalAws

BUCKET = "a-bucket"
SSE = "s3:x-amz-server-side-encryption"


@pytest.fixture
def s3(local_aws: LocalAws) -> Any:
    s3 = local_aws.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    return s3


@pytest.fixture
def key(local_aws: LocalAws, s3: Any) -> str:
    """The key that the bucket encrypts with, and that alone its policy takes."""
    key: str = local_aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    rules = {"Rules": [{"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": True}]}
    s3.put_bucket_encryption(Bucket=BUCKET, ServerSideEncryptionConfiguration=rules)
    asked = {"Null": {SSE: "false"}}
    conditions = [
        asked | {"StringNotEquals": {SSE: "aws:kms"}},
        asked | {"StringNotEquals": {f"{SSE}-aws-kms-key-id": key}},
        {"Null": {f"{SSE}-customer-algorithm": "false"}},
        {"Bool": {"aws:SecureTransport": "false"}},
    ]
    _deny(s3, *({"Condition": one} for one in conditions))
    return key


def _deny(s3: Any, *given: dict[str, object], action: str = "s3:PutObject") -> None:
    statement = {"Effect": "Deny", "Principal": "*", "Action": action, "Resource": f"arn:aws:s3:::{BUCKET}/*"}
    policy = {"Version": "2012-10-17", "Statement": [statement | one for one in given]}
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(policy))


def test_a_bucket_that_denies_everything_takes_none(s3: Any) -> None:
    _deny(s3, {}, action="s3:*")
    with pytest.raises(ClientError, match=r"AccessDenied|Forbidden"):
        s3.put_object(Bucket=BUCKET, Key="key", Body=b"content")


@pytest.mark.parametrize(
    "asked",
    [
        {"ServerSideEncryption": "AES256"},
        {"ServerSideEncryption": "aws:kms"},
        {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "arn:aws:kms:us-east-1:123456789012:key/wrong"},
        {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "0" * 32},
    ],
    ids=["no key of ours", "no key named", "another key", "the caller's own key"],
)
def test_an_upload_under_a_wrong_key_is_refused(s3: Any, key: str, asked: dict[str, str]) -> None:
    for upload in (s3.put_object, s3.create_multipart_upload):
        with pytest.raises(ClientError, match=r"AccessDenied|Forbidden"):
            upload(Bucket=BUCKET, Key="key", **asked)
    with pytest.raises(ClientError, match="404"):
        s3.head_object(Bucket=BUCKET, Key="key")


@pytest.mark.parametrize("names_it", [True, False])
def test_what_is_uploaded_lies_under_the_buckets_key(s3: Any, key: str, names_it: bool) -> None:
    asked = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key} if names_it else {}
    s3.put_object(Bucket=BUCKET, Key="single", Body=b"content", **asked)
    where = {"Bucket": BUCKET, "Key": "parts"}
    upload = s3.create_multipart_upload(**where, **asked)["UploadId"]
    sent = [s3.upload_part(**where, UploadId=upload, PartNumber=one, Body=b"x" * 5 * 2**20) for one in (1, 2)]
    parts = [{"PartNumber": number, "ETag": part["ETag"]} for number, part in enumerate(sent, 1)]
    s3.complete_multipart_upload(**where, UploadId=upload, MultipartUpload={"Parts": parts})
    for name in ("single", "parts"):
        told = s3.head_object(Bucket=BUCKET, Key=name)
        assert (told["ServerSideEncryption"], told.get("SSEKMSKeyId")) == ("aws:kms", key)
    assert s3.head_object(**where)["ContentLength"] == 10 * 2**20


def test_a_read_that_is_denied_hides_the_heads_too(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="key", Body=b"content")
    _deny(s3, {}, action="s3:GetObject")
    with pytest.raises(ClientError, match="403"):
        s3.head_object(Bucket=BUCKET, Key="key")


def test_a_statement_that_speaks_of_the_caller_counts_for_the_administrator_too(s3: Any) -> None:
    _deny(s3, {"Condition": {"StringNotEquals": {"aws:PrincipalTag/team": "ours"}}})
    with pytest.raises(ClientError, match=r"explicit deny in a resource-based policy"):
        s3.put_object(Bucket=BUCKET, Key="key", Body=b"content")
    _deny(s3, {"Condition": {"StringNotEquals": {"aws:PrincipalAccount": "123456789012"}}})
    s3.put_object(Bucket=BUCKET, Key="key", Body=b"content")
    assert s3.get_object(Bucket=BUCKET, Key="key")["Body"].read() == b"content"


def test_a_list_of_objects_is_deleted_where_each_may_be(s3: Any) -> None:
    for key in ("kept/a", "b"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"content")
    kept = {"Action": "s3:DeleteObject", "Resource": f"arn:aws:s3:::{BUCKET}/kept/*"}
    _deny(s3, kept)
    with pytest.raises(ClientError, match="s3:DeleteObject on resource"):
        s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "b"}, {"Key": "kept/a"}]})
    told = s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "b"}]})
    assert [each["Key"] for each in told["Deleted"]] == ["b"]


def test_an_object_that_was_deleted_goes_from_a_bucket_that_is_versioned_no_longer(s3: Any) -> None:
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=BUCKET, Key="a", Body=b"a")
    s3.delete_object(Bucket=BUCKET, Key="a")
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Suspended"})
    told = s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "a"}]})
    assert [each["Key"] for each in told["Deleted"]] == ["a"]
    s3.delete_bucket(Bucket=BUCKET)
