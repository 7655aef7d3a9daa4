"""Which names were looked up."""

import pulumi
import pulumi_aws as aws

from foundation.log_group import DELIVERY_SERVICE, log_group
from foundation.network.vpc_logs import VpcLogsArgs
from foundation.policy_document import allow, document


class QueryLogs(pulumi.ComponentResource):
    """Every DNS query from the VPC in an encrypted log group: data can leave in names, where flow logs see nothing."""

    def __init__(self, name: str, args: VpcLogsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("parapet:foundation:QueryLogs", name, {"retentionDays": args.stack.log_retention_days}, opts)
        own = pulumi.ResourceOptions(parent=self)
        group = log_group(
            args.stack,
            "query-logs",
            key_arn=args.key_arn,
            parent=self,
        )
        delivery = aws.cloudwatch.LogResourcePolicy(
            f"{name}-query-logs",
            policy_name=policy_name(name),
            policy_document=document(
                allow(
                    "DeliverQueryLogs",
                    principals={"Service": DELIVERY_SERVICE},
                    actions=["logs:CreateLogStream", "logs:PutLogEvents"],
                    resources=pulumi.Output.concat(group.arn, ":log-stream:*"),
                    when={
                        "StringEquals": {"aws:SourceAccount": args.stack.account.id},
                        "ArnLike": {"aws:SourceArn": args.stack.account.arn("logs", "*")},
                    },
                )
            ),
            opts=own,
        )
        config = aws.route53.ResolverQueryLogConfig(
            name,
            destination_arn=group.arn,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[delivery]),
        )
        aws.route53.ResolverQueryLogConfigAssociation(
            name, resolver_query_log_config_id=config.id, resource_id=args.vpc_id, opts=own
        )
        self.register_outputs({})


def policy_name(stack: str) -> str:
    """The resource policy by which a stack's are written. A second of the name takes the place of the first."""
    return f"{stack}-query-logs"
