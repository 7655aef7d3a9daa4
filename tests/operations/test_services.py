"""What the stack is made of, held against what a Region has; the local AWS API knows AWS's own lists."""

from collections.abc import Iterator

import boto3
import pytest
from botocore.stub import Stubber

from operations.account.access import Access
from operations.account.preflight import State, services
from tests.local.aws.conftest import LocalAws
from tests.operations.conftest import STACK
from tests.operations.test_preflight import GPU, Write, account
from tests.platform.extremes import EVERYTHING
from tests.platform.mocked import run_program

pytestmark = pytest.mark.xdist_group("account")

ASKED = "  parapet:transitGatewayId: tgw-0123456789abcdef0\n  parapet:clientCidrs: [192.168.0.0/16]\n"


@pytest.fixture
def ssm(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """Systems Manager of the Region that tells of all, with prepared answers."""
    client = boto3.client("ssm", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    monkeypatch.setattr(
        Access, "elsewhere", lambda self, service, region: {("ssm", "us-east-1"): client}[service, region]
    )
    with Stubber(client) as stubber:
        yield stubber


def tell(ssm: Stubber, names: list[str], *, but: str) -> None:
    prefix = "/aws/service/global-infrastructure/regions/us-east-1/services/"
    for first in range(0, len(names), 10):
        asked = names[first : first + 10]
        known = [{"Name": f"{prefix}{each}"} for each in asked if each not in but.split()]
        unknown = [f"{prefix}{each}" for each in asked if each in but.split()]
        ssm.add_response(
            "get_parameters",
            {"Parameters": known, **({"InvalidParameters": unknown} if unknown else {})},
            {"Names": [f"{prefix}{each}" for each in asked]},
        )


def always() -> list[str]:
    return list(dict.fromkeys(each for found in services.OF_TYPES.values() for each in found))


@pytest.mark.plan
def test_the_services_of_all_that_a_stack_makes_are_looked_for() -> None:
    planned = {each.type.split(":")[1].partition("/")[0] for each in run_program(**EVERYTHING).managed()}
    assert planned == set(services.OF_TYPES)


def test_a_region_that_has_all_of_them_is_ok(aws: LocalAws, write: Write) -> None:
    settings = f"{STACK}{ASKED}  parapet:gpuGroups: [{GPU}]\n"
    (found,) = services.check(account(write, settings))
    assert (found.state, found.text) == (State.OK, f"{len(always()) + 2} in us-east-1")


def test_a_region_without_a_service_is_told_with_what_to_do(ssm: Stubber, write: Write) -> None:
    tell(ssm, always(), but="acm-pca rds")
    assert [(each.state, each.text) for each in services.check(account(write))] == [
        (State.TO_DO, f"us-east-1 does not have the service {each}: choose another parapet:region")
        for each in ("acm-pca", "rds")
    ]


def test_a_service_that_a_setting_asks_for_is_told_with_the_setting(ssm: Stubber, write: Write) -> None:
    tell(ssm, [*always(), "transitgateway"], but="transitgateway")
    (found,) = services.check(account(write, f"{STACK}{ASKED}"))
    assert found.text == (
        "us-east-1 does not have the service transitgateway: empty parapet:transitGatewayId, or choose another "
        "parapet:region"
    )


def test_a_region_of_which_nothing_is_told_is_not_called_ok(ssm: Stubber, write: Write) -> None:
    tell(ssm, always(), but=" ".join(always()))
    (found,) = services.check(account(write))
    assert found.state is State.UNKNOWN
    assert found.text.startswith("AWS tells no services of us-east-1: compare its list")
