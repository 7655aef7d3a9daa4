"""Buckets: who may log, how long what is kept."""

from typing import Any

from moto.iam.access_control import PermissionResult
from moto.s3.exceptions import InvalidBucketState
from moto.s3.models import FakeBucket, FakeDeleteMarker, S3Backend

from local.aws.api.mending import replace


def permission(bucket: FakeBucket, action: str, resource: str) -> PermissionResult:
    """Nothing more: what the bucket's policy says, the gate has heeded."""
    return PermissionResult.NEUTRAL


def may_log(target_bucket: FakeBucket, target_prefix: str | None = None) -> bool:
    """Whether a bucket takes access logs."""
    return True


def deliver_no_log(backend: S3Backend, request: Any, bucket_name: str) -> None:
    """Nothing is delivered yet."""


def put_object_lock_configuration(
    backend: S3Backend,
    bucket_name: str,
    lock_enabled: bool,
    mode: str | None = None,
    days: int | None = None,
    years: int | None = None,
) -> None:
    """Set a versioned bucket's default retention, which counts for objects that come later."""
    bucket = backend.get_bucket(bucket_name)
    if not bucket.is_versioned:
        raise InvalidBucketState("Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration")
    bucket.object_lock_enabled = bucket.object_lock_enabled or lock_enabled
    bucket.default_lock_mode, bucket.default_lock_days, bucket.default_lock_years = mode or "", days or 0, years or 0


def dispose(marker: FakeDeleteMarker) -> None:
    """A delete marker holds nothing."""


def mend() -> None:
    """moto reads a bucket policy's statements without their conditions, so that a `Deny` of plain-text transport, or of
    a wrong key, denies every access to the objects. The gate judges instead of it.

    It lets a bucket log its access only to one whose policy has the service in the first statement, and delivers the
    log in the moment of the request. Here any bucket of the Region is taken, as S3 does, and nothing is delivered, as
    S3 takes hours. A bucket's default retention can be changed while it holds objects.

    It fails to remove an object that was deleted before from a bucket whose versioning is suspended.
    """
    setattr(FakeDeleteMarker, "dispose", dispose)  # noqa: B010 # moto has it for versions alone
    replace(FakeBucket, "get_permission", permission)
    replace(FakeBucket, "_log_permissions_enabled_policy", staticmethod(may_log))
    replace(S3Backend, "log_incoming_request", deliver_no_log)
    replace(S3Backend, "put_object_lock_configuration", put_object_lock_configuration)
