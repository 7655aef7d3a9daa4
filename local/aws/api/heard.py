"""How often the API was asked to change anything: who looks at it again and again need not look where nobody did."""

import io
import json
import re
from collections.abc import Iterable
from threading import Lock
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

from moto import server

from local.aws.api.gate import Application, Start
from local.aws.changes import CHANGES

READING = re.compile(r"(BatchGet|Describe|Get|Head|List)[A-Z]")
"""How the names of operations begin that change nothing which is looked at."""
FORM = "application/x-www-form-urlencoded"


class Heard:
    """Counts what may have changed something, when it was done and before that is answered; tells the count.

    A request that it does not know for a reading one counts.
    """

    def __init__(self, behind: Application) -> None:
        self._behind = behind
        self._since = uuid4().hex
        self._count = 0
        self._lock = Lock()

    def __call__(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        if environ.get("PATH_INFO") == CHANGES:
            body = json.dumps(f"{self._since} {self._count}").encode()
            start("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
            return [body]
        reads = only_reads(environ)
        try:
            return self._behind(environ, start)
        finally:
            if not reads:
                with self._lock:
                    self._count += 1


def only_reads(environ: dict[str, Any]) -> bool:
    """Whether the operation is known to change nothing; the request's body can be read afterwards as before."""
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        return bool(READING.match(str(target).rpartition(".")[2]))
    asked = str(environ.get("QUERY_STRING", ""))
    if str(environ.get("CONTENT_TYPE", "")).startswith(FORM) and (length := int(environ.get("CONTENT_LENGTH") or 0)):
        body = environ["wsgi.input"].read(length)
        environ["wsgi.input"] = io.BytesIO(body)
        asked = f"{asked}&{body.decode(errors='replace')}"
    if action := parse_qs(asked).get("Action"):
        return bool(READING.match(action[0]))
    return environ["REQUEST_METHOD"] in ("GET", "HEAD")


def mend() -> None:
    """moto tells nobody whether it changed."""
    application = server.DomainDispatcherApplication

    class Counted(application):  # type: ignore[misc,valid-type]
        def __init__(self, *given: Any, **named: Any) -> None:
            super().__init__(*given, **named)
            self._heard = Heard(super().__call__)

        def __call__(self, environ: dict[str, Any], start_response: Start) -> Any:
            return self._heard(environ, start_response)

    server.DomainDispatcherApplication = Counted  # type: ignore[misc]
