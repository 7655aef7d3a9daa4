"""What somebody with an account tried, who knows how MLflow works: each with the lawful use beside it."""

import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import psutil
import pytest

from tests.delivery.mlflow import ADMINISTRATOR, ALICE, BOB, Mlflow, authorization
from tests.delivery.teams import API, API3, FILES, GRANT, Team, Who, asked, made, seen, send, share
from tests.delivery.test_needs_served import mixed

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("mlflow")]

BOTH = 12
"""Requests, each over a connection of its own, of which both workers get some."""


@pytest.fixture(scope="module")
def bobs(shared: Mlflow) -> Team:
    return made(shared, BOB)


SEARCHES: list[tuple[str, str, str, str]] = [
    ("GET", f"{API}/experiments/search", "name LIKE 'experiment-{word}%'", "name"),
    ("POST", f"{API}/experiments/search", "name LIKE 'experiment-{word}%'", "name"),
    ("GET", f"{API}/registered-models/search", "name LIKE 'model-{word}%'", "name"),
    ("GET", f"{API}/model-versions/search", "name LIKE 'model-{word}%'", "name"),
    ("POST", f"{API}/logged-models/search", "name LIKE 'lm-{word}%'", "name"),
]


@pytest.fixture(scope="module")
def namesake(shared: Mlflow, alices: Team) -> tuple[Who, str]:
    """An account of its own, so that what bob may see has nobody else's name in it; and its experiment."""
    who = account(shared)
    return who, like(shared, who, alices.word)


@pytest.mark.parametrize(("method", "path", "filter_", "by"), SEARCHES, ids=[" ".join(each[:2]) for each in SEARCHES])
def test_a_search_tells_neither_that_there_is_more_nor_how_much(
    shared: Mlflow,
    alices: Team,
    namesake: tuple[Who, str],
    carol: Who,
    method: str,
    path: str,
    filter_: str,
    by: str,
) -> None:
    """One's own thing matches the filter, and another's before or after it: no token says so."""
    somebody, own = namesake
    share(shared, alices, carol, "READ", "experiment", "registered_model", "prompt")
    logged = "logged-models" in path

    def found(who: Who, order: str, most: int) -> tuple[str, str]:
        fields: dict[str, Any] = {"filter": filter_.format(word=alices.word), "max_results": most}
        orders = {"field_name": by, "ascending": order == "ASC"} if logged else f"{by} {order}"
        fields |= {"order_by": [orders]} | ({"experiment_ids": [alices.experiment, own]} if logged else {})
        told = asked(shared, who, method, path, **fields)
        return json.dumps(told), told.get("next_page_token", "")

    for order in ("ASC", "DESC"):
        text, token = found(somebody, order, 1)
        assert f"-{alices.word}-too" in text
        assert not [word for word in (alices.model, alices.run, f'-{alices.word}"') if word in text]
        assert not token, order
    text, token = found(carol, "ASC", 1)
    assert f'-{alices.word}"' in text
    assert not token, "the other is somebody else's"
    text, token = found(ADMINISTRATOR, "ASC", 1)
    assert token


def like(shared: Mlflow, who: Who, word: str) -> str:
    """Things of one's own whose names begin as another's do; returns the experiment."""
    name = f"{word}-too"
    made = asked(shared, who, "POST", f"{API}/experiments/create", name=f"experiment-{name}")
    experiment = str(made["experiment_id"])
    model = asked(shared, who, "POST", f"{API}/logged-models", experiment_id=experiment, name=f"lm-{name}")
    model_id = model["model"]["info"]["model_id"]
    asked(shared, who, "POST", f"{API}/registered-models/create", name=f"model-{name}")
    fields = {"name": f"model-{name}", "source": f"models:/{model_id}", "model_id": model_id}
    asked(shared, who, "POST", f"{API}/model-versions/create", **fields)
    return experiment


def test_what_one_request_opens_is_closed_for_the_next_on_its_connection(
    shared: Mlflow, alices: Team, bobs: Team
) -> None:
    """A READ on a model opens its files; the request after, sent before the answer came, has what any other has."""
    who = account(shared)
    share(shared, alices, who, "READ", "registered_model")
    file = f"GET {FILES}/{alices.experiment}/models/{alices.model}/artifacts/MLmodel"
    fields = json.dumps({"experiment_ids": [alices.experiment], "max_results": 5})
    answers = pipelined(
        shared,
        who,
        (file, ""),
        (f"POST {API}/logged-models/search", fields),
        (f"GET {API}/experiments/search?max_results=1000", ""),
    )
    assert answers.count("HTTP/1.1 200") == 3, answers
    assert alices.word in answers, "the file itself"
    assert alices.model not in answers
    assert f"experiment-{alices.word}" not in answers


