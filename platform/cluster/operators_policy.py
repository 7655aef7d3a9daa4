"""What an operator needs in AWS to come to the private Kubernetes API, and what an operator must not have."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

from cluster.sessions import OF_A_SESSION
from foundation import log_group
from foundation.policy_document import Conditions, allow, deny, document
from foundation.stack import Stack

MARK: Final = "parapet:operators-of"
"""The tag of an operators' host, whose value is its stack. Nobody but the template's launch may set it: a node that had
it would be open to the operators. Its `Name` is none to trust: Karpenter names its nodes."""
UNLOGGED: Final = (
    "ec2:CreateReplaceRootVolumeTask",
    "ec2:ModifyInstanceAttribute",
    "ec2-instance-connect:*",
    "ssm:Create*",
    "ssm:DeleteDocument",
    "ssm:ModifyDocumentPermission",
    "ssm:Register*",
    "ssm:Send*",
    # All that starts but a session.
    "ssm:StartA*",
    "ssm:StartC*",
    "ssm:StartE*",
    "ssm:Update*",
)
"""What runs on an instance as root and in no session's log, comes to it past Session Manager, or changes what is
logged: user data, disks, serial consoles, commands, associations, automations, maintenance windows, documents and the
service's settings (Service Authorization Reference, "Actions, resources, and condition keys for AWS Systems
Manager")."""
FORGETTING: Final = (
    "logs:Delete*",
    "logs:DisassociateKmsKey",
    "logs:PutDataProtectionPolicy",
    "logs:PutLogGroupDeletionProtection",
    "logs:PutRetentionPolicy",
)
"""What takes a record out of a log, or keeps it from being read."""


def mark(stack: str) -> dict[str, str]:
    """The tag by which the policy knows the operators' host of a stack of this name."""
    return {MARK: stack}


def marking() -> Conditions:
    """Of a request that sets or removes the mark, in whatever case: conditions on a tag do not look at a key's (IAM
    User Guide, "Controlling access to AWS resources using tags")."""
    return {"ForAnyValue:StringEqualsIgnoreCase": {"aws:TagKeys": [MARK]}}


@dataclass(frozen=True, kw_only=True)
class OperatorsPolicyArgs:
    stack: Stack
    cluster_arn: pulumi.Input[str]
    key_arn: pulumi.Input[str]
    """The key of the cluster class, under which sessions are."""
    document_arns: Sequence[pulumi.Input[str]]
    """The session documents of the stack."""


def operators_policy(name: str, args: OperatorsPolicyArgs, parent: pulumi.Resource) -> aws.iam.Policy:
    """A policy for the hospital to attach to its operators' role, which the stack does not have.

    Sessions on the host with the stack's own documents, and what finds a tunnel. It denies the other ways onto an
    instance and to any other one, whatever else the role may do: they leave no record of what was done.
    """
    account = args.stack.account
    instances = account.arn("ec2", "instance/*")
    # Or a session without a document would not ask for the right to the one that it takes by default (AWS Systems
    # Manager User Guide, "Enforce a session document permission check for the AWS CLI").
    checked = {"ssm:SessionDocumentAccessCheck": "true"}
    its_mark = {f"ssm:resourceTag/{MARK}": args.stack.name}
    on_the_host: Conditions = {"StringEquals": its_mark, "Bool": checked}
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
            # An instance without the tag counts as one with another.
            deny(
                "NoOtherInstance",
                actions="ssm:StartSession",
                resources=instances,
                when={"StringNotEquals": its_mark},
                principals=None,
            ),
            deny(
                "NoOtherHost",
                actions=["autoscaling:CreateOrUpdateTags", "ec2:CreateTags", "ec2:DeleteTags"],
                resources="*",
                when=marking(),
                principals=None,
            ),
            deny("NothingUnlogged", actions=UNLOGGED, resources="*", principals=None),
            deny("NothingForgotten", actions=FORGETTING, resources=log_group.arns(args.stack), principals=None),
            {
                "Sid": "NoOtherDocument",
                "Effect": "Deny",
                "Action": "ssm:StartSession",
                "NotResource": [instances, *args.document_arns],
            },
        ),
        opts=pulumi.ResourceOptions(parent=parent),
    )
