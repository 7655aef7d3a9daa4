"""A served MLflow writes down no value of a request, and tells a caller nothing of its own inside."""

import json
import re
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from parapet_mlflow.gate.routes import Route
from tests.delivery import lawful
from tests.delivery.mlflow import ALICE, Mlflow
from tests.delivery.teams import API, API3, FILES, Team, made, requests_about, send

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("mlflow")]

MARK = f"Zq{uuid4().hex[:12]}"
INSIDE = re.compile(
    r"\[SQL|\[parameters|INSERT INTO|SELECT |UPDATE \w+ SET|duplicate key|connection to server|Traceback|s3://|"
    r"site-packages|\bat 0x"
)
TIMES = (1, 20, 800)
"""A name, one that is longer than most columns, and one that is longer than any value that MLflow takes."""
TAKES = re.compile(r".*/(delete|rename|remove-experiments|revoke|permissions/(update|delete))|users/update-password")


def marked(sent: lawful.Request, mark: str) -> lawful.Request:
    """The same with the mark in each field that names nothing of the team's, and as names of tags and the like."""

    def put(value: Any) -> Any:
        if isinstance(value, dict):
            return {mark if name == "key" and "key" in value and len(value) == 1 else name: put(one)
                    for name, one in value.items()}  # fmt: skip
        if isinstance(value, list):
            return [put(one) for one in value]
        if isinstance(value, str) and value.startswith(("{", "[")):  # with JSON in it
            return re.sub(r"any-[\w-]+|key", mark, value)
        return mark if isinstance(value, str) and value.startswith("any-") else value

    return replace(sent, path=sent.path.replace("any-", f"{mark[:200]}-")).with_fields(put(sent.fields))


@pytest.fixture(scope="module")
def answers(shared: Mlflow) -> list[tuple[str, int, str]]:
    """Of every route with the mark in every field, by the owner of what it is about; and of what fails."""
    team = made(shared, ALICE)
    every = list(requests_about(team))
    # What takes something away comes last: the others have need of it.
    every.sort(key=lambda each: (TAKES.fullmatch(each[0].name) is not None, "experiments/delete" in each[0].name))
    told = []
    for times in TIMES:
        told += [answered(shared, route, marked(sent, MARK * times)) for route, sent in every if lasts(route, times)]
    return told + failures(shared, team)


def lasts(route: Route, times: int) -> bool:
    return route.name != "users/update-password" and (times == TIMES[-1] or not TAKES.fullmatch(route.name))


def answered(server: Mlflow, route: Route, sent: lawful.Request) -> tuple[str, int, str]:
    if not sent.fields:
        sent = replace(sent, body=b"", query=b"", types=())
    answer = send(server, ALICE, sent)
    return route.name, answer.status_code, answer.text


