"""What AWS's documents say of requests, case by case."""

import json
from typing import Any

import pytest

from local.aws import iam
from tests.local.aws.iam.cases import ACCOUNT, OTHER, ROLE, ROOT, SESSION, STRANGER, USER, Case
from tests.local.aws.iam.conftest import Judge

KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/k"


def allow(action: str = "*", resource: str = "*", who: Any = None, **when: Any) -> dict[str, Any]:
    return _statement("Allow", action, resource, who, when)


def deny(action: str = "*", resource: str = "*", who: Any = None, **when: Any) -> dict[str, Any]:
    return _statement("Deny", action, resource, who, when)


def _statement(effect: str, action: str, resource: str, who: Any, when: dict[str, Any]) -> dict[str, Any]:
    optional = {"Principal": who, "Condition": when}
    return {"Effect": effect, "Action": action, "Resource": resource} | {k: v for k, v in optional.items() if v}


EVERYTHING = [allow()]
TAGGED = "arn:aws:s3:::bucket/${aws:PrincipalTag/team}/*"
YES: dict[str, Case] = {
    "actions are alike in any case": Case(identity=[allow("S3:getobject")]),
    "keys are alike in any case": Case(identity=[allow(StringEquals={"S3:Prefix": "a"})], keys={"s3:prefix": "a"}),
    "a negation holds for an absent key": Case(identity=[allow(StringNotEquals={"s3:prefix": "a"})]),
    "an empty tag is present": Case(
        identity=[allow(StringLike={"aws:RequestTag/x": "*"})], keys={"aws:RequestTag/x": ""}
    ),
    "ForAllValues holds for nothing": Case(identity=[allow(**{"ForAllValues:StringEquals": {"aws:TagKeys": "a"}})]),
    "a role that a bucket names needs no policy": Case(resource_policy=[allow(who={"AWS": ROLE})]),
    "a session that is named is bound by no boundary": Case(resource_policy=[allow(who={"AWS": SESSION})], boundary=[]),
    "an account may do what its key leaves to it": Case(
        action="kms:Decrypt",
        resource=KEY,
        identity=EVERYTHING,
        resource_policy=[allow(who={"AWS": ROOT})],
        resource_decides=True,
    ),
    "a stranger who is allowed on both sides": Case(
        principal=STRANGER, identity=EVERYTHING, resource_policy=[allow(who={"AWS": OTHER})]
    ),
    "a resource's wildcard goes beyond the part that it ends": Case(
        identity=[allow(resource="arn:aws:s3:*:bucket/key")]
    ),
    "a variable's wildcard is a letter": Case(
        identity=[allow(resource="arn:aws:s3:::bucket/${*}")], resource="arn:aws:s3:::bucket/*"
    ),
}
NO: dict[str, Case] = {
    "nothing allows": Case(),
    "a denial wins over all": Case(identity=EVERYTHING, resource_policy=[allow(who="*"), deny(who="*")]),
    "a boundary without it": Case(identity=EVERYTHING, boundary=[allow("kms:*")]),
    "a session without it": Case(identity=EVERYTHING, session=[]),
    "a boundary binds a role that a bucket names": Case(resource_policy=[allow(who={"AWS": ROLE})], boundary=[]),
    "a bucket that names the account leaves it to IAM": Case(resource_policy=[allow(who={"AWS": ROOT})]),
    "a key without a word": Case(
        action="kms:Decrypt", resource=KEY, identity=EVERYTHING, resource_policy=[], resource_decides=True
    ),
    "a stranger whom only their own account allows": Case(principal=STRANGER, identity=EVERYTHING),
    "a stranger whom only the bucket allows": Case(principal=STRANGER, resource_policy=[allow(who="*")]),
    "resources differ in case": Case(identity=[allow(resource="arn:aws:s3:::Bucket/key")]),
    "a wildcard of a condition stays in its part of an ARN": Case(
        identity=[allow(ArnLike={"aws:SourceArn": "arn:aws:sns:*:a:b"})],
        keys={"aws:SourceArn": f"arn:aws:sns:us-east-1:{ACCOUNT}:a:b"},
    ),
    "StringEquals knows no wildcard": Case(identity=[allow(StringEquals={"s3:prefix": "*"})], keys={"s3:prefix": "a"}),
    "an absent key equals nothing": Case(identity=[allow(StringLike={"aws:RequestTag/x": "*"})]),
    "a variable without a value": Case(identity=[allow(resource=TAGGED)], resource="arn:aws:s3:::bucket//x"),
    "ForAnyValue wants one": Case(identity=[allow(**{"ForAnyValue:StringNotEquals": {"aws:TagKeys": "a"}})]),
    "in the older language a variable is text": Case(
        identity=[allow(StringEquals={"aws:PrincipalAccount": "${aws:PrincipalAccount}"})], version="2008-10-17"
    ),
}


