"""AWS IAM's roles by who may take them: strangers, other accounts, workloads of others' platforms."""

from __future__ import annotations

import json
import re
from typing import Any

from hipaa.aws.iam_documents import ROLE
from hipaa.iam.document import NONE, Document, document
from hipaa.iam.evaluation import Caller, is_account
from hipaa.iam.federation import Issuer, branch, guests, workload
from hipaa.iam.judging import answer, not_public
from hipaa.iam.strangers import Asker, Choices
from hipaa.iam.witness import Steps, TooIntricate, Witness, allowed
from hipaa.resource import Resource
from hipaa.rule import CRITICAL, HIGH, MEDIUM, rule, stack_rule
from hipaa.stack import Stack
from hipaa.verdict import Verdict, all_of, is_, not_applicable, undecided, violation

IDENTITY_POOL = "aws:cognito/identityPool:IdentityPool"

_TRUST = "assumeRolePolicy"
_OWN, _OTHER = "111122223333", "444455556666"
_OWN_ROLE = f"arn:aws:iam::{_OWN}:role/deploy"
_AUDITOR = f"arn:aws:iam::{_OTHER}:role/auditor"
_MINE = {"arn": f"arn:aws:iam::{_OWN}:role/mine"}
_GITHUB = "token.actions.githubusercontent.com"
_EKS = "oidc.eks.us-east-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B716D3041E"


def _trusts(principal: Any, action: str = "sts:AssumeRole", **condition: Any) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": principal, "Action": action}
    statement |= {"Condition": condition} if condition else {}
    return {_TRUST: json.dumps({"Version": "2012-10-17", "Statement": [statement]})}


def _token(host: str, subject: Any = None, operator: str = "StringLike", **claims: str) -> dict[str, Any]:
    condition: dict[str, Any] = {"StringEquals": {f"{host}:aud": "sts.amazonaws.com"}}
    if claims:
        condition["StringLike"] = {f"{host}:{claim}": value for claim, value in claims.items()}
    if subject is not None:
        condition.setdefault(operator, {})[f"{host}:sub"] = subject
    federated = {"Federated": f"arn:aws:iam::{_OWN}:oidc-provider/{host}"}
    return _trusts(federated, "sts:AssumeRoleWithWebIdentity", **condition)


@rule(
    "iam-role-trust-is-not-public",
    on=ROLE,
    severity=CRITICAL,
    fix="Name the principals in assume_role_policy, or bound `*` with a condition on aws:PrincipalOrgID.",
    sound=[
        _trusts({"Service": "ec2.amazonaws.com"}),
        _trusts({"AWS": _OWN_ROLE}),
        _trusts({"AWS": "*"}, StringEquals={"aws:PrincipalOrgID": "o-1a2b3c4d5e"}),
        _trusts({"AWS": "*"}, ArnLike={"aws:PrincipalArn": f"arn:aws:iam::{_OWN}:role/aws-reserved/*"}),
    ],
    unsound=[
        _trusts("*"),
        _trusts({"AWS": "*"}),
        _trusts({"AWS": "*"}, StringEquals={"sts:ExternalId": "1a2b3c"}),
        _trusts({"AWS": "*"}, ArnLike={"aws:PrincipalArn": "arn:aws:iam::*:role/deploy"}),
        _trusts({"AWS": "*"}, StringLike={"sts:RoleSessionName": "deploy-*"}),
        _trusts({"Service": "*"}),
        {_TRUST: "{"},
    ],
)
def trust_is_not_public(role: Resource) -> Verdict:
    """A role is taken by principals that its trust policy names, and by no stranger.

    An external id is no secret, and a name is whoever's who takes it.
    """
    return not_public(role, "sts", _TRUST, takes_unsigned=False)


def _by(host: str, **condition: Any) -> dict[str, Any]:
    return _trusts({"Federated": host}, "sts:AssumeRoleWithWebIdentity", **condition)


def _names(where: str, token: tuple[Issuer, Witness] | None) -> Verdict:
    if token is None:
        return Verdict()
    issuer, witness = token
    claim = next((key for key in witness.request.context if key.endswith(":sub")), "")
    subject = "/".join(witness.request.context.get(claim, ("any subject",)))
    shown = subject if len(subject) <= 70 else f"{subject[:67]}..."
    return violation(f"by {witness.statement} of `{where}` a token of {issuer.name} for '{shown}' takes the role")


