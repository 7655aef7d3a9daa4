"""The encryption keys."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from foundation import data_class
from foundation.data_class import DataClass
from foundation.key_policy import key_policy
from foundation.stack import Stack

DELETION_WINDOW_DAYS = 30
"""The longest that AWS KMS offers: the time to notice that a key, and all that it encrypts, is about to be lost."""


@dataclass(frozen=True, kw_only=True)
class KeysArgs:
    stack: Stack
    administrators: Sequence[str]
    """ARNs of IAM roles and users; empty for whomever the account's IAM policies allow."""
    spot: bool
    """Whether Spot Instances are launched, with volumes under the cluster's key."""
    secret_readers: Sequence[str]
    """ARNs of the IAM roles of people that read a secret. None of them is an administrator."""
    named: Sequence[pulumi.Resource]
    """The roles that a key's policy names, which must be there before it."""


class Keys(pulumi.ComponentResource):
    """One customer managed key for each class of data, rotated every year.

    Whoever administers a key cannot use it, and whoever uses it does so through its class's services only: a stolen
    PHI object stays unreadable to a principal that may read logs.
    """

    arns: dict[DataClass, pulumi.Output[str]]
    administrators: Sequence[str]
    """As the arguments have them, for keys that other components make."""

    def __init__(self, name: str, args: KeysArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("parapet:foundation:Keys", name, {"administrators": args.administrators}, opts)
        self.administrators = args.administrators
        self.arns = {each: self._key(name, each, args) for each in DataClass}
        self.register_outputs({"arns": {each.value: arn for each, arn in self.arns.items()}})

    def _key(self, name: str, holds: DataClass, args: KeysArgs) -> pulumi.Output[str]:
        key = aws.kms.Key(
            f"{name}-{holds}",
            description=f"Encrypts the {holds} data of {name}.",
            enable_key_rotation=True,
            deletion_window_in_days=DELETION_WINDOW_DAYS,
            policy=key_policy(args.stack, holds, args.administrators, spot=args.spot, readers=args.secret_readers),
            tags=data_class.tags(holds),
            opts=pulumi.ResourceOptions(parent=self, protect=args.stack.protect, depends_on=args.named),
        )
        aws.kms.Alias(
            f"{name}-{holds}",
            name=f"alias/{name}-{holds}",
            target_key_id=key.key_id,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return key.arn
