"""The identity policies of a program: where they stand, and what they are there for."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hipaa.iam.document import NONE, Document, document
from hipaa.iam.witness import TooIntricate
from hipaa.resource import Properties, Resource, UnknownValue
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
ROLE_ATTACHMENT, USER_ATTACHMENT, GROUP_ATTACHMENT, _ = _ATTACHMENTS
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


@dataclass(frozen=True)
class Holder:
    """A role, user or group that an identity policy is for, or the managed policy that it is: its kind and its name."""

    kind: str
    name: str


def holders_of(resource: Resource, stack: Stack) -> list[Holder]:
    """Whom a resource's identity policies are for, as far as the program tells by name.

    What everybody is who has a policy of one's own, a user whose name is one's own, is always among them.
    """
    found = [Holder("user", "nobody")]
    if resource.type == POLICY:
        found += [Holder("policy", str(resource.known("arn")))] if resource.known("arn") else []
        held = [
            (kind, str(each.known(kind) or ""))
            for kind, type_ in (("role", ROLE_ATTACHMENT), ("user", USER_ATTACHMENT), ("group", GROUP_ATTACHMENT))
            for each in _of_policy(resource, stack, type_)
        ]
    else:
        held = [(kind, str(resource.known(by) or "")) for kind, by in _HELD_BY.get(resource.type, ())]
    return found + [Holder(kind, name) for kind, name in held if name]


_HELD_BY = {
    ROLE: (("role", "name"),),
    ROLE_POLICY: (("role", "role"),),
    USER_POLICY: (("user", "user"),),
    GROUP_POLICY: (("group", "group"),),
}


def _of_policy(policy: Resource, stack: Stack, type_: str) -> list[Resource]:
    try:
        return stack.companions(policy, type_, by="policyArn")
    except UnknownValue:  # of one that may be for this policy it is not known which it names
        return []


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
