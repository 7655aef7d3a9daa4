"""The keys under mocks: one a class, and administration apart from use."""

import json
from fnmatch import fnmatchcase
from typing import Any

import pytest

from foundation.data_class import DataClass
from tests.platform.mocked import ACCOUNT_ID, DEPLOYER, Made, Recorder, run_program
from tests.platform.variants import KEY_ADMINISTRATOR as ADMINISTRATOR
from tests.platform.variants import SCIENTIST, run_with

ROOT = f"arn:aws:iam::{ACCOUNT_ID}:root"
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
        f"alias/parapet-test-{each}" for each in (*DataClass, "signing", "deadman")
    }


def test_an_alias_leads_to_the_key_of_its_class(stack: Recorder) -> None:
    for alias in stack.of("kms/alias:Alias"):
        assert alias.inputs["targetKeyId"] == stack.one("kms/key:Key", alias.name).id


def test_every_key_rotates_and_leaves_thirty_days_to_undo_its_deletion(stack: Recorder) -> None:
    """But for the one that signs: KMS rotates none of that kind."""
    for key in keys(stack):
        signs = key.inputs.get("keyUsage") == "SIGN_VERIFY"
        assert key.inputs.get("enableKeyRotation", False) is not signs
        assert key.inputs["deletionWindowInDays"] == 30
    assert [each.name for each in keys(stack) if each.inputs.get("keyUsage")] == ["parapet-test-signing"]


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


def test_whoever_uses_a_key_is_held_to_a_service_an_encryption_context_or_an_alarm(stack: Recorder) -> None:
    for key in keys(stack):
        for statement in key.policy():
            if grants(statement, USE):
                conditions = json.dumps(statement["Condition"])
                held = ("kms:ViaService", "kms:EncryptionContext:", ":alarm:parapet-test-")
                assert any(each in conditions for each in held), statement


@pytest.mark.parametrize(
    ("holds", "services", "by_grant"),
    [
        ("phi", ["s3"], []),
        ("artifacts", ["s3", "rds", "ecr"], ["rds", "ecr"]),
        ("logs", ["s3", "sns"], []),
        ("secrets", ["secretsmanager", "rds"], ["secretsmanager", "rds"]),
        ("cluster", ["ec2", "eks"], ["ec2", "eks"]),
    ],
)
def test_a_key_is_used_through_the_services_of_its_class_only(
    stack: Recorder, holds: str, services: list[str], by_grant: list[str]
) -> None:
    through = {
        statement["Sid"]: [
            service.removesuffix(".us-east-1.amazonaws.com")
            for service in statement["Condition"]["StringEquals"]["kms:ViaService"]
        ]
        for statement in stack.one("kms/key:Key", f"parapet-test-{holds}").policy()
        if statement["Sid"].startswith(("UseThroughServices", "GrantTo", "RetireGrants"))
    }
    # ECR and EKS do not say that their grant is for an AWS resource.
    alone = {f"GrantTo{each.upper()}": [each] for each in by_grant if each in ("ecr", "eks")}
    saying = [each for each in by_grant if each not in ("ecr", "eks")]
    granting = {"GrantToServices": saying, "RetireGrants": by_grant, **alone} if by_grant else {}
    assert through == {"UseThroughServices": services} | granting


def test_a_grant_is_made_for_an_aws_resource_only(stack: Recorder) -> None:
    granting = [
        statement for key in keys(stack) for statement in key.policy() if grants(statement, ["kms:CreateGrant"])
    ]
    assert granting
    for statement in granting:
        conditions = statement["Condition"]
        if statement["Sid"] not in ("GrantToECR", "GrantToEKS"):
            assert conditions["Bool"] == {"kms:GrantIsForAWSResource": "true"}


@pytest.mark.parametrize("spot", [False, True])
def test_the_roles_that_launch_nodes_use_the_cluster_key_through_ec2_and_spot_has_it_only_where_asked_for(
    spot: bool,
) -> None:
    group = {"name": "g", "instanceTypes": ["g6.xlarge"], "max": 1, "capacity": "spot" if spot else "on-demand"}
    stack = run_with(gpuGroups=[group])
    prefix = f"arn:aws:iam::{ACCOUNT_ID}:role/aws-service-role"
    expected = [f"{prefix}/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"]
    expected += [f"{prefix}/spot.amazonaws.com/AWSServiceRoleForEC2Spot"] if spot else []
    for key in keys(stack):
        named = [
            each
            for each in key.policy()
            if each["Principal"].get("AWS") not in (None, ROOT) and each["Sid"] != "ReadByPeople"
        ]
        assert len(named) == (2 if key.name.endswith("-cluster") else 0)
        for statement in named:
            assert statement["Principal"] == {"AWS": expected}
            assert statement["Condition"]["StringEquals"] == {
                "kms:CallerAccount": ACCOUNT_ID,
                "kms:ViaService": ["ec2.us-east-1.amazonaws.com"],
            }


