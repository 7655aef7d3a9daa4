"""The routes: from a request to its answer, with all that is asked and told on the way.

A request goes from step to step by plain calls, and waits between them where it has to: for its body, for the
provider's keys, for the model. A coroutine for each would cost a third of all that is done for it.
"""

import asyncio
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Final
from uuid import UUID

import msgspec

from parapet_serving import card
from parapet_serving.batching import Batches
from parapet_serving.bundle.folder import Bundle
from parapet_serving.callers.callers import Callers
from parapet_serving.contract import Contract, Matrix, Outputs
from parapet_serving.deadlines import Deadlines
from parapet_serving.http.exchange import Exchange, Gone, TooLong
from parapet_serving.http.room import Crowded, Greedy
from parapet_serving.predictions.log import Log
from parapet_serving.refusal import Wrong, malformed
from parapet_serving.settings import Settings
from parapet_serving.telling import logs
from parapet_serving.telling.hashed import Hashed
from parapet_serving.telling.judged import Judged
from parapet_serving.telling.metrics import Metrics
from parapet_serving.telling.tracing import Tracing
from parapet_serving.wire.oip import Oip, Read
from parapet_serving.wire.records import Records

JSON: Final = "application/json"
BYTES: Final = "application/octet-stream"
IDS: Final = 64
"""That are drawn at once."""
CALLERS: Final = 10_000
"""Whose hashes are remembered."""
HEADER_LENGTH: Final = "inference-header-content-length"
EXTENSIONS: Final = ("binary_tensor_data",)
CLOSE: Final = (("connection", "close"),)
UNKNOWN: Final = ""
"""Whose share bodies are of whose callers are not known yet: one for all of them."""
UNCOUNTED: Final = frozenset({"live", "ready"})
"""Routes that anybody may ask, as the kubelet does every few seconds; they have no line in the log."""
REFUSED: Final = "refused"
"""The route of what is no call, in the metrics: of who is not known, or had no right to this one. What judges a version
by its calls must not be told how many they are, and how quickly answered, by whoever likes."""
BEYOND: Final = "beyond"
"""The route of calls beyond what a caller has of those that are judged (`telling/judged.py`)."""
NO_CALLS: Final = frozenset({401, 403, 404, 405, 413, 429})


@dataclass(slots=True, eq=False)
class Asked:
    """A request on its way."""

    exchange: Exchange
    route: str
    handler: "Handler"
    began: float
    id: str
    """Of this server's own, and of no other request."""
    sent: str | None = None
    """The caller's own id, where that is a UUID."""
    span: Any = None
    caller: str = ""
    """Hashed, as the subject."""
    subject: str | None = None
    rows: int = 0
    body_read: bool = False
    waits_for: asyncio.Future[Any] | None = None
    done: bool = False
    """Whether it is answered, or nobody is there to be answered any more."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back."""

    body: bytes
    kind: str = JSON
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()


CROWDED: Final = Wrong(503, "load", "too many bytes at once", headers=(("retry-after", "1"), *CLOSE))
GREEDY: Final = Wrong(*(429, "rate", "too many bytes of this caller at once"), headers=(("retry-after", "1"), *CLOSE))
LATE_REQUEST: Final = Wrong(408, "time", "the request did not come in time", headers=CLOSE)
LATE_ANSWER: Final = Wrong(504, "time", "the model did not answer in time")
FAILED: Final = Wrong(500, "internal", "the server failed; the log says where, under this id")

Handler = Callable[[Asked], None]
"""Answers it, or sees to it that it is answered later."""


