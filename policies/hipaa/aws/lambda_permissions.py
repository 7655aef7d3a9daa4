"""AWS Lambda's permissions, which together are a function's policy: who may call it, and for whom."""

from __future__ import annotations

import json
from typing import Any

from hipaa.iam.document import Document, parse
from hipaa.iam.judging import answer
from hipaa.iam.questions import deputy, public
from hipaa.iam.witness import Witness
from hipaa.resource import Resource
from hipaa.rule import CRITICAL, HIGH, LOW, rule
from hipaa.verdict import Verdict, is_set, not_applicable, violation

PERMISSION = "aws:lambda/permission:Permission"
LAYER_PERMISSION = "aws:lambda/layerVersionPermission:LayerVersionPermission"

# What the provider has as properties stands in the policy as these conditions ("AddPermission", AWS Lambda API).
_CONDITIONS = {
    "sourceArn": ("ArnLike", "AWS:SourceArn"),
    "sourceAccount": ("StringEquals", "AWS:SourceAccount"),
    "principalOrgId": ("StringEquals", "aws:PrincipalOrgID"),
    "functionUrlAuthType": ("StringEquals", "lambda:FunctionUrlAuthType"),
}


def _permission(principal: str, **more: Any) -> dict[str, Any]:
    return {"action": "lambda:InvokeFunction", "function": "records", "principal": principal} | more


def _statement(permission: Resource) -> Document:
    """The statement that AWS makes of a permission.

    Raises:
        UnknownValue: when some of it is not known before the update.
    """
    principal = str(permission.get("principal") or "*")
    is_service = principal.endswith((".amazonaws.com", ".amazonaws.com.cn", ".amazon.com"))
    who: Any = principal if principal == "*" else {"Service" if is_service else "AWS": principal}
    conditions: dict[str, dict[str, Any]] = {}
    for name, (operator, key) in _CONDITIONS.items():
        if value := permission.get(name):
            conditions.setdefault(operator, {})[key] = str(value)
    action = str(permission.get("action") or "lambda:*")
    statement = {"Effect": "Allow", "Principal": who, "Action": action, "Resource": "*", "Condition": conditions}
    return parse(json.dumps({"Version": "2012-10-17", "Statement": statement}))


def _by(where: str, witness: Witness) -> str:
    return f"by `{where}` {witness}"  # a permission is one statement, which the user has not written


@rule(
    "lambda-permission-is-not-public",
    on=PERMISSION,
    severity=CRITICAL,
    fix="Name an account, a role or a service as principal; with `*`, set principal_org_id.",
    sound=[
        _permission("arn:aws:iam::111122223333:role/caller"),
        _permission("444455556666"),
        _permission("s3.amazonaws.com", sourceArn="arn:aws:s3:::records"),
        _permission("*", principalOrgId="o-1a2b3c4d5e"),
        _permission("*", sourceArn="arn:aws:sns:us-east-1:111122223333:records"),
    ],
    unsound=[
        _permission("*"),
        _permission("*", action="lambda:InvokeFunctionUrl", functionUrlAuthType="NONE"),
        _permission("*", sourceArn="arn:aws:sns:*:*:records"),
    ],
)
def permission_is_not_public(permission: Resource) -> Verdict:
    """A function is called by no one but whom a permission names.

    What a function may read, whoever may call it reads by its leave.
    """
    return answer(_statement(permission), "principal", lambda found: public(found, "lambda"), _by)


@rule(
    "lambda-permission-names-its-source",
    on=PERMISSION,
    severity=HIGH,
    fix="Set source_arn to the ARN of the resource that calls, or source_account to the own account's id.",
    sound=[
        _permission("s3.amazonaws.com", sourceArn="arn:aws:s3:::records", sourceAccount="111122223333"),
        _permission("events.amazonaws.com", sourceArn="arn:aws:events:us-east-1:111122223333:rule/nightly"),
        _permission("s3.amazonaws.com", sourceArn="arn:aws:s3:::partner-*", sourceAccount="111122223333"),
        _permission("s3.amazonaws.com", sourceArn="arn:aws:s3:::partner-records"),
        _permission("alexa-appkit.amazon.com", eventSourceToken="amzn1.ask.skill.1a2b"),
        _permission("arn:aws:iam::111122223333:role/caller"),
    ],
    unsound=[
        _permission("s3.amazonaws.com"),
        _permission("apigateway.amazonaws.com"),
        _permission("sns.amazonaws.com", sourceArn="arn:aws:sns:*:*:records"),
        _permission("s3.amazonaws.com", sourceArn="arn:aws:s3:::*"),
        _permission("s3.amazonaws.com", sourceArn="arn:aws:s3:::partner-*"),
        _permission("s3.amazonaws.com", sourceArn="arn:aws:s3:::*-incoming-records"),
        _permission("events.amazonaws.com", sourceArn="arn:aws:events:us-east-1:*:rule/nightly"),
    ],
)
def permission_names_its_source(permission: Resource) -> Verdict:
    """A service calls a function for a resource that the permission names, and not for anybody's.

    A service calls for whoever asks it to: without a source, a bucket or a topic of any account calls the function.
    """
    principal = str(permission.get("principal") or "*")
    if not principal.endswith((".amazonaws.com", ".amazonaws.com.cn", ".amazon.com")):
        return not_applicable("no service is named")
    if permission.get("eventSourceToken"):
        return Verdict()
    return answer(_statement(permission), "principal", lambda found: deputy(found, "lambda", (principal.lower(),)), _by)


@rule(
    "lambda-permission-names-the-buckets-account",
    on=PERMISSION,
    severity=LOW,
    advisory="a bucket's name is one account's as long as that keeps it; another can take it after its deletion",
    fix="Set source_account to the own account's id beside source_arn.",
    sound=[
        _permission("s3.amazonaws.com", sourceArn="arn:aws:s3:::records", sourceAccount="111122223333"),
        _permission("events.amazonaws.com", sourceArn="arn:aws:events:us-east-1:111122223333:rule/nightly"),
    ],
    unsound=[_permission("s3.amazonaws.com", sourceArn="arn:aws:s3:::records")],
)
def permission_names_the_buckets_account(permission: Resource) -> Verdict:
    """A bucket calls a function for the account that a permission names: a bucket's ARN names none."""
    if str(permission.get("principal") or "*") != "s3.amazonaws.com":
        return not_applicable("no bucket calls by it")
    return permission.require("sourceAccount", is_set())


@rule(
    "lambda-layer-is-shared-with-named-accounts",
    on=LAYER_PERMISSION,
    severity=HIGH,
    fix="Set principal to an account's id, or organization_id with principal `*`.",
    sound=[{"principal": "111122223333"}, {"principal": "*", "organizationId": "o-1a2b3c4d5e"}],
    unsound=[{"principal": "*"}, {"principal": "*", "organizationId": ""}],
)
def layer_is_shared_with_named_accounts(permission: Resource) -> Verdict:
    """A layer, which is code and what it was packed with, goes to accounts or an organization that are named."""
    if permission.get("principal") != "*" or permission.get("organizationId"):
        return Verdict()
    return violation(f"`{permission.where('principal')}` is '*', which is every account; it must be one, or bounded")