def _judged(role: Resource, branches: bool) -> Verdict:
    found = document(role, _TRUST)
    if found is NONE:
        return not_applicable("no trust policy is set here")
    where = role.where(_TRUST)
    try:
        token = workload(found)
        if branches:
            token = None if token else branch(found)
    except TooIntricate:
        return undecided(where)
    if token and found.hidden_deny:
        return undecided(where)
    return all_of(_names(where, token), *map(undecided, found.unknown))


@rule(
    "iam-oidc-trust-names-its-workload",
    on=ROLE,
    severity=CRITICAL,
    fix="Add a condition on the issuer's `sub` that names the repository, project or service account.",
    sound=[
        _token(_GITHUB, "repo:hospital/records:ref:refs/heads/main", "StringEquals"),
        _token(_GITHUB, ["repo:hospital/records:*", "repo:hospital/models:environment:prod"]),
        _token(_EKS, "system:serviceaccount:records:reader", "StringEquals"),
        _token(_EKS, "system:serviceaccount:records:*"),
        _token("gitlab.com", "project_path:hospital/records:ref_type:branch:ref:main"),
        _token("login.hospital.example"),
        _token(_GITHUB, "????:hospital/records:environment:*", "StringLike"),
        _token("agent.buildkite.com", "organization:hospital:pipeline:records:*"),
        _token("api.pulumi.com/oidc", "pulumi:deploy:org:hospital:project:records:*"),
        _token("api.pulumi.com/oidc", "pulumi:environments:org:hospital:env:records/prod"),
        _token(_GITHUB, repository="hospital/records", environment="production"),
        _token(_GITHUB, repository_id="74", ref="refs/heads/main"),
        _token(_GITHUB, job_workflow_ref="hospital/workflows/.github/workflows/deploy.yml@refs/heads/*"),
        _by("accounts.google.com", StringEquals={"accounts.google.com:aud": "108.apps.googleusercontent.com"}),
        _by("www.amazon.com", StringEquals={"www.amazon.com:app_id": "amzn1.application.1a2b"}),
        _token("login.hospital.example", "ward:*"),
        _by("cognito-identity.amazonaws.com"),
        _trusts({"Federated": f"arn:aws:iam::{_OWN}:saml-provider/hospital"}, "sts:AssumeRoleWithSAML"),
        _trusts({"Service": "ec2.amazonaws.com"}),
    ],
    unsound=[
        _token(_GITHUB),
        _token(_GITHUB, ref="refs/heads/main"),
        _token(_GITHUB, "repo:*", ref="refs/heads/main"),
        _token(_GITHUB, workflow="deploy"),
        _token(_GITHUB, environment="production"),
        _token(_GITHUB, repository="*/records"),
        _token(_GITHUB, job_workflow_ref="*/.github/workflows/deploy.yml@refs/heads/main"),
        _token(_GITHUB, actor="*"),
        _by("accounts.google.com"),
        _by("accounts.google.com", StringLike={"accounts.google.com:aud": "*"}),
        _by("www.amazon.com"),
        _by(f"arn:aws:iam::{_OWN}:oidc-provider/login.hospital.example"),
        _by("graph.facebook.com", StringLike={"graph.facebook.com:app_id": "*"}),
        _token(_GITHUB, "*"),
        _token(_GITHUB, "repo:*"),
        _token(_GITHUB, "repo:hospital/*"),
        _token(_GITHUB, "repo:hospital*"),
        _token(_GITHUB, "repo:*/records:ref:refs/heads/main"),
        _token(_GITHUB, ["repo:hospital/records:*", "repo:hospital/*:pull_request"]),
        _token(_GITHUB, "repo:hospital/records:*", "StringNotLike"),
        _token(_GITHUB, "repo:hospital/records:*", "ForAllValues:StringLike")
        | _trusts(
            {"Federated": f"arn:aws:iam::{_OWN}:oidc-provider/{_GITHUB}"},
            "sts:*",
            StringLike={f"{_GITHUB}:actor": "*"},
        ),
        _token(_EKS),
        _token(_EKS, "system:serviceaccount:*:*"),
        _token(_EKS, "system:serviceaccount:*:reader"),
        _token("gitlab.com", "project_path:hospital/*"),
        _token("app.terraform.io", "organization:*:project:*:workspace:*"),
        _token(_GITHUB, ["*:environment:production"]),
        _token(_GITHUB, ["repo:hospital/records:ref:refs/heads/main", "*:environment:production"]),
        _token(_GITHUB, "*/records:ref:refs/heads/main"),
        _token(_GITHUB, "*hospital/records:*"),
        _token(_GITHUB, "*repo:hospital/records:*"),
        _token(_GITHUB, "r*:environment:production"),
        _token(_GITHUB, "????:*/records:*"),
        _token("gitlab.com", "*:ref_type:branch:ref:main"),
        _token(_EKS, "*:reader"),
        _token("app.terraform.io", "*:workspace:prod:run_phase:apply"),
        _token("agent.buildkite.com"),
        _token("agent.buildkite.com", "organization:*:pipeline:records:*"),
        _token("api.pulumi.com/oidc", "*:project:records:*"),
        _token("api.pulumi.com/oidc", "pulumi:environments:org:*:env:records/prod"),
        _token("api.pulumi.com/oidc", "pulumi:environments:*", "StringLike"),
        _token("api.pulumi.com/oidc", "pulumi:environments:org:hospital:env:*"),
        _token("oidc.vercel.com", "owner:*:project:records:environment:production"),
        _token("oidc.codefresh.io", "*:pipeline:1a2b"),
        _token("scalr.io"),
    ],
)
def oidc_trust_names_its_workload(role: Resource) -> Verdict:
    """A role that is taken with a token of GitHub, GitLab or a cluster names the repository or account that it is for.

    Everybody's workloads have tokens of these issuers: the audience is whatever a workload asks for. For a token of any
    other issuer it names something of it: an audience, a subject.
    """
    return _judged(role, branches=False)


