"""IAM at the door: a request that a role's session has signed is judged before the API answers it.

The caller is known by the access key in the signature. The stack's own administrator, and whoever else has no session,
is let in as before; so is a session of another account, whose policies nobody knows here. A request whose actions are
not known (`requests.py`) is refused to a role, unless it may do everything: what nobody has looked up would be allowed
unseen.
"""

import io
import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4
from xml.sax.saxutils import escape

from moto import server
from moto.core import DEFAULT_ACCOUNT_ID
from moto.ec2.models import ec2_backends
from moto.kms.models import kms_backends
from moto.s3.models import s3_backends
from moto.secretsmanager.models import FakeSecret, secretsmanager_backends
from moto.sqs.models import sqs_backends

from local.aws import iam
from local.aws.api import sessions
from local.aws.api.requests import Asked, Call, calls
from local.aws.api.sessions import Session

CREDENTIAL = re.compile(r"Credential=([^/,]+)/\d+/([^/]+)/([^/]+)/aws4_request")
TEMPORARY = "ASIA"
"""What the access keys of sessions begin with."""
TRANSPORT = {"aws:SecureTransport": "true", "s3:TlsVersion": "1.3"}
"""Plain HTTP on the loopback address stands for TLS, so that a policy that demands it does not refuse everybody."""

ANYTHING = Call("any:Thing", "arn:aws:any:::thing")
"""What only a role can do that may do everything."""

Start = Callable[..., Any]
Application = Callable[[dict[str, Any], Start], Iterable[bytes]]


