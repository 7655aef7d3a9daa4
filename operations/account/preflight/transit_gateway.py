"""Whether the hospital's Transit Gateway takes the VPC in: another account's waits for its owner before it does."""

from collections.abc import Iterator
from typing import Any, Final

from botocore.exceptions import ClientError

from operations.account.access import code
from operations.account.preflight.finding import Account, Finding, ok, to_do

ABOUT: Final = "transit gateway"


def check(account: Account) -> Iterator[Finding]:
    """Nothing where the settings name none."""
    gateway = account.settings.transit_gateway_id
    if not gateway:
        return
    ec2 = account.access.client("ec2")
    try:
        seen = ec2.describe_transit_gateways(TransitGatewayIds=[gateway])["TransitGateways"]
    except ClientError as error:
        if not code(error).startswith("InvalidTransitGatewayID"):
            raise
        seen = list[Any]()
    if not seen:
        yield to_do(
            ABOUT,
            f"{gateway} is not seen from {account.access.id}: its owner shares it by AWS RAM, and here the share is "
            "accepted (aws ram get-resource-share-invitations, then accept-resource-share-invitation)",
        )
        return
    found = seen[0]
    owner = found["OwnerId"]
    if owner == account.access.id or found.get("Options", {}).get("AutoAcceptSharedAttachments") == "enable":
        yield ok(ABOUT, f"{gateway} of {owner} accepts by itself")
        return
    attachments = ec2.describe_transit_gateway_vpc_attachments(
        Filters=[
            {"Name": "transit-gateway-id", "Values": [gateway]},
            {"Name": "tag:Environment", "Values": [account.settings.environment]},
            {"Name": "state", "Values": ["available", "pendingAcceptance"]},
        ]
    )["TransitGatewayVpcAttachments"]
    if any(each["State"] == "available" for each in attachments):
        yield ok(ABOUT, f"{gateway} of {owner} has accepted the VPC")
    elif attachments:
        waiting = attachments[0]["TransitGatewayAttachmentId"]
        yield to_do(
            ABOUT,
            f"{waiting} waits for {owner}, the owner of {gateway}: aws ec2 accept-transit-gateway-vpc-attachment "
            f"--transit-gateway-attachment-id {waiting} there, then `pulumi up` goes on to its routes",
        )
    else:
        yield to_do(
            ABOUT,
            f"{gateway} is of {owner} and accepts nothing by itself: the first `pulumi up` ends at its routes, "
            "unless the owner sets AutoAcceptSharedAttachments before. Then run this again: it says what to accept",
        )
