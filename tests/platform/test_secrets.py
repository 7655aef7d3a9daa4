"""The secrets under mocks: who makes their values, who reads them, and that no input holds one."""

import json
from fnmatch import fnmatchcase
from typing import Any

import pytest

from foundation.secrets import GeneratedSecret, GeneratedSecretArgs, Rotator, SecretReaders, SecretReadersArgs
from foundation.secrets.rotator import RotatorArgs
from tests.platform.mocked import ACCOUNT_ID, Recorder, arn, record, run_program
from tests.platform.stacks import stack as a_stack

READER = f"arn:aws:iam::{ACCOUNT_ID}:role/mlflow"
ROTATOR = "parapet-test-rotator"


@pytest.fixture(scope="module")
def stack() -> Recorder:
    return run_program()


def made(protect: bool = True, of_rds: bool = False) -> Recorder:
    """A generated secret with its readers, as a workload's component makes them."""

    def program() -> None:
        stack = a_stack(protect=protect)
        rotator = Rotator(
            "parapet-test",
            RotatorArgs(
                stack=stack,
                vpc_id="vpc",
                vpc_cidr="10.0.0.0/16",
                subnet_ids=["subnet"],
                key_arn="key",
                logs_key_arn="logs-key",
                after=[],
            ),
        )
        secret = GeneratedSecret(
            "parapet-test-mlflow-admin",
            GeneratedSecretArgs(
                stack=stack, rotator=rotator, key_arn="key", description="d", rotate_days=90, length=32
            ),
        )
        SecretReaders(
            "parapet-test-mlflow-admin",
            SecretReadersArgs(
                stack=stack, secret_arn=secret.arn, reader_arns=[READER, rotator.role_arn], of_rds=of_rds
            ),
        )

    return record(program)


def holds(statement: dict[str, Any], request: dict[str, str]) -> bool:
    """Whether a Deny statement holds for a request, as IAM evaluates its operators."""
    for operator, keys in statement["Condition"].items():
        for key, wanted in keys.items():
            values = [wanted] if isinstance(wanted, str) else wanted
            match operator:
                case "ArnNotEquals" | "StringNotEquals":
                    met = not any(fnmatchcase(request[key], each) for each in values)
                case "Bool":
                    met = request[key] in values
                case _:
                    raise AssertionError(f"no test knows the operator {operator}")
            if not met:
                return False
    return True


def refused(policy: list[dict[str, Any]], action: str, **request: str) -> bool:
    keys = {"aws:PrincipalIsAWSService": "false", "aws:PrincipalAccount": ACCOUNT_ID} | {
        f"aws:{name}": value for name, value in request.items()
    }
    return any(
        fnmatchcase(action, statement["Action"]) and statement["Effect"] == "Deny" and holds(statement, keys)
        for statement in policy
    )


def test_a_secret_has_no_value_in_any_input_and_gets_one_from_the_rotator() -> None:
    stack = made()
    assert not stack.of("secretsmanager/secretVersion:SecretVersion")
    (secret,) = stack.of("secretsmanager/secret:Secret")
    (first,) = stack.of("lambda/invocation:Invocation")
    assert first.inputs["functionName"] == ROTATOR
    assert json.loads(first.inputs["input"]) == {
        "SecretId": arn(secret.type, secret.name, secret.inputs),
        "Step": "firstValue",
        "Length": 32,
        "KeepOld": False,
    }


def test_a_secret_is_encrypted_and_rotated_by_the_stacks_own_function() -> None:
    stack = made()
    (secret,) = stack.of("secretsmanager/secret:Secret")
    assert secret.inputs["kmsKeyId"] == "key"
    assert secret.inputs["tags"] == {"DataClass": "secrets"}
    (rotation,) = stack.of("secretsmanager/secretRotation:SecretRotation")
    assert rotation.inputs["secretId"] == secret.id
    assert rotation.inputs["rotationLambdaArn"].endswith(f"function:{ROTATOR}")
    assert rotation.inputs["rotationRules"] == {"automaticallyAfterDays": 90}
    assert rotation.inputs["rotateImmediately"] is False


@pytest.mark.parametrize(("protect", "days"), [(True, 30), (False, 7)])
def test_a_deleted_secret_can_be_brought_back_and_its_name_hinders_no_new_one(protect: bool, days: int) -> None:
    (secret,) = made(protect).of("secretsmanager/secret:Secret")
    assert secret.inputs["recoveryWindowInDays"] == days
    assert secret.inputs["namePrefix"] == "parapet-test/mlflow-admin-"
    assert "name" not in secret.inputs