_COGNITO = "cognito-identity.amazonaws.com"
_POOL = "us-east-1:1a2b3c4d-5e6f-7a8b-9c0d-1e2f3a4b5c6d"


def _signed_in(how: str | None, pool: str | None = _POOL, operator: str = "ForAnyValue:StringLike") -> dict[str, Any]:
    conditions: dict[str, Any] = {operator: {f"{_COGNITO}:amr": how}} if how else {}
    if pool:
        conditions.setdefault("StringEquals", {})[f"{_COGNITO}:aud"] = pool
    return _by(_COGNITO, **conditions)


@stack_rule(
    "iam-role-trust-admits-no-guests",
    on=ROLE,
    severity=CRITICAL,
    fix="Add the condition ForAnyValue:StringLike cognito-identity.amazonaws.com:amr authenticated.",
    sound=[
        [Resource(ROLE, _signed_in("authenticated"))],
        [Resource(ROLE, _signed_in("authenticated", operator="StringEquals"))],
        [
            Resource(ROLE, _signed_in(None)),
            Resource(IDENTITY_POOL, {"id": _POOL, "allowUnauthenticatedIdentities": False}),
        ],
        [Resource(ROLE, _trusts({"Service": "ec2.amazonaws.com"}))],
    ],
    unsound=[
        [Resource(ROLE, _signed_in("unauthenticated"))],
        [Resource(ROLE, _signed_in("*"))],
        [Resource(ROLE, _signed_in(None))],
        [Resource(ROLE, _signed_in(None, None))],
        [Resource(ROLE, _signed_in(None)), Resource(IDENTITY_POOL, {"allowUnauthenticatedIdentities": False})],
        [
            Resource(ROLE, _signed_in(None)),
            Resource(IDENTITY_POOL, {"id": _POOL, "allowUnauthenticatedIdentities": True}),
        ],
    ],
)
def trust_admits_no_guests(role: Resource, stack: Stack) -> Verdict:
    """A role that an identity pool of Cognito's gives out goes to nobody who has not signed in.

    A guest is whoever asks the pool, from anywhere, with no name.
    """
    found = document(role, _TRUST)
    if found is NONE:
        return not_applicable("no trust policy is set here")
    closed = stack.once(_closed_pools)
    verdict = answer(found, role.where(_TRUST), lambda each: guests(each, closed))
    return all_of(verdict, *map(undecided, found.unknown))


def _closed_pools(stack: Stack) -> tuple[str, ...]:
    return tuple(
        str(pool.known("id"))
        for pool in stack.of(IDENTITY_POOL)
        if pool.known("id") and pool.at("allowUnauthenticatedIdentities", False) is not True
    )


@rule(
    "cognito-pool-admits-no-guests",
    on=IDENTITY_POOL,
    severity=MEDIUM,
    advisory="what guests may do is their role's to say, which may be nothing of records",
    fix="Leave allow_unauthenticated_identities out or set it to False.",
    sound=[{"identityPoolName": "ward"}, {"identityPoolName": "ward", "allowUnauthenticatedIdentities": False}],
    unsound=[{"identityPoolName": "ward", "allowUnauthenticatedIdentities": True}],
)
def pool_admits_no_guests(pool: Resource) -> Verdict:
    """An identity pool gives credentials to nobody who has not signed in."""
    return pool.require("allowUnauthenticatedIdentities", is_(False), default=False)


