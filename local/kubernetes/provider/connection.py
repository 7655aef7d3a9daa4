"""One API server: requests over a pool of connections, tried again while the server is busy or briefly away."""

from __future__ import annotations

import contextlib
import json
import ssl
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import urllib3

from local.kubernetes.provider.kubeconfig import Access

PATIENCE = 30.0
"""Seconds for which a request is tried again: an API server that restarts is back by then."""
APPLY = "application/apply-patch+yaml"
_JSON = "application/json"
_BUSY = {429, 502, 503, 504}
_CONNECTIONS = 32


class ApiError(Exception):
    """The API server refused. The text is its own message."""

    def __init__(self, status: int, answer: Mapping[str, Any]) -> None:
        super().__init__(str(answer.get("message") or f"HTTP status {status}"))
        self.status = status
        self.reason = str(answer.get("reason", ""))
        self.causes: list[Mapping[str, Any]] = list((answer.get("details") or {}).get("causes") or [])
        self.details: Mapping[str, Any] = answer.get("details") or {}


class Unreachable(Exception):
    """The API server does not answer."""


class Cancelled(Exception):
    """The user stopped the run."""


class Connection:
    """Talks JSON with the API server that a kubeconfig leads to; any number of threads may do so at once."""

    def __init__(self, access: Access, patience: float = PATIENCE) -> None:
        self.server = access.server
        self.patience = patience
        self.stopped = threading.Event()
        self._headers = {"Authorization": f"Bearer {access.token}"} if access.token else {}
        self._pool = urllib3.PoolManager(maxsize=_CONNECTIONS, block=True, ssl_context=_tls(access), retries=False)
        self._away_until = 0.0

    def get(self, path: str, query: Mapping[str, str] | None = None) -> dict[str, Any]:
        """What lies at a path."""
        return self.request("GET", path, query)

    def find(self, path: str, query: Mapping[str, str] | None = None) -> dict[str, Any] | None:
        """What lies at a path, None where nothing does."""
        try:
            return self.get(path, query)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = _JSON,
        accept: str = _JSON,
    ) -> dict[str, Any]:
        """The server's answer. ApiError where it refuses, Unreachable where it stays away."""
        answer, _ = self.request_with_warnings(method, path, query, body, content_type, accept)
        return answer

    def request_with_warnings(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = _JSON,
        accept: str = _JSON,
    ) -> tuple[dict[str, Any], list[str]]:
        """The same, and what the server warns of (RFC 7234, section 5.5: deprecated versions, for one)."""
        if time.monotonic() < self._away_until:
            raise Unreachable(self._away("it did not a moment ago"))
        url = f"{self.server}{path}" + (f"?{urlencode(query)}" if query else "")
        headers = {**self._headers, "Accept": accept}
        data = None
        if body is not None:
            headers["Content-Type"] = content_type
            data = json.dumps(body).encode()
        limit = time.monotonic() + self.patience
        pause = 0.1
        while True:
            if self.stopped.is_set():
                raise Cancelled
            try:
                response = self._pool.request(method, url, body=data, headers=headers, timeout=urllib3.Timeout(5, 60))
            except urllib3.exceptions.SSLError as error:
                raise Unreachable(f"The API server at {self.server} shows no trusted certificate: {error}") from error
            except urllib3.exceptions.HTTPError as error:
                if time.monotonic() + pause > limit:
                    # The next requests need not wait as long for the same.
                    self._away_until = time.monotonic() + self.patience
                    raise Unreachable(self._away(str(error))) from error
            else:
                answer = _parsed(response.data)
                if response.status < 400:
                    return answer, _warnings(response.headers.getlist("Warning"))
                if response.status not in _BUSY or time.monotonic() + pause > limit:
                    raise ApiError(response.status, answer)
                with contextlib.suppress(ValueError):
                    pause = max(pause, min(float(response.headers.get("Retry-After", 0)), 5))
            self.stopped.wait(pause)
            pause = min(pause * 2, 3)

    def _away(self, reason: str) -> str:
        return (
            f"The Kubernetes API server at {self.server} does not answer ({reason}). "
            "`./parapet up` starts the local one; a resource of a cluster that is gone for good leaves the state with "
            "the provider's setting deleteUnreachable"
        )


def _parsed(data: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(data)
    except ValueError:
        return {"message": data[:500].decode(errors="replace")}
    return answer if isinstance(answer, dict) else {"message": str(answer)}


def _warnings(headers: list[str]) -> list[str]:
    # Each is `299 - "text"`.
    return [line.split('"', 1)[1].rsplit('"', 1)[0].replace('\\"', '"') for line in headers if '"' in line]


@contextlib.contextmanager
def _file(content: bytes) -> Iterator[str]:
    # The ssl module reads a certificate's key from files only.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pem"
        path.touch(0o600)
        path.write_bytes(content)
        yield str(path)


def _tls(access: Access) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=access.authority.decode() if access.authority else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if access.certificate and access.key:
        with _file(access.certificate) as certificate, _file(access.key) as key:
            context.load_cert_chain(certificate, key)
    return context
