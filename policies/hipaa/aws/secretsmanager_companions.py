"""AWS Secrets Manager's secrets with what completes them: who may read them, and what changes them."""

from __future__ import annotations

import json
import re
from typing import Any

from hipaa.aws.secretsmanager import OF_A_SERVICE, SECRET, is_of_a_service
from hipaa.iam.document import document
from hipaa.iam.judging import answer, bounds_nobody
from hipaa.iam.questions import public, unbounded
from hipaa.parameter import Parameter
from hipaa.resource import UNKNOWN, Properties, Resource
from hipaa.rule import HIGH, MEDIUM, stack_rule
from hipaa.stack import Stack
from hipaa.verdict import Requirement, Verdict, all_of, at_most, is_set, undecided, violation

SECRET_POLICY = "aws:secretsmanager/secretPolicy:SecretPolicy"  # noqa: S105 - a type token
SECRET_ROTATION = "aws:secretsmanager/secretRotation:SecretRotation"  # noqa: S105 - a type token

_READ = "secretsmanager:GetSecretValue"
_ARN = "arn:aws:secretsmanager:us-east-1:111122223333:secret:records-a1b2c3"
_OF_ACCOUNT = "arn:aws:iam::111122223333"
_READER = f"{_OF_ACCOUNT}:role/reader"
_SECRET = Resource(SECRET, {"arn": _ARN, "id": _ARN}, name="records")
_OF_RDS = Resource(SECRET, {"arn": _ARN, "name": "rds!db-1a2b3c4d"}, name="records")


def _document(**elements: Any) -> str:
    but_readers = {"ArnNotEquals": {"aws:PrincipalArn": [_READER]}, "Bool": {"aws:PrincipalIsAWSService": "false"}}
    deny = {"Effect": "Deny", "Principal": "*", "Action": _READ, "Resource": "*", "Condition": but_readers}
    statement = {name: value for name, value in (deny | elements).items() if value is not None}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _policy(policy: Any, arn: str = _ARN) -> Resource:
    return Resource(SECRET_POLICY, {"secretArn": arn, "policy": policy})


@stack_rule(
    "secret-policy-names-its-readers",
    on=SECRET,
    severity=HIGH,
    advisory="IAM decides already who may read a secret (164.312(a)(1)); its own policy is a second bound",
    fix="Add a SecretPolicy that denies secretsmanager:GetSecretValue to `*` where aws:PrincipalArn is not a reader's.",
    sound=[
        [_SECRET, _policy(_document())],
        [_SECRET, _policy(_document(Action="secretsmanager:*"))],
        [_SECRET, _policy(_document(Principal=None, NotPrincipal={"AWS": _READER}, Condition=None))],
        [Resource(SECRET, {"arn": _ARN, "policy": _document()})],
        [_OF_RDS],
    ],
    unsound=[
        [_SECRET],
        [_SECRET, _policy(_document(), arn=f"{_ARN}-of-another")],
        [_SECRET, _policy(_document(Effect="Allow", Condition=None))],
        [_SECRET, _policy(_document(Effect="Allow", Principal={"AWS": _READER}, Condition=None))],
        [_SECRET, _policy(_document(Action="secretsmanager:DeleteSecret"))],
        [_SECRET, _policy(_document(Condition={"Bool": {"aws:SecureTransport": "false"}}))],
        [_SECRET, _policy(_document(Condition={"ArnNotLike": {"aws:PrincipalArn": "*"}}))],
        [_SECRET, _policy(_document(Condition={"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/*"}}))],
        [_SECRET, _policy(_document(Condition={"ArnNotLike": {"aws:PrincipalArn": f"{_OF_ACCOUNT}:role/*"}}))],
        [_SECRET, _policy(_document(Resource=f"{_ARN}-of-another"))],
        [_SECRET, _policy(_document(Condition={"ArnEquals": {"aws:PrincipalArn": _READER}}))],
        [_SECRET, _policy(_document(Condition={"StringNotEquals": {"aws:PrincipalAccount": "111122223333"}}))],
        [_SECRET, _policy(_document()), _policy(_document(Effect="Allow", Condition=None))],
        [Resource(SECRET, {"arn": _ARN, "policy": UNKNOWN})],
    ],
)
def secret_policy_names_its_readers(secret: Resource, stack: Stack) -> Verdict:
    """A secret's own policy refuses its value to all but the principals that it names.

    Within an account, an Allow in any role's policy is enough to read a secret; only a Deny at the secret bounds that.
    """
    if is_of_a_service(secret):
        return OF_A_SERVICE
    sources: list[Properties] = list(stack.companions(secret, SECRET_POLICY, by="secretArn"))
    if not sources and secret.is_set_by_program("policy"):
        sources = [secret]
    if not sources:
        return violation("no SecretPolicy is there for this secret")
    found = [(document(source), source.where("policy")) for source in sources]
    own = (str(arn),) if (arn := secret.known("arn")) else ()
    open_ = [
        answer(each, where, lambda each: public(each, "secretsmanager", takes_unsigned=False)) for each, where in found
    ]
    bounds = [answer(each, where, lambda each: unbounded(each, _READ, own), bounds_nobody) for each, where in found]
    bounded = next((verdict for verdict in bounds if verdict == Verdict()), bounds[0])
    return all_of(*open_, bounded, *(undecided(path) for each, _ in found for path in each.unknown))


