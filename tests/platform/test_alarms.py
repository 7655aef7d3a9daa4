"""Where alerts go in AWS, under mocks: who writes, what is told, and what tells that nothing is told."""

import json
import re
from typing import Any

import pytest

from mlops.monitoring.alarms import TOLD
from mlops.monitoring.owners import FOLDER, owners
from parapet_mlflow.audit.sinks import LONGEST_PAUSE, SAYS, STOPPED
from tests.platform.mocked import Made, Recorder, arn, run_program
from tests.platform.test_break_glass import matches

TOPICS = {"alerts": "logs", "account": "logs", "heartbeat": "logs", "deadman": "deadman"}
"""Each with its key."""


@pytest.fixture(scope="module")
def stack() -> Recorder:
    return run_program()


def topic(stack: Recorder, name: str) -> Made:
    return stack.one("sns/topic:Topic", f"parapet-test-{name}")


def alarm(stack: Recorder, name: str) -> dict[str, Any]:
    return dict(stack.one("cloudwatch/metricAlarm:MetricAlarm", f"parapet-test-{name}").inputs)


@pytest.mark.parametrize("name", TOPICS)
def test_a_topic_is_encrypted_and_nobody_listens_but_by_the_hospitals_own_word(stack: Recorder, name: str) -> None:
    assert topic(stack, name).inputs["kmsMasterKeyId"].endswith(f"key/parapet-test-{TOPICS[name]}")
    assert stack.of("sns/topicSubscription:TopicSubscription") == []
    *_, insecure = stack.one("sns/topicPolicy:TopicPolicy", f"parapet-test-{name}").policy()
    assert (insecure["Effect"], insecure["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def known(stack: Recorder, name: str) -> str:
    of = topic(stack, name)
    return arn(of.type, of.name, of.inputs)


@pytest.mark.parametrize("name", ["alerts", "account", "deadman"])
def test_an_output_names_the_topic(stack: Recorder, name: str) -> None:
    assert stack.outputs[f"{name}TopicArn"] == known(stack, name)


def test_what_has_no_attributes_goes_to_no_topic_of_which_subscriptions_choose_by_them(stack: Recorder) -> None:
    """No filter takes a message without any, `exists: false` neither (Amazon SNS Developer Guide, "Key matching"): of
    what AWS tells there the pager would never hear."""
    alerts = known(stack, "alerts")
    told = [
        *(each.inputs["arn"] for each in stack.of("cloudwatch/eventTarget:EventTarget")),
        *(
            to
            for each in stack.of("cloudwatch/metricAlarm:MetricAlarm")
            for to in (*each.inputs.get("alarmActions", ()), *each.inputs.get("okActions", ()))
        ),
    ]
    assert known(stack, "account") in told
    assert alerts not in told
    (insecure,) = stack.one("sns/topicPolicy:TopicPolicy", "parapet-test-alerts").policy()
    assert insecure["Effect"] == "Deny", "no service of AWS's is let in: its messages would be lost there"


@pytest.mark.parametrize(("name", "tells"), [("account", "deadman"), ("deadman", "account")])
def test_a_filter_where_messages_have_no_attributes_is_told_by_another_topic(
    stack: Recorder, name: str, tells: str
) -> None:
    """It takes nothing, and SNS counts no failure."""
    of = alarm(stack, f"{name}-filtered")
    assert (of["namespace"], of["metricName"]) == ("AWS/SNS", "NumberOfNotificationsFilteredOut-NoMessageAttributes")
    assert of["dimensions"] == {"TopicName": topic(stack, name).name}
    assert (of["comparisonOperator"], of["threshold"], of["statistic"]) == ("GreaterThanOrEqualToThreshold", 1, "Sum")
    assert (of["period"], of["evaluationPeriods"], of["treatMissingData"]) == (300, 1, "notBreaching")
    assert of["alarmActions"] == of["okActions"] == [known(stack, tells)]


def test_what_tells_that_alerts_are_dead_shares_neither_topic_nor_key_with_them(stack: Recorder) -> None:
    """Whoever breaks the one's policy, key or subscription leaves the other; and alarms alone may write there."""
    of, alerts = alarm(stack, "heartbeat"), topic(stack, "alerts")
    assert of["alarmActions"][0] == known(stack, "deadman")
    assert topic(stack, "deadman").inputs["kmsMasterKeyId"] != alerts.inputs["kmsMasterKeyId"]
    key = stack.one("kms/key:Key", "parapet-test-deadman")
    assert [each["Sid"] for each in key.policy()] == ["Administer", "UseByAlarms"]
    writes, _ = stack.one("sns/topicPolicy:TopicPolicy", "parapet-test-deadman").policy()
    assert writes["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert ("aws:sns/topicPolicy:TopicPolicy", "parapet-test-deadman") in stack.waits_for[
        ("aws:cloudwatch/metricAlarm:MetricAlarm", "parapet-test-heartbeat")
    ]


@pytest.mark.parametrize(
    ("name", "tells"), [*((each, "deadman") for each in ("alerts", "account", "heartbeat")), ("deadman", "account")]
)
def test_what_did_not_reach_who_listens_is_told_by_another_topic(stack: Recorder, name: str, tells: str) -> None:
    of = alarm(stack, f"{name}-failed")
    assert (of["namespace"], of["metricName"]) == ("AWS/SNS", "NumberOfNotificationsFailed")
    assert of["dimensions"] == {"TopicName": topic(stack, name).name}
    assert (of["comparisonOperator"], of["threshold"], of["statistic"]) == ("GreaterThanOrEqualToThreshold", 1, "Sum")
    assert (of["period"], of["evaluationPeriods"], of["treatMissingData"]) == (300, 1, "notBreaching")
    assert of["alarmActions"] == of["okActions"] == [known(stack, tells)]
    # SNS tries HTTPS again, and counts each attempt that failed.
    assert "or only at a later attempt" in of["alarmDescription"]


def test_a_person_can_open_the_runbook_of_whatever_aws_tells(stack: Recorder) -> None:
    told = [each.inputs["alarmDescription"] for each in stack.of("cloudwatch/metricAlarm:MetricAlarm")]
    told = [each for each in told if "Boundary" in each]
    told += [
        each.inputs["inputTransformer"]["inputTemplate"]
        for each in stack.of("cloudwatch/eventTarget:EventTarget")
        if "Boundary" in each.inputs.get("inputTransformer", {}).get("inputTemplate", "")
    ]
    assert len(told) == 22
    for each in told:
        (found,) = re.findall(rf"{re.escape(owners().read_at)}runbooks/([a-z-]+)\.md", each)
        assert (FOLDER / f"{found}.md").exists()


def test_alerts_that_no_longer_come_are_told_within_a_quarter_of_an_hour(stack: Recorder) -> None:
    """By what is neither Prometheus nor Alertmanager. Of a topic to which nobody writes there is no number, and of
    three periods without one an alarm looks at the two before them (Amazon CloudWatch User Guide, "How alarm state is
    evaluated when data is missing"): it would ring after 25 minutes."""
    of = alarm(stack, "heartbeat")
    assert not {"metricName", "period", "statistic"} & of.keys()
    filled, counted = of["metricQueries"]
    assert (filled["expression"], filled["returnData"]) == (f"FILL({counted['id']}, 0)", True)
    assert "returnData" not in counted
    metric = counted["metric"]
    assert (metric["namespace"], metric["metricName"], metric["stat"]) == (
        "AWS/SNS",
        "NumberOfMessagesPublished",
        "Sum",
    )
    assert metric["dimensions"] == {"TopicName": topic(stack, "heartbeat").name}
    assert of["treatMissingData"] == "breaching"
    assert metric["period"] * of["evaluationPeriods"] <= 900
    assert (of["comparisonOperator"], of["threshold"]) == ("LessThanThreshold", 1)
    assert of["alarmActions"] == of["okActions"] == [known(stack, "deadman"), known(stack, "account")]


def test_a_certificate_that_was_not_renewed_is_told(stack: Recorder) -> None:
    of = alarm(stack, "certificate")
    assert (of["namespace"], of["metricName"]) == ("AWS/CertificateManager", "DaysToExpiry")
    assert of["dimensions"]["CertificateArn"].endswith("parapet-test-gateway")
    assert (of["comparisonOperator"], of["threshold"], of["statistic"]) == ("LessThanThreshold", 30, "Minimum")
    assert of["alarmActions"] == [known(stack, "account")]


def test_a_trail_of_mlflows_that_takes_no_lines_is_told_by_what_mlflow_says_of_it(stack: Recorder) -> None:
    """By no right of MLflow's role, which may be what is denied; and by nobody else's words."""
    of = alarm(stack, "audit-trail")
    said = stack.one("cloudwatch/logMetricFilter:LogMetricFilter", "parapet-test-audit-trail").inputs
    assert said["logGroupName"] == "/aws/containerinsights/parapet-test/application"
    assert said["pattern"] == f'{{ $.kubernetes.namespace_name = "mlflow" && $.log = "{SAYS}{STOPPED}*" }}'
    made = said["metricTransformation"]
    assert (of["namespace"], of["metricName"]) == (made["namespace"], made["name"])
    assert (of["comparisonOperator"], of["threshold"], of["statistic"]) == ("GreaterThanOrEqualToThreshold", 1, "Sum")
    assert of["period"] >= 2 * LONGEST_PAUSE, "between two tries it is not over"
    assert of["treatMissingData"] == "notBreaching"
    assert of["alarmActions"] == of["okActions"] == [known(stack, "account")]
    assert "Boundary security, severity page" in of["alarmDescription"]


@pytest.mark.parametrize(
    ("name", "namespace", "metric", "minutes"),
    [
        ("nodes", "ContainerInsights", "cluster_failed_node_count", 10),
        ("no-room", "AWS/EKS", "scheduler_pending_pods_UNSCHEDULABLE", 60),
    ],
)
def test_a_node_that_is_gone_and_pods_without_room_are_told(
    stack: Recorder, name: str, namespace: str, metric: str, minutes: int
) -> None:
    """Of the first ten minutes of the runbook nothing ever began any. No node that comes or goes as it should, and no
    pod that waits for a node that starts."""
    of = alarm(stack, name)
    assert (of["namespace"], of["metricName"]) == (namespace, metric)
    (cluster,) = stack.of("eks/cluster:Cluster")
    assert of["dimensions"] == {"ClusterName": cluster.name}
    assert (of["comparisonOperator"], of["threshold"]) == ("GreaterThanOrEqualToThreshold", 1)
    assert of["period"] * of["evaluationPeriods"] == minutes * 60
    assert of["alarmActions"] == [known(stack, "account")]
    assert "severity ticket" in of["alarmDescription"]
    assert "lost-node-or-region" in of["alarmDescription"]


def event(source: str, kind: str, **detail: Any) -> dict[str, Any]:
    return {"source": source, "detail-type": kind, "detail": detail}


@pytest.mark.parametrize("source", TOLD)
def test_events_are_told_by_their_kind_and_id_alone(stack: Recorder, source: str) -> None:
    """A title or a description may have the name of an object, and so of a patient."""
    name, told = f"parapet-test-{source}", topic(stack, "account")
    rule = stack.one("cloudwatch/eventRule:EventRule", name)
    target = stack.one("cloudwatch/eventTarget:EventTarget", name).inputs
    assert (target["rule"], target["arn"]) == (rule.name, arn(told.type, told.name, told.inputs))
    paths = target["inputTransformer"]["inputPaths"]
    assert not re.search("(?i)title|description|resource|note", json.dumps(paths))
    text = json.loads(target["inputTransformer"]["inputTemplate"])
    assert set(re.findall("<([a-z]+)>", text)) == set(paths)
    assert "runbooks/" in text
    assert ("aws:sns/topicPolicy:TopicPolicy", "parapet-test-account") in stack.waits_for[
        ("aws:cloudwatch/eventTarget:EventTarget", name)
    ]


@pytest.mark.parametrize("source", TOLD)
def test_a_finding_that_could_not_be_told_is_told_of_by_another_topic(stack: Recorder, source: str) -> None:
    """Who takes EventBridge's right on the topic or its key away silences both, and no other alarm sees it: a refusal
    is not tried again, and the event is dropped."""
    of, rule = alarm(stack, f"{source}-failed"), stack.one("cloudwatch/eventRule:EventRule", f"parapet-test-{source}")
    assert (of["namespace"], of["metricName"]) == ("AWS/Events", "FailedInvocations")
    assert of["dimensions"] == {"RuleName": rule.name}
    assert (of["comparisonOperator"], of["threshold"], of["statistic"]) == ("GreaterThanOrEqualToThreshold", 1, "Sum")
    assert (of["period"], of["evaluationPeriods"], of["treatMissingData"]) == (300, 1, "notBreaching")
    assert of["alarmActions"] == of["okActions"] == [known(stack, "deadman")]
    assert "Boundary security, severity page" in of["alarmDescription"]


FINDING = {
    "ProductName": "Inspector",
    "Severity": {"Label": "HIGH"},
    "RecordState": "ACTIVE",
    "Workflow": {"Status": "NEW"},
    "Types": ["TTPs/Initial Access/UnauthorizedAccess"],
}


@pytest.mark.parametrize(
    ("wakes", "change"),
    [
        (True, {}),
        (True, {"Severity": {"Label": "CRITICAL"}}),
        (True, {"Types": ["TTPs"]}),
        (True, {"Types": ["Effects/Data Exposure/External Access Granted"]}),
        (True, {"Types": ["Unusual Behaviors/User"]}),
        (True, {"Types": ["Software and Configuration Checks/AWS Security Best Practices", "Effects/Data Exposure"]}),
        # A setting, which is held against its control again each day, and each package of each image.
        (False, {"Types": ["Software and Configuration Checks/Industry and Regulatory Standards"]}),
        (False, {"Types": ["Software and Configuration Checks/Vulnerabilities/CVE"]}),
        # PHI, in a bucket that is for it.
        (False, {"Types": ["Sensitive Data Identifications/PII"]}),
        (False, {"ProductName": "GuardDuty"}),
        (False, {"Severity": {"Label": "LOW"}}),
        (False, {"RecordState": "ARCHIVED"}),
        *((False, {"Workflow": {"Status": status}}) for status in ("NOTIFIED", "RESOLVED", "SUPPRESSED")),
    ],
)
def test_security_hub_wakes_for_what_somebody_does_and_for_no_setting(
    stack: Recorder, wakes: bool, change: dict[str, Any]
) -> None:
    """And for what is grave, that nobody has in hand, and that GuardDuty did not tell. Each event is of one finding."""
    pattern = json.loads(stack.one("cloudwatch/eventRule:EventRule", "parapet-test-securityhub").inputs["eventPattern"])
    told = event("aws.securityhub", "Security Hub Findings - Imported", findings=[FINDING | change])
    assert matches(pattern, told) is wakes


V2_FINDING = {
    "class_uid": 2004,
    "severity_id": 4,
    "status_id": 1,
    "activity_name": "Create",
    "finding_info": {"types": ["TTPs/Initial Access"]},
    "metadata": {
        "product": {"name": "Macie", "uid": "arn:aws:securityhub:us-east-1::productv2/aws/macie"},
        "uid": "9c61582b",
    },
}


def by(name: str, product: str) -> dict[str, Any]:
    uid = f"arn:aws:securityhub:us-east-1::productv2/aws/{product}"
    return {"metadata": {"product": {"name": name, "uid": uid}, "uid": "9c61582b"}}


@pytest.mark.parametrize(
    ("wakes", "change"),
    [
        (True, {}),
        *((True, {"severity_id": grave}) for grave in (5, 6)),
        (True, {"activity_name": "Update"}),
        # A setting held against its control, a CVE, what data is.
        *((False, {"class_uid": of}) for of in (2002, 2003, 2006)),
        # What the hub itself makes of settings and CVEs, and says of what is not turned on.
        (False, by("Security Hub Exposure Analysis", "securityhub-risk")),
        (False, by("Security Hub Coverage", "securityhub-coverage")),
        (False, by("GuardDuty", "guardduty")),
        *((False, {"severity_id": less}) for less in (1, 2, 3, 99)),
        *((False, {"status_id": known}) for known in (2, 3, 4)),
        (False, {"activity_name": "Close"}),
    ],
)
def test_the_newer_security_hub_wakes_for_the_same(stack: Recorder, wakes: bool, change: dict[str, Any]) -> None:
    """Its events are of another kind and form (OCSF): an account that has it alone heard of GuardDuty's and no more."""
    rule = stack.one("cloudwatch/eventRule:EventRule", "parapet-test-securityhub-v2")
    told = event("aws.securityhub", "Findings Imported V2", findings=[V2_FINDING | change])
    assert matches(json.loads(rule.inputs["eventPattern"]), told) is wakes


def test_what_ends_the_telling_of_such_a_one_is_in_the_message_and_the_runbook(stack: Recorder) -> None:
    target = stack.one("cloudwatch/eventTarget:EventTarget", "parapet-test-securityhub-v2").inputs
    assert "$.detail.findings[0].metadata.uid" in target["inputTransformer"]["inputPaths"].values()
    assert "batch-update-findings-v2 --metadata-uids ID --status-id 2" in (FOLDER / "leaked-credential.md").read_text()


def test_what_ends_the_telling_of_a_finding_is_in_the_message_and_the_runbook(stack: Recorder) -> None:
    """It is told again with each update, and each day, until it is NOTIFIED: a call that takes its id and product."""
    target = stack.one("cloudwatch/eventTarget:EventTarget", "parapet-test-securityhub").inputs
    paths = target["inputTransformer"]["inputPaths"]
    assert {"$.detail.findings[0].Id", "$.detail.findings[0].ProductArn"} <= set(paths.values())
    says = (FOLDER / "leaked-credential.md").read_text()
    assert "aws securityhub batch-update-findings --finding-identifiers Id=ID,ProductArn=PRODUCT" in says
    assert "--workflow Status=NOTIFIED" in says


@pytest.mark.parametrize(
    ("wakes", "kind", "severity"),
    [
        (True, "UnauthorizedAccess:EC2/TorClient", 8),
        (True, "CredentialAccess:IAMUser/AnomalousBehavior", 4),
        (False, "Recon:EC2/PortProbeUnprotectedPort", 2),
        (False, "Persistence:IAMUser/AnomalousBehavior", 3.9),
        # Of low severity, all of them, and what is done before something else.
        (True, "Stealth:IAMUser/CloudTrailLoggingDisabled", 2),
        (True, "Stealth:S3/ServerAccessLoggingDisabled", 2),
        (True, "Policy:IAMUser/RootCredentialUsage", 2),
        (True, "Policy:IAMUser/ShortTermRootCredentialUsage", 2),
        (True, "Policy:S3/BucketBlockPublicAccessDisabled", 2),
        (False, "Policy:Kubernetes/AnonymousAccessGranted", 2),
        (False, "archived UnauthorizedAccess:EC2/TorClient", 8),
    ],
)
def test_guardduty_wakes_for_what_is_grave_and_for_what_goes_before_it(
    stack: Recorder, wakes: bool, kind: str, severity: float
) -> None:
    pattern = json.loads(stack.one("cloudwatch/eventRule:EventRule", "parapet-test-guardduty").inputs["eventPattern"])
    archived = kind.startswith("archived ")
    service = {"archived": archived, "count": 3}
    told = event("aws.guardduty", "GuardDuty Finding", type=kind.split()[-1], severity=severity, service=service)
    assert matches(pattern, told) is wakes


def test_what_ends_the_telling_of_guarddutys_is_in_the_runbook_and_ends_it(stack: Recorder) -> None:
    """It sends a finding again with its later occurrences, also of one that somebody archived by hand."""
    says = (FOLDER / "leaked-credential.md").read_text()
    for call in ("get-findings", "archive-findings"):
        assert f"aws guardduty {call} --detector-id DETECTOR --finding-ids ID" in says
    assert "aws guardduty list-detectors" in says
    text = stack.one("cloudwatch/eventTarget:EventTarget", "parapet-test-guardduty").inputs["inputTransformer"]
    assert "of a kind that begins with Stealth, the runbook is audit-trail-stopped" in text["inputTemplate"]


@pytest.mark.parametrize(
    ("wakes", "service", "call"),
    [
        *((True, "cloudtrail", each) for each in ("StopLogging", "DeleteTrail", "UpdateTrail", "PutEventSelectors")),
        *((True, "guardduty", each) for each in ("DeleteDetector", "UpdateDetector", "StopMonitoringMembers")),
        *((True, "securityhub", each) for each in ("DisableSecurityHub", "DisableSecurityHubV2")),
        *((False, "cloudtrail", each) for each in ("StartLogging", "LookupEvents", "GetTrailStatus")),
        (False, "guardduty", "GetFindings"),
        (False, "events", "DeleteTrail"),
    ],
)
def test_whoever_stops_what_records_or_finds_wakes_somebody_by_the_call_itself(
    stack: Recorder, wakes: bool, service: str, call: str
) -> None:
    """Not every account has GuardDuty, and its finding comes minutes after the call, or no more where it is off."""
    rule = stack.one("cloudwatch/eventRule:EventRule", "parapet-test-watchers").inputs
    told = event(
        f"aws.{service}",
        "AWS API Call via CloudTrail",
        eventSource=f"{service}.amazonaws.com",
        eventName=call,
    )
    assert matches(json.loads(rule["eventPattern"]), told) is wakes
    text = stack.one("cloudwatch/eventTarget:EventTarget", "parapet-test-watchers").inputs["inputTransformer"]
    assert "runbooks/audit-trail-stopped.md" in text["inputTemplate"]
    assert {"$.detail.eventName", "$.detail.userIdentity.arn", "$.detail.eventID"} <= set(text["inputPaths"].values())


TOPIC = "arn:aws:sns:us-east-1:123456789012"


@pytest.mark.parametrize(
    ("wakes", "service", "call", "asked"),
    [
        *((True, "events", each, {"name": "parapet-test-watchers-1f2e"}) for each in ("DisableRule", "DeleteRule")),
        (True, "events", "RemoveTargets", {"rule": "parapet-test-guardduty-1f2e", "ids": ["told"]}),
        (True, "monitoring", "DisableAlarmActions", {"alarmNames": ["other", "parapet-test-heartbeat-1f2e"]}),
        (True, "monitoring", "DeleteAlarms", {"alarmNames": ["parapet-test-heartbeat-1f2e"]}),
        (True, "sns", "Unsubscribe", {"subscriptionArn": f"{TOPIC}:parapet-test-account-1f2e:0a1b"}),
        (True, "sns", "SetSubscriptionAttributes", {"subscriptionArn": f"{TOPIC}:parapet-test-alerts-1f2e:0a1b"}),
        *((True, "sns", each, {"topicArn": f"{TOPIC}:parapet-test-deadman-1f2e"}) for each in ("DeleteTopic",)),
        (True, "sns", "SetTopicAttributes", {"topicArn": f"{TOPIC}:parapet-test-alerts-1f2e"}),
        (True, "logs", "DeleteMetricFilter", {"logGroupName": "/aws/containerinsights/parapet-test/application"}),
        (True, "logs", "PutRetentionPolicy", {"logGroupName": "/aws/eks/parapet-test/cluster"}),
        (True, "kms", "ScheduleKeyDeletion", {"keyId": "1f2e"}),
        (False, "events", "DisableRule", {"name": "another-rule"}),
        (False, "events", "PutRule", {"name": "parapet-test-watchers-1f2e"}),
        (False, "monitoring", "DeleteAlarms", {"alarmNames": ["other"]}),
        (False, "sns", "Unsubscribe", {"subscriptionArn": f"{TOPIC}:other:0a1b"}),
        (False, "sns", "Publish", {"topicArn": f"{TOPIC}:parapet-test-alerts-1f2e"}),
        (False, "logs", "DeleteLogGroup", {"logGroupName": "/aws/lambda/other"}),
        (False, "kms", "Decrypt", {"keyId": "1f2e"}),
    ],
)
def test_whoever_turns_off_what_tells_wakes_somebody_by_another_way(
    stack: Recorder, wakes: bool, service: str, call: str, asked: dict[str, Any]
) -> None:
    """Nothing fails where nobody listens, and nothing is counted of a rule that is off: each other alarm was well."""
    rule = stack.one("cloudwatch/eventRule:EventRule", "parapet-test-muted")
    said = {"eventSource": f"{service}.amazonaws.com", "eventName": call, "requestParameters": asked}
    told = event(f"aws.{service}", "AWS API Call via CloudTrail", **said)
    assert matches(json.loads(rule.inputs["eventPattern"]), told) is wakes
    of = alarm(stack, "muted")
    assert (of["namespace"], of["metricName"]) == ("AWS/Events", "TriggeredRules")
    assert of["dimensions"] == {"RuleName": rule.name}
    assert of["alarmActions"] == [known(stack, "deadman")], "who took the account's listener away took what says who"
