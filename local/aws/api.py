"""The process of the local AWS API: a moto server, with some of its answers mended.

moto reads a bucket policy's statements without their conditions, so that a `Deny` of plain-text transport, or of a
wrong key, denies every access to the objects. Here a statement with a condition decides nothing.

moto lets a bucket log its access only to one whose policy has the service in the first statement, and delivers the log
in the moment of the request. Here any bucket of the Region is taken, as S3 does, and nothing is delivered, as S3 takes
hours. A bucket's default retention can be changed while it holds objects.

moto takes a queue's policy away whenever another of its attributes is set. Here it stays.

Functions and jobs are not run in containers, which this machine may not have: their invocations succeed.
"""

import json
import os
import sys
from typing import Any

from moto.core.config import default_user_config
from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.s3.exceptions import InvalidBucketState
from moto.s3.models import FakeBucket, S3Backend
from moto.server import main
from moto.sqs.models import Queue


def permission(bucket: FakeBucket, action: str, resource: str) -> PermissionResult:
    """What the bucket's policy says of an action, by its unconditional statements alone."""
    if bucket.policy is None:
        return PermissionResult.NEUTRAL
    policy = json.loads(bucket.policy)
    statements = policy["Statement"] if isinstance(policy["Statement"], list) else [policy["Statement"]]
    policy["Statement"] = [statement for statement in statements if not statement.get("Condition")]
    return IAMPolicy(json.dumps(policy)).is_action_permitted(action, resource)


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


_set_attributes = Queue._set_attributes  # pyright: ignore[reportPrivateUsage] # the method that is mended


def set_attributes(queue: Queue, attributes: dict[str, Any], now: float | None = None) -> None:
    """Set a queue's attributes, and leave its policy as it is unless it is one of them."""
    _set_attributes(queue, {"Policy": getattr(queue, "policy", None), **attributes}, now)


if __name__ == "__main__":
    # Without it there is no `arn:aws:iam::aws:policy/...` to attach.
    os.environ.setdefault("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
    # A certificate is issued as soon as its record could be seen.
    os.environ.setdefault("MOTO_ACM_VALIDATION_WAIT", "1")
    default_user_config["lambda"]["use_docker"] = default_user_config["batch"]["use_docker"] = False
    setattr(FakeBucket, "get_permission", permission)  # noqa: B010 # a method of another's class is replaced
    setattr(FakeBucket, "_log_permissions_enabled_policy", staticmethod(may_log))  # noqa: B010 # likewise
    setattr(S3Backend, "log_incoming_request", deliver_no_log)  # noqa: B010 # likewise
    setattr(S3Backend, "put_object_lock_configuration", put_object_lock_configuration)  # noqa: B010 # likewise
    setattr(Queue, "_set_attributes", set_attributes)  # noqa: B010 # likewise
    main(sys.argv[1:])
