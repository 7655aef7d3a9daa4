"""Log groups: encrypted with the logs key, and kept for a stated time."""

from typing import Final

import pulumi
import pulumi_aws as aws

from foundation import data_class
from foundation.data_class import DataClass
from foundation.stack import Stack

DELIVERY_SERVICE: Final = "delivery.logs.amazonaws.com"
"""The service that writes other services' logs into log groups and buckets."""


def arns(stack: Stack) -> list[str]:
    """The patterns of the ARNs of all log groups of the stack: the logs key encrypts these only."""
    return [stack.account.arn("logs", f"log-group:{prefix}*") for prefix in prefixes(stack.name)]


def prefixes(stack: str) -> list[str]:
    """What the names of all log groups of a stack of this name begin with."""
    # The last three are where EKS, Container Insights and RDS write, whatever one would rather call them.
    return [f"/{stack}/", f"/aws/eks/{stack}/", f"/aws/containerinsights/{stack}/", f"/aws/rds/instance/{stack}-"]


def log_group(
    stack: Stack,
    topic: str,
    *,
    key_arn: pulumi.Input[str],
    parent: pulumi.Resource,
    path: str | None = None,
    audit: bool = False,
) -> aws.cloudwatch.LogGroup:
    """The log group `/<stack>/<topic>`, or `path` where the service that writes into it dictates its name.

    A `path` must be one of `arns`, or the logs key refuses to encrypt it. An `audit` record is kept as long as the law
    asks, whatever other logs are, and CloudWatch Logs deletes none of a protected stack until somebody lifts that.
    """
    return aws.cloudwatch.LogGroup(
        f"{stack.name}-{topic}",
        name=path or f"/{stack.name}/{topic}",
        kms_key_id=key_arn,
        retention_in_days=stack.audit_log_days if audit else stack.log_retention_days,
        # Written out where it is off: the provider turns nothing off that is not named.
        deletion_protection_enabled=stack.protect if audit else None,
        tags=data_class.tags(DataClass.LOGS),
        opts=pulumi.ResourceOptions(parent=parent, protect=stack.protect),
    )
