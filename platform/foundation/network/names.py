"""Which names are asked for in the VPC: by what runs there, of AWS, of the stack itself, and of what settings add."""

from collections.abc import Sequence
from ipaddress import IPv4Network
from typing import Final

from foundation.account import Account

HOME_REGION: Final = "us-east-1"
"""The Region whose buckets S3 also knows by names without one, and whose instances have names without one. SDKs call
the buckets so there unless told otherwise (AWS SDKs and Tools Reference Guide, "Amazon S3 access settings",
s3_us_east_1_regional_endpoint)."""


def aws_hosts(account: Account) -> list[str]:
    """AWS's services of the Region, as pods call them; a star stands for one label or several.

    A name such as IAM's, which is of no Region and has no endpoint in a VPC, is deliberately not among them.
    """
    regional = f"*.{account.region}.{account.dns_suffix}"
    if account.region != HOME_REGION:
        return [regional]
    return [regional, f"s3.{account.dns_suffix}", f"*.s3.{account.dns_suffix}"]


def answered(account: Account, vpc: IPv4Network, domain: str, others: Sequence[str]) -> list[str]:
    """All that the VPC's resolver answers. A star at the start stands for one label or several.

    Each is answered by AWS itself, by the stack's own zone, or by whom the settings name (`others`): nobody else reads
    what a pod puts into a name.
    """
    region, suffix = account.region, account.dns_suffix
    return [
        *aws_hosts(account),
        # What is not named SERVICE.REGION: the Kubernetes API, databases, and where a node gets its pods' credentials
        # (botocore's endpoints of eks-auth, which has no other name).
        f"*.{region}.eks.{suffix}",
        f"*.{region}.rds.{suffix}",
        f"eks-auth.{region}.{account.dual_stack_suffix}",
        # Nodes, and the search domain that their resolv.conf appends to every name (Amazon VPC User Guide, "DNS
        # attributes for your VPC").
        "*.ec2.internal" if region == HOME_REGION else f"*.{region}.compute.internal",
        _reverse(vpc),
        domain,
        f"*.{domain}",
        *others,
    ]


def _reverse(vpc: IPv4Network) -> str:
    """The addresses around the VPC's, which is a /16 or a part of one. A public range's are their owner's to answer,
    and so is whatever is put before them."""
    first, second, *_ = str(vpc.network_address).split(".")
    return f"*.{second}.{first}.in-addr.arpa"
