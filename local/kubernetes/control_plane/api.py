"""A few calls to the local API server, with one certificate and one connection: a client library takes a second."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"


class ApiError(Exception):
    """The API server refused a call. `status` is its HTTP status."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Api:
    """The API server (or etcd) on a loopback port, as one identity of the control plane's."""

    def __init__(self, pki: Path, identity: str, port: int, authority: str = "ca", timeout: float = 10) -> None:
        context = ssl.create_default_context(cafile=str(pki / f"{authority}.crt"))
        context.load_cert_chain(pki / f"{identity}.crt", pki / f"{identity}.key")
        self._timeout = timeout
        self._connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=timeout, context=context)

    def call(self, method: str, path: str, body: object = None, kind: str = "application/json") -> Any:
        """The answer's JSON; raises ApiError for a refusal, OSError where nobody answers."""
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        try:
            answer = self._send(method, path, content, kind)
            text = answer.read()
        except http.client.HTTPException as error:
            self._connection.close()
            raise ConnectionError(f"{type(error).__name__}: {error}") from None
        except OSError:
            self._connection.close()
            raise
        if answer.status >= 400:
            raise ApiError(answer.status, f"{method} {path}: {answer.status} {text.decode(errors='replace')[:500]}")
        return json.loads(text) if text.startswith(b"{") else None

    def watch(self, path: str, version: str, seconds: int) -> Iterator[dict[str, Any]]:
        """Each change at a list's path since that version of it, for so many seconds; no other call goes beside it.

        Raises ApiError, OSError and HTTPException as it goes on.
        """
        query = f"watch=1&resourceVersion={version}&timeoutSeconds={seconds}"
        try:
            answer = self._send("GET", f"{path}{'&' if '?' in path else '?'}{query}", None, "application/json")
            if answer.status >= 400:
                text = answer.read().decode(errors="replace")
                raise ApiError(answer.status, f"GET {path}: {answer.status} {text[:500]}")
            if self._connection.sock:
                self._connection.sock.settimeout(seconds + self._timeout)  # it may be long until anything changes
            for line in answer:
                yield json.loads(line)
        finally:
            self._connection.close()

    def _send(self, method: str, path: str, content: bytes | None, kind: str) -> http.client.HTTPResponse:
        headers = {"Content-Type": kind, "Accept": "application/json"}
        try:
            self._connection.request(method, path, content, headers)
            return self._connection.getresponse()
        except (ConnectionError, http.client.BadStatusLine):
            # The server ends idle connections: once more on a new one. Every call here may be made twice.
            self._connection.close()
            self._connection.request(method, path, content, headers)
            return self._connection.getresponse()

    def ready(self, path: str = "/readyz") -> bool:
        """Whether the server answers and says that it is well."""
        try:
            self.call("GET", path)
        except (ApiError, OSError):
            return False
        return True
