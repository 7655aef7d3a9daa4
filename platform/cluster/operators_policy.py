"""What an operator needs in AWS to come to the private Kubernetes API, and what an operator must not have."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

from cluster.sessions import OF_A_SESSION
from foundation.policy_document import Conditions, allow, deny, document
from foundation.stack import Stack

UNLOGGED: Final = (
    "ec2-instance-connect:OpenTunnel",
    "ec2-instance-connect:SendSSHPublicKey",
    "ssm:CreateAssociation",
    "ssm:CreateDocument",
    "ssm:DeleteDocument",
    "ssm:SendCommand",
    "ssm:StartAutomationExecution",
    "ssm:UpdateAssociation",
    "ssm:UpdateDocument",
    "ssm:UpdateDocumentDefaultVersion",
)
"""What runs on an instance as root and in no session's log, comes to it past Session Manager, or changes what is logged
(AWS Systems Manager User Guide, "AWS Systems Manager Run Command")."""


@dataclass(frozen=True, kw_only=True)
class OperatorsPolicyArgs:
    stack: Stack
    host: str
    """The name of the operators' host, by its tag."""
    cluster_arn: pulumi.Input[str]
    key_arn: pulumi.Input[str]
    """The key of the cluster class, under which sessions are."""
    document_arns: Sequence[pulumi.Input[str]]
    """The session documents of the stack."""


def operators_policy(name: str, args: OperatorsPolicyArgs, parent: pulumi.Resource) -> aws.iam.Policy:
    """A policy for the hospital to attach to its operators' role, which the stack does not have.

    Sessions on the host with the stack's own documents, and what finds a tunnel. It denies the other ways onto an
    instance, whatever else the role may do: they leave no record of what was done.
    """
    account = args.stack.account
    instances = account.arn("ec2", "instance/*")
    # Or a session without a document would not ask for the right to the one that it takes by default (AWS Systems
    # Manager User Guide, "Enforce a session document permission check for the AWS CLI").
    checked = {"ssm:SessionDocumentAccessCheck": "true"}
    on_the_host: Conditions = {"StringEquals": {"ssm:resourceTag/Name": args.host}, "Bool": checked}
    return aws.iam.Policy(
        f"{name}-operators",
        description=f"Lets an operator reach the Kubernetes API of {name}, by logged sessions alone.",
        policy=document(
            allow("SessionsOnTheHost", actions="ssm:StartSession", resources=instances, when=on_the_host),
            allow("OwnDocuments", actions="ssm:StartSession", resources=args.document_arns),
            allow(
                "OwnSessions",
                actions=["ssm:ResumeSession", "ssm:TerminateSession"],
                resources=account.arn("ssm", "session/*"),
                when={"StringLike": {"ssm:resourceTag/aws:ssmmessages:session-id": "${aws:userid}"}},
            ),
            allow("KeysOfSessions", actions="kms:GenerateDataKey", resources=args.key_arn, when=OF_A_SESSION),
            allow("FindTheCluster", actions="eks:DescribeCluster", resources=args.cluster_arn),
            # Neither knows a resource.
            allow(
                "FindTheHost",
                actions=["autoscaling:DescribeAutoScalingGroups", "ssm:DescribeInstanceInformation"],
                resources="*",
            ),
            deny("NothingUnlogged", actions=UNLOGGED, resources="*", principals=None),
            {
                "Sid": "NoOtherDocument",
                "Effect": "Deny",
                "Action": "ssm:StartSession",
                "NotResource": [instances, *args.document_arns],
            },
        ),
        opts=pulumi.ResourceOptions(parent=parent),
    )
