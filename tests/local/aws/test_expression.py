"""What declarations can say beyond JMESPath, and patterns that would never end."""

from __future__ import annotations

import base64
import datetime
import json
import time
from typing import Any, cast

import pytest

from local.aws.constraints import violation
from local.aws.declaration import Autoname
from local.aws.diff import Comparer
from local.aws.expression import evaluate
from local.aws.facts import facts
from local.aws.functions import invoke
from local.aws.names import automatic_name
from local.aws.ses import smtp_password

NAMES = {"delaySeconds": "DelaySeconds", "policy": "Policy", "fifo": "FifoQueue"}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (None, {"DelaySeconds": "90", "FifoQueue": "true"}),
        ({"delaySeconds": True, "policy": True, "tags": True}, {"DelaySeconds": "90", "Policy": ""}),
    ],
)
def test_attributes_are_texts_and_what_is_gone_is_empty(changed: object, expected: dict[str, str]) -> None:
    context = {"in": {"delaySeconds": 90, "fifo": True, "other": 1}, "attributes": NAMES, "changed": changed}
    assert evaluate("attributes(in, attributes, changed)", context) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("4", 4), ("1970-01-01T00:00:01Z", 1000), ("1970-01-02T00:00:00+00:00", 86400000), (None, None)],
)
def test_milliseconds_of_a_number_or_a_date(text: str | None, expected: int | None) -> None:
    assert evaluate("milliseconds(text)", {"text": text}) == expected


def test_a_time_in_a_form() -> None:
    moment = datetime.datetime(2017, 7, 1, 2, 0, tzinfo=datetime.timezone(datetime.timedelta(hours=2)))
    assert evaluate("date(at, '%Y-%m-%d_%H:%M')", {"at": moment}) == "2017-07-01_00:00"


def test_a_lookup_by_regular_expression() -> None:
    context = {"Roles": [{"RoleName": "reader"}, {"RoleName": "writer"}], "in": {"nameRegex": "^read"}}
    assert evaluate("Roles[?matches(RoleName, $(in.nameRegex))].RoleName", context) == ["reader"]
    assert len(evaluate("Roles[?matches(RoleName, $(in.none))]", context)) == 2


def test_the_smtp_password_depends_on_secret_and_region_and_has_its_version() -> None:
    one = smtp_password("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1")
    assert base64.b64decode(one)[0] == 4
    assert len(base64.b64decode(one)) == 33
    assert one != smtp_password("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "eu-west-1")
    assert one == smtp_password("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "us-east-1")


def test_a_pattern_that_would_take_for_ever_is_not_tried_on_a_long_text() -> None:
    slow = {"patterns": [r"^([a-z]+ ?)*$"]}
    began = time.monotonic()
    assert violation("word " * 20 + "!", slow) is None
    assert time.monotonic() - began < 1
    assert violation("ab!", slow)
    assert violation("x" * 30 + "!", {"patterns": ["^[a-z]+$"]})


def test_forms_that_a_declaration_calls_alike_are_no_change() -> None:
    known = facts("aws:iam/openIdConnectProvider:OpenIdConnectProvider")
    assert known is not None
    alike = Comparer(known, alike={"url": "replace(value, 'https://', '')"})
    assert alike.same("url", "https://issuer.example.com", "issuer.example.com")
    assert not alike.same("url", "https://issuer.example.com", "other.example.com")
    assert not Comparer(known).same("url", "https://issuer.example.com", "issuer.example.com")


def test_a_name_may_have_a_base_that_is_not_the_resources() -> None:
    name = automatic_name(Autoname(property="identifier", base="tf"), "any/name here", b"seed", {}, None)
    assert name.startswith("tf-")


def test_arguments_of_data_sources_may_have_pythons_names() -> None:
    statement = {"not_actions": ["s3:*"], "resources": ["*"], "not_principals": [{"type": "AWS", "identifiers": ["*"]}]}
    arguments: dict[str, Any] = {"statements": [statement]}
    found, failures = invoke("aws:iam/getPolicyDocument:getPolicyDocument", arguments, cast("Any", None))
    assert not failures
    assert json.loads(found["json"])["Statement"][0]["NotAction"] == "s3:*"
    _, failures = invoke(
        "aws:iam/getPolicyDocument:getPolicyDocument", {"statements": [{"no_actions": []}]}, cast("Any", None)
    )
    assert "no_actions" in failures[0].reason
