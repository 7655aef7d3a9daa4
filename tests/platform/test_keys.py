"""The keys under mocks: one a class, and administration apart from use."""

import json
from fnmatch import fnmatchcase
from typing import Any

import pytest

from foundation.data_class import DataClass
from tests.platform.mocked import ACCOUNT_ID, Made, Recorder, run_program

ROOT = f"arn:aws:iam::{ACCOUNT_ID}:root"
ADMINISTRATOR = f"arn:aws:iam::{ACCOUNT_ID}:role/key-administrator"
USE = ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "kms:ReEncryptTo", "kms:CreateGrant", "kms:Sign"]
ADMINISTRATION = ["kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "kms:DisableKey", "kms:EnableKeyRotation"]


@pytest.fixture(scope="module")
def stack() -> Recorder:
    return run_program()


def keys(stack: Recorder) -> list[Made]:
    return stack.of("kms/key:Key")


def as_list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def grants(statement: dict[str, Any], actions: list[str]) -> bool:
    return any(fnmatchcase(action, pattern) for action in actions for pattern in as_list(statement["Action"]))


def test_each_class_of_data_has_a_key_and_an_alias(stack: Recorder) -> None:
    assert {key.inputs["tags"]["DataClass"] for key in keys(stack)} == set(DataClass)
    assert {alias.inputs["name"] for alias in stack.of("kms/alias:Alias")} == {
        f"alias/parapet-test-{each}" for each in DataClass
    }


def test_an_alias_leads_to_the_key_of_its_class(stack: Recorder) -> None:
    for alias in stack.of("kms/alias:Alias"):
        assert alias.inputs["targetKeyId"] == stack.one("kms/key:Key", alias.name).id


def test_every_key_rotates_and_leaves_thirty_days_to_undo_its_deletion(stack: Recorder) -> None:
    for key in keys(stack):
        assert key.inputs["enableKeyRotation"] is True
        assert key.inputs["deletionWindowInDays"] == 30


def test_no_statement_grants_both_administration_and_use(stack: Recorder) -> None:
    for key in keys(stack):
        for statement in key.policy():
            assert not (grants(statement, USE) and grants(statement, ADMINISTRATION)), (key.name, statement["Sid"])


def test_no_statement_grants_everything_or_speaks_to_everyone(stack: Recorder) -> None:
    for key in keys(stack):
        for statement in key.policy():
            assert not any("*" in action for action in as_list(statement["Action"])), (key.name, statement["Sid"])
            assert statement["Principal"] != "*"
            assert "*" not in statement["Principal"].values()


def test_each_key_can_be_administered_or_it_would_be_lost(stack: Recorder) -> None:
    for key in keys(stack):
        assert any(
            grants(statement, ["kms:PutKeyPolicy"]) and statement["Principal"] == {"AWS": ROOT}
            for statement in key.policy()
        )


def test_whoever_uses_a_key_is_held_to_a_service_or_an_encryption_context(stack: Recorder) -> None:
    for key in keys(stack):
        for statement in key.policy():
            if grants(statement, USE):
                conditions = json.dumps(statement["Condition"])
                assert "kms:ViaService" in conditions or "kms:EncryptionContext:" in conditions, statement


@pytest.mark.parametrize(
    ("holds", "services"),
    [
        ("phi", ["s3"]),
        ("artifacts", ["s3"]),
        ("logs", ["s3"]),
        ("secrets", ["secretsmanager"]),
        ("cluster", ["ec2", "eks"]),
    ],
)
def test_a_key_is_used_through_the_services_of_its_class_only(stack: Recorder, holds: str, services: list[str]) -> None:
    key = stack.one("kms/key:Key", f"parapet-test-{holds}")
    through = [
        statement["Condition"]["StringEquals"]["kms:ViaService"]
        for statement in key.policy()
        if "StringEquals" in statement.get("Condition", {})
    ]
    assert through
    assert all(each == [f"{service}.us-east-1.amazonaws.com" for service in services] for each in through)


def test_a_grant_is_made_for_an_aws_resource_only(stack: Recorder) -> None:
    granting = [
        statement for key in keys(stack) for statement in key.policy() if grants(statement, ["kms:CreateGrant"])
    ]
    assert granting
    for statement in granting:
        assert statement["Condition"]["Bool"] == {"kms:GrantIsForAWSResource": "true"}


def test_cloudwatch_logs_uses_the_logs_key_for_this_stacks_log_groups_only(stack: Recorder) -> None:
    users = {
        key.name: statement["Condition"]
        for key in keys(stack)
        for statement in key.policy()
        if "Service" in statement["Principal"]
    }
    assert users == {
        "parapet-test-logs": {
            "ArnLike": {
                "kms:EncryptionContext:aws:logs:arn": (f"arn:aws:logs:us-east-1:{ACCOUNT_ID}:log-group:/parapet-test/*")
            }
        }
    }


def test_every_log_group_is_one_that_the_logs_key_encrypts(stack: Recorder) -> None:
    key = stack.one("kms/key:Key", "parapet-test-logs")
    (pattern,) = [
        statement["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"]
        for statement in key.policy()
        if "Service" in statement["Principal"]
    ]
    for group in stack.of("cloudwatch/logGroup:LogGroup"):
        assert fnmatchcase(f"arn:aws:logs:us-east-1:{ACCOUNT_ID}:log-group:{group.inputs['name']}", pattern)


def test_named_administrators_and_the_root_user_alone_administer() -> None:
    for key in keys(run_program(keyAdministrators=[ADMINISTRATOR])):
        (statement,) = [each for each in key.policy() if grants(each, ADMINISTRATION)]
        assert statement["Condition"] == {"ArnEquals": {"aws:PrincipalArn": [ROOT, ADMINISTRATOR]}}


def test_an_administrator_is_named_in_no_statement_of_use() -> None:
    for key in keys(run_program(keyAdministrators=[ADMINISTRATOR])):
        for statement in key.policy():
            assert ADMINISTRATOR not in json.dumps(statement) or not grants(statement, USE)
