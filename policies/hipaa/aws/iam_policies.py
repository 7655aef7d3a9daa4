"""AWS IAM's identity policies by what their holder may do: everything, a service, more rights, every key."""

from __future__ import annotations

import re
from typing import Any

from hipaa.aws.iam_documents import (
    DOCUMENTS,
    GROUP,
    GROUP_POLICY,
    POLICY,
    ROLE,
    ROLE_ATTACHMENT,
    ROLE_POLICY,
    USER,
    USER_POLICY,
    Holder,
    allowing,
    boundaries_of,
    each_document,
    held_by,
    holders_of,
    holding,
    inline,
    says,
    together,
)
from hipaa.aws.iam_paths import PATHS, UPON_ITSELF, Path
from hipaa.iam.document import Document
from hipaa.iam.holding import grants, grants_on
from hipaa.iam.witness import TooIntricate
from hipaa.resource import Resource
from hipaa.rule import CRITICAL, HIGH, LOW, MEDIUM, stack_rule
from hipaa.stack import Stack
from hipaa.verdict import Verdict, all_of, not_applicable, undecided, violation

_OWN = "arn:aws:iam::111122223333"
_ARN = {"arn": f"{_OWN}:policy/own"}
_AS_ARN = {"policyArn": _ARN["arn"]}
_BOUND = Resource(ROLE, {"name": "builder", "permissionsBoundary": f"{_OWN}:policy/b"}, name="builder")


def _bounding(*actions: str) -> Resource:
    return Resource(POLICY, allowing(*actions) | {"arn": f"{_OWN}:policy/b"}, name="b")


_BOUNDARY = _bounding("logs:*", "s3:GetObject", "iam:PassRole")
_AWS_ALL = "arn:aws:iam::aws:policy/AdministratorAccess"
# One of a kind: whoever may do each of these to anything may do what it likes to the account's data.
_OF_EVERYTHING = (
    *("s3:GetObject", "ec2:RunInstances", "dynamodb:Scan", "secretsmanager:GetSecretValue", "rds:ModifyDBInstance"),
    *("lambda:InvokeFunction", "logs:DeleteLogGroup", "cloudtrail:StopLogging"),
)
_OF_IAM = (
    *("iam:CreatePolicyVersion", "iam:AttachRolePolicy", "iam:PutUserPolicy", "iam:CreateAccessKey"),
    *("iam:UpdateAssumeRolePolicy", "iam:AddUserToGroup"),
)
# Services that hold records or the way to them: all of one, on anything in it, is more than a task needs
# (164.502(b), minimum necessary, by way of 164.308(a)(4)(ii)(B)).
_OF_DATA = (
    *("s3", "dynamodb", "secretsmanager", "kms", "rds", "rds-data", "redshift", "redshift-data", "es", "aoss"),
    *("elasticfilesystem", "healthlake", "medical-imaging", "backup", "neptune-db", "docdb-elastic", "lakeformation"),
)
_KEY_POLICY = ("kms:PutKeyPolicy",)
_ANY_ACTION = "Nobodyknows"  # an action that only a pattern for all of a service's can mean


def is_administrator(found: Document) -> str:
    """What a document allows where that is everything, or the way to it, in words; nothing where it does not."""
    if all(grants(found, action) for action in _OF_EVERYTHING):
        return "everything"
    return "all of IAM, and so everything" if all(grants(found, action) for action in _OF_IAM) else ""