@rule(
    "iam-oidc-trust-names-its-branch",
    on=ROLE,
    severity=MEDIUM,
    advisory="who may push a branch is of the workforce already; a branch that is reviewed is a second pair of eyes",
    fix="Name the branch or the environment in the condition on `sub`: repo:OWNER/NAME:ref:refs/heads/main.",
    sound=[
        _token(_GITHUB, "repo:hospital/records:ref:refs/heads/main"),
        _token(_GITHUB, "repo:hospital/records:environment:prod"),
        _token(_EKS, "system:serviceaccount:records:reader"),
        _token(_GITHUB, "repo:hospital/records:*", "StringLike", environment="prod"),
        _token(_GITHUB, "repo:hospital/records:*", "StringLike", ref="refs/heads/main"),
    ],
    unsound=[
        _token(_GITHUB, "repo:hospital/records:*"),
        _token(_GITHUB, "repo:hospital/records:*", "StringLike", repository="hospital/records"),
        _token(_GITHUB, ["repo:hospital/records:ref:refs/heads/main", "repo:hospital/records:pull_request"]),
        _token(_GITHUB, "repo:hospital/records:ref:refs/heads/*"),
        _token("gitlab.com", "project_path:hospital/records:*"),
    ],
)
def oidc_trust_names_its_branch(role: Resource) -> Verdict:
    """A role for a repository is taken from a branch or an environment that it names, and from no pull request."""
    return _judged(role, branches=True)


@stack_rule(
    "iam-role-trust-asks-others-for-an-external-id",
    on=ROLE,
    severity=MEDIUM,
    advisory="an account that is trusted may keep its own users apart; a vendor with many customers may not",
    fix="Add a condition on sts:ExternalId, or name the role in the other account instead of the account.",
    sound=[
        [Resource(ROLE, _MINE | _trusts({"AWS": _AUDITOR}))],
        [Resource(ROLE, _MINE | _trusts({"AWS": _OWN_ROLE.split(":")[4]}))],
        [Resource(ROLE, _MINE | _trusts({"AWS": _OTHER}, StringEquals={"sts:ExternalId": "1a2b3c"}))],
        [Resource(ROLE, _MINE | _trusts({"AWS": _OTHER}, StringEquals={"aws:PrincipalOrgID": "o-1a2b3c4d5e"}))],
        [
            Resource(
                ROLE,
                _MINE | _trusts({"AWS": _OTHER}, ArnEquals={"aws:PrincipalArn": _AUDITOR}),
            )
        ],
    ],
    unsound=[
        [Resource(ROLE, _MINE | _trusts({"AWS": f"arn:aws:iam::{_OTHER}:root"}))],
        [Resource(ROLE, _MINE | _trusts({"AWS": [_OWN_ROLE, _OTHER]}))],
        [Resource(ROLE, _MINE | _trusts({"AWS": _OTHER}, Bool={"aws:SecureTransport": "true"}))],
        [Resource(ROLE, _MINE | _trusts({"AWS": _OTHER}, StringLike={"sts:ExternalId": "*"}))],
    ],
)
def trust_asks_others_for_an_external_id(role: Resource, stack: Stack) -> Verdict:
    """A role that trusts another account as a whole asks it for an external id.

    Else a vendor acts on this account for another of its customers who knows the role's name.
    """
    found = document(role, _TRUST)
    if found is NONE:
        return not_applicable("no trust policy is set here")
    own = _own_account(role)
    accounts = {
        match[0]
        for statement in found.statements
        if statement.allows
        for kind, name in statement.principals or ()
        if kind == "AWS" and is_account(name) and (match := re.search(r"\d{12}", name)) and match[0] != own
    }
    where, steps = role.where(_TRUST), Steps()
    verdicts = [
        answer(found, where, lambda each, account=account: _anyone_of(each, account, steps))
        for account in sorted(accounts)
    ]
    return all_of(*verdicts, *map(undecided, found.unknown))


def _own_account(role: Resource) -> str:
    """The account that the role is in, which its ARN tells once it is there.

    Raises:
        UnknownValue: before that: whose account one's own is, is not known yet.
    """
    parts = str(role.at("arn", "")).split(":")
    return parts[4] if len(parts) > 4 else ""


