"""The way to what programs wrote where there is PHI: it ends by itself, is taken with a reason, and is told."""

import json
import re
from fnmatch import fnmatchcase
from typing import Any

import pytest

from cluster import namespaces as ns
from cluster.break_glass import USER
from cluster.roles import BREAK_GLASS, GROUP_PREFIX
from foundation.data_class import DataClass
from tests.platform.mocked import ACCOUNT_ID, Made, Recorder, arn, run_program
from tests.platform.test_settings import refusal
from tests.platform.variants import MANY, RESPONDER, run_with

NAME = "parapet-test-break-glass"


@pytest.fixture(scope="module")
def stack() -> Recorder:
    return run_with(breakGlass=MANY["breakGlass"])


def entry(stack: Recorder) -> Made:
    return stack.one("eks/accessEntry:AccessEntry", NAME)


def members(stack: Recorder) -> list[Made]:
    """The access entries that lead to the role's group."""
    entries = stack.of("eks/accessEntry:AccessEntry")
    return [each for each in entries if BREAK_GLASS.group in each.inputs.get("kubernetesGroups", ())]


def test_without_the_setting_nobody_comes_in_as_one_who_breaks_the_glass() -> None:
    closed = run_program()
    assert members(closed) == []
    assert [each.name for each in closed.made if "break-glass" in each.name and each.type.startswith("aws:")] == []
    assert closed.outputs["breakGlassRoleArn"] == ""


def test_the_role_ends_by_itself_within_the_hour_and_may_nothing_in_aws(stack: Recorder) -> None:
    role = stack.one("iam/role:Role", NAME)
    assert role.inputs["maxSessionDuration"] == 3600
    assert {"inlinePolicies", "managedPolicyArns"} & role.inputs.keys() == set()
    for kind in ("iam/rolePolicyAttachment:RolePolicyAttachment", "iam/rolePolicy:RolePolicy"):
        assert [each for each in stack.of(kind) if "break-glass" in json.dumps(each.inputs)] == []
    assert stack.outputs["breakGlassRoleArn"] == f"arn:aws:iam::{ACCOUNT_ID}:role/{NAME}"


def test_it_is_taken_by_those_named_and_with_a_reason(stack: Recorder) -> None:
    (statement,) = stack.one("iam/role:Role", NAME).policy("assumeRolePolicy")
    assert statement["Principal"] == {"AWS": [RESPONDER]}
    assert statement["Condition"] == {
        # Which reasons these let pass is asked in `docs/rights.yaml`.
        "StringLike": {"aws:RequestTag/reason": "??????????*"},
        "StringNotLike": {"aws:RequestTag/reason": [" *", "* ", "*  *", "*\t*", "*\n*", "*\r*"]},
        # CloudTrail has it in the Region whose STS was asked.
        "StringEquals": {"aws:RequestedRegion": "us-east-1"},
    }


def test_no_other_role_of_people_leads_to_its_group(stack: Recorder) -> None:
    (only,) = members(stack)
    assert only.inputs["principalArn"] == f"arn:aws:iam::{ACCOUNT_ID}:role/{NAME}"
    assert only.inputs["kubernetesGroups"] == [BREAK_GLASS.group]
    assert BREAK_GLASS.group.startswith(GROUP_PREFIX), "or the rules over what people write would not hold for it"


def test_it_reads_and_no_more_wherever_there_may_be_phi() -> None:
    (grant,) = BREAK_GLASS.grants
    assert {verb for rule in grant.rules for verb in rule["verbs"]} == {"get", "list", "watch"}
    assert "secrets" not in {resource for rule in grant.rules for resource in rule["resources"]}
    assert {each.name for each in ns.MADE if each.data_class == DataClass.PHI} <= set(grant.namespaces)


