"""The operators' way in under mocks: who gets onto an instance, who reaches the API through one, what is recorded."""

import base64
import json
import subprocess
import tempfile
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from cluster.operators_policy import MARK
from foundation import retention
from tests.platform.mocked import ACCOUNT_ID, Made, Recorder, run_program
from tests.platform.variants import run_with

HOST = "parapet-test-operators"
RULE = "vpc/securityGroup{}Rule:SecurityGroup{}Rule"


@pytest.fixture(scope="module")
def stack() -> Recorder:
    return run_program()


def rules(stack: Recorder, direction: str, **wanted: Any) -> list[Made]:
    kind = RULE.format(direction, direction)
    return [each for each in stack.of(kind) if wanted.items() <= dict(each.inputs).items()]


def group(stack: Recorder, name: str) -> str:
    return stack.one("ec2/securityGroup:SecurityGroup", name).id


def attached(stack: Recorder, role: str) -> set[str]:
    every = stack.of("iam/rolePolicyAttachment:RolePolicyAttachment")
    return {each.inputs["policyArn"].rpartition("/")[2] for each in every if each.inputs["role"] == role}


def test_with_the_default_settings_somebody_besides_the_nodes_reaches_the_kubernetes_api(stack: Recorder) -> None:
    (rule,) = rules(stack, "Ingress", referencedSecurityGroupId=group(stack, HOST))
    assert rule.inputs["securityGroupId"] == group(stack, "parapet-test-control-plane")
    assert (rule.inputs["ipProtocol"], rule.inputs["fromPort"], rule.inputs["toPort"]) == ("tcp", 443, 443)


def test_nothing_opens_a_connection_to_the_host_and_it_opens_https_within_the_vpc_only(stack: Recorder) -> None:
    assert rules(stack, "Ingress", securityGroupId=group(stack, HOST)) == []
    (out,) = rules(stack, "Egress", securityGroupId=group(stack, HOST))
    assert (out.inputs["cidrIpv4"], out.inputs["ipProtocol"]) == ("10.0.0.0/16", "tcp")
    assert (out.inputs["fromPort"], out.inputs["toPort"]) == (443, 443)
    assert not {"ingress", "egress"} & set(stack.one("ec2/securityGroup:SecurityGroup", HOST).inputs)


def test_the_host_has_no_key_an_encrypted_disk_and_imdsv2_and_lives_a_week_in_a_private_subnet(stack: Recorder) -> None:
    launch = stack.one("ec2/launchTemplate:LaunchTemplate", HOST).inputs
    assert "keyName" not in launch
    assert launch["vpcSecurityGroupIds"] == [group(stack, HOST)]
    assert launch["metadataOptions"]["httpTokens"] == "required"
    (disk,) = launch["blockDeviceMappings"]
    assert disk["ebs"]["encrypted"] == "true"
    assert disk["ebs"]["kmsKeyId"].endswith("key/parapet-test-cluster")
    # Looked up at each launch, so that a host that is replaced is a newer one.
    assert launch["imageId"].startswith("resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-")
    (hosts,) = stack.of("autoscaling/group:Group")
    assert (hosts.inputs["minSize"], hosts.inputs["maxSize"]) == (1, 1)
    assert hosts.inputs["maxInstanceLifetime"] == 7 * 24 * 3600
    private = [each.id for each in stack.of("ec2/subnet:Subnet") if "-private-" in each.name]
    assert hosts.inputs["vpcZoneIdentifiers"] == private


def test_the_mark_that_the_operators_policy_trusts_is_on_the_host_alone(stack: Recorder) -> None:
    marked = {
        (made.name, each["resourceType"])
        for made in stack.of("ec2/launchTemplate:LaunchTemplate")
        for each in made.inputs["tagSpecifications"]
        if MARK in each["tags"]
    }
    assert marked == {(HOST, "instance")}


def test_the_host_may_be_reached_through_session_manager_log_that_and_nothing_else(stack: Recorder) -> None:
    assert attached(stack, HOST) == {"AmazonSSMManagedInstanceCore", "parapet-test-sessions"}
    (trust,) = stack.one("iam/role:Role", HOST).policy("assumeRolePolicy")
    assert trust["Principal"] == {"Service": "ec2.amazonaws.com"}


def test_nobody_on_the_host_becomes_root_and_nobody_logs_in_past_session_manager(stack: Recorder) -> None:
    """What root does, it can take out of the log of the session."""
    told = base64.b64decode(stack.one("ec2/launchTemplate:LaunchTemplate", HOST).inputs["userData"]).decode()
    assert told.startswith("#!/bin/sh\n")
    sudoers = tmp_sudoers(told)
    assert set(sudoers) == {"ssm-agent-users"}
    rules = [line for line in sudoers["ssm-agent-users"].splitlines() if line and not line.startswith("#")]
    assert rules == []
    assert "systemctl mask --now sshd.service" in told