class App:
    """The application, for one model, on one event loop."""

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
        self._in_flight, self._in_flight_of_one = settings.limits.in_flight, settings.limits.in_flight_of_one
        self._callers = Callers(settings)
        self._hashed = Hashed(settings.hash_key())
        self._known = lru_cache(CALLERS)(partial(self._hashed, "caller"))
        self._deadlines = Deadlines[Asked](settings.limits.seconds, self._late)
        self._oip = Oip(contract, tensor, self._name, self._version, most)
        self._records = Records(contract, most)
        self._card = card.page(bundle)
        self._lines = logs.Lines()
        self._calls, self._predictions = Judged(), Judged()
        self._ids = _ids()
        self.in_flight = 0
        self._admitted = 0
        self._of = dict[str, int]()
        """Requests that are being answered, of each who was let in."""
        self.draining = False
        self._routes = self._table()

    def _table(self) -> Mapping[str, tuple[str, str, Handler]]:
        """By path: the route's name, its method, and who answers."""
        found: dict[str, tuple[str, str, Handler]] = {
            "/v2": ("server", "GET", self._server),
            "/v2/health/live": ("live", "GET", self._live),
            "/v2/health/ready": ("ready", "GET", self._ready),
            "/predict": ("records", "POST", self._plain),
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

    def begin(self, exchange: Exchange) -> None:
        """One request, whose headers are there. Raises nothing."""
        route, method, handler = self._routes.get(exchange.path) or ("other", "", self._nowhere)
        own, sent = next(self._ids), _sent(exchange.header("x-request-id"))
        asked = Asked(exchange, route, handler, time.perf_counter(), own, sent)
        asked.span = self._tracing.begin(route, exchange.header("traceparent"))
        self.in_flight += 1
        self._deadlines.watch(asked)
        self._step(asked, partial(self._enter, asked, method))

    def _step(self, asked: Asked, step: Callable[[], None]) -> None:
        """Whatever comes of it, the request is answered: by the step, by one that it leads to, or with its error."""
        if asked.done:
            return
        try:
            step()
        except Wrong as wrong:
            self._finish(asked, _error(wrong), wrong.kind)
        except Gone:
            self._finish(asked, Answer(b"", status=499), "gone")
        except Exception as error:
            logs.say("failed", request=asked.id, **logs.told(error))
            self._finish(asked, _error(FAILED), FAILED.kind)

    def _late(self, asked: Asked) -> None:
        if not asked.done:
            wrong = LATE_ANSWER if asked.body_read else LATE_REQUEST
            self._finish(asked, _error(wrong), wrong.kind)

    def _enter(self, asked: Asked, method: str) -> None:
        """Lets one in that may ask. Raises Wrong."""
        exchange = asked.exchange
        if method and exchange.method != method:
            raise Wrong(405, "method", f"this takes {method}", headers=(("allow", method),))
        if asked.route in UNCOUNTED:
            asked.handler(asked)
            return
        authorization = exchange.every("authorization")
        caller = self._callers.at_once(authorization, exchange.every("x-forwarded-client-cert"), exchange.client)
        if caller is None:
            exchange.belongs(UNKNOWN)
            verified = self._callers.verified(authorization[0], exchange.client)
            asked.waits_for = asyncio.get_running_loop().create_task(verified)
            asked.waits_for.add_done_callback(lambda done: self._step(asked, lambda: self._admit(asked, done.result())))
        else:
            self._admit(asked, caller)

    def _admit(self, asked: Asked, caller: str) -> None:
        asked.caller = self._known(caller)
        self._admitted += 1
        self._of[asked.caller] = at_once = self._of.get(asked.caller, 0) + 1
        if at_once > self._in_flight_of_one:
            raise Wrong(429, "rate", "too many requests of this caller at once", headers=(("retry-after", "1"),))
        if self._admitted > self._in_flight:
            raise Wrong(503, "load", "too many requests at once", headers=(("retry-after", "1"),))
        self._callers.take(asked.caller)
        if not asked.exchange.belongs(asked.caller):
            raise GREEDY
        name = self._settings.subject_header
        if subject := asked.exchange.header(name):
            asked.subject = self._hashed("subject", _text(name, subject))
        asked.handler(asked)

    def _read(self, asked: Asked, kinds: tuple[str, ...], read: Callable[[bytes], None], *, untyped: bool) -> None:
        """Has the whole body read, of one of these types, once it is there. Raises Wrong (413, 415)."""
        exchange, most = asked.exchange, self._settings.limits.body_bytes
        kind = exchange.header("content-type")
        if not (untyped if kind is None else kind in kinds or _is(kind, kinds)):
            raise Wrong(415, "type", f"content-type must be {' or '.join(kinds)}")
        if exchange.header("content-encoding") not in (None, "identity"):
            raise Wrong(415, "type", "content-encoding must be identity")
        length = exchange.header("content-length")
        if length is not None:
            if int(length) > most:
                raise self._too_long()
            # By its announced length: what never comes whole is work too.
            self._callers.read(asked.caller, int(length))
        turn = self._batches.reads()

        def whole() -> None:
            try:
                self._step(asked, came)
            finally:
                self._batches.read(turn)

        def came() -> None:
            try:
                body = exchange.body()
            except TooLong:
                raise self._too_long() from None
            except Crowded:
                raise CROWDED from None
            except Greedy:
                raise GREEDY from None
            asked.body_read = True
            if length is None:
                self._callers.read(asked.caller, len(body))
            read(body)

        exchange.when_whole(whole)

    def _too_long(self) -> Wrong:
        most = self._settings.limits.body_bytes
        return Wrong(413, "size", f"the body must have at most {most} bytes", headers=CLOSE)

    def _infer(self, asked: Asked) -> None:
        """Open Inference Protocol v2."""
        header_length = asked.exchange.header(HEADER_LENGTH)

        def read(body: bytes) -> None:
            request = self._oip.read(body, header_length)
            self._predict(asked, request.matrix, request.id, partial(answer, request))

        def answer(request: Read, outputs: Outputs) -> Answer:
            own_id = asked.id if request.id is None else request.id
            body, length = self._oip.answer(own_id, request.outputs, outputs)
            return Answer(body) if length is None else Answer(body, BYTES, headers=((HEADER_LENGTH, str(length)),))

        self._read(asked, (JSON,) if header_length is None else (BYTES, JSON), read, untyped=True)

    def _plain(self, asked: Asked) -> None:
        """Records by the fields' names."""

        def answer(outputs: Outputs) -> Answer:
            return Answer(self._records.answer(self._name, self._version, asked.id, outputs))

        self._read(
            asked,
            (JSON,),
            lambda body: self._predict(asked, self._records.read(body), None, answer),
            untyped=False,
        )

    def _predict(self, asked: Asked, matrix: Matrix, own_id: str | None, answer: Callable[[Outputs], Answer]) -> None:
        asked.rows = len(matrix)
        self._callers.asked(asked.caller, len(matrix))

        def came(done: asyncio.Future[Outputs]) -> None:
            outputs = done.result()
            told = answer(outputs)  # first: what cannot be answered is not kept
            if self._log:
                self._log.add((time.time(), asked.id, asked.sent, own_id, asked.caller, asked.subject), matrix, outputs)
            if counts := self._predictions.take(asked.caller, asked.rows):
                self._metrics.predicted(asked.rows, counts, outputs)
            self._finish(asked, told)

        asked.waits_for = self._batches.predict(matrix)
        asked.waits_for.add_done_callback(lambda done: self._step(asked, partial(came, done)))

    def _server(self, asked: Asked) -> None:
        told = {"name": "parapet-serving", "version": self._version, "extensions": EXTENSIONS}
        self._finish(asked, Answer(msgspec.json.encode(told)))

    def _metadata(self, asked: Asked) -> None:
        self._finish(asked, Answer(self._oip.metadata()))

    def _page(self, asked: Asked) -> None:
        policy = ("content-security-policy", card.POLICY)
        self._finish(asked, Answer(self._card, "text/html; charset=utf-8", headers=(policy,)))

    def _live(self, asked: Asked) -> None:
        self._finish(asked, Answer(b'{"live":true}'))

    def _ready(self, asked: Asked) -> None:
        self._finish(asked, Answer(b'{"ready":true}') if self.ready else Answer(b'{"ready":false}', status=503))

    def _nowhere(self, asked: Asked) -> None:
        del asked
        raise Wrong(404, "path", f"there is nothing here; this is the model {self._name} {self._version}")

    def _finish(self, asked: Asked, answer: Answer, kind: str = "") -> None:
        """Answers, with this kind of error where it is one."""
        asked.done = True
        self.in_flight -= 1
        if asked.caller:
            self._leaves(asked.caller)
        self._deadlines.forget(asked)
        status = answer.status
        if asked.waits_for and not asked.waits_for.done():
            asked.waits_for.cancel()
        if asked.span is not None:
            asked.span.set_attributes(self._facts(asked, status, kind))
            asked.span.end()
        if kind != "gone":
            try:
                self._send(asked, answer)
            except Gone:
                status, kind = 499, "gone"
        self._tell(asked, status, kind)

    def _leaves(self, caller: str) -> None:
        self._admitted -= 1
        if left := self._of[caller] - 1:
            self._of[caller] = left
        else:
            del self._of[caller]

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
        asked.exchange.answer(answer.status, headers, answer.body)

    def _tell(self, asked: Asked, status: int, kind: str) -> None:
        took = time.perf_counter() - asked.began
        anybodys = asked.route in UNCOUNTED
        call = anybodys or (asked.caller and status not in NO_CALLS)
        asks = call and asked.route in ("infer", "records")
        judged = asks and self._calls.take(asked.caller)
        self._metrics.answered(REFUSED if not call else BEYOND if asks and not judged else asked.route, status)
        if kind:
            self._metrics.failed(kind)
        if anybodys or (status == 429 and not asked.caller):
            return
        if judged and not 400 <= status < 500:
            self._metrics.seconds.observe(took)
        of, rows, ms = asked.route, asked.rows, round(took * 1000, 3)
        subject, sent = asked.subject or "", asked.sent or ""
        told = logs.Answered(
            self._name, self._version, asked.id, of, status, rows, ms, logs.now(), kind, asked.caller, subject, sent
        )
        self._lines.add(told)

    def _facts(self, asked: Asked, status: int, kind: str) -> dict[str, str | int]:
        facts: dict[str, str | int] = {"http.response.status_code": status, "parapet.request": asked.id}
        facts |= {"parapet.request.sent": asked.sent} if asked.sent else {}
        return facts | {"parapet.rows": asked.rows} | ({"error.type": kind} if kind else {})


def _error(wrong: Wrong) -> Answer:
    body = msgspec.json.encode({"error": wrong.text, "kind": wrong.kind})
    return Answer(body, status=wrong.status, headers=wrong.headers)


def _ids() -> Iterator[str]:
    """Each 128 random bits of the system's, which are drawn some at a time: a call of the system takes longer."""
    while True:
        drawn = secrets.token_hex(16 * IDS)
        yield from (drawn[at : at + 32] for at in range(0, len(drawn), 32))


def _sent(told: str | None) -> str | None:
    """A UUID as the mesh's proxy sends it; of anything else, which may hold anything, none is taken. It is whatever a
    caller likes: another's, or the same for all."""
    if told is not None and len(told) == 36:
        try:
            return str(UUID(told))
        except ValueError:
            pass
    return None


def _text(name: str, told: str) -> str:
    """A header that is read as text: UTF-8, which HTTP's bytes stand for. Raises Wrong (400)."""
    if told.isascii():
        return told
    try:
        return told.encode("latin-1").decode()
    except UnicodeDecodeError:
        raise malformed(f"{name}: it is not UTF-8") from None


def _is(kind: str, kinds: tuple[str, ...]) -> bool:
    """Whether a content type is one of these, in UTF-8."""
    media, _, parameters = kind.partition(";")
    charset = parameters.strip().lower()
    return media.strip().lower() in kinds and charset in ("", "charset=utf-8", 'charset="utf-8"')