def pipelined(shared: Mlflow, who: Who, *asks: tuple[str, str]) -> str:
    """All that is answered to requests that are sent at once over one connection."""
    host = f"127.0.0.1:{shared.port}"
    head = f"Host: {host}\r\nAuthorization: {authorization(who)['Authorization']}\r\n"
    text = ""
    for number, (line, body) in enumerate(asks, 1):
        end = "Connection: close\r\n" if number == len(asks) else ""
        kind = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
        text += f"{line} HTTP/1.1\r\n{head}{kind}{end}\r\n{body}"
    with socket.create_connection(("127.0.0.1", shared.port), timeout=60) as connection:
        connection.sendall(text.encode())
        return b"".join(iter(lambda: connection.recv(65_536), b"")).decode(errors="replace")


def account(shared: Mlflow) -> Who:
    """A new one, which nobody gave anything."""
    who = (f"somebody-{uuid4().hex[:8]}", f"the-password-of-{uuid4()}")
    asked(shared, ADMINISTRATOR, "POST", f"{API}/users/create", username=who[0], password=who[1])
    return who


def started(shared: Mlflow, who: Who, trace: str, experiment: str, **more: Any) -> int:
    where = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}}
    info = {"trace_id": trace, "trace_location": where, "request_time": "2026-01-02T03:04:05Z", "state": "OK", **more}
    return shared.call("POST", f"{API3}/traces", who, json={"trace": {"trace_info": info}}).status_code


def test_a_trace_is_whose_it_is_now_whoever_had_its_id_before(shared: Mlflow, alices: Team, bobs: Team) -> None:
    """A caller of a service gives its trace's id along (traceparent), and can have used it first."""
    trace = f"tr-{uuid4().hex}"
    assert started(shared, BOB, trace, bobs.experiment) == 200
    for _ in range(BOTH):
        assert shared.call("GET", f"{API3}/traces/{trace}", BOB).ok
    asked(shared, BOB, "POST", f"{API}/traces/delete-traces", experiment_id=bobs.experiment, request_ids=[trace])
    assert started(shared, ALICE, trace, alices.experiment, request_preview="alice's") == 200
    for _ in range(BOTH):
        assert started(shared, BOB, trace, bobs.experiment) == 403
        assert shared.call("GET", f"{API3}/traces/{trace}", BOB).status_code == 403
        told = asked(shared, ALICE, "GET", f"{API3}/traces/{trace}")["trace"]["trace_info"]
        assert told["request_preview"] == "alice's"
        place = f"{FILES}/{alices.experiment}/traces/{trace}/artifacts/traces.json"
        assert shared.call("PUT", place, ALICE, data=b'{"spans":[]}').ok
    assert started(shared, ALICE, trace, alices.experiment, request_preview="alice's") == 200


def test_a_trace_that_came_meanwhile_is_not_written_over(shared: Mlflow, alices: Team, bobs: Team) -> None:
    """An administrator's request is checked as all are: the database itself holds a trace in its experiment."""
    assert started(shared, ADMINISTRATOR, alices.trace, bobs.experiment) == 403
    for nobodys in ("", None):
        assert started(shared, BOB, nobodys or "", bobs.experiment) == 400


def test_a_field_that_is_written_wrongly_leaves_no_other_out(shared: Mlflow, bobs: Team) -> None:
    trace = f"tr-{uuid4().hex}"
    assert started(shared, BOB, trace, bobs.experiment, request_time="2026-13-45T03:04:05Z") == 400
    assert shared.call("GET", f"{API3}/traces/{trace}", BOB).status_code == 403
    assert started(shared, BOB, trace, bobs.experiment) == 200


def left(shared: Mlflow, who: Who, model: str) -> None:
    """A grant that outlived its model, as one made while the model was deleted did."""
    number = asked(shared, who, "GET", f"{API}/users/get", username=who[0])["user"]["id"]
    columns = "role_id, resource_type, resource_pattern, permission"
    values = f"id, 'registered_model', '{model}', 'MANAGE' FROM roles WHERE name = '__user_{number}__'"
    shared.postgres.sql(f"INSERT INTO role_permissions ({columns}) SELECT {values}", shared.database)


