"""The roles that AWS services act through in the account, which must be there before anything names them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

from foundation.account import Account
from foundation.stack import Stack

PATH: Final = "/aws-service-role/"
AS_FOUND: Final = ["customSuffix", "description", "tags", "tagsAll"]
"""What may differ in a role that somebody else made: the provider's tags alone would else stop its import."""


@dataclass(frozen=True)
class ServiceLinkedRole:
    """A role that one AWS service assumes, predefined by it. An account has one of each, for all that is in it."""

    service: str
    name: str

    def arn(self, account: Account) -> str:
        return f"arn:{account.partition}:iam::{account.id}:role{PATH}{self.service}/{self.name}"


AUTO_SCALING: Final = ServiceLinkedRole("autoscaling.amazonaws.com", "AWSServiceRoleForAutoScaling")
SPOT: Final = ServiceLinkedRole("spot.amazonaws.com", "AWSServiceRoleForEC2Spot")
RDS: Final = ServiceLinkedRole("rds.amazonaws.com", "AWSServiceRoleForRDS")
MADE_ON_FIRST_USE: Final = (
    ServiceLinkedRole("eks.amazonaws.com", "AWSServiceRoleForAmazonEKS"),
    ServiceLinkedRole("eks-nodegroup.amazonaws.com", "AWSServiceRoleForAmazonEKSNodegroup"),
    ServiceLinkedRole("elasticloadbalancing.amazonaws.com", "AWSServiceRoleForElasticLoadBalancing"),
    RDS,
)
"""Those that a service makes by itself as soon as the stack asks it for something, if the deploying role may."""


def launchers(*, spot: bool) -> tuple[ServiceLinkedRole, ...]:
    """Those that launch the nodes' instances.

    The policy of the key that encrypts their volumes names them, and KMS refuses a policy that names a role which is
    not there (AWS KMS Developer Guide, "Key policies": MalformedPolicyDocumentException). A new account has none of
    them. Nor may whoever launches Spot Instances later make theirs (Karpenter, "Getting Started": the Spot role).
    """
    return (AUTO_SCALING, SPOT) if spot else (AUTO_SCALING,)


@dataclass(frozen=True, kw_only=True)
class ServiceLinkedRolesArgs:
    stack: Stack
    roles: Sequence[ServiceLinkedRole]


class ServiceLinkedRoles(pulumi.ComponentResource):
    """Makes those of the roles that the account lacks, takes over those that it has as they are, and deletes none.

    They belong to the account: other stacks and other people's clusters run through the same ones.
    """

    made: list[pulumi.Resource]

    def __init__(self, name: str, args: ServiceLinkedRolesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("parapet:foundation:ServiceLinkedRoles", name, {}, opts)
        there = self._there()
        self.made = []
        for role in args.roles:
            arn = role.arn(args.stack.account)
            # A role that this very stack made is found too; the engine imports nothing that its state holds already.
            self.made.append(
                aws.iam.ServiceLinkedRole(
                    f"{name}-{role.name}",
                    aws_service_name=role.service,
                    opts=pulumi.ResourceOptions(
                        parent=self,
                        import_=arn if arn in there else None,
                        ignore_changes=AS_FOUND,
                        retain_on_delete=True,
                    ),
                )
            )
        self.register_outputs({})

    def _there(self) -> frozenset[str]:
        try:
            return frozenset(aws.iam.get_roles(path_prefix=PATH, opts=pulumi.InvokeOptions(parent=self)).arns)
        except Exception as error:  # the SDK raises nothing narrower for a call that failed
            raise pulumi.RunError(
                f"The account's service-linked roles cannot be read: {error}. "
                "Allow the deploying role iam:ListRoles: the policies of the keys name some of them."
            ) from None
