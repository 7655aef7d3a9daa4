"""The bucket for audit records."""

from dataclasses import dataclass
from typing import Final

import pulumi

from foundation.data_class import DataClass
from foundation.stack import Stack
from foundation.storage.guard import Guard, LogTarget, guarded_bucket, lifecycle_rule
from foundation.storage.right_key import right_key_only

ARCHIVE_DAYS: Final = 90
"""An incident is investigated in fresh records; older ones are rarely read, and still readable at once."""

LEDGERS: Final = {"Holds": "audit trails and model ledgers"}
"""By this tag the policy pack knows that what says who approved a model is there (`ledger-bucket-is-locked`)."""


@dataclass(frozen=True, kw_only=True)
class AuditBucketArgs:
    stack: Stack
    key_arn: pulumi.Input[str]
    """The key of the logs class."""
    access_logs: LogTarget


class AuditBucket(pulumi.ComponentResource):
    """A bucket whose records nobody can alter or delete before their time, the account root included.

    Object Lock in compliance mode for at least six years (45 CFR 164.316(b)(2)(i)), besides all that a data bucket
    has. Nothing expires by itself: whether a record may go after its time is a person's decision.
    """

    bucket: pulumi.Output[str]
    arn: pulumi.Output[str]

    def __init__(self, name: str, args: AuditBucketArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        inputs = {"keyArn": args.key_arn, "retentionYears": args.stack.audit_retention_years}
        super().__init__("parapet:foundation:AuditBucket", name, inputs, opts)
        guard = Guard(
            holds=DataClass.LOGS,
            key_arn=args.key_arn,
            access_logs=args.access_logs,
            statements=lambda arn: right_key_only(arn, args.key_arn),
            lifecycle=[lifecycle_rule("archive", transition={"days": ARCHIVE_DAYS, "storage_class": "GLACIER_IR"})],
            lock_years=args.stack.audit_retention_years,
            tags=LEDGERS,
            stack=args.stack,
        )
        bucket = guarded_bucket(name, guard, parent=self)
        self.bucket = bucket.bucket
        self.arn = bucket.arn
        self.register_outputs({"bucket": self.bucket, "arn": self.arn})
