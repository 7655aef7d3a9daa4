"""What containers and nodes write, in log groups that are encrypted before the first line."""

from typing import Final

import pulumi
import pulumi_aws as aws

from foundation.log_group import log_group
from foundation.stack import Stack

APPLICATION: Final = "application"
TOPICS: Final = (APPLICATION, "dataplane", "host", "performance")
"""The log groups of Container Insights (Amazon CloudWatch User Guide, "Set up Container Insights")."""


def container_logs(
    stack: Stack, *, key_arn: pulumi.Input[str], parent: pulumi.Resource
) -> list[aws.cloudwatch.LogGroup]:
    """The log groups of the stack's cluster, which its agents would make by themselves, without key or end."""
    return [
        log_group(
            stack,
            f"containers-{topic}",
            path=f"/aws/containerinsights/{stack.name}/{topic}",
            key_arn=key_arn,
            parent=parent,
        )
        for topic in TOPICS
    ]
