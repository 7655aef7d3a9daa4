"""Where the mesh lets its pods out to: AWS's services of the Region, and nothing else."""

from typing import Any, Final

from foundation.account import Account

GLOBAL_S3_REGION: Final = "us-east-1"
"""The Region whose buckets S3 also knows by the names without one. SDKs call them so there unless told otherwise (AWS
SDKs and Tools Reference Guide, "Amazon S3 access settings", s3_us_east_1_regional_endpoint)."""


def aws_services(account: Account) -> dict[str, Any]:
    """A ServiceEntry. Under REGISTRY_ONLY the proxies refuse every other host.

    A name such as IAM's, which is of no Region and has no endpoint in a VPC, is deliberately not in it.
    """
    return {
        "hosts": aws_hosts(account),
        "location": "MESH_EXTERNAL",
        "resolution": "NONE",
        "ports": [{"number": 443, "name": "tls", "protocol": "TLS"}],
    }


def aws_hosts(account: Account) -> list[str]:
    """The names of the services, as a client's TLS hello says them; a star stands for one label or several."""
    regional = f"*.{account.region}.{account.dns_suffix}"
    if account.region != GLOBAL_S3_REGION:
        return [regional]
    return [regional, f"s3.{account.dns_suffix}", f"*.s3.{account.dns_suffix}"]
