"""The verdict over one request: whose it is, what it asks for, and every policy that speaks of it."""

from dataclasses import dataclass
from typing import Protocol

from moto.core import DEFAULT_ACCOUNT_ID

from local.aws import iam
from local.aws.api import networks, resources
from local.aws.api.asked import Asked, Call
from local.aws.api.requests import calls

TRANSPORT = {"aws:SecureTransport": "true", "s3:TlsVersion": "1.3"}
"""Plain HTTP on the loopback address stands for TLS, so that a policy that demands it does not refuse everybody."""

ANYTHING = Call("any:Thing", "arn:aws:any:::thing")
"""What only a role can do that may do everything."""
EVERYTHING = '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}'


class Caller(Protocol):
    """Who signed a request, and what IAM has on them."""

    @property
    def account(self) -> str: ...

    @property
    def principal(self) -> iam.Principal: ...

    @property
    def vpc(self) -> str | None:
        """The network that the calls come from, where it is one of the account's."""

    def identity(self) -> list[iam.Document]: ...

    def boundary(self) -> iam.Document | None: ...

    def limit(self) -> iam.Document | None: ...


@dataclass(frozen=True)
class Administrator:
    """Whoever has no session. May everything but what a bucket's policy denies to all."""

    account: str = DEFAULT_ACCOUNT_ID
    vpc: str | None = None

    @property
    def principal(self) -> iam.Principal:
        return iam.Principal(arn=f"arn:aws:iam::{self.account}:root")

    def identity(self) -> list[iam.Document]:
        return [iam.parse(EVERYTHING, "the administrator")]

    def boundary(self) -> None:
        return None

    def limit(self) -> None:
        return None


def denied(who: Caller, asked: Asked) -> str | None:
    """Why a request is refused, in AWS's words, and in a second line what comes near; None where it is allowed."""
    wanted = calls(asked)
    try:
        if wanted is None and judge(who, asked, ANYTHING).allowed:
            return None
        if wanted is None:
            name = asked.operation or f"{asked.method} {asked.path}"
            return (
                f"User: {who.principal.arn} is not authorized to perform: {asked.service}:{name}, since nobody has "
                "written down which actions of IAM it needs. Do so in local/aws/api/requests.py"
            )
        return _first_refusal(who, asked, wanted)
    except iam.PolicyError as error:
        return f"User: {who.principal.arn} is not authorized: a policy cannot be read: {error}"


def denied_to_all(asked: Asked) -> str | None:
    """Why the administrator is refused: of S3's calls those that a bucket's policy denies; None of all others."""
    if asked.service != "s3":
        return None
    wanted = [call for call in calls(asked) or [] if call.action.startswith("s3:")]
    return _first_refusal(Administrator(asked.account), asked, wanted)


def _first_refusal(who: Caller, asked: Asked, wanted: list[Call]) -> str | None:
    for call in wanted:
        verdict = judge(who, asked, call)
        if not verdict.allowed:
            return f"{_words(who.principal, call, verdict)}\n  {verdict}"
    return None


def judge(who: Caller, asked: Asked, call: Call) -> iam.Verdict:
    owner = call.resource.split(":")[4] if call.resource.count(":") >= 5 else ""
    owner = owner or who.account
    keys = {**TRANSPORT, "aws:RequestedRegion": asked.region, **asked.request_tags}
    if call.resource != "*":
        keys |= {"aws:ResourceAccount": owner, **resources.tags(call.resource, owner, asked.region)}
    keys |= call.keys
    limit = None
    # What a service does for its caller, with a key or as a fleet launches, goes by no endpoint of the caller's.
    by_service = "kms:ViaService" in call.keys or call.keys.get("aws:ViaAWSService") == "true"
    keys["aws:ViaAWSService"] = str(by_service).lower()
    own = None if by_service else who.vpc
    if own and (endpoint := networks.endpoint(own, who.account, asked.region, asked.service)):
        keys |= {"aws:SourceVpc": own, "aws:SourceVpce": endpoint.id}
        limit = iam.parse(endpoint.policy_document, f"the policy of the endpoint {endpoint.id}")
    request = iam.Request(principal=who.principal, action=call.action, resource=call.resource, account=owner, keys=keys)
    policies = iam.Policies(
        identity=who.identity(),
        boundary=who.boundary(),
        session=who.limit(),
        resource=resources.policy(call.resource, owner, asked.region),
        endpoint=limit,
        resource_decides=call.action.startswith(("kms:", "sts:AssumeRole")),
    )
    return iam.evaluate(request, policies)


def _words(who: iam.Principal, call: Call, verdict: iam.Verdict) -> str:
    # IAM User Guide, "Troubleshoot access denied error messages".
    quoted = f'"{call.resource}"' if call.action.startswith("s3:") else call.resource
    on = f" on resource: {quoted}" if call.resource != "*" else ""
    article = "an" if verdict.layer.startswith("i") else "a"
    why = (
        f"with an explicit deny in {article} {verdict.layer}"
        if verdict.explicit
        else f"because no {verdict.layer} allows the {call.action} action"
    )
    return f"User: {who.arn} is not authorized to perform: {call.action}{on} {why}"
