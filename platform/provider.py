"""The one AWS provider, through which everything is provisioned."""

import ipaddress
import os
from typing import Final
from urllib.parse import urlsplit

import pulumi
import pulumi_aws as aws

from foundation import data_class
from settings import Settings

ENDPOINT: Final = "AWS_ENDPOINT_URL"
"""Where a local AWS API is. The AWS provider reads it itself, so that a changed port changes nothing in the stack."""


def aws_provider(settings: Settings) -> aws.Provider:
    """The provider for the Region and the account that the settings name; it tags whatever can be tagged.

    Raises `pulumi.RunError` when the settings ask for a local AWS API and none is named.
    """
    if settings.local_aws:
        _require_loopback_endpoint()
    local = True if settings.local_aws else None
    return aws.Provider(
        settings.name,
        region=settings.region,
        allowed_account_ids=[settings.allowed_account_id] if settings.allowed_account_id else None,
        default_tags={
            "tags": {
                "Owner": settings.owner,
                "Environment": settings.environment,
                "CostCenter": settings.cost_center,
                data_class.TAG: data_class.NO_DATA,
            }
        },
        # A local API has no host name a bucket, no real credentials and no instance metadata.
        s3_use_path_style=local,
        skip_credentials_validation=local,
        skip_metadata_api_check=local,
        skip_region_validation=local,
    )


def _require_loopback_endpoint() -> None:
    endpoint = os.environ.get(ENDPOINT, "")
    if _is_loopback(endpoint):
        return
    found = f"is {endpoint}" if endpoint else "is not set"
    raise pulumi.RunError(
        f"parapet:localAws is true and {ENDPOINT} {found}; it must be the URL of an AWS API on a loopback address, "
        'such as http://127.0.0.1:5000. Start one and enter its shell: ./parapet up, then eval "$(./parapet env)".'
    )


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
