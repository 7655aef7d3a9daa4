"""Accounts that a program names: whose keys, roles and callers are anybody's but its own."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from hipaa.resource import Items, Properties, Resource, UnknownValue
from hipaa.rule import MEDIUM, stack_rule
from hipaa.stack import Stack
from hipaa.verdict import Verdict, all_of, not_applicable, undecided, violation

_NAMERS = (
    *("aws:iam/role:Role", "aws:iam/policy:Policy", "aws:iam/rolePolicyAttachment:RolePolicyAttachment"),
    *("aws:kms/key:Key", "aws:kms/keyPolicy:KeyPolicy", "aws:kms/grant:Grant"),
    *("aws:s3/bucketPolicy:BucketPolicy", "aws:secretsmanager/secretPolicy:SecretPolicy"),
    *(
        "aws:sns/topicPolicy:TopicPolicy",
        "aws:sqs/queuePolicy:QueuePolicy",
        "aws:ecr/repositoryPolicy:RepositoryPolicy",
    ),
    *("aws:cloudwatch/logResourcePolicy:LogResourcePolicy", "aws:ec2/vpcEndpoint:VpcEndpoint"),
    *("aws:acmpca/policy:Policy", "aws:lambda/permission:Permission", "aws:lambda/function:Function"),
    *(
        "aws:eks/cluster:Cluster",
        "aws:eks/nodeGroup:NodeGroup",
        "aws:eks/addon:Addon",
        "aws:eks/accessEntry:AccessEntry",
    ),
    *("aws:eks/accessPolicyAssociation:AccessPolicyAssociation", "aws:ec2/flowLog:FlowLog"),
    "aws:eks/podIdentityAssociation:PodIdentityAssociation",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    *("aws:rds/instance:Instance", "aws:rds/cluster:Cluster", "aws:secretsmanager/secret:Secret"),
    *("aws:sns/topic:Topic", "aws:sqs/queue:Queue", "aws:ecr/repository:Repository"),
    *("aws:cloudwatch/logGroup:LogGroup", "aws:ec2/launchTemplate:LaunchTemplate", "aws:ebs/volume:Volume"),
    *("aws:dynamodb/table:Table", "aws:efs/fileSystem:FileSystem", "aws:ssm/document:Document"),
)
_WITH_AN_ARN = ("aws:iam/role:Role", "aws:iam/policy:Policy", "aws:kms/key:Key", "aws:sns/topic:Topic")
"""Whose ARN tells in which account the program makes things."""
_PROPERTIES = re.compile(
    r"policy|assumeRolePolicy|policyDocument|content|policyArn|sourceAccount|principal\w*|granteePrincipal|role|role\w+"
    r"|.*(kms|Kms|[kK]ey|[rR]oleArn|[rR]ole)\w*|encryption\w+|rules|blockDeviceMappings|podIdentityAssociations"
    r"|serverSideEncryption|logging\w*"
)
_OF_WHOM = re.compile(r"\barn:aws[\w-]*:(?:iam|sts|kms):[\w-]*:(\d{12}):|\"(\d{12})\"")
_ACCOUNT = re.compile(r"\d{12}")
_ARN = re.compile(r"arn:aws[\w-]*:[\w-]+:[\w-]*:(\d{12}):")

_OWN = "111122223333"
_KEY = Resource("aws:kms/key:Key", {"arn": f"arn:aws:kms:us-east-1:{_OWN}:key/own"}, name="own")
_AWS_OWN = "arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy"


def _trusting(principal: str, **condition: Any) -> Resource:
    statement: dict[str, Any] = {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole"}
    if condition:
        statement["Condition"] = condition
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    return Resource("aws:iam/role:Role", {"assumeRolePolicy": document}, name="trusting")


@stack_rule(
    "resource-names-the-own-account-alone",
    on=_NAMERS,
    severity=MEDIUM,
    advisory="another account of the same owner is a way to keep things apart; who else's it is, no program tells",
    fix="Name the own account's keys, roles and callers, or accept the risk of the other account by name.",
    sound=[
        [_KEY, _trusting(f"arn:aws:iam::{_OWN}:role/reader")],
        [_KEY, Resource("aws:sns/topic:Topic", {"kmsMasterKeyId": f"arn:aws:kms:us-east-1:{_OWN}:key/k"})],
        [
            _KEY,
            Resource("aws:iam/rolePolicyAttachment:RolePolicyAttachment", {"policyArn": "arn:aws:iam::aws:policy/A"}),
        ],
        [_trusting("arn:aws:iam::999999999999:root")],
    ],
    unsound=[
        [_KEY, _trusting("arn:aws:iam::999999999999:root")],
        [_KEY, _trusting(f"arn:aws:iam::{_OWN}:root", StringEquals={"aws:SourceAccount": "999999999999"})],
        [_KEY, Resource("aws:cloudwatch/logGroup:LogGroup", {"kmsKeyId": "arn:aws:kms:us-east-1:999999999999:key/k"})],
        [_KEY, Resource("aws:lambda/permission:Permission", {"sourceAccount": "999999999999"})],
        [_KEY, Resource("aws:eks/nodeGroup:NodeGroup", {"nodeRoleArn": "arn:aws:iam::999999999999:role/nodes"})],
    ],
)
def names_own_account(resource: Resource, stack: Stack) -> Verdict:
    """Keys, roles and callers that a resource names are of the account that the program is for.

    Whoever is outside of it needs an agreement (164.308(b)(1)), and a key of another account opens and closes there.
    """
    own = stack.once(_account)
    if not own:
        return not_applicable("no ARN of the program tells its account yet")
    return all_of(*(_named(resource, name, own) for name in resource if _PROPERTIES.fullmatch(name)))


def _named(resource: Resource, name: str, own: str) -> Verdict:
    others: Counter[str] = Counter()
    unknown: list[Verdict] = []
    for found in _texts(resource, name):
        if isinstance(found, UnknownValue):
            unknown.append(undecided(found.path))
        elif _ACCOUNT.fullmatch(found):
            others[found] += 1
        else:
            others.update(first or second for first, second in _OF_WHOM.findall(found))
    said = [account for account in others if account != own]
    if not said:
        return all_of(*unknown)
    return violation(f"`{resource.where(name)}` names account {', '.join(said[:3])}, and the program's is {own}")


def _texts(holder: Any, part: Any) -> Iterator[str | UnknownValue]:
    """The texts below a property, and what of it is not known yet."""
    try:
        value = holder[part]
    except UnknownValue as unknown:
        yield unknown
        return
    if isinstance(value, str):
        yield value
    elif isinstance(value, Properties):
        for name in value:
            yield from _texts(value, name)
    elif isinstance(value, Items):
        for place in range(len(value)):
            yield from _texts(value, place)


def _account(stack: Stack) -> str:
    """The account in which the program makes things, as most of its ARNs tell; nothing where none is known yet."""
    counted: Counter[str] = Counter()
    for resource in stack.of(*_WITH_AN_ARN):
        if found := _ARN.match(str(resource.known("arn") or "")):
            counted[found[1]] += 1
    return counted.most_common(1)[0][0] if counted else ""
