"""Questions to the identity provider over HTTP, and what the operator is told where it gives no answer."""

import ssl
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NameResolutionError, NewConnectionError

TIMEOUT: Final = (3.0, 5.0)
LARGEST: Final = 1 << 20
Ask = Callable[..., Mapping[str, Any]]
"""Takes an address and, for a POST, `data` and `auth`; returns the JSON object that is the answer."""


class Unreachable(Exception):
    """The provider gave no answer that can be used. The text is the operator's, and has nothing of a person."""


class Rejected(Unreachable):
    """It answered with an error of OAuth 2.0 (RFC 6749, 5.2), whose code is in `error`."""

    def __init__(self, error: str) -> None:
        super().__init__(f"it answered {error}")
        self.error = error


class _Trusting(HTTPAdapter):
    """Takes the certificates of one context alone. requests would load into it those that everybody knows, or a file
    that a variable names, and have the host's name looked at by its own word."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__()

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> Any:
        host, _ = super().build_connection_pool_key_attributes(request, verify, cert)
        return host, {"ssl_context": self._context}

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Is the context's: a certificate is required, and that it is the host's."""


def asking(authorities: str) -> Ask:
    """What asks a provider whose certificate is of one of these authorities, or, without any, of one that everybody
    knows."""
    context = ssl.create_default_context(cadata=authorities) if authorities else None

    def ask(url: str, **form: Any) -> Mapping[str, Any]:
        try:
            with requests.Session() as session:
                if context:
                    session.mount("https://", _Trusting(context))
                return _asked(session, url, form)
        except (requests.RequestException, OSError) as error:
            raise Unreachable(_why(str(urlsplit(url).hostname), error)) from None

    return ask


def _asked(session: requests.Session, url: str, form: Mapping[str, Any]) -> Mapping[str, Any]:
    with session.request(
        "POST" if form else "GET",
        url,
        timeout=TIMEOUT,
        allow_redirects=False,
        stream=True,
        headers={"accept": "application/json"},
        **form,
    ) as answer:
        body = answer.raw.read(LARGEST + 1, decode_content=True)
        if len(body) > LARGEST:
            raise Unreachable("its answer is too large")
        answer._content = body
        told = _json(answer)
        if (
            answer.status_code in (400, 401)
            and form
            and isinstance(told, dict)
            and (code := told.get("error")) in CODES
        ):
            raise Rejected(code)
        if answer.status_code != 200:
            raise Unreachable(f"{urlsplit(url).hostname} answered with status {answer.status_code}")
        if not isinstance(told, dict):
            raise Unreachable(f"the answer of {urlsplit(url).hostname} is no JSON object")
        return told


CODES: Final = (
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
)


def _json(answer: requests.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None


def _why(host: str, error: Exception) -> str:
    """What is wrong, and where it is mended (docs/sign-on.md)."""
    cause = error.args[0] if error.args else None
    cause = cause.reason if isinstance(cause, MaxRetryError) else cause
    if isinstance(cause, NameResolutionError):
        return f"no name {host} is known here. See that the VPC's resolver is told of it"
    if isinstance(error, requests.exceptions.SSLError):
        return f"the certificate of {host} is not trusted. See authorities in mlflowSignOn, and the certificate's names"
    if isinstance(cause, NewConnectionError):
        return f"{host} takes no connection. See hosts and cidrs in mlflowSignOn, and the routes to it"
    if isinstance(cause, ConnectTimeoutError) or isinstance(error, requests.exceptions.ConnectTimeout):
        return f"{host} is not reached. See cidrs in mlflowSignOn, the routes to it and its firewall"
    if isinstance(error, requests.exceptions.ReadTimeout):
        return f"{host} takes longer than {TIMEOUT[1]:.0f} s to answer"
    return f"the connection to {host} broke ({type(error).__name__}). See hosts and cidrs in mlflowSignOn"
