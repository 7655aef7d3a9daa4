"""Policies of resources by how much they name: actions, and for endpoints whose callers and whose resources."""

from __future__ import annotations

import json
from typing import Any

from hipaa.aws.resource_policies import allow, policy
from hipaa.iam.conditions import NULL
from hipaa.iam.document import NONE, Statement, document
from hipaa.resource import Resource
from hipaa.rule import MEDIUM, rule
from hipaa.verdict import Verdict, all_of, not_applicable, undecided, violation

ENDPOINTS = ("aws:ec2/vpcEndpoint:VpcEndpoint", "aws:ec2/vpcEndpointPolicy:VpcEndpointPolicy")
_PATHS = {
    "aws:kms/key:Key": "policy",
    "aws:kms/keyPolicy:KeyPolicy": "policy",
    "aws:s3/bucketPolicy:BucketPolicy": "policy",
    "aws:secretsmanager/secretPolicy:SecretPolicy": "policy",
    "aws:sns/topicPolicy:TopicPolicy": "policy",
    "aws:sqs/queuePolicy:QueuePolicy": "policy",
    "aws:ecr/repositoryPolicy:RepositoryPolicy": "policy",
    "aws:backup/vaultPolicy:VaultPolicy": "policy",
    "aws:acmpca/policy:Policy": "policy",
    "aws:cloudwatch/logResourcePolicy:LogResourcePolicy": "policyDocument",
}
_ROOT = ":root"
_READER = "arn:aws:iam::111122223333:role/reader"


@rule(
    "resource-policy-names-its-actions",
    on=tuple(_PATHS),
    severity=MEDIUM,
    advisory="whom a policy names is what keeps strangers out; all of a service's actions are more than a caller needs",
    fix="List the actions that those who are named need, instead of * or all of a service's.",
    sound=[
        policy("policy", allow("kms:Decrypt", {"AWS": _READER})),
        policy("policy", allow("kms:*", {"AWS": "arn:aws:iam::111122223333:root"})),
        policy("policy", {"Effect": "Deny", "Principal": "*", "Action": "kms:*", "Resource": "*"}),
        Resource("aws:sns/topicPolicy:TopicPolicy", policy("policy", allow("sns:Publish", {"AWS": _READER}))),
    ],
    unsound=[
        policy("policy", allow("kms:*", {"AWS": _READER})),
        policy("policy", allow("*", {"AWS": _READER})),
        Resource("aws:sns/topicPolicy:TopicPolicy", policy("policy", allow("sns:*", {"AWS": _READER}))),
        Resource(
            "aws:cloudwatch/logResourcePolicy:LogResourcePolicy",
            policy("policyDocument", allow("logs:*", {"Service": "delivery.logs.amazonaws.com"})),
        ),
    ],
)
def resource_policy_names_its_actions(resource: Resource) -> Verdict:
    """A resource's policy names the actions of those whom it lets in; all of them are for the account itself alone.

    Who may do all may also rewrite the policy, and let in whom it likes.
    """
    path = _PATHS[resource.type]
    found = document(resource, path)
    if found is NONE:
        return not_applicable("no policy is set here")

    def judged(statement: Statement) -> Verdict:
        wide = [action for action in statement.actions if action == "*" or action.endswith(":*")]
        if not statement.allows or statement.not_actions or not wide or _is_for_the_account(statement):
            return Verdict()
        return violation(f"{statement} of `{resource.where(path)}` allows {wide[0]}; it must list actions")

    return all_of(*map(judged, found.statements), *map(undecided, found.unknown))


def _is_for_the_account(statement: Statement) -> bool:
    """Whether it names the root of accounts alone, as AWS's own default policy of a key does."""
    principals = statement.principals or ()
    return bool(principals) and all(kind == "AWS" and who.endswith(_ROOT) for kind, who in principals)


_OF_CALLERS = ("aws:principalaccount", "aws:principalorgid", "aws:principalorgpaths", "aws:principalarn", "aws:userid")
_OF_RESOURCES = ("aws:resourceaccount", "aws:resourceorgid", "aws:resourceorgpaths")


def _let(**condition: Any) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*", "Condition": condition}
    return {"policy": json.dumps({"Version": "2012-10-17", "Statement": [statement]})}


_BOTH = {"aws:PrincipalAccount": "111122223333", "aws:ResourceAccount": "111122223333"}


@rule(
    "vpc-endpoint-binds-callers-and-resources",
    on=ENDPOINTS,
    severity=MEDIUM,
    advisory="one of the two keeps strangers' buckets out, which has a rule; both together are a perimeter around data",
    fix="Add conditions on aws:PrincipalAccount or aws:PrincipalOrgID, and aws:ResourceAccount or aws:ResourceOrgID.",
    sound=[
        {},
        _let(StringEquals=_BOTH),
        _let(StringEquals={"aws:PrincipalOrgID": "o-1a2b3c4d5e"}, StringEqualsIfExists={"aws:ResourceOrgID": "o-1a2b"}),
        policy("policy", allow("s3:GetObject", {"AWS": _READER}) | {"Resource": "arn:aws:s3:::own/*"}),
    ],
    unsound=[
        _let(StringEquals={"aws:PrincipalAccount": "111122223333"}),
        _let(StringEquals={"aws:ResourceAccount": "111122223333"}),
        _let(StringNotEquals=_BOTH),
        Resource(ENDPOINTS[1], _let(StringEquals={"aws:PrincipalAccount": "111122223333"})),
    ],
)
def vpc_endpoint_binds_callers_and_resources(endpoint: Resource) -> Verdict:
    """An endpoint lets through calls of its own callers to its own resources, and says both.

    Whoever brings another account's credentials into a pod carries ePHI out by the same endpoint.
    """
    found = document(endpoint)
    if found is NONE:
        return not_applicable("no policy is set here")
    where = endpoint.where("policy")

    def judged(statement: Statement) -> Verdict:
        if not statement.allows:
            return Verdict()
        everybody = not statement.principals or any(who == "*" for _, who in statement.principals)
        everything = statement.not_resources or "*" in (statement.resources or ("*",))
        missing = [
            name
            for name, is_open, keys in (
                ("aws:PrincipalAccount", everybody, _OF_CALLERS),
                ("aws:ResourceAccount", everything, _OF_RESOURCES),
            )
            if is_open and not _binds(statement, keys)
        ]
        if not missing:
            return Verdict()
        return violation(f"{statement} of `{where}` has no condition on {' nor on '.join(missing)}")

    return all_of(*map(judged, found.statements), *map(undecided, found.unknown))


def _binds(statement: Statement, keys: tuple[str, ...]) -> bool:
    return any(
        each.key in keys and each.operator not in ("", NULL) and not each.negated and "*" not in each.wanted
        for each in statement.conditions
    )
