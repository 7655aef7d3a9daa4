"""A bucket, as a policy speaks of it."""

from dataclasses import dataclass

import pulumi


@dataclass(frozen=True)
class Bucket:
    """The bucket of a class of data, and its key."""

    arn: pulumi.Input[str]
    key_arn: pulumi.Input[str]
