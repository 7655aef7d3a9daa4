"""Policies of buckets, keys, roles and the like that name an AWS service: for whose resources may it act?"""

from __future__ import annotations

from typing import Any

from hipaa.aws.resource_policies import policy
from hipaa.facts import fact
from hipaa.iam.judging import bounds_services
from hipaa.resource import Resource
from hipaa.rule import MEDIUM, rule
from hipaa.verdict import Verdict

_ROLE = "aws:iam/role:Role"
_PATHS = {
    _ROLE: ("assumeRolePolicy", "sts"),
    "aws:s3/bucketPolicy:BucketPolicy": ("policy", "s3"),
    "aws:s3/bucket:Bucket": ("policy", "s3"),
    "aws:kms/key:Key": ("policy", "kms"),
    "aws:kms/keyPolicy:KeyPolicy": ("policy", "kms"),
    "aws:secretsmanager/secretPolicy:SecretPolicy": ("policy", "secretsmanager"),
    "aws:cloudwatch/logResourcePolicy:LogResourcePolicy": ("policyDocument", "logs"),
    "aws:ecr/repositoryPolicy:RepositoryPolicy": ("policy", "ecr"),
    "aws:backup/vaultPolicy:VaultPolicy": ("policy", "backup"),
}


def _trust(service: str, **condition: Any) -> dict[str, Any]:
    found = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return policy("assumeRolePolicy", found | ({"Condition": condition} if condition else {}))


_WRITES = {"Effect": "Allow", "Principal": {"Service": "delivery.logs.amazonaws.com"}, "Action": "s3:PutObject"}
_ANYWHERE = {"Resource": "arn:aws:s3:::records/*"}


def _logging(more: dict[str, Any]) -> Resource:
    writes = {"Effect": "Allow", "Principal": {"Service": "es.amazonaws.com"}, "Action": "logs:PutLogEvents"}
    said = policy("policyDocument", writes | {"Resource": "*"} | more)
    return Resource("aws:cloudwatch/logResourcePolicy:LogResourcePolicy", said)


@rule(
    "resource-policy-binds-services-to-own-account",
    on=tuple(_PATHS),
    severity=MEDIUM,
    advisory="most services act on a role, bucket or key for its own account alone; the condition makes sure of it",
    fix="Add a condition on aws:SourceAccount or aws:SourceArn to the statement that names the service.",
    sound=[
        _trust("ec2.amazonaws.com"),
        _trust("cloudtrail.amazonaws.com", StringEquals={"aws:SourceAccount": "111122223333"}),
        _trust("vpc-flow-logs.amazonaws.com", ArnLike={"aws:SourceArn": "arn:aws:ec2:*:111122223333:vpc-flow-log/*"}),
        Resource(
            "aws:s3/bucketPolicy:BucketPolicy",
            policy("policy", _WRITES | {"Resource": "arn:aws:s3:::records/AWSLogs/111122223333/*"}),
        ),
        _logging({"Condition": {"StringEquals": {"aws:SourceAccount": "111122223333"}}}),
    ],
    unsound=[
        _trust("cloudtrail.amazonaws.com"),
        _trust("sagemaker.amazonaws.com", ArnLike={"aws:SourceArn": "arn:aws:sagemaker:*:*:*"}),
        _trust("states.amazonaws.com", StringLike={"aws:SourceAccount": "*"}),
        Resource("aws:s3/bucketPolicy:BucketPolicy", policy("policy", _WRITES | _ANYWHERE)),
        _logging({}),
    ],
)
def resource_policy_binds_services(resource: Resource) -> Verdict:
    """A service uses what a policy lets it use for resources of the own account, and not for anybody's.

    The confused deputy: a stranger asks the service, and the service, which is let in, does it. Logs under
    `AWSLogs/` and an account's id come from that account alone.
    """
    path, prefix = _PATHS[resource.type]
    return bounds_services(resource, prefix, tuple(fact("services-that-name-their-source")), path)
