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
        self.instance_profile = aws.iam.InstanceProfile(f"{name}-node", role=role.name, opts=own).name
        self.name = role.name
        self.arn = role.arn
        self.register_outputs({"arn": self.arn})
