"""Buckets for data that is worked with."""

from dataclasses import dataclass
from typing import Final

import pulumi

from foundation.data_class import DataClass
from foundation.retention import UNDO_DAYS
from foundation.stack import Stack
from foundation.storage.from_within import only_from_within
from foundation.storage.guard import Guard, LogTarget, guarded_bucket, lifecycle_rule
from foundation.storage.right_key import right_key_only

TIERING_DAYS: Final = 30
"""After so many days S3 Intelligent-Tiering watches an object's use, and moves it without delaying a read."""


@dataclass(frozen=True, kw_only=True)
class DataBucketArgs:
    stack: Stack
    holds: DataClass
    key_arn: pulumi.Input[str]
    """The key of that class."""
    access_logs: LogTarget
    vpc_id: pulumi.Input[str] | None = None
    """Whence alone its objects are worked with; none for wherever somebody has the rights."""


class DataBucket(pulumi.ComponentResource):
    """A bucket for one class of data, whose protection nothing here can turn off.

    Encrypted with the class's key and no other, private, TLS 1.2 or newer only, versioned, access-logged.
    """

    bucket: pulumi.Output[str]
    arn: pulumi.Output[str]

    def __init__(self, name: str, args: DataBucketArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        inputs = {"holds": args.holds.value, "keyArn": args.key_arn}
        super().__init__("parapet:foundation:DataBucket", name, inputs, opts)
        guard = Guard(
            holds=args.holds,
            key_arn=args.key_arn,
            access_logs=args.access_logs,
            statements=lambda arn: [
                *right_key_only(arn, args.key_arn),
                *(only_from_within(arn, args.vpc_id) if args.vpc_id is not None else []),
            ],
            lifecycle=[
                lifecycle_rule(
                    "tier-then-forget-old-versions",
                    transition={"days": TIERING_DAYS, "storage_class": "INTELLIGENT_TIERING"},
                    expire_noncurrent_days=UNDO_DAYS,
                )
            ],
            stack=args.stack,
        )
        bucket = guarded_bucket(name, guard, parent=self)
        self.bucket = bucket.bucket
        self.arn = bucket.arn
        self.register_outputs({"bucket": self.bucket, "arn": self.arn})
