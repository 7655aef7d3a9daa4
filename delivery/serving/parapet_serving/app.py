"""The routes: from a request to its answer, with all that is asked and told on the way."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Final, TypeVar
from uuid import UUID

import msgspec
from granian.rsgi import HTTPProtocol, ProtocolClosed, Scope

from parapet_serving import card
from parapet_serving.batching import Batches
from parapet_serving.bundle.folder import Bundle
from parapet_serving.callers.callers import Callers
from parapet_serving.contract import Contract, Matrix, Outputs
from parapet_serving.deadlines import Deadlines
from parapet_serving.predictions.log import Log
from parapet_serving.refusal import Wrong
from parapet_serving.settings import Settings
from parapet_serving.telling import logs
from parapet_serving.telling.hashed import Hashed
from parapet_serving.telling.metrics import Metrics
from parapet_serving.telling.tracing import Tracing
from parapet_serving.wire import records
from parapet_serving.wire.oip import Oip
from parapet_serving.wire.records import Records

JSON: Final = "application/json"
BYTES: Final = "application/octet-stream"
CALLERS: Final = 10_000
"""Whose hashes are remembered."""
HEADER_LENGTH: Final = "inference-header-content-length"
EXTENSIONS: Final = ("binary_tensor_data",)
CLOSE: Final = (("connection", "close"),)
UNCOUNTED: Final = frozenset({"live", "ready"})
"""Routes that anybody may ask, as the kubelet does every few seconds; they have no line in the log."""


@dataclass(slots=True)
class Asked:
    """A request on its way."""

    scope: Scope
    protocol: HTTPProtocol
    route: str
    began: float
    id: str
    caller: str = ""
    """Hashed, as the subject."""
    subject: str | None = None
    rows: int = 0
    body_read: bool = False
    headers: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back."""

    body: bytes
    kind: str = JSON
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()


LATE_REQUEST: Final = Wrong(408, "time", "the request did not come in time", headers=CLOSE)
LATE_ANSWER: Final = Wrong(504, "time", "the model did not answer in time")
FAILED: Final = Wrong(500, "internal", "the server failed; the log says where, under this id")

T = TypeVar("T")
Handler = Callable[[Asked], Awaitable[Answer]]


