"""The bucket that the other buckets' access logs go to."""

from dataclasses import dataclass

import pulumi

from foundation.data_class import DataClass
from foundation.policy_document import Statement, allow
from foundation.retention import UNDO_DAYS
from foundation.stack import Stack
from foundation.storage.guard import Guard, LogTarget, guarded_bucket, lifecycle_rule


@dataclass(frozen=True, kw_only=True)
class AccessLogBucketArgs:
    stack: Stack
    sources: str
    """What the names of the buckets that log here begin with."""


class AccessLogBucket(pulumi.ComponentResource):
    """A bucket that S3 alone writes to, and only for this account's buckets.

    Its objects are encrypted with SSE-S3: a bucket whose default is SSE-KMS receives no access logs (Amazon S3 User
    Guide, "Enabling Amazon S3 server access logging"). Its own accesses are not logged, since each log would
    bring forth another.
    """

    bucket: pulumi.Output[str]
    arn: pulumi.Output[str]

    def __init__(self, name: str, args: AccessLogBucketArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        inputs = {"sources": args.sources, "retentionDays": args.stack.log_retention_days}
        super().__init__("parapet:foundation:AccessLogBucket", name, inputs, opts)
        guard = Guard(
            holds=DataClass.LOGS,
            key_arn=None,
            access_logs=None,
            statements=lambda arn: [_delivery(arn, args)],
            lifecycle=[
                lifecycle_rule("expire", expire_days=args.stack.log_retention_days, expire_noncurrent_days=UNDO_DAYS)
            ],
            stack=args.stack,
        )
        bucket = guarded_bucket(name, guard, parent=self)
        self.bucket = bucket.bucket
        self.arn = bucket.arn
        self.register_outputs({"bucket": self.bucket, "arn": self.arn})

    @property
    def target(self) -> LogTarget:
        """Where the other buckets send their access logs."""
        return LogTarget(self.bucket, ready=self)


def _delivery(bucket_arn: pulumi.Output[str], args: AccessLogBucketArgs) -> Statement:
    # Without the two conditions another account could have its logs delivered here (the confused deputy).
    return allow(
        "DeliverAccessLogs",
        principals={"Service": "logging.s3.amazonaws.com"},
        actions="s3:PutObject",
        resources=pulumi.Output.concat(bucket_arn, "/*"),
        when={
            "ArnLike": {"aws:SourceArn": f"arn:{args.stack.account.partition}:s3:::{args.sources}*"},
            "StringEquals": {"aws:SourceAccount": args.stack.account.id},
        },
    )