def test_a_name_brings_nobody_what_he_had_on_another_model_of_that_name(shared: Mlflow, carol: Who) -> None:
    old, new = f"first-{uuid4().hex[:8]}", f"second-{uuid4().hex[:8]}"
    get = f"{API}/registered-models/get"
    for name in (old, new):
        asked(shared, ALICE, "POST", f"{API}/registered-models/create", name=name)
        asked(shared, ALICE, "DELETE", f"{API}/registered-models/delete", name=name)
        left(shared, ALICE, name)
    asked(shared, BOB, "POST", f"{API}/registered-models/create", name=old)
    asked(
        shared,
        BOB,
        "POST",
        GRANT,
        username=carol[0],
        resource_type="registered_model",
        resource_id=old,
        permission="READ",
    )
    assert shared.call("GET", get, ALICE, params={"name": old}).status_code == 403
    asked(shared, BOB, "POST", f"{API}/registered-models/rename", name=old, new_name=new)
    assert shared.call("GET", get, ALICE, params={"name": new}).status_code == 403
    for who in (BOB, carol):
        assert shared.call("GET", get, who, params={"name": new}).ok, who
        assert not shared.call("GET", get, who, params={"name": old}).ok, who
    asked(shared, ALICE, "POST", f"{API}/registered-models/create", name=old)
    assert shared.call("GET", get, BOB, params={"name": old}).status_code == 403


def test_a_reader_writes_nothing_to_what_he_registers_or_names(shared: Mlflow, alices: Team, carol: Who) -> None:
    """Of his own things and another's in one request, by every route; and a version of a model that he may read."""
    share(shared, alices, carol, "READ", "experiment", "registered_model", "prompt")
    own, before, took = made(shared, carol), seen(shared, alices), set()
    for name, sent in mixed(own, alices):
        if send(shared, carol, sent).ok:
            took.add(name)
    create = f"{API}/model-versions/create"
    asked(shared, carol, "POST", create, name=own.registered, source=f"models:/{alices.model}", model_id=alices.model)
    asked(shared, carol, "POST", create, name=own.registered, source=f"models:/{alices.registered}/1")
    assert took
    assert seen(shared, alices) == before
    told = asked(shared, carol, "GET", f"{API}/logged-models/{own.model}")["model"]["info"]["tags"]
    assert own.registered in str(told), "of his own model he is told"


def test_who_may_change_a_data_set_does_not_keep_its_owner_from_it(shared: Mlflow, alices: Team) -> None:
    editor = account(shared)
    share(shared, alices, editor, "EDIT", "experiment")
    own = new_experiment(shared, editor)
    path, before = f"{API3}/datasets/{alices.dataset}", seen(shared, alices)
    for step, experiment in (("add-experiments", own), ("remove-experiments", alices.experiment)):
        answer = shared.call("POST", f"{path}/{step}", editor, json={"experiment_ids": [experiment]})
        assert answer.status_code == 403, (step, answer.text)
    assert seen(shared, alices) == before
    record = json.dumps([{"inputs": {"question": "of the editor"}}])
    assert shared.call("POST", f"{path}/records", editor, json={"records": record}).ok
    second = new_experiment(shared, ALICE)
    for step in ("add-experiments", "remove-experiments"):
        assert shared.call("POST", f"{path}/{step}", ALICE, json={"experiment_ids": [second]}).ok, step


def test_a_file_for_a_trace_is_as_large_as_it_is_and_the_servers_disk_has_none_of_it(
    shared: Mlflow, alices: Team
) -> None:
    place = f"{FILES}/{alices.experiment}/traces/{alices.trace}/artifacts"
    spans, attachment = b'{"spans": []}' + b" " * 9 * 2**20, str(uuid4())
    assert shared.call("PUT", f"{place}/traces.json", ALICE, data=spans).ok
    assert shared.call("PUT", f"{place}/attachments/{attachment}", ALICE, data=b"picture").ok
    for version in ("2.0", "3.0"):
        path = f"/ajax-api/{version}/mlflow/get-trace-artifact?request_id={alices.trace}"
        answer = shared.call("GET", path, ALICE)
        assert answer.content == spans
        assert "traces.json" in answer.headers["Content-Disposition"]
        assert shared.call("GET", path, ALICE, headers={"Range": "bytes=0-7"}).content == spans[:8]
        assert shared.call("GET", f"{path}&path={attachment}", ALICE).content == b"picture"
        assert shared.call("GET", f"{path}&path={uuid4()}", ALICE).status_code == 404
        assert shared.call("GET", f"{path}&path=traces.json", ALICE).status_code == 400
        assert shared.call("GET", path, BOB).status_code == 403


