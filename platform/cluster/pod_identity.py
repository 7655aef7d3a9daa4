"""A role for a service account."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws

from foundation.policy_document import Statement, allow, document
from foundation.stack import Stack


def region(stack: Stack) -> dict[str, str]:
    """The variables by which a container's AWS clients know their Region.

    Both names: botocore reads AWS_DEFAULT_REGION alone (its configprovider.py), other SDKs AWS_REGION, and where a
    container says one of them, EKS adds neither (aws/amazon-eks-pod-identity-webhook, pkg/handler/handler.go).
    """
    return dict.fromkeys(("AWS_REGION", "AWS_DEFAULT_REGION"), stack.account.region)


@dataclass(frozen=True, kw_only=True)
class PodRoleArgs:
    stack: Stack
    cluster_arn: pulumi.Input[str]
    description: str
    managed_policies: Sequence[str] = ()
    """Names of policies that AWS maintains."""
    policies: Mapping[str, Sequence[Statement]] = field(default_factory=dict)
    """What the role may do besides, by what that is for. IAM takes 6,144 characters in each policy."""


class PodRole(pulumi.ComponentResource):
    """A role that pods of one cluster take through EKS Pod Identity, and that no other principal can take.

    Which service account has it says the association, not the role's trust: there is no OpenID Connect provider whose
    subject could be matched too widely.
    """

    arn: pulumi.Output[str]
    allowed: list[pulumi.Resource]
    """What must be there before the role is of use."""

    def __init__(self, name: str, args: PodRoleArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("parapet:cluster:PodRole", name, {"managedPolicies": args.managed_policies}, opts)
        own = pulumi.ResourceOptions(parent=self)
        role = aws.iam.Role(
            name,
            description=args.description,
            assume_role_policy=document(
                allow(
                    "AssumedByPods",
                    principals={"Service": "pods.eks.amazonaws.com"},
                    # With the session's tags, policies can tell namespaces and service accounts apart (Amazon EKS User
                    # Guide, "Grant Pods access to AWS resources based on tags").
                    actions=["sts:AssumeRole", "sts:TagSession"],
                    when={
                        "StringEquals": {"aws:SourceAccount": args.stack.account.id},
                        "ArnEquals": {"aws:SourceArn": args.cluster_arn},
                    },
                )
            ),
            opts=own,
        )
        self.arn = role.arn
        self.allowed = [
            aws.iam.RolePolicyAttachment(
                f"{name}-{policy}", role=role.name, policy_arn=args.stack.account.managed_policy(policy), opts=own
            )
            for policy in args.managed_policies
        ]
        for purpose, statements in args.policies.items():
            policy = aws.iam.Policy(
                f"{name}-{purpose}", description=args.description, policy=document(*statements), opts=own
            )
            self.allowed.append(
                aws.iam.RolePolicyAttachment(f"{name}-{purpose}", role=role.name, policy_arn=policy.arn, opts=own)
            )
        self.register_outputs({"arn": self.arn})
