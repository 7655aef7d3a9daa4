"""A Transit Gateway of another account: what is said until its owner has accepted the VPC."""

from collections.abc import Iterator

import boto3
import pytest
from botocore.stub import Stubber

from operations.account.access import Access
from operations.account.preflight import State, transit_gateway
from operations.account.preflight.finding import Account
from tests.operations.conftest import ACCOUNT, STACK
from tests.operations.test_preflight import Write

GATEWAY, OWNER, ATTACHMENT = "tgw-0123456789abcdef0", "998877665544", "tgw-attach-0123456789abcdef0"
TEXT = f'{STACK}  parapet:transitGatewayId: {GATEWAY}\n  parapet:clientCidrs: ["192.168.0.0/24"]\n'


@pytest.fixture
def ec2(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    client = boto3.client("ec2", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    monkeypatch.setattr(Access, "client", lambda *_: client)
    with Stubber(client) as stubber:
        yield stubber


def told(write: Write, text: str = TEXT) -> list[tuple[State, str]]:
    file = write(text)
    access = Access(boto3.Session(region_name="us-east-1"), ACCOUNT, "aws", "us-east-1", "me")
    account = Account(file, file.settings(), file.path.parent, access, "bucket")
    return [(each.state, each.text) for each in transit_gateway.check(account)]


def gateway(ec2: Stubber, owner: str, accepts: str = "disable") -> None:
    options = {"AutoAcceptSharedAttachments": accepts}
    found = {"TransitGatewayId": GATEWAY, "OwnerId": owner, "Options": options}
    ec2.add_response("describe_transit_gateways", {"TransitGateways": [found]}, {"TransitGatewayIds": [GATEWAY]})


def attachment(ec2: Stubber, *states: str) -> None:
    found = [{"TransitGatewayAttachmentId": ATTACHMENT, "State": state} for state in states]
    ec2.add_response("describe_transit_gateway_vpc_attachments", {"TransitGatewayVpcAttachments": found})


def test_a_stack_without_one_is_told_nothing(ec2: Stubber, write: Write) -> None:
    assert told(write, STACK) == []


@pytest.mark.parametrize(("owner", "accepts"), [(ACCOUNT, "disable"), (OWNER, "enable")])
def test_one_that_accepts_by_itself_is_ok(ec2: Stubber, write: Write, owner: str, accepts: str) -> None:
    gateway(ec2, owner, accepts)
    assert [state for state, _ in told(write)] == [State.OK]


def test_one_that_is_not_shared_is_told(ec2: Stubber, write: Write) -> None:
    ec2.add_client_error("describe_transit_gateways", "InvalidTransitGatewayID.NotFound")
    ((state, text),) = told(write)
    assert state is State.TO_DO
    assert "its owner shares it by AWS RAM" in text


def test_one_that_is_not_listed_is_told_as_well(ec2: Stubber, write: Write) -> None:
    ec2.add_response("describe_transit_gateways", {"TransitGateways": []})
    ((state, text),) = told(write)
    assert (state, "its owner shares it by AWS RAM" in text) == (State.TO_DO, True)


def test_an_attachment_that_waits_is_told_with_what_its_owner_does(ec2: Stubber, write: Write) -> None:
    gateway(ec2, OWNER)
    attachment(ec2, "pendingAcceptance")
    ((state, text),) = told(write)
    assert state is State.TO_DO
    assert f"{ATTACHMENT} waits for {OWNER}" in text
    assert f"accept-transit-gateway-vpc-attachment --transit-gateway-attachment-id {ATTACHMENT}" in text


def test_before_the_first_up_it_says_that_this_will_end_there_and_after_the_acceptance_nothing(
    ec2: Stubber, write: Write
) -> None:
    gateway(ec2, OWNER)
    attachment(ec2)
    ((state, text),) = told(write)
    assert (state, "ends at its routes" in text) == (State.TO_DO, True)
    gateway(ec2, OWNER)
    attachment(ec2, "available")
    assert told(write) == [(State.OK, f"{GATEWAY} of {OWNER} has accepted the VPC")]