def test_who_sends_slowly_waits_for_himself_and_so_do_four_together(shared: Mlflow, alices: Team) -> None:
    """All of their own things, with as many uploads at once as they like."""
    slow: list[socket.socket] = []
    try:
        for who in (BOB, *(account(shared) for _ in range(3))):
            experiment = new_experiment(shared, who)
            run = asked(shared, who, "POST", f"{API}/runs/create", experiment_id=experiment)["run"]["info"]["run_id"]
            place = f"{FILES}/{experiment}/{run}/artifacts/slow"
            slow += [halted(shared, who, f"{place}-{number}") for number in range(40)]
        time.sleep(0.5)
        for number in range(BOTH):
            begun = time.monotonic()
            path = f"{FILES}/{alices.experiment}/{alices.run}/artifacts/quick-{number}"
            assert shared.call("PUT", path, ALICE, data=b"quick").ok
            assert time.monotonic() - begun < 10
    finally:
        for connection in slow:
            connection.close()


def test_who_asks_for_much_at_once_waits_for_himself(shared: Mlflow, alices: Team, bobs: Team) -> None:
    """The database lets none of his searches go on, as one that takes it long does not."""
    held = "BEGIN; LOCK TABLE runs IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(40); COMMIT"
    body = {"experiment_ids": [bobs.experiment]}
    with ThreadPoolExecutor(42) as threads:
        lock = threads.submit(shared.postgres.sql, held, shared.database)
        try:
            waits = (
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            searches = [threads.submit(shared.call, "POST", f"{API}/runs/search", BOB, json=body) for _ in range(40)]
            for _ in range(100):
                if int(shared.postgres.sql(waits, shared.database)) >= 4:
                    break
                time.sleep(0.1)
            for _ in range(BOTH):
                begun = time.monotonic()
                path = f"{API}/experiments/get?experiment_id={alices.experiment}"
                assert shared.call("GET", path, ALICE).ok
                assert time.monotonic() - begun < 10
            assert not lock.done()
        finally:
            ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'BEGIN; LOCK%'"
            shared.postgres.sql(ended, shared.database)
            assert lock.exception()
        assert all(each.result().ok for each in searches)


@pytest.mark.parametrize(
    "asked_for",
    [{"filter": "metrics.x > 'text'"}, {"page_token": "no token"}, {"page_token": "YQ"}],
)
def test_a_search_that_is_written_wrongly_is_its_callers_mistake(
    shared: Mlflow, bobs: Team, asked_for: dict[str, str]
) -> None:
    for route in ("logged-models/search", "runs/search"):
        answer = shared.call("POST", f"{API}/{route}", BOB, json={"experiment_ids": [bobs.experiment], **asked_for})
        assert answer.status_code == 400, (route, answer.text)


def new_experiment(shared: Mlflow, who: Who) -> str:
    return str(asked(shared, who, "POST", f"{API}/experiments/create", name=f"own-{uuid4().hex}")["experiment_id"])


def halted(shared: Mlflow, who: Who, path: str) -> socket.socket:
    """An upload of which the first byte came."""
    connection = socket.create_connection(("127.0.0.1", shared.port), timeout=60)
    lines = [
        f"PUT {path} HTTP/1.1",
        f"Host: 127.0.0.1:{shared.port}",
        f"Authorization: {authorization(who)['Authorization']}",
    ]
    connection.sendall("\r\n".join([*lines, "Content-Length: 1000000", "", "x"]).encode())
    return connection


def test_as_many_addresses_are_made_as_a_file_has_parts(shared: Mlflow, alices: Team) -> None:
    path = f"/api/2.0/mlflow-artifacts/mpu/create/{alices.file}"
    begun = time.monotonic()
    for parts in (10**12, 0):
        assert shared.call("POST", path, ALICE, json={"path": "a", "num_parts": parts}).status_code == 400
    assert time.monotonic() - begun < 5
    told = shared.call("POST", path, ALICE, json={"path": "secret", "num_parts": 3}).json()
    assert len(told["credentials"]) == 3
    ended = {"path": "secret", "upload_id": told["upload_id"]}
    assert shared.call("POST", path.replace("create", "abort"), ALICE, json=ended).ok


def test_a_statement_ends_when_nobody_would_wait_for_it_any_more(shared: Mlflow) -> None:
    """As each worker is told, and libpq tells the database."""
    assert shared.process
    (supervisor,) = psutil.Process(shared.process.pid).children()
    assert supervisor.environ()["PGOPTIONS"].split() == [
        "-c",
        "statement_timeout=60s",
        "-c",
        "idle_in_transaction_session_timeout=60s",
    ]
