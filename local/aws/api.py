"""The process of the local AWS API: a moto server, with one of its answers mended.

moto reads a bucket policy's statements without their conditions, so that a `Deny` of plain-text transport, or of a
wrong key, denies every access to the objects. Here a statement with a condition decides nothing.
"""

import json
import os
import sys

from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.s3.models import FakeBucket
from moto.server import main


def permission(bucket: FakeBucket, action: str, resource: str) -> PermissionResult:
    """What the bucket's policy says of an action, by its unconditional statements alone."""
    if bucket.policy is None:
        return PermissionResult.NEUTRAL
    policy = json.loads(bucket.policy)
    statements = policy["Statement"] if isinstance(policy["Statement"], list) else [policy["Statement"]]
    policy["Statement"] = [statement for statement in statements if not statement.get("Condition")]
    return IAMPolicy(json.dumps(policy)).is_action_permitted(action, resource)


if __name__ == "__main__":
    # Without it there is no `arn:aws:iam::aws:policy/...` to attach.
    os.environ.setdefault("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
    setattr(FakeBucket, "get_permission", permission)  # noqa: B010 # a method of another's class is replaced
    main(sys.argv[1:])
