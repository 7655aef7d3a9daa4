"""The log-in of a server as the container runs it, with its counts in the database."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from parapet_mlflow.login import limits
from parapet_mlflow.login.limits import Counted
from tests.delivery.mlflow import ADMINISTRATOR, ALICE, BOB, Mlflow

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("mlflow")]

CURRENT = "/api/2.0/mlflow/users/current"
CREATE, UPDATE = "/api/2.0/mlflow/users/create", "/api/2.0/mlflow/users/update-password"


class _From(HTTPAdapter):
    def __init__(self, address: str) -> None:
        self._address = address
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, source_address=(self._address, 0), **options)


@contextmanager
def at(address: str) -> Iterator[requests.Session]:
    """A client with a loopback address of its own: what it tries counts for no other test."""
    with requests.Session() as session:
        session.mount("http://", _From(address))
        yield session


def test_guesses_are_limited_by_all_workers_together(shared: Mlflow) -> None:
    with at("127.0.7.1") as stranger:
        answers = [stranger.get(shared.url + CURRENT, auth=(ALICE[0], f"guess-{number}")) for number in range(84)]
        statuses = [answer.status_code for answer in answers]
        assert statuses[:10] == [401] * 10
        assert statuses.count(401) <= 14, statuses  # a pause of a second or two may end meanwhile
        refused = next(answer for answer in answers if answer.status_code == 429)
        assert int(refused.headers["Retry-After"]) >= 1
        assert refused.json()["error_code"] == "REQUEST_LIMIT_EXCEEDED"
        # Nobody else's log-in suffers, neither from there nor of that name.
        assert stranger.get(shared.url + CURRENT, auth=BOB).ok
    with at("127.0.7.2") as owner:
        assert owner.get(shared.url + CURRENT, auth=ALICE).ok
    assert "guess" not in shared.postgres.sql("SELECT * FROM parapet_log_in_tries", shared.database)


def tried(mlflow: Mlflow, counted: Counted, times: int | None = None) -> int:
    """How often it was counted; with a number, as if it had been so often."""
    if times is not None:
        change = f"UPDATE parapet_log_in_tries SET tries = {times} WHERE key = '{counted.key}'"  # noqa: S608 (ours)
        mlflow.postgres.sql(change, mlflow.database)
    ask = f"SELECT tries FROM parapet_log_in_tries WHERE key = '{counted.key}'"  # noqa: S608 (ours)
    return int(mlflow.postgres.sql(ask, mlflow.database))


def test_many_names_from_one_address_are_paused_and_who_was_right_there_is_not(shared: Mlflow) -> None:
    new = {"username": "who-was-right", "password": "the-password-of-who-was-right"}
    assert shared.call("POST", CREATE, ADMINISTRATOR, json=new).ok

    def status(name: str, password: str) -> int:
        return pod.get(shared.url + CURRENT, auth=(name, password)).status_code

    with at("127.0.7.5") as pod:
        assert (status(new["username"], new["password"]), status("sprayed", "wrong")) == (200, 401)
        address = limits.password("sprayed", "127.0.7.5").counts[1]
        assert tried(shared, address, times=address.limit.free + 20)
        assert [status(name, "wrong") for name in ("one", "two")] == [401, 429]
        assert status(new["username"], "wrong") == 401  # it was looked at
        assert tried(shared, address) == address.limit.free + 21


def test_a_job_with_an_old_password_does_not_stop_those_beside_it(shared: Mlflow) -> None:
    of_name, of_address = limits.password("old", "127.0.7.6").counts
    with at("127.0.7.6") as job:
        assert job.get(shared.url + CURRENT, auth=("old", "wrong")).status_code == 401
        assert tried(shared, of_name, times=of_name.limit.free)
        assert job.get(shared.url + CURRENT, auth=("old", "wrong")).status_code == 401
    assert tried(shared, of_address) == 1


def test_an_address_that_is_made_up_makes_no_new_stranger(shared: Mlflow) -> None:
    made_up = [{"x-forwarded-for": f"10.0.0.{number}", "x-real-ip": f"10.0.0.{number}"} for number in range(12)]
    answers = [shared.call("GET", CURRENT, ("guessed", "wrong"), headers=headers) for headers in made_up]
    assert 429 in [answer.status_code for answer in answers]
    shared.postgres.sql("DELETE FROM parapet_log_in_tries", shared.database)  # others come from here too


def test_a_right_password_forgets_the_tries_before_it(shared: Mlflow) -> None:
    with at("127.0.7.3") as client:
        for _ in range(3):
            statuses = [client.get(shared.url + CURRENT, auth=("carol", "wrong")).status_code for _ in range(3)]
            assert statuses == [401] * 3
            password = f"the-password-of-carol-{time.monotonic_ns()}"
            new = {"username": "carol", "password": password}
            made = shared.call("POST", CREATE, ADMINISTRATOR, json=new)
            assert made.ok or shared.call("PATCH", UPDATE, ADMINISTRATOR, json=new).ok, made.text
            assert client.get(shared.url + CURRENT, auth=("carol", password)).ok


def test_a_known_and_an_unknown_name_get_the_same_answer(shared: Mlflow) -> None:
    with at("127.0.7.4") as stranger:
        answers = [
            stranger.get(shared.url + CURRENT, auth=(name, "wrong")) for name in (ALICE[0], "nobody-of-that-name")
        ]
    known, unknown = ({**answer.headers, "status": answer.status_code, "text": answer.text} for answer in answers)
    assert known.pop("date") <= unknown.pop("date")
    assert known == unknown


@pytest.mark.parametrize("password", ["short", "password1234", "dora-dora-dora", "dora.example"])
def test_a_weak_password_is_taken_from_nobody(shared: Mlflow, password: str) -> None:
    asked = [("POST", CREATE, ADMINISTRATOR, "dora.example"), ("PATCH", UPDATE, ADMINISTRATOR, BOB[0])]
    for method, path, who, name in asked:
        answer = shared.call(method, path, who, json={"username": name, "password": password})
        assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE"), answer.text
        assert "12 characters" in answer.json()["message"]
        assert password not in answer.text
    own = {"username": BOB[0], "password": password, "current_password": BOB[1]}
    assert shared.call("PATCH", UPDATE, BOB, json=own).status_code == 400
    assert shared.call("GET", CURRENT, BOB).ok


def test_a_name_that_is_taken_tells_nothing_of_the_account(shared: Mlflow) -> None:
    new = {"username": BOB[0], "password": "another-password-than-his"}
    answer = shared.call("POST", CREATE, ADMINISTRATOR, json=new)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "RESOURCE_ALREADY_EXISTS")
    assert not [word for word in ("scrypt", "INSERT", new["password"]) if word in answer.text]
