"""A server in its limits, and at its end."""

import json
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.delivery.serving.bundles import RECORD, row
from tests.delivery.serving.served import INSIDE, MODEL, Served, asked, half_asked

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("serving")]

Own = Callable[..., Served]


def test_limits_of_time_rate_and_number(own: Own) -> None:
    limits = {"seconds": 0.5, "perSecond": 0.001, "burst": 4, "inFlight": 2, "rows": 2, "bodyBytes": 5000}
    server = own(limits=limits).start()
    assert server.infer(asked(3)).json()["kind"] == "rows"
    assert server.predict({"records": [RECORD] * 50}).status_code == 413
    for _ in range(2):
        assert server.infer().status_code == 200
    late = server.infer()
    assert (late.status_code, late.json()["kind"]) == (429, "rate")
    assert int(late.headers["Retry-After"]) > 0
    other = server.token(sub="another")
    assert server.infer(token=other).status_code == 200, "each has a rate of his own"
    slow = [half_asked(server, each) for each in (other, server.token(sub="third"))]
    time.sleep(0.1)
    full = server.infer(token=server.token(sub="fourth"))
    assert (full.status_code, full.json()["kind"]) == (503, "load")
    his = server.infer(token=other)
    assert (his.status_code, his.json()["kind"]) == (429, "rate"), "who has his share is told so himself"
    for connection in slow:
        assert b" 408 " in connection.recv(1000).splitlines()[0]
        connection.close()
    assert server.infer(token=other).status_code == 200


@pytest.mark.parametrize("what", ["bytes", "rows", "bytes that are no request"])
def test_a_callers_share_is_counted_by_the_work_that_he_makes(own: Own, what: str) -> None:
    """A body of 1 MiB takes the event loop as long as a thousand requests of one row."""
    server = own(limits={"perSecond": 1.0, "burst": 20}).start()
    token, other = server.token(), server.token(sub="another")
    record = b'{"records": [' + json.dumps(dict(RECORD)).encode() + b"]}"
    body = {
        "bytes": record + b" " * 100_000,
        "rows": json.dumps(asked(1600, data=row() * 1600)).replace(" ", "").encode(),
        "bytes that are no request": b"[" * 100_000,
    }[what]
    path = f"{MODEL}/infer" if what == "rows" else "/predict"
    headers = {"Content-Type": "application/json"}
    first = server.call("POST", path, data=body, headers=headers, token=token)
    assert first.status_code == (400 if "no request" in what else 200), first.text
    again = server.infer(token=token)
    assert (again.status_code, again.json()["kind"]) == (429, "rate")
    assert int(again.headers["Retry-After"]) >= 3
    assert server.infer(token=other).status_code == 200
    together = [server.infer(token=other).status_code for _ in range(10)]
    assert together == [200] * 10, "a small one counts once"


def test_bodies_have_a_bound_together(own: Own) -> None:
    server = own(limits={"bodyBytes": 4000, "bodiesBytes": 10_000, "seconds": 1.0}).start()
    token, other = server.token(), server.token(sub="another")

    def held(size: int, whose: str) -> socket.socket:
        connection = half_asked(server, whose, 4000)
        connection.sendall(b" " * size)
        return connection

    slow = [held(3500, token)]
    time.sleep(0.1)
    greedy = held(3500, token)
    assert b" 429 " in greedy.recv(1000).splitlines()[0], "he has one body's share of these"
    slow.append(held(3500, other))
    time.sleep(0.1)
    assert server.infer(token=other).status_code == 200
    third = held(3500, server.token(sub="third"))
    assert b" 503 " in third.recv(1000).splitlines()[0]
    for connection in slow:
        assert b" 408 " in connection.recv(1000).splitlines()[0]
    again = [held(3500, each) for each in (token, other)]
    time.sleep(0.1)
    assert server.infer(token=token).status_code == 200
    for connection in (*slow, greedy, third, *again):
        connection.close()


def test_one_body_is_within_what_all_may_have(own: Own) -> None:
    assert "bodiesBytes" in own(limits={"bodyBytes": 4000, "bodiesBytes": 3999}).refusal()


def test_who_is_not_known_is_refused_at_little_cost_and_hinders_nobody(own: Own) -> None:
    server = own(limits={"unknownPerSecond": 5}).start()
    token = server.token()
    assert server.infer(token=token).status_code == 200
    for stranger in (None, "x.y.z"):
        answers = [server.infer(token=stranger) for _ in range(20)]
        assert {answer.status_code for answer in answers[:3]} <= {401, 429}
        assert {answer.status_code for answer in answers[10:]} >= {429}
        assert all(answer.headers["Retry-After"] for answer in answers if answer.status_code == 429)
    assert server.infer(token=server.token(sub="new")).status_code == 429, "a signature is not looked at meanwhile"
    assert server.infer(token=token).status_code == 200
    inside = {"X-Forwarded-Client-Cert": f"URI={INSIDE}"}
    assert server.infer(token=None, headers=inside).status_code == 200
    assert server.metric("requests_total", route="refused", status="429") > 10
    assert not [line for line in server.lines() if line.get("status") == 429], "there is no line for each"
    time.sleep(1.2)
    assert server.infer(token=server.token(sub="new")).status_code == 200


def test_who_goes_away_is_no_error_of_ours(own: Own) -> None:
    server = own().start()
    half_asked(server, server.token()).close()
    for _ in range(100):
        if server.metric("errors_total", kind="gone"):
            break
        time.sleep(0.05)
    assert server.metric("errors_total", kind="gone") == 1
    assert server.metric("in_flight") == 0
    assert not [line for line in server.lines() if line["event"] == "failed"]


def test_the_end_is_an_orderly_one(own: Own) -> None:
    """While clients ask without a pause: none is refused before it was told to go, what was read is answered."""
    place = {"place": "", "seconds": 60.0}
    server = own(drain={"noticeSeconds": 1.0, "seconds": 10}, predictionLog=place)
    place["place"] = str(server.kept)
    server.start()
    token, told = server.token(), list[int]()
    stop = threading.Event()

    def client() -> None:
        with requests.Session() as session:
            while not stop.is_set():
                headers = {"Authorization": f"Bearer {token}"}
                try:
                    answer = session.post(f"{server.url}{MODEL}/infer", json=asked(), headers=headers, timeout=10)
                except requests.ConnectionError:
                    # Only once it takes no connection any more.
                    assert time.monotonic() > termed[0] + 0.9
                    return
                told.append(answer.status_code)
                time.sleep(0.002)

    termed = [float("inf")]
    with ThreadPoolExecutor(4) as clients:
        running = [clients.submit(client) for _ in range(4)]
        time.sleep(0.3)
        slow = half_asked(server, token)
        termed[0] = time.monotonic()
        server.term()
        time.sleep(0.2)
        noticed = requests.get(f"{server.url}/v2/health/ready", timeout=5)
        assert (noticed.status_code, noticed.json()) == (503, {"ready": False})
        assert noticed.headers["Connection"] == "close"
        assert requests.get(f"{server.url}/v2/health/live", timeout=5).status_code == 200
        before = len(told)
        time.sleep(0.2)
        assert len(told) > before, "it goes on answering"
        time.sleep(1.0)
        slow.sendall(b" " * 99)
        assert b" 400 " in slow.recv(2000).splitlines()[0], "what was being read is answered"
        assert server.end() == 0
        stop.set()
        for each in running:
            each.result()
    assert set(told) == {200}
    assert server.lines()[-1]["event"] == "ended"
    assert len(server.rows()) == len(told)
