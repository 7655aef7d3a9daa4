"""Policy documents are read as IAM reads them."""

import json
from typing import Any

import pytest

from hipaa.iam import Statement, is_account, matches, statements
from hipaa.resource import UNKNOWN, Properties, UnknownValue
from hipaa.rule import Unreadable


def one(**elements: Any) -> Statement:
    base = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": base | elements}
    return statements(Properties({"policy": json.dumps(document)}))[0]


@pytest.mark.parametrize(
    ("pattern", "action", "expected"),
    [
        ("s3:*", "s3:GetObject", True),
        ("S3:getobject", "s3:GetObject", True),
        ("s3:Get?bject", "s3:GetObject", True),
        ("s3:Get", "s3:GetObject", False),
        ("s3:[G]etObject", "s3:GetObject", False),
        ("*", "kms:Decrypt", True),
        ("kms.*", "kms:Decrypt", False),
    ],
)
def test_wildcards(pattern: str, action: str, expected: bool) -> None:
    assert matches(pattern, action) is expected


@pytest.mark.parametrize(
    ("elements", "public"),
    [
        ({}, True),
        ({"Principal": {"AWS": "*"}}, True),
        ({"Principal": {"AWS": ["arn:aws:iam::111122223333:root", "*"]}}, True),
        ({"Principal": {"AWS": "arn:aws:iam::111122223333:root"}}, False),
        ({"Principal": {"Service": "logging.s3.amazonaws.com"}}, False),
        ({"Principal": None, "NotPrincipal": {"AWS": "arn:aws:iam::111122223333:root"}}, True),
        ({"Effect": "Deny"}, False),
        ({"Condition": {"StringEquals": {"AWS:PrincipalOrgID": "o-1"}}}, False),
        ({"Condition": {"ForAnyValue:StringEquals": {"aws:SourceVpce": ["vpce-1", "vpce-2"]}}}, False),
        ({"Condition": {"StringLike": {"aws:PrincipalArn": "*"}}}, True),
        ({"Condition": {"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}}}, True),
        ({"Condition": {"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}}}, True),
        ({"Condition": {"Bool": {"aws:SecureTransport": "true"}}}, True),
        ({"Condition": {"IpAddress": {"aws:SourceIp": ["203.0.113.0/24", "2001:db8::/32"]}}}, False),
        ({"Condition": {"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}}, True),
        ({"Condition": {"IpAddress": {"aws:SourceIp": "64.0.0.0/7"}}}, True),
        ({"Condition": {"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}}}, True),
        ({"Condition": {"IpAddress": {"aws:SourceIp": "here"}}}, True),
    ],
)
def test_public(elements: dict[str, Any], public: bool) -> None:
    assert one(**elements).is_public is public


def test_not_action_covers_the_rest() -> None:
    statement = one(Action=None, NotAction="kms:CreateGrant")
    assert statement.covers("kms:Decrypt")
    assert not statement.covers("kms:CreateGrant")


def test_booleans_in_conditions_are_words() -> None:
    assert one(Condition={"Bool": {"aws:SecureTransport": False}}).when("Bool", "aws:SecureTransport", "false")


@pytest.mark.parametrize(
    ("principal", "account"),
    [
        ("arn:aws:iam::111122223333:root", True),
        ("arn:aws-us-gov:iam::111122223333:root", True),
        ("111122223333", True),
        ("arn:aws:iam::111122223333:role/root", False),
        ("*", False),
    ],
)
def test_account_principals(principal: str, account: bool) -> None:
    assert is_account(principal) is account


@pytest.mark.parametrize(
    "policy",
    [
        "{",
        "[]",
        "7",
        '"text"',
        "{}",
        '{"Statement": [7]}',
        '{"Statement": [{"Effect": "Permit"}]}',
        '{"Statement": [{}]}',
        '{"Statement": null}',
        '{"Statement": [{"Effect": "Allow", "Condition": {"Bool": "x"}}]}',
    ],
)
def test_what_is_no_policy_is_unreadable(policy: str) -> None:
    with pytest.raises(Unreadable, match="is not a JSON policy document"):
        statements(Properties({"policy": policy}))


def test_no_policy_has_no_statements() -> None:
    assert statements(Properties({})) == ()


def test_unknown_policy_is_unknown() -> None:
    with pytest.raises(UnknownValue):
        statements(Properties({"policy": UNKNOWN}))
