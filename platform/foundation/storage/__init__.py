"""The buckets of the platform."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from foundation.data_class import DataClass
from foundation.stack import Stack
from foundation.storage.access_log_bucket import AccessLogBucket, AccessLogBucketArgs
from foundation.storage.audit_bucket import AuditBucket, AuditBucketArgs
from foundation.storage.data_bucket import DataBucket, DataBucketArgs

__all__ = [
    "AccessLogBucket",
    "AccessLogBucketArgs",
    "AuditBucket",
    "AuditBucketArgs",
    "DataBucket",
    "DataBucketArgs",
    "Storage",
    "StorageArgs",
]


@dataclass(frozen=True, kw_only=True)
class StorageArgs:
    stack: Stack
    key_arns: Mapping[DataClass, pulumi.Input[str]]
    vpc_id: pulumi.Input[str]
    """Whence alone PHI is worked with."""


class Storage(pulumi.ComponentResource):
    """The buckets for PHI, for models, for audit records, and for the access logs of these three."""

    phi: DataBucket
    artifacts: DataBucket
    audit: AuditBucket
    access_logs: AccessLogBucket

    def __init__(self, name: str, args: StorageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("parapet:foundation:Storage", name, None, opts)
        own = pulumi.ResourceOptions(parent=self)
        self.access_logs = AccessLogBucket(
            f"{name}-access-logs",
            AccessLogBucketArgs(
                stack=args.stack,
                sources=f"{name}-",
            ),
            own,
        )
        self.phi = self._data_bucket(name, DataClass.PHI, args)
        self.artifacts = self._data_bucket(name, DataClass.ARTIFACTS, args)
        self.audit = AuditBucket(
            f"{name}-audit",
            AuditBucketArgs(
                stack=args.stack,
                key_arn=args.key_arns[DataClass.LOGS],
                access_logs=self.access_logs.target,
            ),
            own,
        )
        self.register_outputs({"buckets": self.buckets})

    @property
    def buckets(self) -> dict[str, pulumi.Output[str]]:
        """The buckets' names, by what they hold."""
        return {
            "phi": self.phi.bucket,
            "artifacts": self.artifacts.bucket,
            "audit": self.audit.bucket,
            "accessLogs": self.access_logs.bucket,
        }

    def _data_bucket(self, name: str, holds: DataClass, args: StorageArgs) -> DataBucket:
        return DataBucket(
            f"{name}-{holds}",
            DataBucketArgs(
                stack=args.stack,
                holds=holds,
                key_arn=args.key_arns[holds],
                access_logs=self.access_logs.target,
                vpc_id=args.vpc_id if holds is DataClass.PHI else None,
            ),
            pulumi.ResourceOptions(parent=self),
        )
