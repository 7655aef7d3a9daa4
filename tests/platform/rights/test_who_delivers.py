"""Who may say that a role delivers outcomes: nobody but one role, by the service control policy of the document."""

import json
import re
from typing import Any

import pytest

from foundation.storage.from_within import DELIVERS
from local.aws import iam
from tests.platform.mocked import ACCOUNT_ID
from tests.platform.project import PROJECT

ADMINISTRATOR, IDENTITY = "role/administrator", "role/identity"
ROLE = f"arn:aws:iam::{ACCOUNT_ID}:role/mine"
TAG, VALUE = DELIVERS
ALLOW = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def allowed(who: str, action: str, **keys: Any) -> bool:
    """As an administrator, under the policy; which limits as a boundary does."""
    text = (PROJECT / "docs" / "alerts.md").read_text()
    (policy,) = (
        found for block in re.findall(r"```json\n(.*?)```", text, re.DOTALL) if TAG in block for found in [block]
    )
    limits = {"Version": "2012-10-17", "Statement": [ALLOW, *json.loads(policy)["Statement"]]}
    principal = iam.Principal(
        arn=f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/{who.rpartition('/')[2]}/session",
        role_arn=f"arn:aws:iam::{ACCOUNT_ID}:{who}",
    )
    request = iam.Request(principal=principal, action=action, resource=ROLE, account=ACCOUNT_ID, keys=keys)
    everything = iam.parse(json.dumps({"Version": "2012-10-17", "Statement": [ALLOW]}), "everything")
    boundary = iam.parse(json.dumps(limits), "the service control policy")
    return iam.evaluate(request, iam.Policies(identity=[everything], boundary=boundary)).allowed


@pytest.mark.parametrize("action", ["iam:TagRole", "iam:CreateRole", "iam:TagUser", "iam:CreateUser", "sts:TagSession"])
@pytest.mark.parametrize("tag", [TAG, TAG.upper()])
def test_an_administrator_does_not_say_so(action: str, tag: str) -> None:
    """The name of a tag is one, whatever its case (IAM User Guide, "Rules for tagging in IAM and AWS STS")."""
    assert not allowed(ADMINISTRATOR, action, **{"aws:TagKeys": ["Owner", tag]})
    assert allowed(IDENTITY, action, **{"aws:TagKeys": ["Owner", tag]})
    assert allowed(ADMINISTRATOR, action, **{"aws:TagKeys": ["Owner"]})
    assert allowed(ADMINISTRATOR, action)


@pytest.mark.parametrize("action", ["iam:UpdateAssumeRolePolicy", "iam:UntagRole"])
def test_nor_opens_the_role_that_does(action: str) -> None:
    assert not allowed(ADMINISTRATOR, action, **{f"aws:ResourceTag/{TAG}": VALUE})
    assert allowed(IDENTITY, action, **{f"aws:ResourceTag/{TAG}": VALUE})
    assert allowed(ADMINISTRATOR, action)