def test_aws_itself_uses_a_key_for_this_stacks_logs_alarms_and_topics_only(stack: Recorder) -> None:
    users = {
        (key.name, statement["Principal"]["Service"]): statement["Condition"]
        for key in keys(stack)
        for statement in key.policy()
        if "Service" in statement["Principal"]
    }
    alarms = {
        "StringEquals": {"aws:SourceAccount": ACCOUNT_ID},
        "ArnLike": {"aws:SourceArn": f"arn:aws:cloudwatch:us-east-1:{ACCOUNT_ID}:alarm:parapet-test-*"},
    }
    assert users == {
        ("parapet-test-logs", "logs.us-east-1.amazonaws.com"): {
            "ArnLike": {
                "kms:EncryptionContext:aws:logs:arn": [
                    f"arn:aws:logs:us-east-1:{ACCOUNT_ID}:log-group:{path}*"
                    for path in (
                        "/parapet-test/",
                        "/aws/eks/parapet-test/",
                        "/aws/containerinsights/parapet-test/",
                        "/aws/rds/instance/parapet-test-",
                    )
                ]
            }
        },
        ("parapet-test-logs", "cloudwatch.amazonaws.com"): alarms,
        ("parapet-test-deadman", "cloudwatch.amazonaws.com"): alarms,
        ("parapet-test-logs", "events.amazonaws.com"): {
            "ArnLike": {"kms:EncryptionContext:aws:sns:topicArn": f"arn:aws:sns:us-east-1:{ACCOUNT_ID}:parapet-test-*"}
        },
    }


def test_every_log_group_is_one_that_the_logs_key_encrypts(stack: Recorder) -> None:
    key = stack.one("kms/key:Key", "parapet-test-logs")
    (patterns,) = [
        statement["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"]
        for statement in key.policy()
        if statement["Principal"].get("Service", "").startswith("logs.")
    ]
    for group in stack.of("cloudwatch/logGroup:LogGroup"):
        arn = f"arn:aws:logs:us-east-1:{ACCOUNT_ID}:log-group:{group.inputs['name']}"
        assert any(fnmatchcase(arn, pattern) for pattern in patterns), arn


def test_eks_sees_its_grant_by_a_role_that_does_not_administer_the_key() -> None:
    cluster = run_with(keyAdministrators=[ADMINISTRATOR]).one("kms/key:Key", "parapet-test-cluster")
    looked = [
        each for each in cluster.policy() if grants(each, ["kms:ListGrants"]) and not grants(each, ADMINISTRATION)
    ]
    assert [each["Condition"] for each in looked] == [{"StringEquals": {"kms:CallerAccount": ACCOUNT_ID}}]


def test_people_who_read_a_secret_decrypt_it_through_secrets_manager_alone() -> None:
    reader = SCIENTIST
    stack = run_with(mlflowUsers=[{"name": "a", "readers": [reader]}, {"name": "b", "readers": [reader]}])
    named = {key.name: each for key in keys(stack) for each in key.policy() if reader in json.dumps(each["Principal"])}
    assert set(named) == {"parapet-test-secrets"}
    (statement,) = named.values()
    assert statement["Principal"] == {"AWS": [DEPLOYER, reader]}
    assert statement["Action"] == "kms:Decrypt"
    assert statement["Condition"]["StringEquals"]["kms:ViaService"] == ["secretsmanager.us-east-1.amazonaws.com"]


def test_named_administrators_and_the_root_user_alone_administer() -> None:
    for key in keys(run_with(keyAdministrators=[ADMINISTRATOR])):
        (statement,) = [each for each in key.policy() if grants(each, ADMINISTRATION)]
        assert statement["Condition"] == {"ArnEquals": {"aws:PrincipalArn": [ROOT, ADMINISTRATOR]}}


@pytest.mark.plan
def test_an_administrator_is_named_in_no_statement_of_use() -> None:
    # Not even as one who administers the cluster too, and reads MLflow's passwords.
    for key in keys(run_with(keyAdministrators=[ADMINISTRATOR], clusterAdministrators=[ADMINISTRATOR, DEPLOYER])):
        for statement in key.policy():
            assert ADMINISTRATOR not in json.dumps(statement) or not grants(statement, USE)
