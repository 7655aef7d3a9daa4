"""The database under mocks: who reaches it, what encrypts it, and what its logs never hold."""

import re
from typing import Any

import pulumi
import pytest

from foundation.data_class import DataClass
from foundation.database import ADMINISTRATOR, EXPORTS, Database, DatabaseArgs, DatabaseSize
from tests.platform.mocked import ACCOUNT_ID, Made, Recorder, record, run_program
from tests.platform.stacks import stack as make_stack
from tests.platform.variants import run_with

NAME = "parapet-test-mlflow"


@pytest.fixture(scope="module")
def stack() -> Recorder:
    return run_program()


def instance(stack: Recorder) -> Made:
    return stack.one("rds/instance:Instance", NAME)


def key(holds: str) -> str:
    return f"arn:aws:kms:us-east-1:{ACCOUNT_ID}:key/parapet-test-{holds}"


def parameters(stack: Recorder) -> dict[str, str]:
    group = stack.one("rds/parameterGroup:ParameterGroup", NAME)
    return {each["name"]: each["value"] for each in group.inputs["parameters"]}


def rules(stack: Recorder, direction: str, group: str) -> list[Made]:
    kind = f"vpc/securityGroup{direction}Rule:SecurityGroup{direction}Rule"
    return [each for each in stack.of(kind) if each.inputs["securityGroupId"] == f"{group}-id"]


def test_it_is_in_the_isolated_subnets_and_not_public(stack: Recorder) -> None:
    subnets = stack.one("rds/subnetGroup:SubnetGroup", NAME).inputs["subnetIds"]
    assert set(subnets) == {each.id for each in stack.of("ec2/subnet:Subnet") if "-isolated-" in each.name}
    made = instance(stack).inputs
    assert made["publiclyAccessible"] is False
    assert made["vpcSecurityGroupIds"] == [f"{NAME}-id"]


def test_nodes_alone_reach_it_and_it_reaches_nobody(stack: Recorder) -> None:
    (only,) = rules(stack, "Ingress", NAME)
    assert only.inputs["referencedSecurityGroupId"] == "parapet-test-nodes-id"
    assert (only.inputs["fromPort"], only.inputs["toPort"]) == (5432, 5432)
    assert rules(stack, "Egress", NAME) == []
    (way,) = [each for each in rules(stack, "Egress", "parapet-test-nodes") if each.inputs.get("fromPort") == 5432]
    assert way.inputs["referencedSecurityGroupId"] == f"{NAME}-id"


def test_each_thing_is_under_the_key_of_its_class(stack: Recorder) -> None:
    made = instance(stack).inputs
    assert made["storageEncrypted"] is True
    assert (made["kmsKeyId"], made["performanceInsightsKmsKeyId"]) == (key("artifacts"), key("artifacts"))
    assert made["masterUserSecretKmsKeyId"] == key("secrets")


def test_no_password_is_given_and_users_sign_in_with_iam(stack: Recorder) -> None:
    made = instance(stack).inputs
    assert made["manageMasterUserPassword"] is True
    assert not {"password", "passwordWo"} & set(made)
    assert made["iamDatabaseAuthenticationEnabled"] is True
    # RDS refuses these: they are PostgreSQL's or its own.
    assert ADMINISTRATOR not in ("admin", "postgres", "rdsadmin", "user")


def test_only_tls_1_2_or_newer_is_spoken(stack: Recorder) -> None:
    assert parameters(stack)["rds.force_ssl"] == "1"
    assert parameters(stack)["ssl_min_protocol_version"] == "TLSv1.2"
    assert instance(stack).inputs["parameterGroupName"] == stack.one("rds/parameterGroup:ParameterGroup", NAME).name


def test_connections_schema_and_roles_are_logged_and_no_statement_that_carries_values(stack: Recorder) -> None:
    said = parameters(stack)
    assert (said["log_connections"], said["log_disconnections"]) == ("1", "1")
    assert "pgaudit" in said["shared_preload_libraries"].split(",")
    assert set(said["pgaudit.log"].split(",")) <= {"ddl", "role"}
    quiet = {
        "pgaudit.log_parameter": "0",
        "log_statement": "none",
        "log_min_duration_statement": "-1",
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",
        "log_parameter_max_length": "0",
        "log_parameter_max_length_on_error": "0",
    }
    assert quiet.items() <= said.items()


def test_what_postgresql_reads_at_its_start_waits_for_it(stack: Recorder) -> None:
    group = stack.one("rds/parameterGroup:ParameterGroup", NAME).inputs["parameters"]
    assert [each["name"] for each in group if each["applyMethod"] == "pending-reboot"] == ["shared_preload_libraries"]


def test_its_logs_go_into_groups_that_are_made_before_and_encrypted(stack: Recorder) -> None:
    assert instance(stack).inputs["enabledCloudwatchLogsExports"] == list(EXPORTS)
    names = {f"/aws/rds/instance/{instance(stack).inputs['identifier']}/{export}" for export in EXPORTS}
    groups = [each.inputs for each in stack.of("cloudwatch/logGroup:LogGroup") if each.inputs["name"] in names]
    assert {each["name"] for each in groups} == names
    assert {each["kmsKeyId"] for each in groups} == {key("logs")}


def test_it_is_backed_up_and_kept_new(stack: Recorder) -> None:
    expected: dict[str, Any] = {
        "backupRetentionPeriod": 35,
        "copyTagsToSnapshot": True,
        "autoMinorVersionUpgrade": True,
        "performanceInsightsEnabled": True,
    }
    assert expected.items() <= instance(stack).inputs.items()


@pytest.mark.parametrize("protect", [True, False])
def test_it_goes_without_a_trace_only_where_nothing_is_protected(protect: bool) -> None:
    made = instance(run_with(protect=protect)).inputs
    assert made["deletionProtection"] is protect
    assert made["skipFinalSnapshot"] is not protect
    assert made["deleteAutomatedBackups"] is not protect
    assert ("finalSnapshotIdentifier" in made) is protect


def test_the_last_snapshot_of_one_life_of_a_stack_has_not_the_name_of_anothers(stack: Recorder) -> None:
    # Amazon RDS API Reference, DeleteDBInstance: DBSnapshotAlreadyExists, and what a DBSnapshotIdentifier may be.
    args = DatabaseArgs(
        stack=make_stack(protect=True),
        vpc_id="vpc",
        subnet_ids=["a", "b"],
        size=DatabaseSize(instance_class="db.m7g.large", multi_az=True),
        key_arns=dict.fromkeys(DataClass, "key"),
    )
    name = instance(record(lambda: Database("parapet-test", args), Reborn())).inputs["finalSnapshotIdentifier"]
    assert name == f"{NAME}-final-0a1b2c3d4e5f67890"
    assert re.fullmatch(r"[a-z](-?[a-z0-9])*", name)
    assert instance(stack).inputs["finalSnapshotIdentifier"] != name


class Reborn(Recorder):
    """An account in which a security group has the id that AWS gave it."""

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        identifier, outputs = super().new_resource(args)
        ours = (args.typ, args.name) == ("aws:ec2/securityGroup:SecurityGroup", NAME)
        return ("sg-0a1b2c3d4e5f67890" if ours else identifier), outputs


@pytest.mark.parametrize("multi_az", [True, False])
def test_size_and_standby_are_settings(multi_az: bool) -> None:
    made = instance(run_with(databaseMultiAz=multi_az, databaseInstanceClass="db.m7g.large")).inputs
    assert (made["multiAz"], made["instanceClass"]) == (multi_az, "db.m7g.large")
