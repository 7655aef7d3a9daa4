"""Our evaluator and another's, side by side, over policies and requests that nobody wrote."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.local.aws.iam.cases import ACCOUNT, OTHER, ROLE, ROOT, SESSION, STRANGER, USER, Case
from tests.local.aws.iam.conftest import Judge

ACTIONS = ["s3:GetObject", "s3:PutObject", "s3:ListBucket", "kms:Decrypt"]
RESOURCES = ["arn:aws:s3:::bucket/key", "arn:aws:s3:::bucket/team/a", "arn:aws:s3:::bucket"]
KEYS: dict[str, list[Any]] = {
    "aws:SourceVpce": ["vpce-1", "vpce-2"],
    "s3:prefix": ["team", "team/a", ""],
    "aws:SecureTransport": ["true", "false"],
    "aws:RequestTag/Team": ["ml", ""],
    "aws:TagKeys": [["Team"], ["Team", "Name"], ["Other"]],
    "aws:SourceIp": ["10.1.2.3", "192.0.2.7"],
    "s3:max-keys": ["10", "100"],
    "aws:SourceArn": ["arn:aws:s3:::bucket", "arn:aws:sns:us-east-1:111122223333:topic"],
    "aws:CurrentTime": ["2026-06-01T00:00:00Z", "2025-01-01T00:00:00Z"],
}
TESTS = {
    "aws:SourceVpce": (["StringEquals", "StringNotEquals", "StringLike", "StringNotLike"], ["vpce-1", "vpce-?", "*"]),
    "s3:prefix": (["StringEquals", "StringLike", "StringNotLike", "StringEqualsIgnoreCase"], ["team", "team/*", ""]),
    "aws:SecureTransport": (["Bool"], ["true", "false"]),
    "aws:RequestTag/Team": (["StringEquals", "StringLike", "StringNotEquals"], ["ml", "*", "ML", ""]),
    "aws:SourceIp": (["IpAddress", "NotIpAddress"], ["10.0.0.0/8", "192.0.2.7"]),
    "s3:max-keys": (["NumericEquals", "NumericLessThan", "NumericGreaterThanEquals", "NumericNotEquals"], ["10", "50"]),
    "aws:SourceArn": (["ArnEquals", "ArnLike", "ArnNotEquals"], ["arn:aws:s3:::*", f"arn:aws:sns:*:{ACCOUNT}:topic"]),
    "aws:CurrentTime": (["DateLessThan", "DateGreaterThan"], ["2025-12-31T00:00:00Z"]),
    "aws:PrincipalArn": (["ArnEquals", "ArnNotEquals", "StringLike"], [ROLE, USER, f"arn:aws:iam::{ACCOUNT}:role/*"]),
    "aws:PrincipalAccount": (["StringEquals", "StringNotEquals"], [ACCOUNT, OTHER]),
}
SETS = [
    "ForAllValues:StringEquals",
    "ForAnyValue:StringEquals",
    "ForAllValues:StringLike",
    "ForAnyValue:StringNotEquals",
]


@st.composite
def conditions(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["none", "none", "plain", "plain", "null", "set"]))
    if kind == "none":
        return {}
    if kind == "null":
        return {"Null": {draw(st.sampled_from(sorted(KEYS))): draw(st.sampled_from(["true", "false"]))}}
    if kind == "set":
        values = draw(st.lists(st.sampled_from(["Team", "Name", "T*"]), min_size=1, max_size=2, unique=True))
        return {draw(st.sampled_from(SETS)): {"aws:TagKeys": values}}
    key = draw(st.sampled_from(sorted(TESTS)))
    operators, wanted = TESTS[key]
    operator = draw(st.sampled_from(operators)) + draw(st.sampled_from(["", "", "IfExists"]))
    values = draw(st.lists(st.sampled_from(wanted), min_size=1, max_size=2, unique=True))
    spelled = draw(st.sampled_from([key, key.lower(), key.upper()])) if "RequestTag" not in key else key
    return {operator: {spelled: values if len(values) > 1 else values[0]}}


@st.composite
def statements(draw: st.DrawFn, asked: tuple[str, str], principals: bool = False) -> dict[str, Any]:
    # Most speak of what is asked, so that the verdict hangs on conditions and on who is named.
    actions = [asked[0], "*", asked[0].lower(), *ACTIONS, "s3:*", "s3:Get?bject"]
    resources = [asked[1], "*", "arn:aws:s3:::bucket*", *RESOURCES, "arn:aws:s3:::b?cket/*", "arn:aws:*"]
    if not principals:
        resources.append("arn:aws:s3:::bucket/${aws:RequestTag/Team, 'team'}/a")
    statement: dict[str, Any] = {
        "Effect": draw(st.sampled_from(["Allow", "Allow", "Deny"])),
        draw(st.sampled_from(["Action", "Action", "Action", "NotAction"])): draw(st.sampled_from(actions)),
        draw(st.sampled_from(["Resource", "Resource", "Resource", "NotResource"])): draw(st.sampled_from(resources)),
    }
    if condition := draw(conditions()) | draw(conditions()):
        statement["Condition"] = condition
    if principals:
        who = draw(st.sampled_from([ROLE, SESSION, ROOT, ACCOUNT, USER, STRANGER, "*"]))
        statement["Principal"] = who if who == "*" else {"AWS": who}
    return statement


@st.composite
def cases(draw: st.DrawFn) -> Case:
    present = draw(st.lists(st.sampled_from(sorted(KEYS)), unique=True))
    asked = draw(st.sampled_from(ACTIONS)), draw(st.sampled_from(RESOURCES))

    def policy(principals: bool = False) -> st.SearchStrategy[list[dict[str, Any]]]:
        return st.lists(statements(asked, principals), min_size=1, max_size=2)

    resource_policy = draw(st.none() | policy(principals=True))
    return Case(
        principal=draw(st.sampled_from([SESSION, SESSION, USER, STRANGER])),
        action=asked[0],
        resource=asked[1],
        keys={name: draw(st.sampled_from(KEYS[name])) for name in present},
        identity=draw(policy()),
        boundary=draw(st.none() | policy()),
        session=draw(st.none() | policy()),
        resource_policy=resource_policy,
        resource_decides=resource_policy is not None and draw(st.booleans()),
    )


@settings(max_examples=examples(400), deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(case=cases())
def test_both_say_the_same(judge: Judge, case: Case) -> None:
    told = judge(case.told())
    ours = case.ours()
    assert told is None or ours.allowed is told, f"{ours} / {case}"
