"""What a message says is true of this resource: of its own accounts, its statements, and what is wrong with it."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

import hipaa
from hipaa.resource import UNKNOWN, Resource, Secret
from hipaa.rule import Example, Rule
from tests.policies.services import every_service

RULES = {rule.name: rule for rule in hipaa.rules()}
_OWN = "111122223333"  # of AWS's examples, and so of ours
_MINE = "640031517712"
_A_STRANGERS = re.compile(r"arn:[^\s:]*:[^\s:]*:[^\s:]*:9999888877\d\d:\S*")


def told(rule: Rule, example: Example) -> Iterator[str]:
    for verdict in rule.judge_example(example):
        yield from verdict.violations


def moved(value: Any) -> Any:
    """The same in another account and another Region than those of the examples."""
    if value is UNKNOWN:
        return value
    if isinstance(value, Resource):
        sources = value.sources
        return Resource(value.type, moved(value._values), name=value.name, urn=value.urn, sources=sources)
    if isinstance(value, Secret):
        return Secret(moved(value.value))
    if isinstance(value, str):
        return value.replace(_OWN, _MINE).replace("us-east-1", "eu-north-1")
    if isinstance(value, Mapping):
        return {moved(name): moved(item) for name, item in value.items()}
    return [moved(item) for item in value] if isinstance(value, Sequence) else value


@every_service
def test_no_message_names_an_account_or_a_region_that_the_program_does_not_have(rules: Sequence[Rule]) -> None:
    found = [
        f"{rule.name}: {message}"
        for rule in rules
        for example in rule.unsound
        for message in told(rule, moved(example))
        if _OWN in message or re.search(r"\barn:\S*us-east-1", _A_STRANGERS.sub("", message))
    ]
    assert found == []


def lets_in(sid: str | None, *beside: dict[str, Any], **elements: Any) -> str:
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::d/*"}
    named = statement | ({"Sid": sid} if sid else {}) | elements
    return json.dumps({"Version": "2012-10-17", "Statement": [*beside, named]})


@pytest.mark.parametrize(
    ("sid", "before", "said"),
    [("1", 0, "statement '1'"), (None, 0, "the first statement"), (None, 2, "the third statement")],
)
def test_a_statement_without_a_name_is_told_by_its_place(sid: str | None, before: int, said: str) -> None:
    beside = [{"Effect": "Deny", "Principal": "*", "Action": "s3:Put*", "Resource": f"{n}"} for n in range(before)]
    bucket = Resource("aws:s3/bucketPolicy:BucketPolicy", {"bucket": "d", "policy": lets_in(sid, *beside)})
    messages = [message for rule in hipaa.rules() if rule.is_about(bucket.type) for message in told(rule, [bucket])]
    assert any(message.startswith(f"by {said} of `policy`") for message in messages), messages


_ROLE = {"Principal": {"AWS": "arn:aws:iam::444455556666:role/reader"}}
_OF = {
    "s3-bucket-denies-insecure-transport": [
        Resource("aws:s3/bucket:Bucket", {"bucket": "d"}),
        Resource("aws:s3/bucketPolicy:BucketPolicy", {"bucket": "d", "policy": lets_in("Readers", **_ROLE)}),
    ],
    "sqs-queue-denies-insecure-transport": [
        Resource("aws:sqs/queue:Queue", {"policy": lets_in(None, **_ROLE, Action="sqs:SendMessage", Resource="*")})
    ],
    "sns-topic-denies-insecure-transport": [
        Resource("aws:sns/topic:Topic", {"policy": lets_in(None, **_ROLE, Action="sns:Publish", Resource="*")})
    ],
}


@pytest.mark.parametrize("name", _OF)
def test_a_policy_that_takes_plain_http_is_told_so_and_not_that_it_lets_somebody_in(name: str) -> None:
    (message,) = told(RULES[name], _OF[name])
    assert "no statement of `policy` denies a request without TLS" in message
    assert "may ask" not in message


def test_a_secret_whose_readers_nobody_bounds_is_told_so() -> None:
    policy = lets_in(None, **_ROLE, Action="secretsmanager:GetSecretValue", Resource="*")
    secret = Resource("aws:secretsmanager/secret:Secret", {"policy": policy})
    message = "\n".join(told(RULES["secret-policy-names-its-readers"], [secret]))
    assert "no statement of `policy` denies secretsmanager:GetSecretValue on the resource itself to" in message
    assert "whoever has the right by IAM" in message
    assert "may ask" not in message


def test_a_role_that_names_no_signers_is_told_so() -> None:
    rule = RULES["rbac-role-approves-no-client-certificates"]
    messages = [message for example in rule.unsound for message in told(rule, example)]
    assert any("names no signers" in message for message in messages)
    assert not [message for message in messages if re.search(r"  |\s[;,]", message)], messages