def tmp_sudoers(script: str) -> dict[str, str]:
    """What lies in /etc/sudoers.d after the script, where the image's own rule and no user of the agent's were."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "90-cloud-init-users").write_text("ec2-user ALL=(ALL) NOPASSWD:ALL\n")
        programs = "id() { return 1; }\nuseradd() { :; }\nsystemctl() { :; }\n"
        text = programs + script.replace("/etc/sudoers.d", folder)
        subprocess.run(["/bin/sh", "-c", text], check=True)
        return {each.name: each.read_text() for each in place.iterdir()}


def test_the_tunnels_document_leads_to_the_clusters_api_and_nowhere_else(stack: Recorder) -> None:
    content = json.loads(stack.one("ssm/document:Document", "parapet-test-kubernetes-api").inputs["content"])
    assert content["sessionType"] == "Port"
    properties = content["properties"]
    assert (properties["host"], properties["portNumber"]) == ("eks.test", "443")
    assert set(content["parameters"]) == {"localPortNumber"}


def test_without_the_host_there_is_no_trace_of_it() -> None:
    stack = run_with(operatorsHost=False)
    assert [each.name for each in stack.made if each.type.startswith("aws:") and each.name.startswith(HOST)] == []


def shell(stack: Recorder) -> Made:
    (document,) = [each for each in stack.of("ssm/document:Document") if each.name.endswith("-sessions")]
    return document


def preferences(stack: Recorder) -> dict[str, Any]:
    document = shell(stack)
    assert document.inputs["documentType"] == "Session"
    found: dict[str, Any] = json.loads(document.inputs["content"])
    return found


def test_a_session_that_names_no_document_is_logged_as_an_audit_record_and_encrypted(stack: Recorder) -> None:
    assert shell(stack).inputs["name"] == "SSM-SessionManagerRunShell"
    asked = preferences(stack)
    assert (asked["schemaVersion"], asked["sessionType"]) == ("1.0", "Standard_Stream")
    inputs = asked["inputs"]
    log = stack.one("cloudwatch/logGroup:LogGroup", "parapet-test-sessions").inputs
    assert inputs["cloudWatchLogGroupName"] == log["name"] == "/parapet-test/sessions"
    assert log["retentionInDays"] == retention.audit_log_days(retention.AUDIT_YEARS)
    assert log["kmsKeyId"].endswith("key/parapet-test-logs")
    assert (inputs["cloudWatchEncryptionEnabled"], inputs["cloudWatchStreamingEnabled"]) == (True, True)
    assert inputs["kmsKeyId"].endswith("key/parapet-test-cluster")
    # The service takes texts: 1 to 60 minutes of idleness, 1 to 1440 altogether.
    assert 1 <= int(inputs["idleSessionTimeout"]) <= 60
    assert 1 <= int(inputs["maxSessionDuration"]) <= 1440


def test_a_second_stack_of_an_account_has_a_session_document_of_its_own_name() -> None:
    stack = run_with(sessionPreferences=False)
    assert shell(stack).inputs["name"] == "parapet-test-sessions"
    assert preferences(stack)["inputs"]["cloudWatchLogGroupName"] == "/parapet-test/sessions"


@pytest.mark.parametrize("role", ["parapet-test-node", HOST])
def test_an_instance_can_write_the_log_of_its_sessions_and_decrypt_their_keys(stack: Recorder, role: str) -> None:
    assert "parapet-test-sessions" in attached(stack, role)
    statements = {each["Sid"]: each for each in stack.one("iam/policy:Policy", "parapet-test-sessions").policy()}
    write = statements["WriteSessions"]
    assert {"logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"} == set(write["Action"])
    assert write["Resource"].endswith("log-group:/parapet-test/sessions:*")
    look = statements["SeeThatTheLogIsEncrypted"]
    assert (look["Action"], look["Resource"]) == (
        "logs:DescribeLogGroups",
        f"arn:aws:logs:us-east-1:{ACCOUNT_ID}:log-group:*",
    )
    keys = statements["KeysOfSessions"]
    assert keys["Action"] == "kms:Decrypt"
    assert keys["Resource"].endswith("key/parapet-test-cluster")
    assert "aws:ssm:SessionId" in json.dumps(keys["Condition"])


def test_the_clusters_key_makes_keys_of_sessions_and_none_besides_without_a_service(stack: Recorder) -> None:
    (statement,) = [
        each
        for each in stack.one("kms/key:Key", "parapet-test-cluster").policy()
        if "kms:ViaService" not in json.dumps(each) and any(fnmatchcase("kms:Decrypt", a) for a in actions(each))
    ]
    assert set(actions(statement)) == {"kms:Decrypt", "kms:GenerateDataKey"}
    assert statement["Condition"] == {
        "StringEquals": {"kms:CallerAccount": ACCOUNT_ID},
        "StringLike": {"kms:EncryptionContext:aws:ssm:SessionId": "*"},
    }


def actions(statement: dict[str, Any]) -> list[str]:
    named: str | list[str] = statement["Action"]
    return [named] if isinstance(named, str) else named
