"""IAM at the door: a request that a role's session has signed is judged before the API answers it.

The caller is known by the access key in the signature. The stack's own administrator, and whoever else has no session,
is let in, but for what a bucket's policy denies to all; a session of another account is let in, since nobody knows its
policies here. A request whose actions are not known (`requests.py`) is refused to a role, unless it may do everything:
what nobody has looked up would be allowed unseen.
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

from local.aws.api import sessions
from local.aws.api.asked import Asked
from local.aws.api.judging import denied, denied_to_all

CREDENTIAL = re.compile(r"Credential=([^/,]+)/\d+/([^/]+)/([^/]+)/aws4_request")
TEMPORARY = "ASIA"
"""What the access keys of sessions begin with."""
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
        if session is None and not key.startswith(TEMPORARY) and service != "s3":
            return self._behind(environ, start)
        asked = _asked(environ, query, region, service)
        if session is None and not key.startswith(TEMPORARY):
            return self._answered(environ, start, asked, denied_to_all(asked))
        if session is None:
            return _refused(
                start, asked, "InvalidClientTokenId", "The security token included in the request is invalid."
            )
        if session.expired:
            code = "ExpiredTokenException" if asked.target else "ExpiredToken"
            return _refused(start, asked, code, "The security token included in the request is expired")
        if session.account != DEFAULT_ACCOUNT_ID:
            return self._behind(environ, start)
        return self._answered(environ, start, asked, denied(session, asked))

    def _answered(self, environ: dict[str, Any], start: Start, asked: Asked, words: str | None) -> Iterable[bytes]:
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


def _asked(environ: dict[str, Any], query: dict[str, str], region: str, service: str) -> Asked:
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").lower(): str(value)
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    headers |= {name.lower(): value for name, value in query.items() if name.lower().startswith("x-amz-")}
    body = b""
    # What goes into a bucket is not looked at, but for a list of objects to delete.
    if (service != "s3" or "delete" in query) and (length := int(environ.get("CONTENT_LENGTH") or 0)):
        body = environ["wsgi.input"].read(length)
        environ["wsgi.input"] = io.BytesIO(body)
    method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "/")
    return Asked(DEFAULT_ACCOUNT_ID, region, service, method, path, query, headers, body)


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
