"""AWS services as policies speak of them: what may be done in each, and to what.

Not every action: those by which data is read, changed, deleted, sent, or the way to it opened, one of a kind. An action
that a document writes out is asked about whether it is here or not. Source: AWS, "Service Authorization Reference",
read on 2026-11-30.
"""

from __future__ import annotations

from dataclasses import dataclass

from hipaa.facts import fact


@dataclass(frozen=True)
class Service:
    """A service's actions, and the last part of the ARN of something in it that nobody named."""

    actions: tuple[str, ...]
    tail: str = "stranger"
    parts: tuple[str, ...] = ()
    """Actions on what is inside of the resource (an object of a bucket)."""


_OF = {
    "acm-pca": "IssueCertificate GetCertificate RevokeCertificate",
    "aps": "QueryMetrics RemoteWrite",
    "backup": "CopyIntoBackupVault DeleteRecoveryPoint DescribeRecoveryPoint StartRestoreJob",
    "codeartifact": "ReadFromRepository PublishPackageVersion GetAuthorizationToken DeletePackageVersions",
    "dynamodb": "GetItem PutItem DeleteItem Query Scan UpdateItem DeleteTable PutResourcePolicy",
    "ecr": "BatchGetImage GetDownloadUrlForLayer PutImage BatchDeleteImage DeleteRepository SetRepositoryPolicy",
    "elasticfilesystem": "ClientMount ClientWrite ClientRootAccess DeleteFileSystem PutFileSystemPolicy",
    "es": "ESHttpGet ESHttpPost ESHttpPut ESHttpDelete DeleteDomain UpdateDomainConfig",
    "events": "PutEvents PutRule PutTargets DeleteRule",
    "execute-api": "Invoke ManageConnections",
    "glue": "GetTable GetTables GetDatabases CreateTable DeleteTable UpdateTable PutResourcePolicy",
    "kinesis": "GetRecords PutRecord PutRecords DescribeStreamSummary DeleteStream PutResourcePolicy",
    "kms": "Decrypt Encrypt GenerateDataKey ReEncryptFrom CreateGrant Sign PutKeyPolicy ScheduleKeyDeletion",
    "lambda": "InvokeFunction InvokeFunctionUrl UpdateFunctionCode GetFunction DeleteFunction GetLayerVersion",
    "logs": "PutLogEvents PutSubscriptionFilter GetLogEvents DeleteLogGroup CreateLogStream",
    "oam": "CreateLink UpdateLink",
    "secretsmanager": "GetSecretValue PutSecretValue UpdateSecret DeleteSecret PutResourcePolicy DescribeSecret",
    "ses": "SendEmail SendRawEmail",
    "sns": "Publish Subscribe AddPermission DeleteTopic SetTopicAttributes GetTopicAttributes",
    "sqs": "SendMessage ReceiveMessage DeleteMessage PurgeQueue AddPermission SetQueueAttributes GetQueueAttributes",
    "sts": "AssumeRole AssumeRoleWithWebIdentity AssumeRoleWithSAML",
    "vpc-lattice-svcs": "Invoke",
}
_TAILS = {
    "dynamodb": "table/stranger",
    "ecr": "repository/stranger",
    "elasticfilesystem": "file-system/fs-stranger",
    "es": "domain/stranger",
    "events": "event-bus/stranger",
    "kms": "key/stranger",
    "lambda": "function:stranger",
    "logs": "log-group:stranger:*",
    "secretsmanager": "secret:stranger-AbCdEf",
    "iam": "role/stranger",
    "sts": "role/stranger",
    "ssm": "parameter/stranger",
    "kinesis": "stream/stranger",
    "glue": "table/stranger/stranger",
}
_BUCKETS = (
    "ListBucket ListBucketVersions GetBucketPolicy PutBucketPolicy PutBucketAcl DeleteBucket PutLifecycleConfiguration"
)
_OBJECTS = (
    "GetObject PutObject DeleteObject GetObjectVersion PutObjectAcl DeleteObjectVersion RestoreObject GetObjectTagging"
)


def _named(prefix: str, names: str) -> tuple[str, ...]:
    return tuple(f"{prefix}:{name}" for name in names.split())


_SERVICES = {prefix: Service(_named(prefix, names), _TAILS.get(prefix, "stranger")) for prefix, names in _OF.items()}
_SERVICES["s3"] = Service(_named("s3", _BUCKETS), "stranger-bucket", _named("s3", _OBJECTS))


def service(prefix: str) -> Service:
    """What is known of a service by the prefix of its actions; of one that is not here, one action of no name."""
    found = _SERVICES.get(prefix)
    return found or Service((f"{prefix}:Stranger",), _TAILS.get(prefix, "stranger/stranger"))


# Endpoints whose last part is not the prefix of the service's actions.
_PREFIXES = {
    "ecr.api": "ecr",
    "ecr.dkr": "ecr",
    "monitoring": "cloudwatch",
    "kinesis-streams": "kinesis",
    "guardduty-data": "guardduty",
    "email": "ses",
    "s3express": "s3express",
    "s3-global.accesspoint": "s3",
    "sagemaker.api": "sagemaker",
    "sagemaker.runtime": "sagemaker",
    "bedrock-runtime": "bedrock",
    "aps-workspaces": "aps",
    "elasticfilesystem-fips": "elasticfilesystem",
}


def of_endpoint(name: str) -> str:
    """The prefix of the actions behind an endpoint's service name, `com.amazonaws.REGION.SERVICE`."""
    last = name.split(".", 3)[-1].removesuffix("-fips")
    return _PREFIXES.get(last, last)


def takes_no_policy(name: str) -> bool:
    """Whether an endpoint of this service can have no policy: everything passes, and the service itself decides."""
    return ".vpce." in name or name.split(".", 3)[-1] in fact("vpc-endpoints-without-policy")