class Gate:
    """Lets through what IAM allows."""

    def __init__(self, behind: Application) -> None:
        self._behind = behind

    def __call__(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
        key, region, service = _signed(environ.get("HTTP_AUTHORIZATION", ""), query)
        session = sessions.of(key)
        if session is None and not key.startswith(TEMPORARY):
            return self._behind(environ, start)
        asked = _asked(environ, query, region, service)
        if session is None:
            return _refused(
                start, asked, "InvalidClientTokenId", "The security token included in the request is invalid."
            )
        if session.account != DEFAULT_ACCOUNT_ID:
            return self._behind(environ, start)
        asked = _of_account(asked, session.account)
        words = denied(session, asked)
        if words is None:
            return self._behind(environ, start)
        print(f"IAM: {words}", file=sys.stderr, flush=True)
        return _refused(start, asked, _code(asked), words.partition("\n")[0])


def _signed(header: str, query: Mapping[str, str]) -> tuple[str, str, str]:
    """The access key, the Region and the service of a signature: in a header or a link, of version 4 or, for S3, 2."""
    if found := CREDENTIAL.search(header or f"Credential={query.get('X-Amz-Credential')}"):
        return found[1], found[2], found[3]
    older = header.removeprefix("AWS ").partition(":")[0] if header.startswith("AWS ") else ""
    return older or query.get("AWSAccessKeyId", ""), "us-east-1", "s3"


def denied(session: Session, asked: Asked) -> str | None:
    """Why a request is refused, in AWS's words, and in a second line what comes near; None where it is allowed."""
    who = session.principal
    wanted = calls(asked)
    if wanted is None and judge(session, asked, ANYTHING).allowed:
        return None
    if wanted is None:
        name = asked.operation or f"{asked.method} {asked.path}"
        return (
            f"User: {who.arn} is not authorized to perform: {asked.service}:{name}, since nobody has written down "
            "which actions of IAM it needs. Do so in local/aws/api/requests.py"
        )
    try:
        for call in wanted:
            verdict = judge(session, asked, call)
            if not verdict.allowed:
                return f"{_words(who, call, verdict)}\n  {verdict}"
    except iam.PolicyError as error:
        return f"User: {who.arn} is not authorized: a policy cannot be read: {error}"
    return None


def judge(session: Session, asked: Asked, call: Call) -> iam.Verdict:
    owner = call.resource.split(":")[4] if call.resource.count(":") >= 5 else ""
    owner = owner or session.account
    keys = {**TRANSPORT, "aws:RequestedRegion": asked.region, "aws:SourceVpc": vpcs(session.account, asked.region)}
    keys |= call.keys
    if call.resource != "*":
        keys["aws:ResourceAccount"] = owner
    request = iam.Request(
        principal=session.principal, action=call.action, resource=call.resource, account=owner, keys=keys
    )
    policies = iam.Policies(
        identity=session.identity(),
        boundary=session.boundary(),
        session=session.limit(),
        resource=resource_policy(call.resource, owner, asked.region),
        resource_decides=call.action.startswith(("kms:", "sts:AssumeRole")),
    )
    return iam.evaluate(request, policies)


def vpcs(account: str, region: str) -> list[str]:
    """Where a caller is: what runs here has no network of its own, and stands in each VPC of its account."""
    return list(ec2_backends[account][region].vpcs)


def resource_policy(arn: str, account: str, region: str) -> iam.Document | None:
    """The policy of a bucket, key, secret, queue or role, if it has one."""
    service, name = (arn.split(":")[2], arn.split(":", 5)[-1]) if arn.count(":") >= 5 else ("", "")
    text: Any = None
    match service:
        case "s3":
            bucket = s3_backends[account]["aws"].buckets.get(name.partition("/")[0])
            text = bucket.policy if bucket else None
        case "kms":
            key = kms_backends[account][region].keys.get(name.removeprefix("key/"))
            text = key.policy if key else None
        case "secretsmanager":
            secret = secretsmanager_backends[account][region].secrets.get(arn)
            text = secret.policy if isinstance(secret, FakeSecret) else None
        case "sqs":
            queue = sqs_backends[account][region].queues.get(name)
            text = getattr(queue, "policy", None)
        case "iam":
            role = sessions.role_of(arn)
            text = role.assume_role_policy_document if role else None
    if not text:
        return None
    written = text.decode() if isinstance(text, bytes) else text if isinstance(text, str) else json.dumps(text)
    return iam.parse(written, f"the policy of {arn}")


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


def _asked(environ: dict[str, Any], query: dict[str, str], region: str, service: str) -> Asked:
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").lower(): str(value)
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    headers |= {name.lower(): value for name, value in query.items() if name.lower().startswith("x-amz-")}
    body = b""
    # What goes into a bucket is not looked at.
    if service != "s3" and (length := int(environ.get("CONTENT_LENGTH") or 0)):
        body = environ["wsgi.input"].read(length)
        environ["wsgi.input"] = io.BytesIO(body)
    return Asked("", region, service, environ["REQUEST_METHOD"], environ.get("PATH_INFO", "/"), query, headers, body)


def _of_account(asked: Asked, account: str) -> Asked:
    return Asked(account, *(getattr(asked, name) for name in Asked.__dataclass_fields__ if name != "account"))


def _code(asked: Asked) -> str:
    if asked.service == "ec2":
        return "UnauthorizedOperation"
    return "AccessDeniedException" if asked.target or asked.service in ("eks", "lambda") else "AccessDenied"


def _refused(start: Start, asked: Asked, code: str, words: str) -> Iterable[bytes]:
    """The refusal in the form of the request's protocol."""
    headers = [("x-amzn-RequestId", str(uuid4())), ("x-amzn-errortype", code)]
    if asked.target or asked.service in ("eks", "lambda"):
        kind, status = "application/x-amz-json-1.1", "400 Bad Request" if asked.target else "403 Forbidden"
        text = json.dumps({"__type": code, "message": words, "Message": words})
    else:
        kind, status = "text/xml", "403 Forbidden"
        told = f"<Code>{code}</Code><Message>{escape(words)}</Message>"
        forms = {"s3": f"<Error>{told}</Error>", "ec2": f"<Response><Errors><Error>{told}</Error></Errors></Response>"}
        text = forms.get(asked.service, f"<ErrorResponse><Error><Type>Sender</Type>{told}</Error></ErrorResponse>")
    body = b"" if asked.method == "HEAD" else text.encode()
    start(status, [*headers, ("Content-Type", kind), ("Content-Length", str(len(body)))])
    return [body]


def mend() -> None:
    """moto judges only where it is told to, and then without conditions, boundaries and the policies of keys and
    secrets.
    """
    application = server.DomainDispatcherApplication

    class Gated(application):  # type: ignore[misc,valid-type]
        def __call__(self, environ: dict[str, Any], start_response: Start) -> Any:
            return Gate(super().__call__)(environ, start_response)

    server.DomainDispatcherApplication = Gated  # type: ignore[misc]
