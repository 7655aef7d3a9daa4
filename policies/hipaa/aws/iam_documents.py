"""The identity policies of a program: where they stand, and what they are there for."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from hipaa.iam.document import NONE, Document, document
from hipaa.iam.witness import TooIntricate
from hipaa.resource import Properties, Resource
from hipaa.stack import Stack
from hipaa.verdict import Verdict, all_of, not_applicable, undecided, violation

POLICY, ROLE, USER, GROUP = (f"aws:iam/{name}" for name in ("policy:Policy", "role:Role", "user:User", "group:Group"))
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"
USER_POLICY, GROUP_POLICY = "aws:iam/userPolicy:UserPolicy", "aws:iam/groupPolicy:GroupPolicy"
PERMISSION_SET_POLICY = "aws:ssoadmin/permissionSetInlinePolicy:PermissionSetInlinePolicy"
_ATTACHMENTS = tuple(
    f"aws:iam/{name[0].lower()}{name[1:]}:{name}"
    for name in ("RolePolicyAttachment", "UserPolicyAttachment", "GroupPolicyAttachment", "PolicyAttachment")
)
DOCUMENTS = (POLICY, ROLE_POLICY, USER_POLICY, GROUP_POLICY, ROLE, PERMISSION_SET_POLICY)
"""The types that have an identity policy."""


def allowing(*actions: str, resource: Any = "*", **condition: Any) -> dict[str, Any]:
    """The properties of an example whose policy allows these actions."""
    statement: dict[str, Any] = {"Effect": "Allow", "Action": list(actions), "Resource": resource}
    return holding(statement | ({"Condition": condition} if condition else {}))


def holding(*statements: dict[str, Any]) -> dict[str, Any]:
    """The properties of an example whose policy has these statements."""
    return {"policy": json.dumps({"Version": "2012-10-17", "Statement": list(statements)})}


def inline(*actions: str, **more: Any) -> Resource:
    """An example of a role with an inline policy."""
    return Resource(ROLE, {"inlinePolicies": [{"name": "own", **allowing(*actions, **more)}]})


def each_document(resource: Resource, stack: Stack, check: Callable[[Document, str], Verdict]) -> Verdict:
    """The verdict over a resource's identity policies; a policy that is a permissions boundary alone grants nothing."""
    if resource.type == POLICY and _is_boundary_alone(resource, stack):
        return not_applicable("it is a permissions boundary, which grants nothing")
    if resource.type == ROLE:
        if not resource.get("inlinePolicies"):
            return not_applicable("the role has no policy of its own here")
        return resource.each("inlinePolicies", lambda each: _checked(each, "policy", check))
    return _checked(resource, "inlinePolicy" if resource.type == PERMISSION_SET_POLICY else "policy", check)


def _is_boundary_alone(policy: Resource, stack: Stack) -> bool:
    if not stack.companions(policy, (ROLE, USER), by="permissionsBoundary"):
        return False
    attached = stack.companions(policy, _ATTACHMENTS, by="policyArn")
    return not attached and not stack.companions(policy, ROLE, by="managedPolicyArns")


def _checked(resource: Properties, path: str, check: Callable[[Document, str], Verdict]) -> Verdict:
    found = document(resource, path)
    if found is NONE:
        return not_applicable("no policy is set here")
    where = resource.where(path)
    try:
        verdict = check(found, where)
    except TooIntricate:
        verdict = undecided(where)
    if verdict.violations and found.hidden_deny:
        verdict = undecided(where)
    return all_of(verdict, *map(undecided, found.unknown))


def says(where: str, words: str) -> Verdict:
    """The violation of a document that stands at `where`."""
    return violation(f"`{where}` {words}")
