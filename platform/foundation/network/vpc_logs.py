"""What the logs of a VPC have in common, whatever they log."""

from dataclasses import dataclass

import pulumi

from foundation.account import Account


@dataclass(frozen=True, kw_only=True)
class VpcLogsArgs:
    account: Account
    vpc_id: pulumi.Input[str]
    key_arn: pulumi.Input[str]
    """The key of the logs class."""
    retention_days: int
    protect: bool
