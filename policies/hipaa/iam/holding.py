"""What whoever has an identity policy may do: to things that it does not name, under conditions that the holder meets.

A condition on who the holder is, where it is or how it signed in bounds nothing here: somebody who holds the policy
meets it. One on what is acted upon does: a tag of the resource, a permissions boundary, the policy that is attached.
"""

from __future__ import annotations

from functools import lru_cache

from hipaa.iam.document import Document
from hipaa.iam.evaluation import Caller, covers
from hipaa.iam.patterns import plain
from hipaa.iam.strangers import Asker, Choices, Value
from hipaa.iam.witness import Steps, TooIntricate, Witness, allowed

_ALL = "arn:aws:iam::aws:policy/AdministratorAccess"
_NOBODY = "nobody"
_ACCOUNT = "111122223333"
_NEVER: Choices = (None,)
_ANOTHER: tuple[Value, ...] = (None, (_NOBODY,))
# Source: IAM User Guide, "Actions, resources, and condition keys for AWS services", read on 2026-11-30.
_KEYS: dict[str, Choices] = {
    # AWS's own policy of all actions is a boundary that bounds nothing.
    "iam:permissionsboundary": (None, (_ALL,)),
    "iam:policyarn": ((_ALL,),),
    "iam:associatedresourcearn": _NEVER,
    "kms:viaservice": _NEVER,
    "kms:resourcealiases": _ANOTHER,
    "kms:grantisforawsresource": (None, ("false",)),
    "aws:viaawsservice": (("false",),),
    "aws:calledvia": _NEVER,
    "aws:calledviafirst": _NEVER,
    "aws:calledvialast": _NEVER,
}
_FAMILIES: dict[str, Choices] = {
    f"{start}:{kind}/": _ANOTHER
    for start in ("aws", "iam", "ec2", "ssm", "secretsmanager", "s3", "lambda", "dynamodb", "ecs", "rds", "kms")
    for kind in ("resourcetag", "existingobjecttag")
} | {"kms:encryptioncontext:": _NEVER}
_HOLDER = Asker(Caller("whoever has it"), _KEYS, _FAMILIES)

_TAILS = {
    "s3": ("nobody-bucket/nobody", "nobody-bucket"),
    "kms": ("key/nobody",),
    "sts": ("role/nobody",),
    "lambda": ("function:nobody",),
    "ec2": ("instance/i-nobody",),
    "ssm": ("parameter/nobody", "document/nobody"),
    "secretsmanager": ("secret:nobody-AbCdEf",),
    "dynamodb": ("table/nobody",),
    "logs": ("log-group:nobody",),
    "rds": ("db:nobody", "cluster:nobody"),
    "es": ("domain/nobody",),
    "elasticfilesystem": ("file-system/fs-nobody",),
    "glue": ("job/nobody",),
    "sagemaker": ("notebook-instance/nobody",),
    "ecs": ("task-definition/nobody:1", "cluster/nobody"),
    "codebuild": ("project/nobody",),
    "cloudformation": ("stack/nobody/nobody",),
    "states": ("stateMachine:nobody",),
    "cloudtrail": ("trail/nobody",),
    "rds-db": ("dbuser:cluster-nobody/nobody",),
    "redshift": ("dbuser:nobody/nobody",),
    "guardduty": ("detector/nobody",),
    "backup": ("recovery-point:nobody",),
}
_OF_IAM = (
    ("ToGroup", "group"),
    ("FromGroup", "group"),
    ("User", "user"),
    ("AccessKey", "user"),
    ("LoginProfile", "user"),
    ("Role", "role"),
    ("Group", "group"),
)


@lru_cache(maxsize=8192)
def grants(document: Document, action: str, **keys: str) -> Witness | None:
    """A request for this action on something that the document does not name.

    `keys` pin values: `passed="lambda.amazonaws.com"` says to which service a role is passed.

    Raises:
        TooIntricate: when the document asks for more than can be tried.
    """
    if document.is_intricate:
        raise TooIntricate
    if not any(each.allows and covers(each, action) for each in document.statements):
        return None
    asker, steps = _HOLDER, Steps()
    if passed := keys.get("passed"):
        asker = Asker(_HOLDER.caller, _KEYS | {"iam:passedtoservice": ((passed,),)}, _FAMILIES)
    for resource in _things(document, action):
        if found := allowed(document, asker, action, resource, steps):
            return found
    if steps.cut:
        raise TooIntricate
    return None


@lru_cache(maxsize=8192)
def grants_on(document: Document, action: str, resource: str, user: str = "") -> Witness | None:
    """A request for this action on this one resource; `user` is the name of who asks, where that is a user.

    Raises:
        TooIntricate: as `grants`.
    """
    if document.is_intricate:
        raise TooIntricate
    if not any(each.allows and covers(each, action) for each in document.statements):
        return None
    steps = Steps()
    asker = Asker(_HOLDER.caller, _KEYS | {"aws:username": ((user,),) if user else _NEVER}, _FAMILIES)
    found = allowed(document, asker, action, resource, steps)
    if steps.cut and not found:
        raise TooIntricate
    return found


def _things(document: Document, action: str) -> tuple[str, ...]:
    """Resources of no name, in each account and Region that the document writes out."""
    prefix = action.partition(":")[0].lower()
    tails = _tails(prefix, action)
    place = "" if prefix in ("iam", "s3") else "us-east-1"
    owner = "" if prefix == "s3" else _ACCOUNT
    service = "iam" if prefix == "sts" else prefix
    found = [f"arn:aws:{service}:{'' if service == 'iam' else place}:{owner}:{tail}" for tail in tails]
    own = found[0].split(":", 5)[:5]
    for statement in document.statements:
        for text in (statement.resources or ()) if statement.allows else ():
            parts = plain(text).split(":", 5)
            if len(parts) < 6 or parts[2] != service:
                continue
            start = [made if "*" in part or "?" in part else part for part, made in zip(parts, own, strict=False)]
            found += [":".join((*start[:5], tail)) for tail in tails]
    return tuple(dict.fromkeys(found))[:24]


def _tails(prefix: str, action: str) -> tuple[str, ...]:
    if prefix == "iam":
        kind = next((kind for name, kind in _OF_IAM if name in action), "policy")
        return (f"{kind}/{_NOBODY}",)
    return _TAILS.get(prefix, (f"{_NOBODY}/{_NOBODY}",))