def _rotation(secret: str = _ARN, **rules: Any) -> Resource:
    return Resource(SECRET_ROTATION, {"secretId": secret, "rotationLambdaArn": "rotator", "rotationRules": rules})


_MOST_DAYS = 90  # What AWS Config's secretsmanager-secret-periodic-rotation asks for unless told otherwise.
_RATE = re.compile(r"rate\((\d+) (hour|day)s?\)")


@stack_rule(
    "secret-is-rotated",
    on=SECRET,
    severity=MEDIUM,
    advisory="164.308(a)(5)(ii)(D) sets no time for changing passwords, and not every secret can be rotated",
    fix="Add a SecretRotation for the secret with rotation_rules that change it every {days} days or more often.",
    sound=[
        [_SECRET, _rotation(automaticallyAfterDays=30)],
        [_SECRET, _rotation(scheduleExpression="rate(10 days)")],
        [_SECRET, _rotation(scheduleExpression="rate(2160 hours)")],
        [_SECRET, _rotation(scheduleExpression="cron(0 4 1 * ? *)")],
        [_OF_RDS],
    ],
    unsound=[
        [_SECRET],
        [_SECRET, _rotation("another", automaticallyAfterDays=30)],
        [_SECRET, _rotation()],
        [_SECRET, _rotation(automaticallyAfterDays=365)],
        [_SECRET, _rotation(scheduleExpression="rate(365 days)")],
        [_SECRET, _rotation(scheduleExpression="rate(2161 hours)")],
        [_SECRET, _rotation(scheduleExpression="now and then")],
    ],
    parameters=[
        Parameter("days", "Days after which a secret is changed at the latest", _MOST_DAYS, least=1, most=1000)
    ],
)
def secret_is_rotated(secret: Resource, stack: Stack, days: int) -> Verdict:
    """A secret is changed by itself, every 90 days or as the configuration says, or more often.

    A copy that somebody took is worth nothing after that. A secret that nothing can change (a licence, a key of
    somebody else's) is a risk to accept by name. When a cron expression comes round is not worked out.
    """
    if is_of_a_service(secret):
        return OF_A_SERVICE
    rotations = stack.companions(secret, SECRET_ROTATION, by="secretId")
    if not rotations:
        return violation("no SecretRotation is there for this secret")
    return all_of(*(_is_often(rotation, days) for rotation in rotations))


def _is_often(rotation: Resource, most: int) -> Verdict:
    expression = "rotationRules.scheduleExpression"
    if rotation.at(expression):
        often = Requirement(
            f"a rate of {most} days or less, or a cron expression", lambda given: _is_often_enough(given, most)
        )
        return rotation.require(expression, often)
    days = "rotationRules.automaticallyAfterDays"
    return all_of(rotation.require(days, is_set()), rotation.require(days, at_most(most, "days"), default=1))


def _is_often_enough(expression: str, most: int) -> bool:
    rate = _RATE.fullmatch(expression)
    if rate is None:
        return expression.startswith("cron(")
    return int(rate[1]) <= (most if rate[2] == "day" else most * 24)
