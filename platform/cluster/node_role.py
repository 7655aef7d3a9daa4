"""What a node itself may do in AWS, whatever runs on it."""

from typing import Final

import pulumi
import pulumi_aws as aws

from foundation.policy_document import allow, document
from foundation.stack import Stack

POLICIES: Final = (
    "AmazonEKSWorkerNodeMinimalPolicy",
    "AmazonEC2ContainerRegistryPullOnly",
    "AmazonSSMManagedInstanceCore",
)
JOIN: Final = ("ec2:DescribeInstanceTypes", "ec2:DescribeInstances")
"""What nodeadm asks before it starts the kubelet of an AL2023 node: the node's private DNS name, and how many pods a
type holds that it does not know (awslabs/amazon-eks-ami, nodeadm/internal/api/status.go and kubelet/eni_max_pods.go).
The minimal policy is that of Auto Mode, whose nodes ask neither; AmazonEKSWorkerNodePolicy shows the network too."""


class NodeRole(pulumi.ComponentResource):
    """A role that lets a node join, pull images, and be looked at through Session Manager, and nothing more.

    What a pod needs it has from a role of its own (EKS Pod Identity): the network plugin and the storage driver too.
    """

    name: pulumi.Output[str]
    arn: pulumi.Output[str]
    instance_profile: pulumi.Output[str]
    """The name of the profile for instances that no managed node group launches."""
    allowed: list[pulumi.Resource]
    """What must be there before a node joins."""

    def __init__(self, name: str, stack: Stack, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("parapet:cluster:NodeRole", name, None, opts)
        own = pulumi.ResourceOptions(parent=self)
        role = aws.iam.Role(
            f"{name}-node",
            description=f"Lets a node join {name}, pull images and be reached through Session Manager.",
            assume_role_policy=document(
                allow("AssumedByEc2", principals={"Service": "ec2.amazonaws.com"}, actions="sts:AssumeRole")
            ),
            opts=own,
        )
        self.allowed = [
            aws.iam.RolePolicyAttachment(
                f"{name}-node-{policy}", role=role.name, policy_arn=stack.account.managed_policy(policy), opts=own
            )
            for policy in POLICIES
        ]
        join = aws.iam.Policy(
            f"{name}-node-join",
            description=f"Lets a node of {name} find out what it is called before it joins.",
            policy=document(allow("AskBeforeJoining", actions=JOIN, resources="*")),
            opts=own,
        )
        self.allowed.append(
            aws.iam.RolePolicyAttachment(f"{name}-node-join", role=role.name, policy_arn=join.arn, opts=own)
        )
        self.instance_profile = aws.iam.InstanceProfile(f"{name}-node", role=role.name, opts=own).name
        self.name = role.name
        self.arn = role.arn
        self.register_outputs({"arn": self.arn})
