"""IAM's rules over what several of them look at: each fault is said once, and by effect."""

import json
from typing import Any

import pytest

import hipaa
from hipaa.resource import UNKNOWN, Resource, Secret
from hipaa.stack import Stack
from hipaa.verdict import Outcome

RULES = {rule.name: rule for rule in hipaa.rules()}
# One is about words, and says them of whatever a policy comes to; the others are about what that is.
IAM = [rule for name, rule in RULES.items() if name.startswith("iam-") and name != "iam-policy-names-its-actions"]
POLICY, ROLE = "aws:iam/policy:Policy", "aws:iam/role:Role"
OWN = "arn:aws:iam::111122223333"


def policy(*statements: dict[str, Any]) -> str:
    made = [{"Effect": "Allow", "Resource": "*"} | statement for statement in statements]
    return json.dumps({"Version": "2012-10-17", "Statement": made})


def broken(*resources: Resource) -> set[str]:
    """The names of IAM's rules that the resources break."""
    stack = Stack(resources)
    return {
        rule.name
        for rule in IAM
        for resource in stack.judged_by(rule.is_about)
        if rule.judge(resource, stack).outcome is Outcome.FAILED
    }


@pytest.mark.parametrize(
    ("statement", "names"),
    [
        ({"Action": "*"}, {"iam-policy-is-no-administrator"}),
        ({"Action": "iam:*"}, {"iam-policy-is-no-administrator"}),
        ({"NotAction": ["iam:*", "organizations:*", "account:*"]}, {"iam-policy-is-no-administrator"}),
        ({"Action": "s3:*"}, {"iam-policy-grants-no-whole-data-service"}),
        ({"Action": "kms:*"}, {"iam-policy-grants-no-whole-data-service"}),
        ({"Action": "kms:Decrypt"}, {"iam-policy-decrypts-with-named-keys"}),
        ({"Action": ["iam:PassRole", "ec2:RunInstances"]}, {"iam-policy-leads-to-no-more-rights"}),
        ({"Action": "iam:PassRole"}, {"iam-policy-passes-named-roles"}),
        ({"Action": "sts:AssumeRole"}, {"iam-policy-leads-to-no-more-rights"}),
        ({"Action": "kms:PutKeyPolicy"}, {"iam-policy-leads-to-no-more-rights"}),
        ({"Action": "s3:GetObject"}, {"iam-policy-reads-named-records"}),
        ({"Action": "s3:GetObject", "Resource": "arn:aws:s3:::records/*"}, set()),
        ({"Action": "secretsmanager:Get*"}, {"iam-policy-reads-named-secrets"}),
        ({"Action": "secretsmanager:*"}, {"iam-policy-grants-no-whole-data-service"}),
        ({"Action": "*", "Condition": {"StringEquals": {"aws:ResourceTag/team": "ward-7"}}}, set()),
        ({"Action": "*", "Resource": f"{OWN}:role/worker"}, set()),
    ],
)
def test_each_fault_is_said_once(statement: dict[str, Any], names: set[str]) -> None:
    assert broken(Resource(POLICY, {"policy": policy(statement)})) == names


def test_a_deny_takes_away_what_an_allow_gives() -> None:
    allowed = {"Action": ["s3:ListBucket", "iam:*"]}
    denied = {"Effect": "Deny", "NotAction": ["s3:*", "iam:Get*", "iam:List*"]}
    assert broken(Resource(POLICY, {"policy": policy(allowed)})) == {"iam-policy-is-no-administrator"}
    assert broken(Resource(POLICY, {"policy": policy(allowed, denied)})) == set()
    from_elsewhere = denied | {"Condition": {"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}}}
    assert broken(Resource(POLICY, {"policy": policy(allowed, from_elsewhere)})) != set()


def test_a_boundary_is_no_grant_but_a_policy_that_is_attached_too_may_be() -> None:
    boundary = Resource(POLICY, {"policy": policy({"Action": "*"}), "arn": f"{OWN}:policy/b"}, name="b")
    assert broken(boundary, Resource(ROLE, {"permissionsBoundary": f"{OWN}:policy/b"})) == set()
    attached = Resource("aws:iam/rolePolicyAttachment:RolePolicyAttachment", {"policyArn": f"{OWN}:policy/b"})
    assert broken(boundary, Resource(ROLE, {"permissionsBoundary": f"{OWN}:policy/b"}), attached) != set()
    unknown = Resource(POLICY, {"policy": policy({"Action": "*"}), "arn": UNKNOWN}, name="b")
    bounded = Resource(ROLE, {"permissionsBoundary": UNKNOWN}, sources={"permissionsBoundary": [unknown.urn]})
    assert broken(unknown, bounded) == set()


@pytest.mark.parametrize(
    ("statement", "outcome"),
    [
        ({"Action": "s3:GetObject", "Resource": UNKNOWN}, Outcome.UNDECIDED),
        (UNKNOWN, Outcome.UNDECIDED),
        ({"Action": "*", "Resource": "*"}, Outcome.FAILED),
    ],
)
def test_what_is_unknown_in_a_roles_own_policies_hides_nothing(statement: Any, outcome: Outcome) -> None:
    if isinstance(statement, dict):
        statement = {"Effect": "Allow"} | statement
    known = {"name": "known", "policy": policy({"Action": "s3:GetObject", "Resource": "arn:aws:s3:::records/*"})}
    other = {"name": "other", "policy": {"Version": "2012-10-17", "Statement": [statement]}}
    role = Resource(ROLE, {"inlinePolicies": [None, known, other]})
    assert RULES["iam-policy-is-no-administrator"].judge(role, Stack([role])).outcome is outcome


def test_a_planted_secret_is_in_no_message() -> None:
    planted = "correct-horse-battery-staple"
    conditions = {"StringEquals": {"aws:UserAgent": planted}}
    statement = {"Sid": planted, "Principal": "*", "Action": "*", "Condition": conditions}
    for rule in (*IAM, RULES["s3-bucket-policy-is-not-public"], RULES["lambda-permission-is-not-public"]):
        for type_ in rule.on:
            text = Secret(policy(statement))
            names = ("policy", "assumeRolePolicy", "policyArn", "user", "principal", "sourceArn")
            resource = Resource(type_, dict.fromkeys(names, text) | {"inlinePolicies": [{"policy": text}]})
            assert not any(planted in each for each in rule.judge(resource, Stack([resource])).violations)


def test_whose_account_a_role_is_in_is_known_once_it_is_there() -> None:
    trust = {"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    for arn, outcome in (
        (UNKNOWN, Outcome.UNDECIDED),
        ("arn:aws:iam::111122223333:role/own", Outcome.PASSED),
        ("arn:aws:iam::444455556666:role/other", Outcome.FAILED),
    ):
        role = Resource("aws:iam/role:Role", {"arn": arn, "assumeRolePolicy": document})
        (rule,) = (one for one in hipaa.rules() if one.name == "iam-role-trust-asks-others-for-an-external-id")
        assert rule.judge(role, Stack([role])).outcome is outcome
