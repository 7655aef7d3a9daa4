"""A stack for the tests of single components."""

from typing import Any

from foundation.account import Account
from foundation.stack import Stack
from tests.images import DIGESTS
from tests.platform.mocked import ACCOUNT_ID

ACCOUNT = Account(ACCOUNT_ID, "aws", "us-east-1", ("us-east-1a",))


def stack(**differs: Any) -> Stack:
    """The stack `parapet-test`, but for what differs."""
    usual = {
        "name": "parapet-test",
        "owner": "ml-platform@example.com",
        "account": ACCOUNT,
        "images": DIGESTS,
        "tags": {},
        "audit_retention_years": 6,
        "log_retention_days": 400,
        "protect": False,
    }
    return Stack(**{**usual, **differs})