@stack_rule(
    "iam-policy-is-no-administrator",
    on=DOCUMENTS,
    severity=CRITICAL,
    fix="List the actions and the ARNs that the task needs.",
    sound=[
        [Resource(POLICY, allowing("s3:GetObject", resource="arn:aws:s3:::records/*"))],
        [Resource(POLICY, allowing("*", resource="arn:aws:s3:::records/*"))],
        [Resource(POLICY, holding({"Effect": "Deny", "NotAction": "iam:Get*", "Resource": "*"}))],
        [inline("dynamodb:Query", resource="arn:aws:dynamodb:*:111122223333:table/records")],
        [Resource(ROLE, {})],
        [
            Resource(POLICY, allowing("*") | {"arn": f"{_OWN}:policy/boundary"}, name="boundary"),
            Resource(ROLE, {"permissionsBoundary": f"{_OWN}:policy/boundary"}),
        ],
    ],
    unsound=[
        [Resource(POLICY, allowing("*"))],
        [Resource(POLICY, allowing("*", Bool={"aws:MultiFactorAuthPresent": "true"}))],
        [Resource(POLICY, allowing("*:*"))],
        [Resource(POLICY, allowing("iam:*"))],
        [Resource(POLICY, allowing("IAM:*", resource=f"{_OWN}:*"))],
        [Resource(USER_POLICY, holding({"Effect": "Allow", "NotAction": ["iam:*", "sts:*"], "Resource": "*"}))],
        [Resource(POLICY, holding({"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:s3:::audit/*"}))],
        [
            Resource(
                POLICY,
                holding(
                    {
                        "Effect": "Allow",
                        "Action": ["s3:*", "ec2:*", "dynamodb:*", "rds:*", "lambda:*"],
                        "Resource": "*",
                    },
                    {
                        "Effect": "Allow",
                        "Action": ["secretsmanager:*", "lambda:*", "logs:*", "cloudtrail:*"],
                        "Resource": "*",
                    },
                ),
            )
        ],
        [inline("*")],
        [Resource(POLICY, {"policy": "{"})],
    ],
)
def policy_is_no_administrator(resource: Resource, stack: Stack) -> Verdict:
    """No policy lets its holder do everything, or give itself everything.

    Whoever takes over what holds it (a pod, a function, a person's laptop) has the account and all its records.
    """

    bounds = boundaries_of(resource, stack)

    def check(found: Document, where: str) -> Verdict:
        what = is_administrator(found)
        if bounds and not any(is_administrator(bound) for bound in bounds):
            return Verdict()
        return (
            says(where, f"allows {what}, whatever it is written as; it must allow what a task needs")
            if what
            else Verdict()
        )

    return each_document(resource, stack, check)


def whole(found: Document) -> list[str]:
    """The services all of which the document allows, on anything in them."""
    if is_administrator(found):
        return []  # which is said once
    named = {
        text.partition(":")[0].lower()
        for statement in found.statements
        if statement.allows
        for text in statement.actions
        if ":" in text and "*" not in text.partition(":")[0]
    }
    return [prefix for prefix in sorted(named)[:24] if grants(found, f"{prefix}:{_ANY_ACTION}")]


@stack_rule(
    "iam-policy-grants-no-whole-data-service",
    on=DOCUMENTS,
    severity=HIGH,
    fix="List the actions that the task needs, and the ARNs of the tables, buckets or secrets that it works on.",
    sound=[
        [Resource(POLICY, allowing("s3:*", resource=["arn:aws:s3:::records", "arn:aws:s3:::records/*"]))],
        [Resource(POLICY, allowing("s3:Get*", "s3:List*"))],
        [Resource(POLICY, allowing("dynamodb:*", StringEquals={"aws:ResourceTag/team": "ward-7"}))],
        [Resource(POLICY, allowing("sqs:*"))],
    ],
    unsound=[
        [Resource(POLICY, allowing("s3:*"))],
        [Resource(POLICY, allowing("S3:*", resource="arn:aws:s3:::*"))],
        [Resource(POLICY, allowing("dynamodb:*", resource="arn:aws:dynamodb:us-east-1:111122223333:table/*"))],
        [Resource(POLICY, allowing("secretsmanager:*", IpAddress={"aws:SourceIp": "203.0.113.0/24"}))],
        [inline("kms:*")],
    ],
)
def policy_grants_no_whole_data_service(resource: Resource, stack: Stack) -> Verdict:
    """No policy allows all that a service with records in it can do, on all that is in it."""

    def check(found: Document, where: str) -> Verdict:
        parts = [prefix for prefix in whole(found) if prefix in _OF_DATA]
        return says(where, f"allows all of {', '.join(parts)} on anything; it must list both") if parts else Verdict()

    return each_document(resource, stack, check)


@stack_rule(
    "iam-policy-grants-no-whole-service",
    on=DOCUMENTS,
    severity=LOW,
    advisory="a service that keeps no records exposes none by itself; less than all of it is least privilege",
    fix="List the actions that the task needs.",
    sound=[
        [Resource(POLICY, allowing("sqs:SendMessage"))],
        [Resource(POLICY, allowing("sqs:*", resource="arn:aws:sqs:us-east-1:111122223333:jobs"))],
    ],
    unsound=[[Resource(POLICY, allowing("sqs:*"))], [inline("ec2:*", "logs:*")]],
)
def policy_grants_no_whole_service(resource: Resource, stack: Stack) -> Verdict:
    """No policy allows all that a service can do, on all that is in it."""

    def check(found: Document, where: str) -> Verdict:
        parts = [prefix for prefix in whole(found) if prefix not in _OF_DATA]
        return says(where, f"allows all of {', '.join(parts)} on anything; it must list both") if parts else Verdict()

    return each_document(resource, stack, check)


