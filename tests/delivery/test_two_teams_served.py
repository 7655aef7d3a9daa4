"""What two teams have a part in, and what was one's own when a request began: on a served MLflow."""

import json
import socket
from typing import Any
from uuid import uuid4

import pytest

from tests.delivery.mlflow import ADMINISTRATOR, ALICE, Mlflow, authorization
from tests.delivery.teams import API, API3, FILES, REVOKE, Team, Who, asked, made, share
from tests.delivery.test_attacks_served import account, new_experiment

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("mlflow")]


def revoke(shared: Mlflow, team: Team, who: Who) -> None:
    fields = {"username": who[0], "resource_type": "experiment", "resource_id": team.experiment}
    asked(shared, team.owner, "POST", REVOKE, **fields)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_data_set_that_is_in_a_closed_experiment_too_is_not_found_in_an_open_one(
    shared: Mlflow, alices: Team, method: str
) -> None:
    """Neither it nor, by a page's token, that there is one more; as it is not to be read by its id."""
    reader, name = account(shared), f"both-{uuid4().hex}-{alices.word}"
    share(shared, alices, reader, "READ", "experiment")
    closed = new_experiment(shared, ALICE)
    both = asked(
        shared, ALICE, "POST", f"{API3}/datasets/create", name=name, experiment_ids=[alices.experiment, closed]
    )
    path = f"{API3}/datasets/{both['dataset']['dataset_id']}"

    def found(who: Who, **fields: Any) -> dict[str, Any]:
        given = {"experiment_ids": [alices.experiment], "max_results": 1_000, **fields}
        return asked(shared, who, method, f"{API3}/datasets/search", **given)

    for who, is_open in ((ALICE, True), (ADMINISTRATOR, True), (reader, False)):
        told = json.dumps(found(who))
        assert (name in told, f"dataset-{alices.word}" in told) == (is_open, True), who
        assert shared.call("GET", path, who).ok == is_open
        for order in ("ASC", "DESC"):
            one = found(who, filter_string=f"name LIKE '%{alices.word}'", order_by=[f"name {order}"], max_results=1)
            assert bool(one.get("next_page_token")) == is_open, (who, order)
    share_with = {"username": reader[0], "resource_type": "experiment", "resource_id": closed, "permission": "READ"}
    asked(shared, ALICE, "POST", f"{API3}/users/permissions/grant", **share_with)
    assert name in json.dumps(found(reader))
    assert shared.call("GET", path, reader).ok


def judged(shared: Mlflow, who: Who, trace: str, run: str) -> str:
    """An assessment that names a run as what it came from."""
    feedback = {"assessment_name": "good", "trace_id": trace, "feedback": {"value": True}}
    feedback |= {"source": {"source_type": "CODE", "source_id": "a judge"}}
    feedback |= {"metadata": {"mlflow.assessment.sourceRunId": run}}
    told = asked(shared, who, "POST", f"{API3}/traces/{trace}/assessments", assessment=feedback)
    return f"{API3}/traces/{trace}/assessments/{told['assessment']['assessment_id']}"


@pytest.mark.parametrize("readable", [False, True], ids=["closed", "readable"])
@pytest.mark.parametrize("what", ["run", "experiment"])
def test_a_run_that_goes_takes_no_assessment_of_another_team_along(
    shared: Mlflow, alices: Team, what: str, readable: bool
) -> None:
    """One of his own, as MLflow does; none on traces that he may read, or may no longer write to."""
    judge = account(shared)
    its = made(shared, judge)
    share(shared, alices, judge, "EDIT", "experiment")
    theirs = [judged(shared, who, alices.trace, its.run) for who in (judge, ALICE)]
    own = judged(shared, judge, its.trace, its.run)
    revoke(shared, alices, judge)
    if readable:
        share(shared, alices, judge, "READ", "experiment")
    if what == "run":
        asked(shared, judge, "POST", f"{API}/runs/delete", run_id=its.run)
    else:
        asked(shared, judge, "POST", f"{API}/experiments/delete", experiment_id=its.experiment)
    for path in theirs:
        assert shared.call("GET", path, ALICE).ok, path
    assert shared.call("GET", own, judge).status_code == 404


def test_whoever_may_write_to_a_trace_deletes_what_his_run_said_of_it(shared: Mlflow, alices: Team) -> None:
    judge = account(shared)
    its = made(shared, judge)
    share(shared, alices, judge, "EDIT", "experiment")
    path = judged(shared, judge, alices.trace, its.run)
    asked(shared, judge, "POST", f"{API}/runs/delete", run_id=its.run)
    assert shared.call("GET", path, ALICE).status_code == 404


def begun(shared: Mlflow, who: Who, place: str, size: int) -> socket.socket:
    """An upload that the server has let begin: it asks for the body when it takes it, after all checks."""
    connection = socket.create_connection(("127.0.0.1", shared.port), timeout=60)
    lines = [
        f"PUT {FILES}/{place} HTTP/1.1",
        f"Host: 127.0.0.1:{shared.port}",
        f"Authorization: {authorization(who)['Authorization']}",
        f"Content-Length: {size}",
        "Connection: close",
        "Expect: 100-continue",
    ]
    connection.sendall("\r\n".join([*lines, "", ""]).encode())
    assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
    return connection


def ended(connection: socket.socket, rest: bytes) -> str:
    with connection:
        connection.sendall(rest)
        return b"".join(iter(lambda: connection.recv(65_536), b"")).decode()


@pytest.mark.parametrize("size", [10, 9 * 2**20], ids=["in one piece", "in parts"])
def test_of_a_file_whose_sender_lost_the_permission_meanwhile_nothing_is_there(
    shared: Mlflow, alices: Team, size: int
) -> None:
    editor = account(shared)
    share(shared, alices, editor, "EDIT", "experiment")
    place = f"{alices.experiment}/{alices.run}/artifacts/of-{uuid4().hex}"
    assert shared.call("PUT", f"{FILES}/{place}", ALICE, data=b"as it was").ok
    lawful, lost = (begun(shared, editor, place, size) for _ in range(2))
    assert ended(lawful, bytes(size)).startswith("HTTP/1.1 200")
    assert shared.call("PUT", f"{FILES}/{place}", ALICE, data=b"as it was").ok
    lost.sendall(bytes(size - 1))
    revoke(shared, alices, editor)
    told = ended(lost, b"\0")
    assert (told.splitlines()[0], "EDIT is needed" in told) == ("HTTP/1.1 403 Forbidden", True), told
    assert shared.call("GET", f"{FILES}/{place}", ALICE).content == b"as it was"
