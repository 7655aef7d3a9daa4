"""The buckets of the platform."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from foundation.account import Account
from foundation.data_class import DataClass
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
    account: Account
    key_arns: Mapping[DataClass, pulumi.Input[str]]
    audit_retention_years: int
    log_retention_days: int
    protect: bool


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
                account=args.account,
                sources=f"{name}-",
                retention_days=args.log_retention_days,
                protect=args.protect,
            ),
            own,
        )
        self.phi = self._data_bucket(name, DataClass.PHI, args)
        self.artifacts = self._data_bucket(name, DataClass.ARTIFACTS, args)
        self.audit = AuditBucket(
            f"{name}-audit",
            AuditBucketArgs(
                key_arn=args.key_arns[DataClass.LOGS],
                access_logs=self.access_logs.target,
                retention_years=args.audit_retention_years,
                protect=args.protect,
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
                holds=holds, key_arn=args.key_arns[holds], access_logs=self.access_logs.target, protect=args.protect
            ),
            pulumi.ResourceOptions(parent=self),
        )
