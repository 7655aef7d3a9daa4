"""Secrets that rotate: the steps of a function really run, and RDS makes new passwords of its own."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.aws.conftest import LocalAws
from tests.local.aws.test_functions import make

ROTATOR = """
import boto3
def handler(event, context):
    client = boto3.client("secretsmanager")
    secret, token = event["SecretId"], event["ClientRequestToken"]
    stages = client.describe_secret(SecretId=secret)["VersionIdsToStages"]
    assert "AWSPENDING" in stages[token], stages
    print(event["Step"])
    if event["Step"] == "createSecret":
        try:
            client.get_secret_value(SecretId=secret, VersionId=token, VersionStage="AWSPENDING")
        except client.exceptions.ResourceNotFoundException:
            new = client.get_random_password(PasswordLength=20)["RandomPassword"]
            client.put_secret_value(
                SecretId=secret, ClientRequestToken=token, SecretString=new, VersionStages=["AWSPENDING"]
            )
    if event["Step"] == "testSecret":
        client.get_secret_value(SecretId=secret, VersionId=token, VersionStage="AWSPENDING")
        PROBLEM
    if event["Step"] == "finishSecret":
        current = next(one for one, labels in stages.items() if "AWSCURRENT" in labels)
        client.update_secret_version_stage(
            SecretId=secret, VersionStage="AWSCURRENT", MoveToVersionId=token, RemoveFromVersionId=current
        )
"""
DAYS = {"AutomaticallyAfterDays": 30}


@pytest.fixture
def secrets(local_aws: LocalAws) -> Any:
    return local_aws.client("secretsmanager")


def _rotator(local_aws: LocalAws, problem: str = "pass") -> str:
    return make(local_aws, ROTATOR.replace("PROBLEM", problem))


def _steps(local_aws: LocalAws) -> list[str]:
    told = local_aws.client("logs").filter_log_events(logGroupName="/aws/lambda/f")["events"]
    return [one["message"] for one in told if one["message"].endswith("Secret")]


def _stages(secrets: Any, secret: str) -> list[list[str]]:
    return sorted(filter(None, secrets.describe_secret(SecretId=secret)["VersionIdsToStages"].values()))


def test_a_rotation_runs_its_four_steps_and_gives_a_new_value(local_aws: LocalAws, secrets: Any) -> None:
    secret = secrets.create_secret(Name="s", SecretString="first")["ARN"]
    secrets.rotate_secret(SecretId=secret, RotationLambdaARN=_rotator(local_aws), RotationRules=DAYS)
    second = secrets.get_secret_value(SecretId=secret)["SecretString"]
    assert _steps(local_aws) == ["createSecret", "setSecret", "testSecret", "finishSecret"]
    assert second != "first"
    assert secrets.get_secret_value(SecretId=secret, VersionStage="AWSPREVIOUS")["SecretString"] == "first"
    # Whose function is known rotates again without naming it.
    secrets.rotate_secret(SecretId="s")
    assert secrets.get_secret_value(SecretId=secret)["SecretString"] not in ("first", second)
    told = secrets.describe_secret(SecretId=secret)
    assert (told["RotationEnabled"], told["RotationRules"]) == (True, DAYS)
    assert told["RotationLambdaARN"].endswith(":function:f")


def test_a_rotation_that_fails_leaves_the_value_and_is_tried_again(local_aws: LocalAws, secrets: Any) -> None:
    secret = secrets.create_secret(Name="s", SecretString="first")["ARN"]
    rotator = _rotator(local_aws, "raise ValueError('not yet')")
    secrets.rotate_secret(SecretId=secret, RotationLambdaARN=rotator, RotationRules=DAYS)
    assert _steps(local_aws)[-1] == "testSecret"
    assert secrets.get_secret_value(SecretId=secret)["SecretString"] == "first"
    assert _stages(secrets, secret) == [["AWSCURRENT"], ["AWSPENDING"]]
    local_aws.client("lambda").delete_function(FunctionName="f")
    _rotator(local_aws)
    with pytest.raises(ClientError, match="will be reattempted"):
        secrets.rotate_secret(SecretId=secret)
    assert secrets.get_secret_value(SecretId=secret)["SecretString"] != "first"


def test_a_rotation_for_later_is_tested_and_changes_nothing(local_aws: LocalAws, secrets: Any) -> None:
    secret = secrets.create_secret(Name="s", SecretString="first")["ARN"]
    rotator = _rotator(local_aws)
    secrets.rotate_secret(SecretId=secret, RotationLambdaARN=rotator, RotationRules=DAYS, RotateImmediately=False)
    assert _steps(local_aws) == ["testSecret"]
    assert secrets.get_secret_value(SecretId=secret)["SecretString"] == "first"
    assert _stages(secrets, secret) == [["AWSCURRENT"]]


def test_a_function_that_is_not_run_leaves_the_value(local_aws: LocalAws, secrets: Any) -> None:
    secret = secrets.create_secret(Name="s", SecretString="first")["ARN"]
    rotator = make(local_aws, "", Runtime="nodejs22.x")
    secrets.rotate_secret(SecretId=secret, RotationLambdaARN=rotator, RotationRules=DAYS)
    assert secrets.get_secret_value(SecretId=secret)["SecretString"] == "first"
    assert secrets.describe_secret(SecretId=secret)["RotationEnabled"]


def test_rds_makes_the_password_and_each_rotation_another(local_aws: LocalAws, secrets: Any) -> None:
    rds = local_aws.client("rds")
    made = [
        rds.create_db_instance(
            DBInstanceIdentifier=name,
            DBInstanceClass="db.m7g.large",
            Engine="postgres",
            AllocatedStorage=20,
            MasterUsername="owner",
            ManageMasterUserPassword=True,
        )["DBInstance"]
        for name in ("one", "two")
    ]
    secret, other = (one["MasterUserSecret"]["SecretArn"] for one in made)

    def value(arn: str = secret) -> dict[str, str]:
        told: dict[str, str] = json.loads(secrets.get_secret_value(SecretId=arn)["SecretString"])
        assert told["username"] == "owner"
        assert not set(told["password"]) & set("/@\"' ")
        return told

    seen = [value()["password"], value(other)["password"]]
    rds.modify_db_instance(DBInstanceIdentifier="one", RotateMasterUserPassword=True, ApplyImmediately=True)
    seen.append(value()["password"])
    secrets.rotate_secret(SecretId=secret)
    seen.append(value()["password"])
    assert len(set(seen)) == 4
    assert min(map(len, seen)) >= 28
    assert _stages(secrets, secret) == [["AWSCURRENT"], ["AWSPREVIOUS"]]
    told = secrets.describe_secret(SecretId=secret)
    assert (told["RotationEnabled"], told["OwningService"]) == (True, "rds")


def test_each_postgres_instance_has_a_local_port_of_its_own(local_aws: LocalAws) -> None:
    rds = local_aws.client("rds")
    ends, ids = {}, set()
    for name, engine in (("one", "postgres"), ("two", "postgres"), ("three", "mysql")):
        made = rds.create_db_instance(
            DBInstanceIdentifier=name,
            DBInstanceClass="db.m7g.large",
            Engine=engine,
            AllocatedStorage=20,
            MasterUsername="owner",
            MasterUserPassword="made-up-password",
        )["DBInstance"]
        ends[name] = made["Endpoint"]
        ids.add(made["DbiResourceId"])
    assert {ends[name]["Address"] for name in ("one", "two")} == {"localhost"}
    assert len(ids) == 3
    assert len({one["Port"] for one in ends.values()} - {5432}) == 3
    assert ends["three"]["Address"].endswith(".rds.amazonaws.com")