class App:
    """The application, for one model, on one event loop (RSGI)."""

    def __init__(
        self,
        settings: Settings,
        bundle: Bundle,
        contract: Contract,
        tensor: str,
        batches: Batches,
        metrics: Metrics,
        tracing: Tracing,
        log: Log | None,
    ) -> None:
        manifest, most = bundle.manifest, settings.limits.rows
        self._settings, self._contract, self._batches, self._metrics = settings, contract, batches, metrics
        self._tracing, self._log = tracing, log
        self._name, self._version = manifest.name, manifest.version
        self._callers = Callers(settings)
        self._hashed = Hashed(settings.hash_key())
        self._known = lru_cache(CALLERS)(partial(self._hashed, "caller"))
        self._deadlines = Deadlines(settings.limits.seconds)
        self._oip = Oip(contract, tensor, self._name, self._version, most)
        self._records = Records(contract, most)
        self._card = card.page(bundle)
        self._line = logs.logger().bind(model=self._name, version=self._version)
        self.in_flight = 0
        self.draining = False
        self._routes = self._table()

    def _table(self) -> Mapping[str, tuple[str, str, Handler]]:
        """By path: the route's name, its method, and who answers."""
        found: dict[str, tuple[str, str, Handler]] = {
            "/v2": ("server", "GET", self._server),
            "/v2/health/live": ("live", "GET", self._live),
            "/v2/health/ready": ("ready", "GET", self._ready),
            "/predict": ("records", "POST", self._predict),
            "/card": ("card", "GET", self._page),
        }
        for base in (f"/v2/models/{self._name}", f"/v2/models/{self._name}/versions/{self._version}"):
            found[base] = ("metadata", "GET", self._metadata)
            found[f"{base}/ready"] = ("model ready", "GET", self._ready)
            found[f"{base}/infer"] = ("infer", "POST", self._infer)
        return found

    @property
    def ready(self) -> bool:
        """Whether requests should be sent here."""
        unwritten = self._log is not None and self._settings.prediction_log is not None and not self._log.healthy
        required = self._settings.prediction_log is not None and self._settings.prediction_log.required
        return not self.draining and not (unwritten and required)

    async def __rsgi__(self, scope: Scope, protocol: HTTPProtocol) -> None:
        """One request."""
        began = time.perf_counter()
        route, method, handler = self._routes.get(scope.path) or ("other", "", self._nowhere)
        asked = Asked(scope, protocol, route, began, _id(scope.headers.get("x-request-id")))
        self.in_flight += 1
        try:
            with self._tracing.span(route, scope.headers.get("traceparent")) as span:
                answer, kind = await self._answered(asked, method, handler)
                if span is not None:
                    span.set_attributes(self._facts(asked, answer.status, kind))
            self._send(asked, answer)
        except ProtocolClosed:
            answer, kind = Answer(b"", status=499), "gone"
        finally:
            self.in_flight -= 1
        self._tell(asked, answer.status, kind)

    async def _answered(self, asked: Asked, method: str, handler: Handler) -> tuple[Answer, str]:
        """The answer, and the kind of error where it is one."""
        task = self._deadlines.watch()
        try:
            if method and asked.scope.method != method:
                raise Wrong(405, "method", f"this takes {method}", headers=(("allow", method),))
            if asked.route not in UNCOUNTED:
                await self._admit(asked)
            return await handler(asked), ""
        except Wrong as wrong:
            return _error(wrong), wrong.kind
        except asyncio.CancelledError:
            if not self._deadlines.is_over(task):
                raise
            late = LATE_ANSWER if asked.body_read else LATE_REQUEST
            return _error(late), late.kind
        except ProtocolClosed:
            raise
        except Exception as error:
            logs.say("failed", request=asked.id, **logs.told(error))
            return _error(FAILED), FAILED.kind
        finally:
            self._deadlines.forget(task)

    async def _admit(self, asked: Asked) -> None:
        """Lets one in that may ask. Raises Wrong."""
        if self.in_flight > self._settings.limits.in_flight:
            raise Wrong(503, "load", "too many requests at once", headers=(("retry-after", "1"),))
        headers = asked.scope.headers
        pairs = headers.items()  # one that stands twice is in it twice
        authorization = [value for name, value in pairs if name == "authorization"]
        certificates = [value for name, value in pairs if name == "x-forwarded-client-cert"]
        asked.caller = self._known(await self._callers.caller(authorization, certificates, asked.scope.client))
        if subject := headers.get(self._settings.subject_header):
            asked.subject = self._hashed("subject", subject)

    async def _body(self, asked: Asked, kinds: tuple[str, ...], *, untyped: bool) -> bytes:
        """The whole body, of one of these types. Raises Wrong (408, 413, 415)."""
        headers, most = asked.scope.headers, self._settings.limits.body_bytes
        kind = headers.get("content-type")
        if not (untyped if kind is None else _is(kind, kinds)):
            raise Wrong(415, "type", f"content-type must be {' or '.join(kinds)}")
        if headers.get("content-encoding") not in (None, "identity"):
            raise Wrong(415, "type", "content-encoding must be identity")
        length = headers.get("content-length")
        too_much = Wrong(413, "size", f"the body must have at most {most} bytes", headers=CLOSE)
        if length is not None:
            if int(length) > most:
                raise too_much
            body = await asked.protocol()
        else:
            parts, size = list[bytes](), 0
            async for part in asked.protocol:
                size += len(part)
                if size > most:
                    raise too_much
                parts.append(bytes(part))
            body = b"".join(parts)
        asked.body_read = True
        return body

    async def _infer(self, asked: Asked) -> Answer:
        """Open Inference Protocol v2."""
        header_length = asked.scope.headers.get(HEADER_LENGTH)
        kinds = (JSON,) if header_length is None else (BYTES, JSON)
        read = await self._read(asked, kinds, lambda body: self._oip.read(body, header_length), untyped=True)
        outputs = await self._outputs(asked, read.matrix, read.id)
        body, length = self._oip.answer(asked.id if read.id is None else read.id, read.outputs, outputs)
        if length is None:
            return Answer(body)
        return Answer(body, BYTES, headers=((HEADER_LENGTH, str(length)),))

    async def _predict(self, asked: Asked) -> Answer:
        """Records by the fields' names."""
        matrix = await self._read(asked, (JSON,), self._records.read, untyped=False)
        outputs = await self._outputs(asked, matrix, None)
        return Answer(records.answer(self._name, self._version, asked.id, outputs))

    async def _read(self, asked: Asked, kinds: tuple[str, ...], read: Callable[[bytes], T], *, untyped: bool) -> T:
        self._batches.reading += 1
        try:
            return read(await self._body(asked, kinds, untyped=untyped))
        finally:
            self._batches.read()

    async def _outputs(self, asked: Asked, matrix: Matrix, own_id: str | None) -> Outputs:
        asked.rows = len(matrix)
        outputs = await self._batches.predict(matrix)
        if self._log:
            self._log.add((time.time(), asked.id, own_id, asked.caller, asked.subject), matrix, outputs)
        return outputs

    async def _server(self, _: Asked) -> Answer:
        return Answer(
            msgspec.json.encode({"name": "parapet-serving", "version": self._version, "extensions": EXTENSIONS})
        )

    async def _metadata(self, _: Asked) -> Answer:
        return Answer(self._oip.metadata())

    async def _page(self, _: Asked) -> Answer:
        return Answer(self._card, "text/html; charset=utf-8", headers=(("content-security-policy", card.POLICY),))

    async def _live(self, _: Asked) -> Answer:
        return Answer(b'{"live":true}')

    async def _ready(self, _: Asked) -> Answer:
        return Answer(b'{"ready":true}') if self.ready else Answer(b'{"ready":false}', status=503)

    async def _nowhere(self, asked: Asked) -> Answer:
        del asked
        raise Wrong(404, "path", f"there is nothing here; this is the model {self._name} {self._version}")

    def _send(self, asked: Asked, answer: Answer) -> None:
        headers = [
            ("content-type", answer.kind),
            ("x-request-id", asked.id),
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            *answer.headers,
        ]
        if self.draining:
            headers.append(("connection", "close"))
        asked.protocol.response_bytes(answer.status, headers, answer.body)

    def _tell(self, asked: Asked, status: int, kind: str) -> None:
        took = time.perf_counter() - asked.began
        self._metrics.answered(asked.route, status)
        if kind:
            self._metrics.failed(kind)
        if asked.route in UNCOUNTED:
            return
        if asked.route in ("infer", "records"):
            self._metrics.seconds.observe(took)
        line: dict[str, object] = {"request": asked.id, "route": asked.route, "status": status}
        if kind:
            line["kind"] = kind
        if asked.caller:
            line["caller"] = asked.caller
        if asked.subject:
            line["subject"] = asked.subject
        self._line.msg("answered", **line, rows=asked.rows, ms=round(took * 1000, 3))

    def _facts(self, asked: Asked, status: int, kind: str) -> dict[str, str | int]:
        facts: dict[str, str | int] = {"http.response.status_code": status, "parapet.request": asked.id}
        return facts | {"parapet.rows": asked.rows} | ({"error.type": kind} if kind else {})


def _error(wrong: Wrong) -> Answer:
    body = msgspec.json.encode({"error": wrong.text, "kind": wrong.kind})
    return Answer(body, status=wrong.status, headers=wrong.headers)


def _id(told: str | None) -> str:
    """A UUID as the mesh's proxy sends it; of anything else, which may hold anything, none is taken."""
    if told is not None and len(told) == 36:
        try:
            return str(UUID(told))
        except ValueError:
            pass
    return secrets.token_hex(16)


def _is(kind: str, kinds: tuple[str, ...]) -> bool:
    """Whether a content type is one of these, in UTF-8."""
    media, _, parameters = kind.partition(";")
    charset = parameters.strip().lower()
    return media.strip().lower() in kinds and charset in ("", "charset=utf-8", 'charset="utf-8"')
