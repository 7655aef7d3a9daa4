"""What every bucket has, whatever it holds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import pulumi
from pulumi_aws import s3

from foundation import data_class
from foundation.data_class import DataClass
from foundation.policy_document import Statement, deny, document
from foundation.stack import Stack

ABORT_UPLOAD_DAYS: Final = 7
"""Parts of an upload that nobody finished are paid for and seen in no listing."""


@dataclass(frozen=True)
class LogTarget:
    """The bucket that takes access logs, and the component that makes it ready to."""

    bucket: pulumi.Input[str]
    ready: pulumi.Resource


@dataclass(frozen=True, kw_only=True)
class Guard:
    """The choices that a bucket has left. Nothing here makes it public, unencrypted or unversioned."""

    stack: Stack
    holds: DataClass
    key_arn: pulumi.Input[str] | None
    """The class's key; none for SSE-S3, which only the target of access logs may use."""
    access_logs: LogTarget | None
    statements: Callable[[pulumi.Output[str]], Sequence[Statement]]
    """The bucket policy's statements beyond those on transport, from the bucket's ARN."""
    lifecycle: Sequence[s3.BucketLifecycleConfigurationRuleArgsDict]
    lock_years: int | None = None
    """Object Lock in compliance mode for so many years from an object's creation."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """What else is said of it, beside its class of data."""


def guarded_bucket(name: str, guard: Guard, parent: pulumi.Resource) -> s3.Bucket:
    """A private, versioned, encrypted bucket that TLS 1.2 or newer alone reaches, with its companions."""
    own = pulumi.ResourceOptions(parent=parent)
    bucket = s3.Bucket(
        name,
        force_destroy=not guard.stack.protect,
        # Read by S3 at creation only.
        object_lock_enabled=True if guard.lock_years else None,
        tags={**data_class.tags(guard.holds), **guard.tags},
        opts=pulumi.ResourceOptions(parent=parent, protect=guard.stack.protect),
    )
    private = s3.BucketPublicAccessBlock(
        name,
        bucket=bucket.id,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
        opts=own,
    )
    s3.BucketOwnershipControls(name, bucket=bucket.id, rule={"object_ownership": "BucketOwnerEnforced"}, opts=own)
    versioning = s3.BucketVersioning(name, bucket=bucket.id, versioning_configuration={"status": "Enabled"}, opts=own)
    s3.BucketServerSideEncryptionConfiguration(name, bucket=bucket.id, rules=[_encryption(guard)], opts=own)
    s3.BucketPolicy(
        name,
        bucket=bucket.id,
        policy=document(*guard.statements(bucket.arn), *_transport(bucket.arn)),
        # S3 refuses two changes of a bucket's access at once.
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[private]),
    )
    after_versioning = pulumi.ResourceOptions(parent=parent, depends_on=[versioning])
    s3.BucketLifecycleConfiguration(name, bucket=bucket.id, rules=guard.lifecycle, opts=after_versioning)
    if guard.lock_years:
        s3.BucketObjectLockConfiguration(
            name,
            bucket=bucket.id,
            rule={"default_retention": {"mode": "COMPLIANCE", "years": guard.lock_years}},
            opts=after_versioning,
        )
    if guard.access_logs:
        s3.BucketLogging(
            name,
            bucket=bucket.id,
            target_bucket=guard.access_logs.bucket,
            target_prefix=f"{name}/",
            # Until the target's policy lets the logs in, S3 drops them without a word.
            opts=pulumi.ResourceOptions(parent=parent, depends_on=[guard.access_logs.ready]),
        )
    return bucket


def lifecycle_rule(
    name: str,
    *,
    transition: s3.BucketLifecycleConfigurationRuleTransitionArgsDict | None = None,
    expire_days: int | None = None,
    expire_noncurrent_days: int | None = None,
) -> s3.BucketLifecycleConfigurationRuleArgsDict:
    """A rule over the whole bucket, which also aborts unfinished uploads. Times are in days."""
    return {
        "id": name,
        "status": "Enabled",
        "filter": {"prefix": ""},
        "abort_incomplete_multipart_upload": {"days_after_initiation": ABORT_UPLOAD_DAYS},
        "transitions": [transition] if transition else None,
        "expiration": {"days": expire_days} if expire_days else None,
        "noncurrent_version_expiration": {"noncurrent_days": expire_noncurrent_days}
        if expire_noncurrent_days
        else None,
    }


def _encryption(guard: Guard) -> s3.BucketServerSideEncryptionConfigurationRuleArgsDict:
    if guard.key_arn is None:
        return {"apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}}
    return {
        "apply_server_side_encryption_by_default": {"sse_algorithm": "aws:kms", "kms_master_key_id": guard.key_arn},
        "bucket_key_enabled": True,
    }


def _transport(bucket_arn: pulumi.Output[str]) -> list[Statement]:
    everything = [bucket_arn, pulumi.Output.concat(bucket_arn, "/*")]
    return [
        deny(
            "DenyInsecureTransport",
            actions="s3:*",
            resources=everything,
            when={"Bool": {"aws:SecureTransport": "false"}},
        ),
        deny(
            "DenyOldTls",
            actions="s3:*",
            resources=everything,
            when={"NumericLessThan": {"s3:TlsVersion": "1.2"}},
        ),
    ]
