"""Identities, secrets, messages, events, audit and recovery through the real engine: made, kept, changed, removed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import pytest

from .conftest import LocalAws, Stack
from .programs_governance import AUDIT, IDENTITY, SECRETS, SIGNALS

pytestmark = pytest.mark.engine


def _program(text: str, values: Mapping[str, str]) -> str:
    for word, value in values.items():
        text = re.sub(rf"\b{word}\b", value, text)
    return text


def test_identities(stack: Stack, local_aws: LocalAws) -> None:
    iam = local_aws.client("iam")
    first = {
        "ACTION": '"s3:Get*"', "OWNER": '"one"', "CLIENTS": '["sts.amazonaws.com"]', "LENGTH": "14",
        "STATUS": '"Active"', "MEMBERS": "[user.name, other.name]",
    }  # fmt: skip
    stack.program(_program(IDENTITY, first))
    stack.settle()
    before = stack.resources()
    told = json.loads(stack.run("stack", "output", "--json", "--show-secrets"))
    assert told["issuer"] == "token.actions.githubusercontent.com"
    assert told["found"] == told["arn"]
    assert told["managed"] == "arn:aws:iam::aws:policy/ReadOnlyAccess"
    assert told["secret"] not in stack.run("stack", "export")
    name = before["whole"]["outputs"]["name"]
    attached = iam.list_attached_role_policies(RoleName=before["whole"]["outputs"]["role"])["AttachedPolicies"]
    assert [one["PolicyName"] for one in attached] == ["ReadOnlyAccess"]
    assert iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]["Roles"]
    assert iam.get_account_password_policy()["PasswordPolicy"]["MinimumPasswordLength"] == 14

    later = {
        "ACTION": '"s3:List*"', "OWNER": '"two"', "CLIENTS": '["sts.amazonaws.com", "other"]', "LENGTH": "16",
        "STATUS": '"Inactive"', "MEMBERS": "[other.name]",
    }  # fmt: skip
    stack.program(_program(IDENTITY, later))
    assert "replace" not in stack.run("preview", "--diff")
    stack.settle()
    group = iam.list_groups()["Groups"][0]["GroupName"]
    assert [one["UserName"][:3] for one in iam.get_group(GroupName=group)["Users"]] == ["bob"]
    provider = iam.list_open_id_connect_providers()["OpenIDConnectProviderList"][0]["Arn"]
    assert "other" in iam.get_open_id_connect_provider(OpenIDConnectProviderArn=provider)["ClientIDList"]

    role = before["whole"]["outputs"]["role"]
    tampered = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [tampered]})
    iam.put_role_policy(RoleName=role, PolicyName="in", PolicyDocument=document)
    iam.attach_role_policy(RoleName=role, PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    iam.update_account_password_policy(MinimumPasswordLength=6)
    said = stack.run("refresh", "--yes", "--skip-preview", "--diff")
    assert all(sign in said for sign in ("inlinePolicies", "AdministratorAccess", "minimumPasswordLength"))
    stack.settle()
    stack.run("destroy", "--yes", "--skip-preview")
    assert iam.list_roles()["Roles"] == iam.list_users()["Users"] == iam.list_groups()["Groups"] == []


def test_secrets_parameters_topics_and_queues(stack: Stack, local_aws: LocalAws) -> None:
    first = {"TEXT": '"one"', "VALUE": 'pulumi.Output.secret("open sesame")', "SECONDS": "60"}
    secrets, sqs, ssm = (local_aws.client(one) for one in ("secretsmanager", "sqs", "ssm"))
    stack.program(_program(SECRETS, first))
    said = stack.up()
    stack.unchanged()
    stack.run("refresh", "--yes", "--skip-preview", "--expect-no-changes")
    assert "open sesame" not in said + stack.run("stack", "export") + stack.run("stack", "output", "--json")
    told = json.loads(stack.run("stack", "output", "--json", "--show-secrets"))
    assert json.loads(told["told"]) == {"password": "open sesame"}
    assert len(told["made"]) == 20
    assert told["made"] not in stack.run("stack", "export")
    before = stack.resources()
    assert ssm.get_parameter(Name="/prod/db/password", WithDecryption=True)["Parameter"]["Value"] == "open sesame"
    held = sqs.get_queue_attributes(QueueUrl=before["bare"]["outputs"]["queueUrl"], AttributeNames=["All"])[
        "Attributes"
    ]
    assert json.loads(held["RedrivePolicy"])["maxReceiveCount"] == 4
    assert json.loads(held["Policy"])["Statement"][0]["Sid"] == "Send"
    assert before["ordered"]["outputs"]["name"].endswith(".fifo")

    stack.program(_program(SECRETS, {"TEXT": '"two"', "VALUE": 'pulumi.Output.secret("close")', "SECONDS": "90"}))
    said = stack.run("preview", "--diff")
    assert "+-1 to replace" in said
    assert "close" not in said
    stack.settle()
    arn = before["db"]["outputs"].get("secretArn") or secrets.list_secrets()["SecretList"][0]["ARN"]
    assert json.loads(secrets.get_secret_value(SecretId=arn)["SecretString"]) == {"password": "close"}
    assert secrets.describe_secret(SecretId=arn)["Description"] == "two"

    work = next(one for one in sqs.list_queues()["QueueUrls"] if "/work-" in one)
    sqs.set_queue_attributes(QueueUrl=work, Attributes={"VisibilityTimeout": "5"})
    secrets.untag_resource(SecretId=arn, TagKeys=["class"])
    ssm.put_parameter(Name="/prod/db/password", Value="stolen", Type="SecureString", Overwrite=True)
    said = stack.run("refresh", "--yes", "--skip-preview", "--diff")
    assert all(sign in said for sign in ("visibilityTimeoutSeconds", "class", "value"))
    assert "stolen" not in said
    stack.settle()
    stack.run("destroy", "--yes", "--skip-preview")
    assert sqs.list_queues().get("QueueUrls", []) == ssm.describe_parameters()["Parameters"] == []
    assert secrets.list_secrets()["SecretList"] == []


def test_logs_alarms_events_and_schedules(stack: Stack, local_aws: LocalAws) -> None:
    logs, alarms, events = (local_aws.client(one) for one in ("logs", "cloudwatch", "events"))
    stack.program(_program(SIGNALS, {"PATTERN": '"ERROR"', "LIMIT": "10", "STATE": '"ENABLED"'}))
    stack.settle()
    assert len(alarms.describe_alarms()["MetricAlarms"]) == 2
    bus = next(one["Name"] for one in events.list_event_buses()["EventBuses"] if one["Name"] != "default")
    name = events.list_rules(EventBusName=bus, NamePrefix="orders")["Rules"][0]["Name"]
    target = events.list_targets_by_rule(Rule=name, EventBusName=bus)["Targets"][0]
    assert target["RetryPolicy"]["MaximumRetryAttempts"] == 3
    assert target["InputTransformer"]["InputPathsMap"] == {"id": "$.detail.id"}

    stack.program(_program(SIGNALS, {"PATTERN": '"WARN"', "LIMIT": "20", "STATE": '"DISABLED"'}))
    assert "replace" not in stack.run("preview", "--diff")
    stack.settle()
    filters = logs.describe_metric_filters()["metricFilters"]
    assert [one["filterPattern"] for one in filters] == ["WARN"]
    assert {one["Threshold"] for one in alarms.describe_alarms()["MetricAlarms"]} == {20.0}
    assert local_aws.client("scheduler").list_schedules()["Schedules"][0]["State"] == "DISABLED"
    machine = local_aws.client("stepfunctions").list_state_machines()["stateMachines"][0]["stateMachineArn"]
    described = local_aws.client("stepfunctions").describe_state_machine(stateMachineArn=machine)
    assert json.loads(described["definition"])["Comment"] == "WARN"
    assert described["loggingConfiguration"]["level"] == "ERROR"

    nightly = events.list_rules()["Rules"][0]["Name"]
    events.enable_rule(Name=nightly)
    alarms.delete_alarms(AlarmNames=[alarms.describe_alarms()["MetricAlarms"][0]["AlarmName"]])
    said = stack.run("refresh", "--yes", "--skip-preview", "--diff")
    assert "ENABLED" in said
    assert "MetricAlarm" in said
    stack.settle()
    stack.run("destroy", "--yes", "--skip-preview")
    assert alarms.describe_alarms()["MetricAlarms"] == events.list_rules()["Rules"] == []
    assert logs.describe_log_groups()["logGroups"] == []


_AUDIT_FIRST = {
    "OWNER": '"one"', "EVENTS": '"All"', "GLOBAL": "True", "FREQUENCY": '"SIX_HOURS"', "KINDS": '["EC2"]',
    "MOST": "120", "AMOUNT": '"100"',
}  # fmt: skip


def test_audit_and_recovery(stack: Stack, local_aws: LocalAws) -> None:
    trails, config, guard = (local_aws.client(one) for one in ("cloudtrail", "config", "guardduty"))
    stack.program(_program(AUDIT, _AUDIT_FIRST))
    stack.settle()
    trail = trails.describe_trails()["trailList"][0]["TrailARN"]
    assert trails.get_trail_status(Name=trail)["IsLogging"]
    assert config.describe_configuration_recorder_status()["ConfigurationRecordersStatus"][0]["recording"]
    detector = guard.list_detectors()["DetectorIds"][0]
    assert len(guard.get_detector(DetectorId=detector)["Features"]) == 2

    later = _AUDIT_FIRST | {
        "OWNER": '"two"', "EVENTS": '"WriteOnly"', "GLOBAL": "False", "FREQUENCY": '"ONE_HOUR"',
        "KINDS": '["EC2", "ECR"]', "MOST": "365", "AMOUNT": '"200"',
    }  # fmt: skip
    stack.program(_program(AUDIT, later))
    assert "+-1 to replace" in stack.run("preview", "--diff")
    stack.settle()
    selector = trails.get_event_selectors(TrailName=trail)["EventSelectors"][0]
    assert selector["ReadWriteType"] == "WriteOnly"
    vault = local_aws.client("backup").list_backup_vaults()["BackupVaultList"][0]
    assert (vault["Locked"], vault["MaxRetentionDays"]) == (True, 365)
    budgets = local_aws.client("budgets").describe_budgets(AccountId="123456789012")["Budgets"]
    assert float(budgets[0]["BudgetLimit"]["Amount"]) == 200

    trails.stop_logging(Name=trail)
    config.stop_configuration_recorder(
        ConfigurationRecorderName=config.describe_configuration_recorders()["ConfigurationRecorders"][0]["name"]
    )
    guard.update_detector(DetectorId=detector, Enable=False)
    said = stack.run("refresh", "--yes", "--diff")
    assert all(sign in said for sign in ("enableLogging", "isEnabled", " enable"))
    stack.settle()
    assert trails.get_trail_status(Name=trail)["IsLogging"]
    stack.run("destroy", "--yes", "--skip-preview")
    assert trails.describe_trails()["trailList"] == []
    assert guard.list_detectors()["DetectorIds"] == []
    assert local_aws.client("backup").list_backup_vaults()["BackupVaultList"] == []


def test_faults_do_them_no_harm(stack: Stack, faulty_aws: LocalAws, local_aws: LocalAws) -> None:
    signals = _program(SIGNALS, {"PATTERN": '"ERROR"', "LIMIT": "10", "STATE": '"ENABLED"'})
    stack.program(_program(AUDIT, _AUDIT_FIRST).replace('"config"', '"for-config"') + signals)
    stack.endpoint = faulty_aws.url
    stack.up()
    stack.endpoint = local_aws.url
    stack.unchanged()
    stack.run("refresh", "--yes", "--skip-preview", "--expect-no-changes")


@pytest.mark.parametrize(
    ("code", "signs"),
    [
        ('aws.sqs.Queue("q", visibility_timeout_seconds=50000)', ["visibilityTimeoutSeconds", "43200"]),
        ('aws.sqs.Queue("q", name="q", fifo_queue=True)', ["name", ".fifo"]),
        ('aws.ssm.Parameter("p", type="Secret", value="open sesame")', ["type", "SecureString"]),
        ('aws.secretsmanager.Secret("s", recovery_window_in_days=3)', ["recoveryWindowInDays", "7 to 30"]),
        ('aws.iam.AccountPasswordPolicy("p", minimum_password_length=4)', ["minimumPasswordLength", "6"]),
        ('aws.cloudwatch.EventRule("r")', ["eventPattern", "scheduleExpression"]),
        (
            'aws.guardduty.Detector("d", finding_publishing_frequency="DAILY")',
            ["findingPublishingFrequency", "SIX_HOURS"],
        ),
        ('aws.cloudtrail.Trail("t", s3_bucket_name="b", kms_key_id="alias/x")', ["kmsKeyId", "arn:"]),
    ],
)
def test_what_is_wrong_is_said(stack: Stack, code: str, signs: list[str]) -> None:
    stack.program(code)
    said = stack.run("preview", ok=False)
    assert all(sign in said for sign in signs)
    assert "open sesame" not in said