def _leads_up(found: Document, path: Path) -> bool:
    if path.actions == _KEY_POLICY and grants(found, f"kms:{_ANY_ACTION}"):
        return False  # which is said of all of KMS
    return all(
        grants(found, action, passed=path.passed) if action == "iam:PassRole" else grants(found, action)
        for action in path.actions
    )


def _is_left(path: Path, bounds: list[Document]) -> bool:
    """Whether a way is there for any of those whose permissions boundaries these are."""
    return not bounds or any(_leads_up(bound, path) for bound in bounds)


def _raises_itself(found: Document, holders: list[Holder]) -> str:
    """The first action by which who holds the document may widen it; nothing where there is none."""
    for holder in holders:
        for action in UPON_ITSELF[holder.kind]:
            user = holder.name if holder.kind == "user" else ""
            if any(grants_on(found, action, arn, user) for arn in _named(found, holder)):
                return action
    return ""


def _named(found: Document, holder: Holder) -> list[str]:
    """The ARNs that a holder may have, by what the document says of things of its name."""
    if holder.name.startswith("arn:"):
        return [holder.name]
    texts = [text for each in found.statements if each.allows for text in each.resources or ()]
    accounts = dict.fromkeys((*re.findall(r"(?<=:)\d{12}(?=:)", " ".join(texts)), "111122223333"))
    paths = dict.fromkeys(("", *(text.partition(f":{holder.kind}/")[2].rpartition("/")[0] for text in texts)))
    return [
        f"arn:aws:iam::{account}:{holder.kind}/{path}{'/' if path else ''}{holder.name}"
        for account in list(accounts)[:4]
        for path in list(paths)[:8]
        if "*" not in path and "$" not in path
    ]


