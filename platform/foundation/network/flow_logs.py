"""Who talked to whom."""

import pulumi
import pulumi_aws as aws

from foundation.account import Account
from foundation.log_group import log_group
from foundation.network.vpc_logs import VpcLogsArgs
from foundation.policy_document import allow, document


class FlowLogs(pulumi.ComponentResource):
    """Every connection in the VPC, accepted or rejected, in an encrypted log group within about a minute."""

    def __init__(self, name: str, args: VpcLogsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("parapet:foundation:FlowLogs", name, {"retentionDays": args.stack.log_retention_days}, opts)
        group = log_group(
            args.stack,
            "flow-logs",
            key_arn=args.key_arn,
            parent=self,
        )
        role, allowed = self._writer(f"{name}-flow-logs", args.stack.account, group)
        aws.ec2.FlowLog(
            name,
            vpc_id=args.vpc_id,
            traffic_type="ALL",
            max_aggregation_interval=60,
            log_destination_type="cloud-watch-logs",
            log_destination=group.arn,
            iam_role_arn=role.arn,
            tags={"Name": name},
            # A flow log whose role may not write yet starts with an error and a gap.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[allowed]),
        )
        self.register_outputs({})

    def _writer(
        self, name: str, account: Account, group: aws.cloudwatch.LogGroup
    ) -> tuple[aws.iam.Role, aws.iam.RolePolicyAttachment]:
        own = pulumi.ResourceOptions(parent=self)
        # The conditions keep other accounts' flow logs from borrowing the role (Amazon VPC User Guide, "IAM role for
        # publishing flow logs to CloudWatch Logs").
        role = aws.iam.Role(
            name,
            description=f"Lets VPC flow logs write to {name}.",
            assume_role_policy=document(
                allow(
                    "AssumedByFlowLogs",
                    principals={"Service": "vpc-flow-logs.amazonaws.com"},
                    actions="sts:AssumeRole",
                    when={
                        "StringEquals": {"aws:SourceAccount": account.id},
                        "ArnLike": {"aws:SourceArn": account.arn("ec2", "vpc-flow-log/*")},
                    },
                )
            ),
            opts=own,
        )
        policy = aws.iam.Policy(
            name,
            description=f"Writes to the log group {name}.",
            policy=document(
                allow(
                    "Write",
                    actions=["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
                    resources=pulumi.Output.concat(group.arn, ":*"),
                ),
                # Asked of the list of all groups, and so allowed for all or for none (Service Authorization Reference,
                # "Actions, resources, and condition keys for Amazon CloudWatch Logs").
                allow(
                    "FindTheGroup",
                    actions="logs:DescribeLogGroups",
                    resources=account.arn("logs", "log-group:*"),
                ),
            ),
            opts=own,
        )
        return role, aws.iam.RolePolicyAttachment(name, role=role.name, policy_arn=policy.arn, opts=own)