def test_whoever_uses_it_is_told_of_from_the_first_call(stack: Recorder) -> None:
    calls = stack.one("cloudwatch/logMetricFilter:LogMetricFilter", NAME)
    alarm = stack.one("cloudwatch/metricAlarm:MetricAlarm", NAME)
    topic = stack.one("sns/topic:Topic", NAME)
    assert calls.inputs["logGroupName"] == "/aws/eks/parapet-test/cluster"
    assert counted(calls, user=entry(stack).inputs["userName"].replace("{{SessionName}}", "kim"))
    assert not counted(calls, user=f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/operator/kim")
    made: dict[str, Any] = calls.inputs["metricTransformation"]
    assert (alarm.inputs["namespace"], alarm.inputs["metricName"]) == (made["namespace"], made["name"])
    assert (alarm.inputs["threshold"], alarm.inputs["period"]) == (1, 60)
    # A log that EKS sends some minutes late is not missed.
    assert (alarm.inputs["datapointsToAlarm"], alarm.inputs["evaluationPeriods"]) == (1, 15)
    assert alarm.inputs["comparisonOperator"] == "GreaterThanOrEqualToThreshold"
    assert (made["value"], alarm.inputs["statistic"]) == ("1", "Sum")
    assert alarm.inputs["alarmActions"] == [arn(topic.type, topic.name, topic.inputs)]
    addresses = stack.of("sns/topicSubscription:TopicSubscription")
    assert [(each.inputs["protocol"], each.inputs["endpoint"]) for each in addresses] == [
        ("email", "on-call@hospital.org")
    ]


def assumed(role: str, *, by: str = "kim") -> dict[str, Any]:
    """The event by which CloudTrail tells of a session (AWS CloudTrail User Guide, "CloudTrail record contents"), in
    part."""
    return {
        "source": "aws.sts",
        "detail-type": "AWS API Call via CloudTrail",
        "detail": {
            "eventSource": "sts.amazonaws.com",
            "eventName": "AssumeRole",
            "readOnly": True,
            "requestParameters": {"roleArn": role, "roleSessionName": by},
        },
    }


def matches(pattern: dict[str, Any], event: dict[str, Any]) -> bool:
    """As EventBridge compares: each field has one of the values listed, or begins or ends as one says, or is none of
    them, or as great; of a field of several, one of these does; and of several patterns under `$or` one is matched
    (Amazon EventBridge User Guide, "Comparison operators", "Arrays")."""

    def holds(want: Any, said: Any) -> bool:
        if isinstance(said, list):
            return any(holds(want, each) for each in said)
        if isinstance(want, dict):
            return matches(want, said)
        return any(_is(each, said) for each in want)

    either = "$or" not in pattern or any(matches(each, event) for each in pattern["$or"])
    fields = {field: want for field, want in pattern.items() if field != "$or"}
    return either and all(field in event and holds(want, event[field]) for field, want in fields.items())


def _is(wanted: Any, said: Any) -> bool:
    match wanted:
        case {"prefix": begins}:
            return said.startswith(begins)
        case {"numeric": [">=", least]}:
            return bool(said >= least)
        case {"suffix": ends}:
            return said.endswith(ends)
        case {"wildcard": form}:
            return fnmatchcase(said, form)
        case {"anything-but": dict(other)}:
            return not _is(other, said)
        case {"anything-but": others}:
            return said not in others
    return bool(wanted == said)


def test_each_session_is_told_of_by_itself(stack: Recorder) -> None:
    """An alarm that is in alarm already tells nobody of the next one."""
    rule = stack.one("cloudwatch/eventRule:EventRule", NAME)
    target = stack.one("cloudwatch/eventTarget:EventTarget", NAME)
    topic = stack.one("sns/topic:Topic", NAME)
    pattern = json.loads(rule.inputs["eventPattern"])
    role = f"arn:aws:iam::{ACCOUNT_ID}:role/{NAME}"
    assert matches(pattern, assumed(role))
    assert matches(pattern, assumed(role, by="lee"))
    assert not matches(pattern, assumed(f"{role}-of-another-stack"))
    # AssumeRole only reads, as CloudTrail has it: of that a rule hears when it asks.
    assert rule.inputs["state"] == "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
    assert (target.inputs["rule"], target.inputs["arn"]) == (rule.name, arn(topic.type, topic.name, topic.inputs))
    assert "roleArn" not in target.inputs, "EventBridge writes to an encrypted topic as a service alone"


def test_a_mail_says_who_took_the_role_and_where_to_look_and_no_reason(stack: Recorder) -> None:
    """A reason may name a patient; mails are outside of what is encrypted."""
    told = stack.one("cloudwatch/eventTarget:EventTarget", NAME).inputs["inputTransformer"]
    assert set(told["inputPaths"].values()) == {
        "$.detail.eventTime",
        "$.detail.requestParameters.roleSessionName",
        "$.detail.userIdentity.arn",
        "$.detail.sourceIPAddress",
        "$.detail.eventID",
    }
    text = json.loads(told["inputTemplate"])
    assert {f"<{name}>" for name in told["inputPaths"]} <= set(re.findall("<[a-z]+>", text))
    assert "CloudTrail" in text
    assert "parapet-test" in text


def counted(calls: Made, *, user: str) -> bool:
    """As CloudWatch Logs matches a field of JSON: a star in the text stands for any characters (Amazon CloudWatch Logs
    User Guide, "Filter pattern syntax")."""
    found = re.fullmatch(r'\{ \$\.user\.username = "([^"]+)" \}', calls.inputs["pattern"])
    assert found
    return re.fullmatch(re.escape(found[1]).replace(r"\*", ".*"), user) is not None


def test_nobody_comes_in_before_somebody_is_told_of_it(stack: Recorder) -> None:
    waits = stack.waits_for[("aws:eks/accessEntry:AccessEntry", NAME)]
    assert ("aws:cloudwatch/metricAlarm:MetricAlarm", NAME) in waits
    assert ("aws:cloudwatch/eventTarget:EventTarget", NAME) in waits


def test_the_name_is_one_that_eks_takes(stack: Recorder) -> None:
    """Amazon EKS User Guide, "Set a custom username for EKS access entries"."""
    name = entry(stack).inputs["userName"]
    assert name == USER + "{{SessionName}}"
    assert not name.startswith(("system:", "eks:", "aws:", "amazon:", "iam:"))
    assert ":" in name.partition("{{")[0]


def test_what_is_told_is_encrypted_and_comes_from_the_stacks_alarms_and_events_alone(stack: Recorder) -> None:
    assert stack.one("sns/topic:Topic", NAME).inputs["kmsMasterKeyId"].endswith("key/parapet-test-logs")
    publish, events, insecure = stack.one("sns/topicPolicy:TopicPolicy", NAME).policy()
    assert publish["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert publish["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT_ID}
    assert publish["Condition"]["ArnLike"]["aws:SourceArn"].endswith(":alarm:parapet-test-*")
    # Amazon EventBridge User Guide, "Amazon SNS permissions", has no condition.
    assert (events["Principal"], events["Action"]) == ({"Service": "events.amazonaws.com"}, "sns:Publish")
    assert insecure["Effect"] == "Deny"


def test_whoever_may_take_it_is_of_the_account() -> None:
    grant = {"roles": ["arn:aws:iam::998877665544:role/someone"], "notify": ["a@example.org"]}
    assert refusal(allowedAccountId=ACCOUNT_ID, breakGlass=[grant]) == [
        f'parapet:breakGlass[0].roles[0] is "{grant["roles"][0]}"; it must be one of the account {ACCOUNT_ID}: '
        "whoever is of another takes a role of this one first (sts:AssumeRole)."
    ]
