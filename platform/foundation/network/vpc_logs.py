"""What the logs of a VPC have in common, whatever they log."""

from dataclasses import dataclass

import pulumi

from foundation.stack import Stack


@dataclass(frozen=True, kw_only=True)
class VpcLogsArgs:
    stack: Stack
    vpc_id: pulumi.Input[str]
    key_arn: pulumi.Input[str]
    """The key of the logs class."""
