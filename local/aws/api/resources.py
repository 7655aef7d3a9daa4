"""What the resource of a call says of it: its own policy, its grants where it is a key, its tags.

Source: AWS KMS Developer Guide, "Grants in AWS KMS"; IAM User Guide, "AWS global condition context keys",
aws:ResourceTag; Service Authorization Reference, a page each service.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from moto.ec2.models import ec2_backends
from moto.eks.models import eks_backends
from moto.kms.models import Grant, kms_backends
from moto.logs.models import logs_backends
from moto.s3.models import s3_backends
from moto.secretsmanager.models import FakeSecret, secretsmanager_backends
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends
from moto.ssm.models import ssm_backends

from local.aws import iam
from local.aws.api import sessions

BY_TAGS_TOO = {"ec2": "ec2:ResourceTag", "secretsmanager": "secretsmanager:ResourceTag", "iam": "iam:ResourceTag"}
"""Services whose own key tells a resource's tags beside the global one."""


def policy(arn: str, account: str, region: str) -> iam.Document | None:
    """The policy of a bucket, key, secret, topic, queue or role, if it has one; with a key's go its grants."""
    service, name = _named(arn)
    text: Any = None
    match service:
        case "s3":
            bucket = s3_backends[account]["aws"].buckets.get(name.partition("/")[0])
            text = bucket.policy if bucket else None
        case "kms":
            return _of_key(arn, account, region)
        case "secretsmanager":
            secret = secretsmanager_backends[account][region].secrets.get(arn)
            text = secret.policy if isinstance(secret, FakeSecret) else None
        case "sns":
            topic = sns_backends[account][region].topics.get(arn)
            text = topic.policy if topic else None
        case "sqs":
            queue = sqs_backends[account][region].queues.get(name)
            text = getattr(queue, "policy", None)
        case "iam":
            role = sessions.role_of(arn)
            text = role.assume_role_policy_document if role else None
    return _read(text, arn) if text else None


def tags(arn: str, account: str, region: str) -> dict[str, str]:
    """Its tags as keys of a request. S3 tells none: a bucket's count only where attribute-based access control is
    switched on for it (Amazon S3 User Guide, "Enabling ABAC in general purpose buckets"), which nothing here does.
    """
    service, _ = _named(arn)
    keys = ("aws:ResourceTag", *([BY_TAGS_TOO[service]] if service in BY_TAGS_TOO else []))
    return {f"{key}/{tag}": value for tag, value in _tags(arn, account, region).items() for key in keys}


def _named(arn: str) -> tuple[str, str]:
    """The service of an ARN and what it calls the resource; nothing of what is none."""
    parts = arn.split(":", 5)
    return (parts[2], parts[5]) if len(parts) == 6 else ("", "")


def _read(text: Any, arn: str) -> iam.Document:
    written = text.decode() if isinstance(text, bytes) else text if isinstance(text, str) else json.dumps(text)
    return iam.parse(written, f"the policy of {arn}")


def _of_key(arn: str, account: str, region: str) -> iam.Document | None:
    key = kms_backends[account][region].keys.get(_named(arn)[1].removeprefix("key/"))
    if key is None:
        return None
    own = _read(key.policy, arn)
    if not key.grants:
        return own
    granted = _read({"Version": "2012-10-17", "Statement": list(_grants(key.grants))}, arn)
    return iam.Document(own.name, (*own.statements, *granted.statements), own.has_variables)


def _grants(grants: Mapping[str, Grant]) -> Iterator[dict[str, Any]]:
    """Each grant as the statement of a key's policy that says the same."""
    for name, grant in grants.items():
        constraints = grant.constraints or {}
        equals = constraints.get("EncryptionContextEquals") or {}
        wanted = {**equals, **(constraints.get("EncryptionContextSubset") or {})}
        context = {f"kms:EncryptionContext:{key}": value for key, value in wanted.items()}
        when: dict[str, Any] = {"StringEquals": context} if context else {}
        if equals:
            when["ForAllValues:StringEquals"] = {"kms:EncryptionContextKeys": list(equals)}
        service = grant.grantee_principal.endswith(".amazonaws.com")
        yield {
            "Sid": f"grant-{name}",
            "Effect": "Allow",
            "Principal": {"Service" if service else "AWS": grant.grantee_principal},
            "Action": [f"kms:{operation}" for operation in grant.operations],
            "Resource": "*",
            **({"Condition": when} if when else {}),
        }


def _tags(arn: str, account: str, region: str) -> Mapping[str, str]:
    service, name = _named(arn)
    match service:
        case "kms":
            return kms_backends[account][region].tagger.get_tag_dict_for_resource(name.removeprefix("key/"))
        case "secretsmanager":
            secret = secretsmanager_backends[account][region].secrets.get(arn)
            return _pairs(secret.tags if isinstance(secret, FakeSecret) else None)
        case "sqs":
            queue = sqs_backends[account][region].queues.get(name)
            return queue.tags if queue else {}
        case "ssm":
            ssm, named = ssm_backends[account][region], name.removeprefix("parameter")
            found = ssm.get_parameter(named) or ssm.get_parameter(named.removeprefix("/"))
            return ssm.list_tags_for_resource("Parameter", found.name) if found else {}
        case "logs":
            group = arn.partition(":log-stream:")[0].removesuffix(":*")
            return logs_backends[account][region].tagger.get_tag_dict_for_resource(group)
        case "ec2":
            return ec2_backends[account][region].tags.get(name.rpartition("/")[2]) or {}
        case "eks":
            cluster = eks_backends[account][region].clusters.get(name.removeprefix("cluster/"))
            return (cluster.tags if cluster else None) or {}
        case "iam":
            role = sessions.role_of(arn)
            return _pairs(role.tags if role else None)
    return {}


def _pairs(listed: Any) -> Mapping[str, str]:
    return {each["Key"]: each["Value"] for each in listed or []}
