"""Whether somebody would be told of who turns off what records, and of a session of who breaks the glass: CloudTrail's
answers, held against its model."""

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


WRITES, NO_WRITES = (
    "all tells of who turns off a trail, GuardDuty or Security Hub",
    f"no trail of {ACCOUNT} logs management events that write, in us-east-1",
)


@pytest.mark.parametrize(
    ("selectors", "more", "told"),
    [
        ({"EventSelectors": [{"ReadWriteType": "All", "IncludeManagementEvents": True}]}, {}, WRITES),
        ({"EventSelectors": [{"ReadWriteType": "WriteOnly", "IncludeManagementEvents": True}]}, {}, WRITES),
        ({"EventSelectors": [{"ReadWriteType": "ReadOnly", "IncludeManagementEvents": True}]}, {}, NO_WRITES),
        (
            {"AdvancedEventSelectors": [{"FieldSelectors": [MANAGEMENT, {"Field": "readOnly", "Equals": ["false"]}]}]},
            {},
            WRITES,
        ),
        (
            {"AdvancedEventSelectors": [{"FieldSelectors": [MANAGEMENT, {"Field": "readOnly", "Equals": ["true"]}]}]},
            {},
            NO_WRITES,
        ),
        (None, {"logging": False}, NO_WRITES),
        (None, {"IsMultiRegionTrail": False}, NO_WRITES),
    ],
)
def test_an_account_is_told_whether_anybody_hears_of_who_turns_off_what_records(
    cloudtrail: Stubber, write: Write, selectors: dict[str, Any] | None, more: dict[str, Any], told: str
) -> None:
    """EventBridge has such calls from a trail alone, whoever breaks no glass: the rule was there and its alarm well."""
    there(cloudtrail, selectors, **more)
    (found,) = trail.check(account(write))
    assert told in found.text
    assert found.state is (State.OK if told == WRITES else State.TO_DO)


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
    _, found = trail.check(account(write, GRANTED))
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
    _, found = trail.check(account(write, GRANTED))
    assert found.state is State.TO_DO
    assert f"no trail of {ACCOUNT} logs management events that read, in us-east-1" in found.text


def test_an_account_without_a_trail_is_told(cloudtrail: Stubber, write: Write) -> None:
    cloudtrail.add_response("describe_trails", {"trailList": []}, {})
    assert [each.state for each in trail.check(account(write, GRANTED))] == [State.TO_DO] * 2
