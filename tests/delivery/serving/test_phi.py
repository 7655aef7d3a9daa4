"""Nothing of a patient is written anywhere but into the prediction log, whatever is sent, and wherever in it.

A mark is planted in values, names, paths, query strings, methods and headers, in requests that succeed and in such that
fail; then all that the server told is searched for it: answers, log, metrics, traces.
"""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.delivery.serving.bundles import NAME, RECORD, Bundle, row
from tests.delivery.serving.served import MODEL, Served, asked, half_asked

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("serving")]

MARK, NUMBER = "Zq81mrnXk7", 98765.4321
"""A text, and a number, that stand in nothing else."""
TRACES = [MARK, "98765.4"]
HEADERS = {
    **{"X-Request-Id": MARK, "X-Parapet-Subject": MARK, "User-Agent": MARK, "Cookie": MARK, "X-Patient": MARK},
    **{"Referer": MARK, "tracestate": f"a={MARK}", "baggage": f"a={MARK}", "X-Forwarded-For": MARK},
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
}


@pytest.fixture(scope="module")
def collector() -> Iterator[tuple[str, list[bytes]]]:
    """Where traces go, and what came."""
    came = list[bytes]()

    class Takes(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            came.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Takes)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", came
    server.shutdown()


@pytest.fixture(scope="module")
def told(
    serving: Path, graph: bytes, collector: tuple[str, list[bytes]], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Served, list[tuple[int, str]]]:
    """A server that has ended, and what it answered."""
    folder = tmp_path_factory.mktemp("marked")
    bundle = Bundle(folder, graph)
    server = Served(serving, bundle, folder, bundle.write(), {"predictionLog": {"place": str(folder / "kept")}})
    server.environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector[0], "OTEL_BSP_SCHEDULE_DELAY": "100"}
    server.start()
    answers = [(0, server.metrics())]
    for method, path, options in requests():
        answer = server.call(method, path, **{"headers": HEADERS, **options})
        answers.append((answer.status_code, f"{answer.headers} {answer.text}"))
    half_asked(server, MARK)
    answers.append((0, server.metrics()))
    assert server.end() == 0
    return server, answers


def requests() -> Iterator[tuple[str, str, dict[str, Any]]]:
    infer, values = f"{MODEL}/infer", row()
    for body in (
        asked(),
        {**asked(), "outputs": [{"name": MARK}]},
        {**asked(), MARK: MARK},
        {**asked(), "parameters": {MARK: MARK}},
        asked(name=MARK),
        asked(datatype=MARK),
        asked(shape=[MARK]),
        asked(parameters={MARK: 1}),
        asked(**{MARK: 1}),
        *(asked(data=[*values[:at], put, *values[at + 1 :]]) for at in range(len(values)) for put in (MARK, NUMBER)),
        {"inputs": [{"name": "ward", "shape": [1], "datatype": "BYTES", "data": [MARK]}]},
        {"inputs": MARK},
        MARK,
        [{MARK: MARK}],
    ):
        yield "POST", infer, {"json": body}
    records = [{**RECORD, name: put} for name in RECORD for put in (MARK, NUMBER, [MARK], {MARK: MARK})]
    for record in ({**RECORD, MARK: MARK}, {MARK: MARK}, MARK, *records):
        yield "POST", "/predict", {"json": {"records": [record]}}
    raw = json.dumps(asked()).encode()
    for body, headers in (
        (MARK.encode(), {}),
        (raw.replace(b"{", b'{"%s":1,"%s":1,' % (MARK.encode(), MARK.encode()), 1), {}),
        (raw + MARK.encode(), {"Inference-Header-Content-Length": str(len(raw))}),
        (raw, {"Inference-Header-Content-Length": MARK}),
        (raw, {"Content-Type": f"text/{MARK}"}),
        (raw, {"Content-Encoding": MARK}),
        (raw, {"Authorization": f"Bearer {MARK}"}),
        (raw, {"Authorization": f"{MARK} {MARK}"}),
        (raw, {"X-Forwarded-Client-Cert": f"URI=spiffe://{MARK}"}),
    ):
        yield "POST", infer, {"data": body, "headers": {**HEADERS, "Content-Type": "application/json", **headers}}
    yield (
        "POST",
        infer,
        {"json": asked(), "token": None, "headers": {"X-Forwarded-Client-Cert": f"URI=spiffe://{MARK}"}},
    )
    models = f"/v2/models/{MARK}"
    for path in (f"/{MARK}", models, f"{models}/infer", f"{MODEL}/versions/{MARK}", f"/v2?{MARK}={MARK}"):
        yield "GET", path, {}
        yield MARK.upper(), path, {}
        yield "DELETE", path, {}


def test_both_what_succeeds_and_what_fails_was_tried(told: tuple[Served, list[tuple[int, str]]]) -> None:
    assert {200, 400, 401, 403, 404, 405, 415, 422} <= {status for status, _ in told[1]}


def test_no_answer_and_no_metric_has_it(told: tuple[Served, list[tuple[int, str]]]) -> None:
    for _, text in told[1]:
        assert not [trace for trace in TRACES if trace.lower() in text.lower()], text


def test_no_line_has_it(told: tuple[Served, list[tuple[int, str]]]) -> None:
    text = told[0].log.read_text()
    assert not [line for line in text.splitlines() if any(trace.lower() in line.lower() for trace in TRACES)]
    assert f'"model":"{NAME}"' in text
    assert not [line for line in told[0].lines() if line["event"] in ("failed", "thread failed")]


def test_no_trace_has_it_and_its_parent_is_known(
    told: tuple[Served, list[tuple[int, str]]], collector: tuple[str, list[bytes]]
) -> None:
    sent = b"".join(collector[1])
    assert told
    assert not [trace for trace in TRACES if trace.lower().encode() in sent.lower()]
    assert b"http.route" in sent
    assert b"infer" in sent
    assert bytes.fromhex("0af7651916cd43dd8448eb211c80319c") in sent


def test_the_prediction_log_has_what_was_answered(told: tuple[Served, list[tuple[int, str]]]) -> None:
    assert pytest.approx(max(row["input.score"] for row in told[0].rows()), abs=0.1) == NUMBER