@stack_rule(
    "iam-policy-leads-to-no-more-rights",
    on=DOCUMENTS,
    severity=CRITICAL,
    fix="Name the users, roles, functions or instances in Resource, or bound the action (iam:PermissionsBoundary).",
    sound=[
        [Resource(POLICY, allowing("iam:PassRole", "ec2:RunInstances", resource=f"{_OWN}:role/worker"))],
        [Resource(POLICY, allowing("iam:CreateAccessKey", resource=f"{_OWN}:user/${{aws:username}}"))],
        [Resource(POLICY, allowing("iam:PutRolePolicy", StringEquals={"iam:PermissionsBoundary": f"{_OWN}:policy/b"}))],
        [Resource(POLICY, allowing("iam:AttachRolePolicy", ArnLike={"iam:PolicyARN": f"{_OWN}:policy/app-*"}))],
        [Resource(POLICY, allowing("ssm:StartSession", StringEquals={"ssm:resourceTag/team": "ward-7"}))],
        [Resource(POLICY, allowing("sts:AssumeRole", resource=f"{_OWN}:role/reader"))],
        [Resource(POLICY, allowing("lambda:CreateFunction", "iam:GetRole"))],
        [Resource(ROLE_POLICY, {"role": "builder"} | allowing("iam:PutRolePolicy", resource=f"{_OWN}:role/app"))],
        [
            Resource(
                ROLE_POLICY,
                {"role": "builder"}
                | allowing(
                    "iam:AttachRolePolicy",
                    resource=f"{_OWN}:role/builder",
                    ArnEquals={"iam:PolicyARN": f"{_OWN}:policy/reader"},
                ),
            )
        ],
        [Resource(POLICY, allowing("iam:ChangePassword", "iam:GetUser", resource=f"{_OWN}:user/${{aws:username}}"))],
        [Resource(POLICY, allowing("kms:PutKeyPolicy", resource="arn:aws:kms:us-east-1:111122223333:key/1234abcd"))],
        [Resource(POLICY, allowing("eks:CreateAccessEntry"))],
        [Resource(ROLE_POLICY, {"role": "builder"} | allowing("iam:PassRole", "ec2:RunInstances")), _BOUND, _BOUNDARY],
        [Resource(ROLE_POLICY, {"role": "builder"} | allowing("*")), _BOUND, _BOUNDARY],
        [
            Resource(
                POLICY,
                holding(
                    {"Effect": "Allow", "Action": "lambda:CreateFunction", "Resource": "*"},
                    {
                        "Effect": "Allow",
                        "Action": "iam:PassRole",
                        "Resource": "*",
                        "Condition": {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
                    },
                ),
            )
        ],
    ],
    unsound=[
        [Resource(POLICY, allowing("iam:CreatePolicyVersion"))],
        [Resource(POLICY, allowing("iam:SetDefaultPolicyVersion", resource=f"{_OWN}:policy/*"))],
        [Resource(POLICY, allowing("iam:PassRole", "lambda:CreateFunction", "lambda:InvokeFunction"))],
        [Resource(POLICY, allowing("iam:Pass*", "ec2:Run*", StringEquals={"aws:RequestedRegion": "us-east-1"}))],
        [Resource(POLICY, allowing("iam:AttachRolePolicy", resource=f"{_OWN}:role/*"))],
        [Resource(POLICY, allowing("iam:UpdateAssumeRolePolicy", Bool={"aws:MultiFactorAuthPresent": "true"}))],
        [Resource(POLICY, allowing("iam:CreateAccessKey", resource="arn:aws:iam::*:user/*"))],
        [Resource(POLICY, allowing("sts:AssumeRole"))],
        [Resource(POLICY, allowing("ssm:SendCommand"))],
        [inline("iam:PutRolePolicy")],
        [Resource(POLICY, holding({"Effect": "Allow", "NotAction": "s3:*", "Resource": f"{_OWN}:role/*"}))],
        [Resource(POLICY, allowing("iam:PutUserPolicy", resource=f"{_OWN}:user/${{aws:username}}"))],
        [Resource(POLICY, allowing("iam:AttachUserPolicy", resource="arn:aws:iam::*:user/${aws:username}"))],
        [Resource(POLICY, allowing("iam:AddUserToGroup", resource=f"{_OWN}:group/*"))],
        [Resource(ROLE_POLICY, {"role": "builder"} | allowing("iam:PutRolePolicy", resource=f"{_OWN}:role/builder"))],
        [
            Resource(
                ROLE_POLICY,
                {"role": "builder"} | allowing("iam:AttachRolePolicy", resource=f"{_OWN}:role/apps/builder"),
            )
        ],
        [
            Resource(
                ROLE,
                {
                    "name": "builder",
                    "inlinePolicies": [{"name": "own", **allowing("iam:Put*", resource=f"{_OWN}:role/builder")}],
                },
            )
        ],
        [
            Resource(POLICY, allowing("iam:AttachRolePolicy", resource=f"{_OWN}:role/builder") | _ARN, name="own"),
            Resource(ROLE_ATTACHMENT, {"role": "builder"} | _AS_ARN),
        ],
        [Resource(POLICY, allowing("iam:CreatePolicyVersion", resource=_ARN["arn"]) | _ARN)],
        [Resource(USER_POLICY, {"user": "ann"} | allowing("iam:PutUserPolicy", resource=f"{_OWN}:user/ann"))],
        [Resource(GROUP_POLICY, {"group": "ops"} | allowing("iam:AttachGroupPolicy", resource=f"{_OWN}:group/ops"))],
        [
            Resource(
                POLICY,
                allowing("iam:CreateRole", "iam:AttachRolePolicy", StringEquals={"iam:PermissionsBoundary": _AWS_ALL}),
            )
        ],
        [Resource(POLICY, allowing("kms:PutKeyPolicy"))],
        [Resource(POLICY, allowing("glue:UpdateJob", "glue:StartJobRun", "iam:PassRole"))],
        [Resource(POLICY, allowing("elasticmapreduce:RunJobFlow", "iam:PassRole"))],
        [Resource(POLICY, allowing("ec2:AssociateIamInstanceProfile", "iam:PassRole"))],
        [Resource(POLICY, allowing("iam:UpdateSAMLProvider"))],
        [Resource(POLICY, allowing("sso:CreateAccountAssignment"))],
        [
            Resource(ROLE_POLICY, {"role": "builder"} | allowing("iam:PassRole", "ec2:RunInstances")),
            _BOUND,
            _bounding("iam:PassRole", "ec2:*"),
        ],
        [Resource(POLICY, allowing("eks:CreateAccessEntry", "eks:AssociateAccessPolicy"))],
        [Resource(POLICY, allowing("sso:AttachManagedPolicyToPermissionSet", "sso:CreateAccountAssignment"))],
    ],
)
def policy_leads_to_no_more_rights(resource: Resource, stack: Stack) -> Verdict:
    """No policy lets its holder get rights that it does not give.

    A role that may rewrite policies, pass any role to a service or take others' keys is an administrator who does not
    look like one.
    """

    bounds = boundaries_of(resource, stack)

    def check(found: Document, where: str) -> Verdict:
        if is_administrator(found) and not bounds:
            return Verdict()  # which is said once
        ways = [path for path in PATHS if _leads_up(found, path) and _is_left(path, bounds)]
        if not ways and not bounds and (action := _raises_itself(found, holders_of(resource, stack))):
            return says(where, f"allows {action} on what it is itself held by, which may then be given everything")
        if not ways:
            return Verdict()
        more = f", and {len(ways) - 1} more ways" if len(ways) > 1 else ""
        actions = " with ".join(ways[0].actions)
        return says(where, f"allows {actions} on what it does not name, which comes to {ways[0].comes_to}{more}")

    return each_document(resource, stack, check)


def _half(*actions: str, role: str = "builder", **more: Any) -> Resource:
    return Resource(ROLE_POLICY, {"role": role} | allowing(*actions, **more), name=actions[0])


_CI = Resource(ROLE, {"name": "builder", "id": "builder"}, name="builder")
_PASSING = _half("iam:PassRole")
_MAKING = Resource(POLICY, allowing("lambda:CreateFunction", "lambda:InvokeFunction") | _ARN, name="own")
_ATTACHED = Resource(ROLE_ATTACHMENT, {"role": "builder"} | _AS_ARN)


@stack_rule(
    "iam-policies-lead-together-to-no-more-rights",
    on=(ROLE, USER, GROUP),
    severity=CRITICAL,
    fix="Name the roles that may be passed in Resource, or take one of the two away.",
    sound=[
        [_CI, _PASSING],
        [_CI, _PASSING, _half("lambda:CreateFunction", role="another")],
        [_CI, _half("iam:PassRole", resource=f"{_OWN}:role/worker"), _half("lambda:CreateFunction")],
        [
            _CI,
            _PASSING,
            _half("lambda:CreateFunction"),
            Resource(
                ROLE_POLICY,
                {"role": "builder"} | holding({"Effect": "Deny", "Action": "lambda:Create*", "Resource": "*"}),
                name="deny",
            ),
        ],
        [_BOUND, _BOUNDARY, _PASSING, _half("lambda:CreateFunction")],
        [_CI, _half("iam:PassRole", "lambda:CreateFunction")],
        [
            Resource(ROLE, {"name": "builder", "permissionsBoundary": f"{_OWN}:policy/of-another-program"}),
            _PASSING,
            _MAKING,
        ],
    ],
    unsound=[
        [_CI, _PASSING, _MAKING, _ATTACHED],
        [_CI, _PASSING, _half("lambda:Create*")],
        [_BOUND, _bounding("iam:*", "lambda:*"), _PASSING, _half("lambda:CreateFunction")],
        [
            Resource(
                ROLE,
                {
                    "name": "builder",
                    "inlinePolicies": [{"name": "own", **allowing("iam:PassRole")}],
                    "managedPolicyArns": [_ARN["arn"]],
                },
            ),
            _MAKING,
        ],
        [
            Resource(GROUP, {"name": "ops"}),
            Resource(GROUP_POLICY, {"group": "ops"} | allowing("iam:PassRole")),
            Resource(GROUP_POLICY, {"group": "ops"} | allowing("ec2:RunInstances"), name="run"),
        ],
    ],
)
def policies_lead_together_to_no_more_rights(holder: Resource, stack: Stack) -> Verdict:
    """The policies of one role, user or group lead together to no rights that none of them gives.

    One passes any role and another starts what takes it: neither shows it. A boundary that does not allow both, or a
    policy that denies one, is the end of it.
    """
    documents, unknown = held_by(holder, stack)
    if len(documents) < 2:
        return all_of(not_applicable("it has not two policies in the program"), *map(undecided, unknown))
    bounds = boundaries_of(holder, stack)
    if holder.is_set_by_program("permissionsBoundary") and not bounds:
        return not_applicable("what its permissions boundary leaves of them is not in the program")
    try:
        if any(is_administrator(each) for each in documents):
            return Verdict()  # which is said of the one
        whole = together(documents)
        ways = [
            path
            for path in PATHS
            if len(path.actions) > 1
            and _leads_up(whole, path)
            and _is_left(path, bounds)
            and not any(_leads_up(each, path) for each in documents)
        ]
    except TooIntricate:
        return undecided("policy")
    if not ways:
        return all_of(*map(undecided, unknown))
    if whole.hidden_deny or unknown:  # what is not known yet may be a policy that denies it
        return all_of(*map(undecided, unknown or ["policy"]))
    actions = " and ".join(ways[0].actions)
    return violation(f"its policies allow together {actions} on what they do not name: {ways[0].comes_to}")


@stack_rule(
    "iam-policy-passes-named-roles",
    on=DOCUMENTS,
    severity=MEDIUM,
    advisory="a role that is passed to a service gives the holder its rights only if the holder also uses the service",
    fix="Name in Resource the roles that may be passed, and the service in a condition on iam:PassedToService.",
    sound=[
        [Resource(POLICY, allowing("iam:PassRole", resource=f"{_OWN}:role/worker"))],
        [Resource(POLICY, allowing("iam:PassRole", resource=f"{_OWN}:role/app/*"))],
    ],
    unsound=[[Resource(POLICY, allowing("iam:PassRole"))], [inline("iam:PassRole", resource=f"{_OWN}:role/*")]],
)
def policy_passes_named_roles(resource: Resource, stack: Stack) -> Verdict:
    """No policy lets its holder pass any role to a service."""

    def check(found: Document, where: str) -> Verdict:
        if not grants(found, "iam:PassRole") or is_administrator(found):
            return Verdict()
        if any(_leads_up(found, path) for path in PATHS if path.passed):
            return Verdict()  # which is another rule's to say
        return says(where, "allows iam:PassRole on any role; it must name those that may be passed")

    return each_document(resource, stack, check)


@stack_rule(
    "iam-policy-decrypts-with-named-keys",
    on=DOCUMENTS,
    severity=HIGH,
    fix="Name the keys' ARNs in Resource, or bound the use with kms:ViaService or kms:ResourceAliases.",
    sound=[
        [Resource(POLICY, allowing("kms:Decrypt", resource="arn:aws:kms:us-east-1:111122223333:key/1234abcd"))],
        [Resource(POLICY, allowing("kms:Decrypt", StringEquals={"kms:ViaService": "s3.us-east-1.amazonaws.com"}))],
        [
            Resource(
                POLICY, allowing("kms:Decrypt", **{"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/phi"}})
            )
        ],
        [Resource(POLICY, allowing("kms:Encrypt", "kms:DescribeKey"))],
    ],
    unsound=[
        [Resource(POLICY, allowing("kms:Decrypt"))],
        [Resource(POLICY, allowing("kms:D*", resource="arn:aws:kms:*:111122223333:key/*"))],
        [Resource(POLICY, allowing("kms:ReEncrypt*", resource="arn:aws:kms:*:*:*"))],
        [inline("KMS:decrypt")],
    ],
)
def policy_decrypts_with_named_keys(resource: Resource, stack: Stack) -> Verdict:
    """No policy decrypts with every key that there is.

    What keys keep apart (records, backups, secrets) lies open together to whoever holds it.
    """

    def check(found: Document, where: str) -> Verdict:
        opens = [action for action in ("kms:Decrypt", "kms:ReEncryptFrom") if grants(found, action)]
        if not opens or is_administrator(found) or grants(found, f"kms:{_ANY_ACTION}"):
            return Verdict()  # the rest is another rule's to say
        return says(where, f"allows {opens[0]} with any key; it must name the keys")

    return each_document(resource, stack, check)


@stack_rule(
    "iam-policy-subscribes-to-no-product",
    on=DOCUMENTS,
    severity=LOW,
    advisory="a subscription costs money; of itself it opens no record (Prowler lists it under HIPAA all the same)",
    fix="Bound aws-marketplace:Subscribe with a condition on aws-marketplace:ProductId.",
    sound=[
        [Resource(POLICY, allowing("aws-marketplace:ViewSubscriptions"))],
        [Resource(POLICY, allowing("aws-marketplace:Subscribe", resource="arn:aws:aws-marketplace:::product/one"))],
    ],
    unsound=[
        [Resource(POLICY, allowing("aws-marketplace:Subscribe"))],
        [inline("aws-marketplace:Sub*")],
    ],
)
def policy_subscribes_to_no_product(resource: Resource, stack: Stack) -> Verdict:
    """No policy lets its holder subscribe to whatever the marketplace offers, which may then run in the account."""

    def check(found: Document, where: str) -> Verdict:
        if not grants(found, "aws-marketplace:Subscribe") or is_administrator(found):
            return Verdict()
        return says(where, "allows aws-marketplace:Subscribe on any product; it must name the products")

    return each_document(resource, stack, check)
