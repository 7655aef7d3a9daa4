"""The process of the local AWS API: a moto server, with two of its answers mended.

moto reads a bucket policy's statements without their conditions, so that a `Deny` of plain-text transport, or of a
wrong key, denies every access to the objects. Here a statement with a condition decides nothing.

moto takes a queue's policy away whenever another of its attributes is set. Here it stays.

Functions and jobs are not run in containers, which this machine may not have: their invocations succeed.
"""

import json
import os
import sys
from typing import Any

from moto.core.config import default_user_config
from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.s3.models import FakeBucket
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


_set_attributes = Queue._set_attributes  # pyright: ignore[reportPrivateUsage] # the method that is mended


def set_attributes(queue: Queue, attributes: dict[str, Any], now: float | None = None) -> None:
    """Set a queue's attributes, and leave its policy as it is unless it is one of them."""
    _set_attributes(queue, {"Policy": getattr(queue, "policy", None), **attributes}, now)


if __name__ == "__main__":
    # Without it there is no `arn:aws:iam::aws:policy/...` to attach.
    os.environ.setdefault("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
    default_user_config["lambda"]["use_docker"] = default_user_config["batch"]["use_docker"] = False
    setattr(FakeBucket, "get_permission", permission)  # noqa: B010 # a method of another's class is replaced
    setattr(Queue, "_set_attributes", set_attributes)  # noqa: B010 # likewise
    main(sys.argv[1:])