def _anyone_of(found: Document, account: str, steps: Steps) -> Witness | None:
    """A request of somebody in a trusted account, with whichever external id a stranger would give."""
    arn = f"arn:aws:iam::{account}:role/stranger"
    known = {
        "aws:principalarn": ((arn,),),
        "aws:principalaccount": ((account,),),
        "aws:principalorgid": (None,),
        "sts:externalid": (None, ("another",)),
        "aws:sourceip": (("52.95.110.1",),),
        "aws:multifactorauthpresent": (("false",),),
    }
    families = {"aws:principaltag/": (None, ("stranger",)), "aws:principalorgpaths": (None,)}
    asker = Asker(Caller(f"anyone of account {account}", arn), known, families)
    return allowed(found, asker, "sts:AssumeRole", "*", steps)


_ANYWHERE = "rolesanywhere.amazonaws.com"
_ANCHOR = f"arn:aws:rolesanywhere:us-east-1:{_OWN}:trust-anchor/1a2b3c4d"


@rule(
    "iam-roles-anywhere-trust-names-its-anchor",
    on=ROLE,
    severity=MEDIUM,
    advisory="each anchor is the account's own; a role for all of them is for whoever has a certificate of any",
    fix="Add a condition ArnEquals aws:SourceArn of the trust anchor, or one on aws:PrincipalTag/x509Subject/CN.",
    sound=[
        _trusts({"Service": _ANYWHERE}, ArnEquals={"aws:SourceArn": _ANCHOR}),
        _trusts({"Service": _ANYWHERE}, StringEquals={"aws:PrincipalTag/x509Subject/CN": "ward-7"}),
        _trusts({"Service": "ec2.amazonaws.com"}),
    ],
    unsound=[
        _trusts({"Service": _ANYWHERE}),
        _trusts({"Service": _ANYWHERE}, StringEquals={"aws:SourceAccount": _OWN}),
        _trusts({"Service": _ANYWHERE}, ArnLike={"aws:SourceArn": f"arn:aws:rolesanywhere:*:{_OWN}:trust-anchor/*"}),
    ],
)
def roles_anywhere_trust_names_its_anchor(role: Resource) -> Verdict:
    """A role for machines elsewhere, by IAM Roles Anywhere, names the trust anchor or the certificate's subject."""
    found = document(role, _TRUST)
    if found is NONE:
        return not_applicable("no trust policy is set here")
    accounts = tuple(dict.fromkeys((_OWN, *re.findall(r"(?<!\d)\d{12}(?!\d)", found.text))))
    keys: dict[str, Choices] = {
        "aws:sourcearn": tuple((f"arn:aws:rolesanywhere:any-region:{each}:trust-anchor/another",) for each in accounts),
        "aws:sourceaccount": tuple((each,) for each in accounts),
    }
    caller = Caller("whoever has a certificate of another trust anchor", service=_ANYWHERE)
    asker = Asker(caller, keys, {"aws:principaltag/": (("stranger",), None)})
    return all_of(
        answer(found, role.where(_TRUST), lambda each: allowed(each, asker, "sts:AssumeRole", "*", Steps())),
        *map(undecided, found.unknown),
    )


@rule(
    "iam-saml-trust-names-its-audience",
    on=ROLE,
    severity=HIGH,
    advisory="AWS checks that the provider that the role trusts has signed the assertion; this is a second check",
    fix="Add the condition StringEquals SAML:aud https://signin.aws.amazon.com/saml.",
    sound=[
        _trusts(
            {"Federated": f"arn:aws:iam::{_OWN}:saml-provider/hospital"},
            "sts:AssumeRoleWithSAML",
            StringEquals={"SAML:aud": "https://signin.aws.amazon.com/saml"},
        ),
        _trusts({"AWS": _OWN_ROLE}),
    ],
    unsound=[
        _trusts({"Federated": f"arn:aws:iam::{_OWN}:saml-provider/hospital"}, "sts:AssumeRoleWithSAML"),
        _trusts(
            {"Federated": f"arn:aws:iam::{_OWN}:saml-provider/hospital"},
            "sts:AssumeRoleWithSAML",
            StringLike={"SAML:aud": "*"},
        ),
    ],
)
def saml_trust_names_its_audience(role: Resource) -> Verdict:
    """A role that is taken with a SAML assertion takes one that was made for AWS."""
    found = document(role, _TRUST)
    providers = [
        name
        for statement in found.statements
        if statement.allows
        for kind, name in statement.principals or ()
        if kind == "Federated" and ":saml-provider/" in name
    ]

    def find(found: Document) -> Witness | None:
        for provider in providers:
            caller = Caller("an assertion for another audience", provider=provider)
            asker = Asker(caller, {"saml:aud": (("https://other.example",),)})
            if witness := allowed(found, asker, "sts:AssumeRoleWithSAML", "*", Steps()):
                return witness
        return None

    return all_of(answer(found, role.where(_TRUST), find), *map(undecided, found.unknown))
