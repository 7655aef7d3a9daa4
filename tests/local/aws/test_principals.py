"""A policy that names a role or user who does not exist is refused, by each service in its own words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.local.aws.conftest import LocalAws
from tests.local.aws.test_gate import refusal

NOBODY = "arn:aws:iam::123456789012:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"


def policy(who: str, resource: str = "*") -> str:
    statement = {"Effect": "Allow", "Principal": {"AWS": who}, "Action": "*", "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": statement})


def trust(who: str) -> str:
    statement = {"Effect": "Allow", "Principal": {"AWS": who}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": statement})


@pytest.mark.parametrize(
    "who",
    [
        NOBODY,
        "arn:aws:iam::123456789012:user/nobody",
        "arn:aws:sts::123456789012:assumed-role/nobody/session",
        "AROAJQABLZS4A3QDU576Q",
    ],
)
def test_whoever_does_not_exist_is_in_no_policy(local_aws: LocalAws, who: str) -> None:
    kms, s3, secrets, iam = (local_aws.client(each) for each in ("kms", "s3", "secretsmanager", "iam"))
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    s3.create_bucket(Bucket="bucket")
    secrets.create_secret(Name="s", SecretString="x")
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=trust("123456789012"))
    of_bucket = policy(who, "arn:aws:s3:::bucket/*")
    malformed = "Policy contains a statement with one or more invalid principals."
    refused: dict[str, tuple[Any, dict[str, Any], tuple[str, str]]] = {
        "make a key": (kms.create_key, {"Policy": policy(who)}, ("MalformedPolicyDocumentException", malformed)),
        "change a key": (
            kms.put_key_policy,
            {"KeyId": key, "PolicyName": "default", "Policy": policy(who)},
            ("MalformedPolicyDocumentException", malformed),
        ),
        "a bucket": (
            s3.put_bucket_policy,
            {"Bucket": "bucket", "Policy": of_bucket},
            ("MalformedPolicy", "Invalid principal in policy"),
        ),
        "a secret": (
            secrets.put_resource_policy,
            {"SecretId": "s", "ResourcePolicy": policy(who)},
            ("MalformedPolicyDocumentException", "This resource policy contains an unsupported principal."),
        ),
        "make a role": (
            iam.create_role,
            {"RoleName": "t", "AssumeRolePolicyDocument": trust(who)},
            ("MalformedPolicyDocument", f'Invalid principal in policy: "AWS":"{who}"'),
        ),
        "change a role": (
            iam.update_assume_role_policy,
            {"RoleName": "r", "PolicyDocument": trust(who)},
            ("MalformedPolicyDocument", f'Invalid principal in policy: "AWS":"{who}"'),
        ),
    }
    told = {name: refusal(call, **given) for name, (call, given, _) in refused.items()}
    assert told == {name: words for name, (_, _, words) in refused.items()}


def test_who_exists_and_who_is_of_another_account_may_be_named(local_aws: LocalAws) -> None:
    kms, iam = local_aws.client("kms"), local_aws.client("iam")
    iam.create_service_linked_role(AWSServiceName="autoscaling.amazonaws.com")
    iam.create_user(UserName="ann")
    for who in (
        NOBODY,
        "arn:aws:iam::123456789012:user/ann",
        "arn:aws:iam::123456789012:root",
        "123456789012",
        "arn:aws:iam::111122223333:role/theirs",
        "*",
    ):
        kms.create_key(Policy=policy(who))
