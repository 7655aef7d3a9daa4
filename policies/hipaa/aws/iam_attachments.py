"""AWS-managed policies where they are attached, and permissions boundaries that bound nothing."""

from __future__ import annotations

from typing import Any

from hipaa.aws.iam_documents import ROLE, USER
from hipaa.facts import fact
from hipaa.resource import Resource
from hipaa.rule import CRITICAL, HIGH, MEDIUM, rule
from hipaa.verdict import Verdict, violation

ATTACHMENTS = {
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": "policyArn",
    "aws:iam/userPolicyAttachment:UserPolicyAttachment": "policyArn",
    "aws:iam/groupPolicyAttachment:GroupPolicyAttachment": "policyArn",
    "aws:iam/policyAttachment:PolicyAttachment": "policyArn",
    ROLE: "managedPolicyArns",
    "aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive": "policyArns",
    "aws:iam/userPolicyAttachmentsExclusive:UserPolicyAttachmentsExclusive": "policyArns",
    "aws:iam/groupPolicyAttachmentsExclusive:GroupPolicyAttachmentsExclusive": "policyArns",
    "aws:ssoadmin/managedPolicyAttachment:ManagedPolicyAttachment": "managedPolicyArn",
    "aws:ssoadmin/managedPolicyAttachmentsExclusive:ManagedPolicyAttachmentsExclusive": "managedPolicyArns",
}
_AWS = "arn:aws:iam::aws:policy/"


def _attached(name: str) -> dict[str, Any]:
    return {"role": "worker", "policyArn": f"{_AWS}{name}"}


def _of_aws(arn: object) -> str:
    """The name of one of AWS's own policies, with its path, or nothing."""
    owner, _, name = str(arn).partition(":policy/")
    return name if owner.endswith(":iam::aws") else ""


def _none_of(resource: Resource, names: list[str], words: str) -> Verdict:
    path = ATTACHMENTS[resource.type]

    def check(arn: object) -> Verdict:
        name = _of_aws(arn)
        return violation(f"`{resource.where(path)}` has {name}, {words}") if name in names else Verdict()

    return resource.each(path, check)


@rule(
    "iam-attaches-no-administrator-policy",
    on=tuple(ATTACHMENTS),
    severity=CRITICAL,
    fix="Attach a policy that lists the actions and the ARNs that the task needs.",
    sound=[
        _attached("AmazonEKSWorkerNodePolicy"),
        {"role": "worker", "policyArn": "arn:aws:iam::111122223333:policy/AdministratorAccess-of-nothing"},
        Resource(ROLE, {"managedPolicyArns": [f"{_AWS}ReadOnlyAccess"]}),
        Resource(ROLE, {}),
    ],
    unsound=[
        _attached("AdministratorAccess"),
        _attached("IAMFullAccess"),
        {"role": "worker", "policyArn": "arn:aws-us-gov:iam::aws:policy/PowerUserAccess"},
        Resource(ROLE, {"managedPolicyArns": [f"{_AWS}ReadOnlyAccess", f"{_AWS}AdministratorAccess"]}),
        Resource("aws:iam/policyAttachment:PolicyAttachment", {"policyArn": f"{_AWS}AdministratorAccess"}),
        Resource(
            "aws:ssoadmin/managedPolicyAttachment:ManagedPolicyAttachment",
            {"managedPolicyArn": f"{_AWS}AdministratorAccess"},
        ),
    ],
)
def attaches_no_administrator_policy(resource: Resource) -> Verdict:
    """None of AWS's own policies that give everything, or give the way to it, is attached."""
    words = "which gives everything or the way to it; it must be a policy that lists what the task needs"
    return _none_of(resource, fact("aws-policies-of-administrators"), words)


@rule(
    "iam-attaches-no-whole-service-policy",
    on=tuple(ATTACHMENTS),
    severity=MEDIUM,
    advisory="the policies are AWS's own and bound to one service; least privilege lists what the task works on",
    fix="Attach a policy that lists the actions and the ARNs that the task needs.",
    sound=[_attached("AmazonS3ReadOnlyAccess")],
    unsound=[
        _attached("AmazonS3FullAccess"),
        _attached("AmazonDynamoDBFullAccess"),
        Resource(ROLE, {"managedPolicyArns": [f"{_AWS}SecretsManagerReadWrite"]}),
    ],
)
def attaches_no_whole_service_policy(resource: Resource) -> Verdict:
    """None of AWS's own policies that give all of a service with records in it is attached."""
    words = "which gives all of a service that keeps records; it must be a policy that lists what the task needs"
    return _none_of(resource, fact("aws-policies-of-whole-services"), words)


@rule(
    "iam-permissions-boundary-bounds",
    on=(ROLE, USER),
    severity=HIGH,
    fix="Set permissions_boundary to a policy that allows what the role may need at most.",
    sound=[{"permissionsBoundary": "arn:aws:iam::111122223333:policy/boundary"}, {}],
    unsound=[
        {"permissionsBoundary": f"{_AWS}AdministratorAccess"},
        Resource(USER, {"permissionsBoundary": f"{_AWS}PowerUserAccess"}),
    ],
)
def permissions_boundary_bounds(principal: Resource) -> Verdict:
    """A permissions boundary is one: AWS's policies for administrators bound nothing."""
    boundary = principal.get("permissionsBoundary")
    name = _of_aws(boundary or "")
    if name not in fact("aws-policies-of-administrators"):
        return Verdict()
    return violation(f"`{principal.where('permissionsBoundary')}` is {name}, which bounds nothing")
