"""The identity policies of a program: where they stand, and what they are there for."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hipaa.iam.document import NONE, Document, document
from hipaa.iam.witness import TooIntricate
from hipaa.resource import Properties, Resource, UnknownValue
from hipaa.rule import Unreadable
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


_OF_HOLDERS = {
    ROLE: ("role", ROLE_POLICY, ROLE_ATTACHMENT),
    USER: ("user", USER_POLICY, USER_ATTACHMENT),
    GROUP: ("group", GROUP_POLICY, GROUP_ATTACHMENT),
}
_HELD_BY = {
    ROLE: (("role", "name"),),
    ROLE_POLICY: (("role", "role"),),
    USER_POLICY: (("user", "user"),),
    GROUP_POLICY: (("group", "group"),),
}


def boundaries_of(resource: Resource, stack: Stack) -> list[Document]:
    """The permissions boundaries of all whom a resource's policies are for; none where one of them has none.

    What somebody may do is what both allow. A boundary that the program does not have is not known, and bounds nothing
    here.

    Raises:
        UnknownValue, Unreadable: as `document`.
    """
    if resource.type in (ROLE, USER):
        holders = [resource]
    elif resource.type == POLICY:
        holders = [
            *(
                holder
                for kind, type_, attachment in (("role", ROLE, ROLE_ATTACHMENT), ("user", USER, USER_ATTACHMENT))
                for each in _of_policy(resource, stack, attachment)
                for holder in stack.named_by(each, kind, type_)
            ),
            *_managed_of(resource, stack),
        ]
        if _of_policy(resource, stack, GROUP_ATTACHMENT):
            return []  # its members are not the program's to tell
    else:
        holders = [
            holder
            for kind, type_ in (("role", ROLE), ("user", USER))
            if kind in resource
            for holder in stack.named_by(resource, kind, type_)
        ]
    found: list[Document] = []
    for holder in holders:
        bounds = [
            bound
            for policy in stack.named_by(holder, "permissionsBoundary", POLICY)
            if (bound := document(policy)) is not NONE
        ]
        if not bounds:
            return []
        found += bounds
    return found


def _managed_of(policy: Resource, stack: Stack) -> list[Resource]:
    try:
        return stack.companions(policy, ROLE, by="managedPolicyArns")
    except UnknownValue:
        return []


def held_by(holder: Resource, stack: Stack) -> tuple[list[Document], list[str]]:
    """Each identity policy that the program has of a role, user or group; and what of them is not known yet."""
    kind, own, attachment = _OF_HOLDERS[holder.type]
    found: list[Document] = []
    unknown: list[str] = []

    def read(policy: Properties, path: str = "policy") -> None:
        try:
            text = document(policy, path)
        except UnknownValue as error:
            unknown.append(error.path)
            return
        except Unreadable:
            return  # which is said of it itself
        found.append(text)
        unknown.extend(text.unknown)

    try:
        for each in holder.objects("inlinePolicies"):
            read(each)
        for each in stack.companions(holder, own, by=kind):
            read(each)
        for attached in stack.companions(holder, attachment, by=kind):
            for policy in stack.named_by(attached, "policyArn", POLICY):
                read(policy)
        for policy in stack.named_by(holder, "managedPolicyArns", POLICY):
            read(policy)
    except UnknownValue as error:
        unknown.append(error.path)
    return [each for each in found if each is not NONE], unknown


def together(documents: list[Document]) -> Document:
    """Several policies of one holder as one: what any allows and none denies."""
    return Document(
        tuple(statement for each in documents for statement in each.statements),
        hidden_deny=any(each.hidden_deny for each in documents),
        has_variables=any(each.has_variables for each in documents),
        text="\n".join(each.text for each in documents),
        is_intricate=any(each.is_intricate for each in documents),
    )


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
