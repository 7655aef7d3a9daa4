"""The role that runs `pulumi up` may do what the planned types ask for, by the policies of what it makes.

It has AWS's `AdministratorAccess`, as the guide says; what can still deny it is a policy of the stack's own. Which
calls a type makes is what the stand-in's declarations say, which follow the official provider's source.
"""

import json
from collections.abc import Iterator
from functools import cache
from itertools import chain

import pytest
from botocore import xform_name
from botocore.session import get_session

from local.aws import iam
from local.aws.declaration import ResourceType, declared_tokens
from tests.platform.mocked import ACCOUNT_ID, DEPLOYER
from tests.platform.project import PROJECT
from tests.platform.rights.account import REGION, Account, managed
from tests.platform.rights.test_rights import account

GUIDE = (PROJECT / "docs" / "first-account.md").read_text()
KINDS = {
    "kms": ("kms/key:Key", "kms/alias:Alias"),
    "s3": ("s3/",),
    "secretsmanager": ("secretsmanager/",),
    "sqs": ("sqs/",),
}
"""The planned types that are of a resource which has a policy."""
WITHOUT_RESOURCE = {
    "kms:CreateKey",
    "kms:ListKeys",
    "kms:ListAliases",
    "s3:ListAllMyBuckets",
    "secretsmanager:CreateSecret",
}
NAMED_OTHERWISE = {
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "DeleteBucketLifecycle": "PutLifecycleConfiguration",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "PutObjectLockConfiguration": "PutBucketObjectLockConfiguration",
    "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
    "DeleteBucketOwnershipControls": "PutBucketOwnershipControls",
    "HeadBucket": "ListBucket",
    "ListBuckets": "ListAllMyBuckets",
    "ListObjectVersions": "ListBucketVersions",
}
"""Amazon S3 API Reference, "Required permissions for Amazon S3 API operations"."""


def _calls(one: ResourceType) -> Iterator[tuple[str, str]]:
    parts = chain.from_iterable((*part.read, *part.write) for part in one.parts)
    tags = (*one.tags.read, *one.tags.write) if one.tags else ()
    for each in (*one.create, *one.read, *one.update, *one.delete, *parts, *tags):
        yield each.service or one.service, each.call


@cache
def _operations(service: str) -> dict[str, str]:
    return {xform_name(name): name for name in get_session().get_service_model(service).operation_names}


def needed(service: str) -> set[str]:
    """The actions of a service on its resources that the planned types ask for."""
    declared = declared_tokens()
    planned = {
        each.type for each in account().asked.made if each.type.startswith(tuple(f"aws:{k}" for k in KINDS[service]))
    }
    called = {call for kind in planned for owner, call in _calls(declared[kind]) if owner == service}
    names = {_operations(service)[call] for call in called if call in _operations(service)}
    return {f"{service}:{NAMED_OTHERWISE.get(name, name)}" for name in names} - WITHOUT_RESOURCE


def resources(planned: Account, service: str) -> list[str]:
    kinds = {
        "kms": ("kms/key:Key", "arn:aws:kms:{region}:{account}:key/{name}"),
        "s3": ("s3/bucket:Bucket", "arn:aws:s3:::{id}"),
        "secretsmanager": ("secretsmanager/secret:Secret", ""),
        "sqs": ("sqs/queue:Queue", "arn:aws:sqs:{region}:{account}:{name}"),
    }
    kind, form = kinds[service]
    prefix = "parapet-test-"
    return [
        form.format(region=REGION, account=ACCOUNT_ID, name=each.name, id=each.id)
        or planned.arn(f"secret {each.name.removeprefix(prefix)}")
        for each in planned.asked.of(kind)
    ]


@pytest.mark.parametrize("service", KINDS)
def test_whoever_deploys_is_locked_out_of_nothing_that_an_up_asks_for(service: str) -> None:
    actions, found = needed(service), resources(account(), service)
    assert len(actions) >= 3
    assert found
    deployer = iam.Principal(arn=f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/deployer/up", role_arn=DEPLOYER)
    everything = iam.parse(managed()["AdministratorAccess"], "AdministratorAccess")
    denied = []
    for arn in found:
        for action in sorted(actions):
            request = iam.Request(
                principal=deployer,
                action=action,
                resource=arn,
                account=ACCOUNT_ID,
                keys={"aws:SecureTransport": "true", "s3:TlsVersion": "1.3", "kms:CallerAccount": ACCOUNT_ID},
            )
            verdict = iam.evaluate(
                request,
                iam.Policies(
                    identity=[everything],
                    resource=account().resource_policy(arn),
                    resource_decides=service == "kms",
                ),
            )
            if not verdict.allowed:
                denied.append(f"{action} on {arn}: {verdict}")
    assert denied == []


def test_the_guide_tells_to_give_the_policy_that_is_judged() -> None:
    assert json.loads(managed()["AdministratorAccess"])["Statement"][0]["Action"] == "*"
    assert "arn:aws:iam::aws:policy/AdministratorAccess" in GUIDE
