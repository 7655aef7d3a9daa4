"""The AWS account and Region that a stack is provisioned in."""

from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

ZONES_WITHOUT_EKS: Final = ("cac1-az3", "use1-az3", "usw1-az2")
"""Ids of zones in which no cluster may have a subnet (Amazon EKS User Guide, "Subnet requirements for clusters")."""


@dataclass(frozen=True)
class Account:
    """What policies and names need to know about the account. All of it is known during a preview."""

    id: str
    partition: str
    region: str
    zones: tuple[str, ...]
    """Names of the Availability Zones in use, in the order of their ids."""

    @property
    def root(self) -> str:
        """The account principal: in a policy it stands for whoever the account's IAM policies allow."""
        return f"arn:{self.partition}:iam::{self.id}:root"

    @property
    def dns_suffix(self) -> str:
        """What the names of AWS's services end with."""
        return "amazonaws.com.cn" if self.partition == "aws-cn" else "amazonaws.com"

    @property
    def dual_stack_suffix(self) -> str:
        """What those end with that answer over IPv6 too."""
        return "api.amazonwebservices.com.cn" if self.partition == "aws-cn" else "api.aws"

    def arn(self, service: str, resource: str) -> str:
        """The ARN of a resource, or a pattern of ARNs, of a regional service in this account and Region."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.id}:{resource}"

    def managed_policy(self, name: str) -> str:
        """The ARN of a policy that AWS maintains."""
        return f"arn:{self.partition}:iam::aws:policy/{name}"

    def registry(self, name: str) -> str:
        """Where the images of the stack called `name` are: its own part of the account's private registry."""
        return f"{self.id}.dkr.ecr.{self.region}.{self.dns_suffix}/{name}"

    @classmethod
    def read(cls, zones: int, opts: pulumi.InvokeOptions) -> "Account":
        """Look the account up, and choose its first `zones` Availability Zones by id.

        The id, unlike the letter in the name, is the same zone in every account. Zones that must be opted into, among
        them Local Zones, and those without EKS are left out: they lack what the platform needs. Raises
        `pulumi.RunError` when the account cannot be read or the Region has fewer zones.
        """
        try:
            region = aws.get_region(opts=opts).region
            account_id = aws.get_caller_identity(opts=opts).account_id
            partition = aws.get_partition(opts=opts).partition
            available = aws.get_availability_zones(
                state="available",
                exclude_zone_ids=list(ZONES_WITHOUT_EKS),
                filters=[{"name": "opt-in-status", "values": ["opt-in-not-required"]}],
                opts=opts,
            )
        except Exception as error:  # the SDK raises nothing narrower for a call that failed
            raise pulumi.RunError(
                f"The AWS account cannot be read: {error}. "
                "Check the credentials, parapet:region and parapet:allowedAccountId. "
                "./parapet account preflight tells more."
            ) from None
        if len(available.names) < zones:
            raise pulumi.RunError(
                f"parapet:zones is {zones}; the Region {region} offers {len(available.names)} Availability Zones "
                f"(without those that EKS cannot use: {', '.join(ZONES_WITHOUT_EKS)}). "
                "Ask for fewer, or choose another parapet:region."
            )
        by_id = sorted(zip(available.zone_ids, available.names, strict=True))
        return cls(account_id, partition, region, tuple(name for _, name in by_id[:zones]))
