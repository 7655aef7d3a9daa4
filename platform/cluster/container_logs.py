"""What containers and nodes write, in log groups that are encrypted before the first line."""

from typing import Final

import pulumi
import pulumi_aws as aws

from foundation.log_group import log_group

TOPICS: Final = ("application", "dataplane", "host", "performance")
"""The log groups of Container Insights (Amazon CloudWatch User Guide, "Set up Container Insights")."""


def container_logs(
    name: str, *, key_arn: pulumi.Input[str], retention_days: int, protect: bool, parent: pulumi.Resource
) -> list[aws.cloudwatch.LogGroup]:
    """The log groups of the cluster called `name`, which its agents would make by themselves, without key or end."""
    return [
        log_group(
            name,
            f"containers-{topic}",
            path=f"/aws/containerinsights/{name}/{topic}",
            key_arn=key_arn,
            retention_days=retention_days,
            protect=protect,
            parent=parent,
        )
        for topic in TOPICS
    ]
