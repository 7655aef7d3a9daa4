"""Whether somebody would be told of a session of who breaks the glass: CloudTrail's answers, held against its model."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from operations.account.access import Access
from operations.account.preflight import State, trail
from tests.operations.conftest import ACCOUNT, STACK
from tests.operations.test_preflight import Write, account

GRANTED = (
    f"{STACK}  parapet:breakGlass: [{{roles: ['arn:aws:iam::{ACCOUNT}:role/responder'], notify: [a@example.org]}}]\n"
)
ARN = f"arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/all"
MANAGEMENT = {"Field": "eventCategory", "Equals": ["Management"]}


@pytest.fixture
def cloudtrail(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    client = boto3.client("cloudtrail", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    monkeypatch.setattr(Access, "client", lambda *_: client)
    with Stubber(client) as stubber:
        yield stubber


def there(cloudtrail: Stubber, selectors: dict[str, Any] | None, *, logging: bool = True, **of_the_trail: Any) -> None:
    found = {"Name": "all", "TrailARN": ARN, "IsMultiRegionTrail": True, "HomeRegion": "eu-west-1", **of_the_trail}
    cloudtrail.add_response("describe_trails", {"trailList": [found]}, {})
    if found["IsMultiRegionTrail"] or found["HomeRegion"] == "us-east-1":
        cloudtrail.add_response("get_trail_status", {"IsLogging": logging}, {"Name": ARN})
    if selectors is not None:
        cloudtrail.add_response("get_event_selectors", selectors, {"TrailName": ARN})


def test_nobody_is_asked_where_nobody_breaks_the_glass(cloudtrail: Stubber, write: Write) -> None:
    assert list(trail.check(account(write))) == []


@pytest.mark.parametrize(
    "selectors",
    [
        {"EventSelectors": [{"ReadWriteType": "All", "IncludeManagementEvents": True}]},
        {"EventSelectors": [{"ReadWriteType": "ReadOnly", "IncludeManagementEvents": True}]},
        {"AdvancedEventSelectors": [{"FieldSelectors": [MANAGEMENT]}]},
        {"AdvancedEventSelectors": [{"FieldSelectors": [MANAGEMENT, {"Field": "readOnly", "Equals": ["true"]}]}]},
    ],
    ids=["all", "what reads", "all, said anew", "what reads, said anew"],
)
def test_a_trail_that_has_who_took_a_role_is_ok(cloudtrail: Stubber, write: Write, selectors: dict[str, Any]) -> None:
    there(cloudtrail, selectors)
    (found,) = trail.check(account(write, GRANTED))
    assert (found.state, found.text) == (State.OK, "all tells of each session of breakGlass")


@pytest.mark.parametrize(
    ("selectors", "of_the_trail"),
    [
        ({"EventSelectors": [{"ReadWriteType": "WriteOnly", "IncludeManagementEvents": True}]}, {}),
        ({"EventSelectors": [{"ReadWriteType": "All", "IncludeManagementEvents": False}]}, {}),
        ({"AdvancedEventSelectors": [{"FieldSelectors": [{"Field": "eventCategory", "Equals": ["Data"]}]}]}, {}),
        (
            {"AdvancedEventSelectors": [{"FieldSelectors": [MANAGEMENT, {"Field": "readOnly", "Equals": ["false"]}]}]},
            {},
        ),
        (None, {"logging": False}),
        (None, {"IsMultiRegionTrail": False}),
    ],
    ids=["what writes", "data", "data, said anew", "what writes, said anew", "it is off", "it is elsewhere"],
)
def test_one_that_has_not_is_told_with_what_to_do(
    cloudtrail: Stubber, write: Write, selectors: dict[str, Any] | None, of_the_trail: dict[str, Any]
) -> None:
    there(cloudtrail, selectors, **of_the_trail)
    (found,) = trail.check(account(write, GRANTED))
    assert found.state is State.TO_DO
    assert f"no trail of {ACCOUNT} logs management events that read, in us-east-1" in found.text


def test_an_account_without_a_trail_is_told(cloudtrail: Stubber, write: Write) -> None:
    cloudtrail.add_response("describe_trails", {"trailList": []}, {})
    (found,) = trail.check(account(write, GRANTED))
    assert found.state is State.TO_DO