def test_only_the_listed_roles_and_aws_itself_read_a_value() -> None:
    stack = made()
    (made_policy,) = stack.of("secretsmanager/secretPolicy:SecretPolicy")
    assert made_policy.inputs["blockPublicPolicy"] is True
    policy, read = made_policy.policy(), "secretsmanager:GetSecretValue"
    rotator = f"arn:aws:iam::{ACCOUNT_ID}:role/{ROTATOR}"
    for reader in (READER, rotator):
        assert not refused(policy, read, PrincipalArn=reader)
    for other in (f"arn:aws:iam::{ACCOUNT_ID}:role/admin", f"arn:aws:iam::{ACCOUNT_ID}:root", f"{READER}2"):
        assert refused(policy, read, PrincipalArn=other)
    assert not refused(policy, read, PrincipalArn="", PrincipalIsAWSService="true")


def test_administration_stays_possible_and_other_accounts_do_nothing() -> None:
    (made_policy,) = made().of("secretsmanager/secretPolicy:SecretPolicy")
    for action in ("DescribeSecret", "PutResourcePolicy", "DeleteSecret", "RotateSecret"):
        asked = f"secretsmanager:{action}"
        assert not refused(made_policy.policy(), asked, PrincipalArn=f"arn:aws:iam::{ACCOUNT_ID}:role/admin")
        stranger = {"PrincipalArn": "arn:aws:iam::999988887777:role/mlflow", "PrincipalAccount": "999988887777"}
        assert refused(made_policy.policy(), asked, **stranger)


@pytest.mark.parametrize("of_rds", [True, False])
def test_rds_reads_the_secrets_that_it_manages_and_no_other(of_rds: bool) -> None:
    role = f"arn:aws:iam::{ACCOUNT_ID}:role/aws-service-role/rds.amazonaws.com/AWSServiceRoleForRDS"
    (policy,) = made(of_rds=of_rds).of("secretsmanager/secretPolicy:SecretPolicy")
    assert refused(policy.policy(), "secretsmanager:GetSecretValue", PrincipalArn=role) is not of_rds


def test_the_rotator_can_touch_the_stacks_secrets_only_and_use_their_key_only_through_secrets_manager(
    stack: Recorder,
) -> None:
    statements = {each["Sid"]: each for each in stack.one("iam/policy:Policy", ROTATOR).policy()}
    assert statements["Rotate"]["Resource"] == (f"arn:aws:secretsmanager:us-east-1:{ACCOUNT_ID}:secret:parapet-test/*")
    assert statements["UseKey"]["Resource"].endswith("key/parapet-test-secrets")
    assert statements["UseKey"]["Condition"] == {
        "StringEquals": {"kms:ViaService": "secretsmanager.us-east-1.amazonaws.com"}
    }
    everywhere = {sid for sid, each in statements.items() if each["Effect"] == "Allow" and each["Resource"] == "*"}
    assert everywhere == {"Generate", "Interfaces"}
    assert statements["NoInterfacesForCode"]["Action"] == statements["Interfaces"]["Action"]
    assert statements["NoInterfacesForCode"]["Condition"] == {
        "ArnEquals": {"lambda:SourceFunctionArn": f"arn:aws:lambda:us-east-1:{ACCOUNT_ID}:function:{ROTATOR}"}
    }


def test_only_secrets_manager_of_this_account_calls_the_rotator(stack: Recorder) -> None:
    (permission,) = stack.of("lambda/permission:Permission")
    assert permission.inputs["principal"] == "secretsmanager.amazonaws.com"
    assert permission.inputs["sourceAccount"] == ACCOUNT_ID


def test_the_rotator_runs_in_the_private_subnets_and_reaches_https_in_the_vpc(stack: Recorder) -> None:
    function = stack.one("lambda/function:Function", ROTATOR)
    private = {each.id for each in stack.of("ec2/subnet:Subnet") if "-private-" in each.name}
    assert set(function.inputs["vpcConfig"]["subnetIds"]) == private
    assert function.inputs["vpcConfig"]["securityGroupIds"] == [f"{ROTATOR}-id"]
    (out,) = [
        each.inputs
        for each in stack.of("vpc/securityGroupEgressRule:SecurityGroupEgressRule")
        if each.inputs["securityGroupId"] == f"{ROTATOR}-id"
    ]
    assert (out["cidrIpv4"], out["fromPort"], out["toPort"]) == ("10.0.0.0/16", 443, 443)


def test_the_rotator_writes_into_an_encrypted_log_group(stack: Recorder) -> None:
    group = stack.one("cloudwatch/logGroup:LogGroup", ROTATOR)
    assert stack.one("lambda/function:Function", ROTATOR).inputs["loggingConfig"]["logGroup"] == group.inputs["name"]
    assert group.inputs["kmsKeyId"].endswith("key/parapet-test-logs")