def failures(server: Mlflow, team: Team) -> list[tuple[str, int, str]]:
    """What a person does by mistake, each of a way of its own to fail."""
    place = f"{team.experiment}/{team.run}/artifacts"
    name = f"{MARK}-{uuid4().hex}"
    asked: list[tuple[str, str, Any]] = [
        ("POST", f"{API}/runs/log-parameter", {"run_id": team.run, "key": "k", "value": MARK * 600}),
        ("POST", f"{API}/runs/set-tag", {"run_id": team.run, "key": "k", "value": MARK * 700}),
        ("POST", f"{API}/runs/log-parameter", {"run_id": team.run, "key": f"{MARK}/../x", "value": "v"}),
        ("POST", f"{API}/runs/log-parameter", {"run_id": team.run, "key": "same", "value": MARK}),
        ("POST", f"{API}/runs/log-parameter", {"run_id": team.run, "key": "same", "value": f"{MARK}2"}),
        ("POST", f"{API}/runs/set-tag", {"run_id": team.run, "key": "k", "value": f"{MARK}\0"}),
        ("POST", f"{API}/runs/set-tag", {"run_id": team.run, "key": "k", "value": {"a": MARK}}),
        ("POST", f"{API}/runs/set-tag", {"run_id": team.run, MARK: MARK}),
        ("POST", f"{API}/runs/create", {"experiment_id": team.experiment, "user_id": MARK * 40}),
        ("POST", f"{API}/runs/search", {"experiment_ids": [team.experiment], "filter": f"tags.{MARK} ~ '{MARK}'"}),
        ("POST", f"{API}/runs/search", {"experiment_ids": [team.experiment], "order_by": [MARK]}),
        ("POST", f"{API}/runs/search", {"experiment_ids": [team.experiment], "page_token": MARK}),
        ("POST", f"{API}/experiments/create", {"name": name}),
        ("POST", f"{API}/experiments/create", {"name": name}),
        ("POST", f"{API}/registered-models/create", {"name": name}),
        ("POST", f"{API}/registered-models/create", {"name": name}),
        ("POST", f"{API3}/traces/{team.trace}/assessments", {"assessment": {"assessment_name": MARK}}),
        ("POST", f"{API3}/datasets/{team.dataset}/records", {"records": MARK}),
        ("POST", f"{API3}/datasets/{team.dataset}/records", {"records": json.dumps([{"inputs": MARK}])}),
        ("PATCH", f"{API3}/traces/{team.trace}/tags", {"key": MARK * 30, "value": MARK * 700}),
        ("GET", f"{API}/runs/get?run_id={MARK}", None),
        ("GET", f"{API}/artifacts/list?run_id={team.run}&path={MARK}", None),
        ("GET", f"/get-artifact?run_id={team.run}&path={MARK}/missing.png", None),
        ("GET", f"/ajax-api/3.0/mlflow/get-trace-artifact?request_id={team.trace}&path={MARK}", None),
        ("GET", f"{FILES}/{place}/{MARK}.png", None),
        ("PUT", f"{FILES}/{place}/{MARK}.png", {"a": MARK}),
        ("GET", f"{FILES}/{place}/{MARK}.png", None),
        ("POST", f"/api/2.0/mlflow-artifacts/mpu/complete/{place}", {"path": MARK, "upload_id": MARK, "parts": []}),
        ("GET", f"/{MARK}", None),
        (MARK.upper(), f"/{MARK}", None),
        ("GET", f"{API}/{MARK}?{MARK}={MARK}", None),
    ]
    return [
        (f"{path} {number}", answer.status_code, answer.text)
        for number, (method, path, fields) in enumerate(asked)
        for answer in [server.call(method, path, ALICE, json=fields, headers={"X-Request-Id": MARK})]
    ]


def test_nothing_that_was_sent_is_written(shared: Mlflow, answers: list[tuple[str, int, str]]) -> None:
    statuses = {status for _, status, _ in answers}
    assert {200, 400, 404} <= statuses, "both what succeeds and what fails was tried"
    shared.call("GET", f"{API}/users/current", (MARK, MARK))
    for file in [shared.log, *shared.temporary.rglob("*")]:
        if file.is_file():
            text = file.read_bytes()
            lines = [line for line in text.splitlines() if MARK.encode() in line or MARK.lower().encode() in line]
            assert not lines, (file.name, lines[:3])


def test_no_answer_tells_of_the_servers_inside(shared: Mlflow, answers: list[tuple[str, int, str]]) -> None:
    told = [(name, status, text[:600]) for name, status, text in answers if status >= 400 and INSIDE.search(text)]
    assert not told
    failed = [(name, status, text[:300]) for name, status, text in answers if status >= 500 and status != 501]
    assert not [each for each in failed if MARK in each[2]]


@pytest.mark.parametrize(
    ("table", "path", "status"),
    [
        ("user_role_assignments", f"{API}/experiments/get?experiment_id=", 500),
        ("metrics", f"{API}/metrics/get-history?metric_key=a&run_id=", 400),
    ],
)
def test_a_failure_is_a_number_to_its_caller_and_a_type_and_places_in_the_log(
    shared: Mlflow, alices: Team, table: str, path: str, status: int
) -> None:
    """A table that is away stands for whatever fails, in a layer of ours and in MLflow."""
    path += alices.experiment if "experiment" in path else alices.run
    shared.postgres.sql(f"ALTER TABLE {table} RENAME TO away", shared.database)
    try:
        answer = shared.call("GET", path, ALICE)
    finally:
        shared.postgres.sql(f"ALTER TABLE away RENAME TO {table}", shared.database)
    assert answer.status_code == status
    assert not INSIDE.search(answer.text)
    assert str(shared.postgres.port) not in answer.text
    line = shared.audit()[-1]
    assert (line["status"], line["user"]) == (status, ALICE[0])
    if status == 500:
        assert line["request"] in answer.json()["message"]
        log = shared.log.read_text().partition(f"request {line['request']} failed: ")[2]
        assert "psycopg.errors.UndefinedTable" in log
        assert "parapet_mlflow/gate/world.py" in log
    assert shared.call("GET", path, ALICE).ok
