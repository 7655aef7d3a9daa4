"""What Karpenter may do in AWS.

Its rights follow its own reference ("CloudFormation", KarpenterControllerPolicy), but for these: pools are named where
that takes any, and none (`NO_POOL`) where a class is tried; nodes have an instance profile that exists, so that it
makes, changes and reads none; its VPC is isolated, so that it asks for no prices; subnets, security groups, placement
groups and reservations are those of its node classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pulumi

from cluster.operators_policy import marking
from cluster.volume_key import volume_key
from foundation.account import Account
from foundation.policy_document import Conditions, Statement, allow, deny

POOL: Final = "karpenter.sh/nodepool"
NO_POOL: Final = ""
"""The tag's value where it is seen whether a class can be used (aws/karpenter-provider-aws,
pkg/controllers/nodeclass/validation.go): a launch template is really made, and launches from it are asked for and not
carried out. An instance that really had it could not be ended: for that a pool is named."""
ANY_POOL: Final = "?*"
LAUNCHED: Final = ("fleet", "instance", "launch-template", "network-interface", "spot-instances-request", "volume")
"""What a launch makes; all of it is tagged as it is made."""
LAUNCH: Final = ("ec2:CreateFleet", "ec2:RunInstances")
DESCRIBE: Final = (
    "ec2:DescribeCapacityReservations",
    "ec2:DescribeImages",
    "ec2:DescribeInstanceStatus",
    "ec2:DescribeInstanceTypeOfferings",
    "ec2:DescribeInstanceTypes",
    "ec2:DescribeInstances",
    "ec2:DescribeLaunchTemplates",
    "ec2:DescribePlacementGroups",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSpotPriceHistory",
    "ec2:DescribeSubnets",
)


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a node is launched into, as the node classes have it."""

    subnet_ids: Sequence[pulumi.Input[str]]
    security_group_ids: Sequence[pulumi.Input[str]]
    """The nodes' and, since a try names an interface without a group, the one that EC2 takes then."""
    placement_groups: Sequence[pulumi.Input[str]]
    """Their names."""
    reservations: Sequence[str]
    """Ids of capacity reservations."""


def over_nodes(account: Account, cluster: str, pools: Sequence[str], surroundings: Surroundings) -> list[Statement]:
    """The rights over the nodes of these pools in the cluster of this name, and over no other instance."""
    requested: Conditions = {
        "StringEquals": {
            f"aws:RequestTag/kubernetes.io/cluster/{cluster}": "owned",
            "aws:RequestTag/eks:eks-cluster-name": cluster,
            f"aws:RequestTag/{POOL}": [*pools, NO_POOL],
        }
    }
    # Which pool need not be said: only with the tag of one of these is an instance launched, and with that or with none
    # a template made. A pool that the settings have no more is deleted after this policy was written anew, and its
    # instances have to go.
    owned, templates = (_of_the_cluster(cluster, pool) for pool in (ANY_POOL, f"{NO_POOL}*"))
    launched = [account.arn("ec2", f"{kind}/*") for kind in LAUNCHED]
    return [
        allow("LaunchFrom", actions=LAUNCH, resources=_launched_from(account, surroundings)),
        allow(
            "LaunchFromOwnTemplates",
            actions=LAUNCH,
            resources=account.arn("ec2", "launch-template/*"),
            when=templates,
        ),
        allow("LaunchTagged", actions=[*LAUNCH, "ec2:CreateLaunchTemplate"], resources=launched, when=requested),
        allow(
            "TagWhatIsLaunched",
            actions="ec2:CreateTags",
            resources=launched,
            when={
                "StringEquals": {
                    **requested["StringEquals"],
                    "ec2:CreateAction": ["RunInstances", "CreateFleet", "CreateLaunchTemplate"],
                }
            },
        ),
        allow(
            "NameOwnInstances",
            actions="ec2:CreateTags",
            resources=account.arn("ec2", "instance/*"),
            when={
                **owned,
                "StringEqualsIfExists": {"aws:RequestTag/eks:eks-cluster-name": cluster},
                "ForAllValues:StringEquals": {
                    "aws:TagKeys": ["eks:eks-cluster-name", "karpenter.sh/nodeclaim", "Name"]
                },
            },
        ),
        # Who makes templates says what is in them: the subnets are private, and so are the instances.
        deny(
            "NoAddressOnTheInternet",
            actions=LAUNCH,
            resources=account.arn("ec2", "network-interface/*"),
            when={"Bool": {"ec2:AssociatePublicIpAddress": "true"}},
            principals=None,
        ),
        # What is launched may have any tag besides those that it must have.
        deny("NoOperatorsHost", actions="ec2:CreateTags", resources="*", when=marking(), principals=None),
        allow(
            "EndOwnNodes",
            actions="ec2:TerminateInstances",
            resources=account.arn("ec2", "instance/*"),
            when=owned,
        ),
        allow(
            "DeleteOwnTemplates",
            actions="ec2:DeleteLaunchTemplate",
            resources=account.arn("ec2", "launch-template/*"),
            when=templates,
        ),
    ]


def _of_the_cluster(cluster: str, pool: str) -> Conditions:
    return {
        "StringEquals": {f"aws:ResourceTag/kubernetes.io/cluster/{cluster}": "owned"},
        "StringLike": {f"aws:ResourceTag/{POOL}": pool},
    }


def over_surroundings(
    account: Account,
    cluster: str,
    *,
    node_role_arn: pulumi.Input[str],
    queue_arn: pulumi.Input[str],
    key_arn: pulumi.Input[str],
) -> list[Statement]:
    """The rights over what a node is launched with, and over warnings."""
    return [
        # No action of Describe knows a resource.
        allow(
            "Describe",
            actions=DESCRIBE,
            resources="*",
            when={"StringEquals": {"aws:RequestedRegion": account.region}},
        ),
        allow(
            "NodeImages",
            actions="ssm:GetParameter",
            resources=f"arn:{account.partition}:ssm:{account.region}::parameter/aws/service/eks/optimized-ami/*",
        ),
        allow(
            "PassTheNodeRole",
            actions="iam:PassRole",
            resources=node_role_arn,
            when={"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}},
        ),
        allow("FindTheCluster", actions="eks:DescribeCluster", resources=account.arn("eks", f"cluster/{cluster}")),
        allow(
            "TakeWarnings",
            actions=["sqs:DeleteMessage", "sqs:GetQueueUrl", "sqs:ReceiveMessage"],
            resources=queue_arn,
        ),
        *volume_key(account, key_arn),
    ]


def _launched_from(account: Account, surroundings: Surroundings) -> list[pulumi.Input[str]]:
    shared: list[pulumi.Input[str]] = [
        f"arn:{account.partition}:ec2:{account.region}::{kind}/*" for kind in ("image", "snapshot")
    ]
    own: dict[str, Sequence[pulumi.Input[str]]] = {
        "subnet": surroundings.subnet_ids,
        "security-group": surroundings.security_group_ids,
        "placement-group": surroundings.placement_groups,
        "capacity-reservation": surroundings.reservations,
    }
    return [
        *shared,
        *(pulumi.Output.concat(account.arn("ec2", f"{kind}/"), each) for kind, named in own.items() for each in named),
    ]
