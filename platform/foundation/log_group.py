"""Log groups: encrypted with the logs key, and kept for a stated time."""

from typing import Final

import pulumi
import pulumi_aws as aws

from foundation import data_class
from foundation.account import Account
from foundation.data_class import DataClass

DELIVERY_SERVICE: Final = "delivery.logs.amazonaws.com"
"""The service that writes other services' logs into log groups and buckets."""


def arns(name: str, account: Account) -> list[str]:
    """The patterns of the ARNs of all log groups of the stack called `name`: the logs key encrypts these only."""
    # The last three are where EKS, Container Insights and RDS write, whatever one would rather call them.
    paths = (f"/{name}/*", f"/aws/eks/{name}/*", f"/aws/containerinsights/{name}/*", f"/aws/rds/instance/{name}-*")
    return [account.arn("logs", f"log-group:{path}") for path in paths]


def log_group(
    name: str,
    topic: str,
    *,
    key_arn: pulumi.Input[str],
    retention_days: int,
    protect: bool,
    parent: pulumi.Resource,
    path: str | None = None,
) -> aws.cloudwatch.LogGroup:
    """The log group `/<name>/<topic>`, or `path` where the service that writes into it dictates its name.

    A `path` must be one of `arns`, or the logs key refuses to encrypt it.
    """
    return aws.cloudwatch.LogGroup(
        f"{name}-{topic}",
        name=path or f"/{name}/{topic}",
        kms_key_id=key_arn,
        retention_in_days=retention_days,
        tags=data_class.tags(DataClass.LOGS),
        opts=pulumi.ResourceOptions(parent=parent, protect=protect),
    )