@pytest.mark.parametrize("name", sorted({**YES, **NO}))
def test_the_verdict_is_that_of_the_documents_and_of_the_judge(judge: Judge, name: str) -> None:
    case = (YES | NO)[name]
    verdict = case.ours()
    assert verdict.allowed is (name in YES), str(verdict)
    assert judge(case.told()) in (name in YES, None)


def resource_policy(*statements: dict[str, Any]) -> iam.Policies:
    text = json.dumps({"Version": "2012-10-17", "Statement": statements})
    return iam.Policies(resource=iam.parse(text, "resource"), resource_decides=True)


def asks(principal: iam.Principal, policies: iam.Policies, **keys: str) -> iam.Verdict:
    request = iam.Request(
        principal=principal, action="s3:GetObject", resource="arn:aws:s3:::b", account=ACCOUNT, keys=keys
    )
    return iam.evaluate(request, policies)


def test_a_service_is_allowed_by_the_resource_alone() -> None:
    logs, other = iam.Principal(service="logs.amazonaws.com"), iam.Principal(service="events.amazonaws.com")
    policies = resource_policy(
        allow(who={"Service": "logs.amazonaws.com"}, StringEquals={"aws:SourceAccount": ACCOUNT})
    )
    assert asks(logs, policies, **{"aws:SourceAccount": ACCOUNT}).allowed
    assert not asks(logs, policies, **{"aws:SourceAccount": OTHER}).allowed
    assert not asks(other, policies, **{"aws:SourceAccount": ACCOUNT}).allowed


def test_an_anonymous_request_is_allowed_where_anyone_is() -> None:
    assert asks(iam.Principal(), resource_policy(allow(who="*"))).allowed
    assert not asks(iam.Principal(), resource_policy(allow(who={"AWS": ROOT}))).allowed


def test_a_foreign_token_is_taken_from_its_provider_alone() -> None:
    provider = f"arn:aws:iam::{ACCOUNT}:oidc-provider/issuer"
    policies = resource_policy(allow(who={"Federated": provider}))
    assert asks(iam.Principal(federated=provider), policies).allowed
    assert not asks(iam.Principal(federated=f"{provider}-2"), policies).allowed


def test_the_root_user_needs_no_policy_and_heeds_a_denial() -> None:
    root = iam.Principal(arn=ROOT)
    assert asks(root, iam.Policies()).allowed
    assert not asks(root, resource_policy(deny(who="*"))).allowed


def test_who_is_not_listed_with_account_and_role_is_denied_by_not_principal() -> None:
    session = iam.Principal(arn=SESSION, role_arn=ROLE)

    def denied_but(*who: str) -> bool:
        rest = {**deny(), "NotPrincipal": {"AWS": list(who)}}
        return not asks(session, resource_policy(allow(who="*"), rest)).allowed

    assert denied_but(USER)
    assert denied_but(ROLE)
    assert not denied_but(SESSION, ROLE, ROOT)


def test_an_endpoint_must_let_it_pass_too() -> None:
    closed = iam.parse(json.dumps({"Statement": [allow("kms:*", who="*")]}), "endpoint")
    verdict = asks(iam.Principal(arn=ROOT), iam.Policies(endpoint=closed))
    assert (verdict.allowed, verdict.layer) == (False, iam.Layer.ENDPOINT)


def test_a_verdict_says_which_statement_decided_and_what_was_near() -> None:
    named = {"Sid": "ReadOwn", **allow(StringEquals={"s3:prefix": "a"})}
    near = Case(identity=[named]).ours()
    assert str(near) == (
        "no identity-based policy allows it; but identity/ReadOwn would, if StringEquals s3:prefix wants 'a' "
        "and it is absent"
    )
    assert Case(identity=[named], keys={"s3:prefix": "a"}).ours().statement == "identity/ReadOwn"
    denied = Case(identity=[*EVERYTHING, {"Sid": "Never", **deny()}]).ours()
    assert (str(denied), denied.explicit) == ("denied by identity/Never (identity-based policy)", True)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("{", "no JSON"),
        ("[]", "a policy is an object"),
        (json.dumps({"Statement": [{"Effect": "Alow", "Action": "*"}]}), "has the Effect 'Alow'"),
        (json.dumps({"Statement": [{"Effect": "Allow"}]}), "neither Action nor NotAction"),
        (json.dumps({"Statement": [{**allow(), "Actions": "x"}]}), "unknown elements"),
        (json.dumps({"Statement": [{**allow(), "NotAction": "x"}]}), "both Action and NotAction"),
        (json.dumps({"Statement": [allow(StringEqual={"a": "b"})]}), "no condition operator 'StringEqual'"),
        (json.dumps({"Statement": [{**allow(), "NotPrincipal": "*"}]}), "allows everyone but"),
    ],
)
def test_what_is_no_policy_is_refused_and_not_passed_over(document: str, words: str) -> None:
    with pytest.raises(iam.PolicyError, match=words):
        iam.parse(document, "wrong")
