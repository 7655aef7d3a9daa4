"""A server as the container runs it: who may do what, what becomes of artifacts, secrets that change."""

import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from tests.delivery.conftest import client, prepared
from tests.delivery.mlflow import ADMINISTRATOR, ALICE, AUDIT_KEY, BOB, BUCKET, Mlflow, authorization
from tests.delivery.postgres import PASSWORD, USER, Postgres

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("mlflow")]

API = "/api/2.0/mlflow"
PROXY = "/api/2.0/mlflow-artifacts/artifacts"


@pytest.fixture(scope="module")
def ending(image: Path, database: Postgres, aws: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mlflow]:
    """Of the tests that end a server: what it keeps, over all its starts."""
    with prepared(image, database, aws, tmp_path_factory.mktemp("ending")) as made:
        made.with_schema()
        yield made


@pytest.fixture
def served(ending: Mlflow) -> Mlflow:
    """A server that a test may end, of one worker; who finds it ended starts it anew, with the secrets of all tests."""
    if not ending.process or ending.process.poll() is not None:
        ending.deliver()
        ending.start(workers="1")
    return ending


@pytest.fixture(scope="module")
def audited(image: Path, database: Postgres, aws: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mlflow]:
    """A server of two workers with a log group, which asks Secrets Manager for its database's password.

    A connection lives for a second, so that new ones are made all the time, with whatever password is true then.
    """
    with prepared(image, database, aws, tmp_path_factory.mktemp("audited")) as made:
        value = json.dumps({"username": "rotated", "password": PASSWORD})
        arn = client(aws, "secretsmanager").create_secret(Name=made.database, SecretString=value)["ARN"]
        client(aws, "logs").create_log_group(logGroupName=group(made))
        database.sql(f"CREATE ROLE rotated SUPERUSER LOGIN PASSWORD '{PASSWORD}'")
        made.secret("database", value)
        made.environment |= {"PARAPET_DATABASE_SECRET_ARN": arn, "MLFLOW_SQLALCHEMYSTORE_POOL_RECYCLE": "1"}
        made.environment["PARAPET_AUDIT_LOG_GROUP"] = group(made)
        made.with_schema()
        made.start()
        yield made


def group(mlflow: Mlflow) -> str:
    return f"/parapet/audit/{mlflow.database}"


def until(true: Callable[[], object], patience: float = 60) -> None:
    limit = time.monotonic() + patience
    while not true():
        assert time.monotonic() < limit, "it did not come to pass"
        time.sleep(0.1)


def new_experiment(mlflow: Mlflow, who: tuple[str, str], name: str) -> str:
    answer = mlflow.call("POST", f"{API}/experiments/create", who, json={"name": name})
    assert answer.ok, answer.text
    return str(answer.json()["experiment_id"])


def new_run(mlflow: Mlflow, who: tuple[str, str], experiment: str) -> str:
    answer = mlflow.call("POST", f"{API}/runs/create", who, json={"experiment_id": experiment})
    assert answer.ok, answer.text
    return str(answer.json()["run"]["info"]["run_id"])


def listed(mlflow: Mlflow, run: str, who: tuple[str, str] = ALICE) -> dict[str, int]:
    answer = mlflow.call("GET", f"{API}/artifacts/list?run_id={run}", who)
    assert answer.ok, answer.text
    return {file["path"]: int(file["file_size"]) for file in answer.json().get("files", [])}


def test_who_may_do_what(shared: Mlflow) -> None:
    asked = [
        ("GET", "/"),
        ("GET", "/metrics"),
        ("GET", f"{API}/experiments/search?max_results=1"),
        ("GET", f"{PROXY}/0/a"),
        ("PUT", f"{PROXY}/0/a"),
        ("GET", "/get-artifact?run_id=a&path=b"),
        ("POST", "/graphql"),
        ("POST", "/v1/traces"),
        ("GET", "/api/3.0/mlflow/traces/tr-1"),
        ("POST", "/gateway/any/mlflow/invocations"),
        ("GET", "/ajax-api/3.0/mlflow/assistant/status"),
        ("GET", "/api/2.0/mlflow/users/list"),
    ]
    strangers = (None, ("admin", "password1234"), ("admin", "password"), (ALICE[0], BOB[1]))
    for method, path in asked:
        told = [shared.call(method, path, who).status_code for who in strangers]
        assert set(told) <= {401, 429}, (path, told)  # after some tries there are pauses
    shared.postgres.sql("DELETE FROM parapet_log_in_tries", shared.database)  # as an hour does
    # What a client may read before it signs in: that the server lives, and what it can do.
    assert shared.call("GET", "/health").text == "OK"
    assert "uri" not in shared.call("GET", "/api/3.0/mlflow/server-info").text

    experiment = new_experiment(shared, ALICE, "of-alice")
    run = new_run(shared, ALICE, experiment)
    assert shared.call("PUT", f"{PROXY}/{experiment}/{run}/artifacts/a", ALICE, data=b"a").ok
    forbidden = [
        ("GET", f"{API}/experiments/get?experiment_id={experiment}"),
        ("GET", f"{API}/runs/get?run_id={run}"),
        ("GET", f"{PROXY}/{experiment}/{run}/artifacts/a"),
        ("PUT", f"{PROXY}/{experiment}/{run}/artifacts/a"),
        ("GET", f"/get-artifact?run_id={run}&path=a"),
    ]
    for method, path in forbidden:
        assert [shared.call(method, path, who).status_code for who in (BOB, None)] == [403, 401], path
    found = shared.call("GET", f"{API}/experiments/search?max_results=999", BOB).json().get("experiments", [])
    assert experiment not in [each["experiment_id"] for each in found]
    assert shared.call("GET", f"{PROXY}/{experiment}/{run}/artifacts/a", ALICE).content == b"a"
    assert shared.call("GET", f"{API}/runs/get?run_id={run}", ADMINISTRATOR).ok

    grant = {"username": BOB[0], "resource_type": "experiment", "resource_id": experiment, "permission": "READ"}
    answer = shared.call("POST", "/api/3.0/mlflow/users/permissions/grant", ALICE, json=grant)
    assert answer.ok, answer.text
    assert shared.call("GET", f"{API}/runs/get?run_id={run}", BOB).ok
    # A grant that is taken away holds no call longer, in whichever worker.
    answer = shared.call("POST", "/api/3.0/mlflow/users/permissions/revoke", ALICE, json=grant)
    assert answer.ok, answer.text
    assert {shared.call("GET", f"{API}/runs/get?run_id={run}", BOB).status_code for _ in range(8)} == {403}


def test_no_secret_is_in_an_argument_a_log_or_the_first_environment(shared: Mlflow) -> None:
    assert shared.process
    family = [psutil.Process(shared.process.pid), *psutil.Process(shared.process.pid).children(recursive=True)]
    secrets = [PASSWORD, ADMINISTRATOR[1], ALICE[1]]
    assert len(family) >= 4
    for process in family:
        told = " ".join([*process.cmdline(), *process.environ().values()])
        assert not [secret for secret in secrets if secret in told]
    assert not [secret for secret in [*secrets, "the-session-key", AUDIT_KEY] if secret in shared.log.read_text()]
    (folder,) = shared.temporary.glob("parapet-mlflow-*")
    assert folder.stat().st_mode & 0o777 == 0o700


def test_metrics_have_a_port_of_their_own_without_names(shared: Mlflow) -> None:
    new_experiment(shared, ALICE, "Jane Doe")
    told = requests.get(f"http://127.0.0.1:{shared.metrics_port}/metrics", timeout=5).text
    assert 'mlflow_http_request_total{method="POST",status="200"}' in told
    assert not [word for word in ("alice", "Jane") if word in told]


@pytest.mark.parametrize("multipart", ["false", "true"])
def test_a_plain_client_logs_a_large_artifact(shared: Mlflow, multipart: str, tmp_path: Path) -> None:
    size, told = 101 * 2**20, len(shared.audit())
    program = """
import sys, mlflow
mlflow.set_experiment("large")
with mlflow.start_run() as run:
    mlflow.log_artifact(sys.argv[1])
print(run.info.artifact_uri)
"""
    large = tmp_path / "large.bin"
    with large.open("wb") as file:
        file.truncate(size)
    done = subprocess.run(
        [str(shared.image / "bin" / "python"), "-c", program, str(large)],
        env=shared.variables()
        | {
            "MLFLOW_TRACKING_URI": shared.url,
            "MLFLOW_TRACKING_USERNAME": ALICE[0],
            "MLFLOW_TRACKING_PASSWORD": ALICE[1],
            "MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD": multipart,
            "MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE": str(100 * 2**20),
            "MLFLOW_DISABLE_TELEMETRY": "true",
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    path = next(line for line in done.stdout.splitlines() if line.startswith("mlflow-artifacts:"))
    key = shared.prefix + path.removeprefix("mlflow-artifacts:") + "/large.bin"
    assert client(shared.endpoint, "s3").head_object(Bucket=BUCKET, Key=key)["ContentLength"] == size
    actions = {line["action"] for line in shared.audit()[told:]}
    assert ("artifacts/multipart-complete" in actions) == (multipart == "true")
    assert ("artifacts/upload" in actions) == (multipart == "false")


def test_what_was_acknowledged_survives_a_kill_and_what_was_not_is_not_listed(served: Mlflow) -> None:
    experiment = new_experiment(served, ALICE, "killed")
    run = new_run(served, ALICE, experiment)
    whole = os.urandom(2**20)
    path = f"{PROXY}/{experiment}/{run}/artifacts"
    assert served.call("PUT", f"{path}/whole", ALICE, data=whole).ok
    headers = {"Host": f"127.0.0.1:{served.port}", "Content-Length": str(100 * 2**20), **authorization(ALICE)}
    with socket.create_connection(("127.0.0.1", served.port)) as connection:
        lines = [f"PUT {path}/half HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        connection.sendall("\r\n".join(lines).encode())
        for _ in range(50):
            connection.sendall(bytes(2**20))
        served.kill()
    served.start(workers="1")
    assert listed(served, run) == {"whole": len(whole)}
    assert served.call("GET", f"{path}/whole", ALICE).content == whole


def test_the_databases_password_is_rotated_while_a_client_logs(audited: Mlflow) -> None:
    mlflow, secrets = audited, client(audited.endpoint, "secretsmanager")
    arn = audited.environment["PARAPET_DATABASE_SECRET_ARN"]
    run = new_run(mlflow, ALICE, new_experiment(mlflow, ALICE, "rotated"))
    statuses: list[int] = []
    ended = threading.Event()

    def log(value: int) -> None:
        step = 0
        while not ended.is_set():
            metric = {"run_id": run, "key": "loss", "value": value, "timestamp": 1, "step": (step := step + 1)}
            statuses.append(mlflow.call("POST", f"{API}/runs/log-metric", ALICE, json=metric).status_code)

    clients = [threading.Thread(target=log, args=(number,)) for number in range(4)]
    for one in clients:
        one.start()
    until(lambda: len(statuses) > 20)
    new = json.dumps({"username": "rotated", "password": "second-password-of-the-database"})
    # As a rotation does: the database first, the secret a moment later, the mounted file long after.
    mlflow.postgres.sql("ALTER ROLE rotated PASSWORD 'second-password-of-the-database'")
    time.sleep(2)
    secrets.put_secret_value(SecretId=arn, SecretString=new)
    for change in (lambda: None, lambda: mlflow.secret("database", new)):
        change()
        time.sleep(3)  # every connection there was is older than a second
        before = len(statuses)
        until(lambda before=before: len(statuses) > before + 50)
    ended.set()
    for one in clients:
        one.join()
    assert set(statuses) == {200}
    history = mlflow.call("GET", f"{API}/metrics/get-history?run_id={run}&metric_key=loss", ALICE).json()
    assert len(history["metrics"]) == len(statuses)
    assert mlflow.process
    assert mlflow.process.poll() is None
    assert not [word for word in (PASSWORD, "second-password") if word in mlflow.log.read_text()]


def test_a_secret_that_changes_ends_the_server_and_the_next_one_has_it(served: Mlflow) -> None:
    assert served.process
    assert served.call("GET", f"{API}/users/get?username=alice", ALICE).ok
    served.secret("user-alice", "a-new-password-of-alice")
    served.secret("user-carol", "the-password-of-carol")
    served.secret("admin", "a-new-password-of-the-administrator")
    assert served.process.wait(timeout=60) == 0
    served.start(workers="1")
    who = {
        ALICE: 401,
        ADMINISTRATOR: 401,
        ("alice", "a-new-password-of-alice"): 200,
        ("carol", "the-password-of-carol"): 200,
        (ADMINISTRATOR[0], "a-new-password-of-the-administrator"): 200,
        BOB: 200,
    }
    told = {one: served.call("GET", f"{API}/users/current", one).status_code for one in who}
    assert told == who


def test_the_database_secret_needs_no_new_start(served: Mlflow) -> None:
    assert served.process
    served.secret("database", json.dumps({"username": USER, "password": PASSWORD, "engine": "postgres"}))
    time.sleep(5)
    assert served.process.poll() is None
    assert served.end() == 0


def test_a_server_that_dies_takes_the_container_with_it(ending: Mlflow) -> None:
    if ending.process and ending.process.poll() is None:
        ending.end()
    ending.start()
    assert ending.process
    (supervisor,) = [one for one in psutil.Process(ending.process.pid).children() if "uvicorn" in one.cmdline()]
    workers = supervisor.children()
    supervisor.send_signal(signal.SIGKILL)
    assert ending.process.wait(timeout=30) == 1
    for worker in workers:
        worker.kill()


def test_the_trail_is_on_standard_output_and_in_the_log_group(audited: Mlflow) -> None:
    """Of all that the server was asked, before this test too, the group has each line."""
    mlflow, before = audited, len(audited.audit())
    experiment = new_experiment(mlflow, ALICE, "Jane Doe")
    run = new_run(mlflow, ALICE, experiment)
    metric = {"run_id": run, "key": "Jane Doe", "value": 36.6, "timestamp": 1, "step": 1}
    assert mlflow.call("POST", f"{API}/runs/log-metric", ALICE, json=metric).ok
    assert mlflow.call("PUT", f"{PROXY}/{experiment}/{run}/artifacts/Jane-Doe.png", ALICE, data=b"png").ok
    assert mlflow.call("GET", f"{PROXY}/{experiment}/{run}/artifacts/Jane-Doe.png", ALICE).ok
    assert mlflow.call("GET", f"{API}/runs/get?run_id={run}", BOB).status_code == 403
    assert mlflow.call("GET", f"{API}/runs/get?run_id={run}", ("Jane Doe", "x")).status_code == 401
    assert mlflow.call("POST", f"{API}/runs/delete", ALICE, json={"run_id": run}).ok
    assert mlflow.end() == 0
    every = mlflow.audit()
    lines = every[before:]
    assert sorted((line["action"], line["status"], line.get("user")) for line in lines) == sorted(
        [
            ("experiments/create", 200, "alice"),
            ("runs/create", 200, "alice"),
            ("runs/log-metric", 200, "alice"),
            ("artifacts/upload", 200, "alice"),
            ("artifacts/download", 200, "alice"),
            ("runs/get", 403, "bob"),
            ("runs/get", 401, None),
            ("runs/delete", 200, "alice"),
        ]
    )
    assert {line.get("run_id") for line in lines if line["action"] not in ("experiments/create",)} == {run}
    assert "Jane" not in mlflow.log.read_text()
    assert sorted(in_group(mlflow), key=str) == sorted(every, key=str)


def in_group(mlflow: Mlflow) -> list[dict[str, Any]]:
    logs = client(mlflow.endpoint, "logs")
    streams = logs.describe_log_streams(logGroupName=group(mlflow))["logStreams"]
    named = [stream["logStreamName"] for stream in streams]
    told = [logs.get_log_events(logGroupName=group(mlflow), logStreamName=name)["events"] for name in named]
    return [json.loads(event["message"]) for events in told for event in events]


def test_a_log_group_that_is_missing_is_told_at_each_try_and_not_for_each_line(mlflow: Mlflow) -> None:
    """Tries come ever later: after 1 s, 3, 7, 15."""
    mlflow.environment["PARAPET_AUDIT_LOG_GROUP"] = "/absent"
    mlflow.with_schema()
    mlflow.start(workers="1")
    for number in range(20):
        new_experiment(mlflow, ALICE, f"e{number}")
        time.sleep(0.2)
    assert 1 <= mlflow.log.read_text().count("audit: stopped: /absent takes no lines") <= 6
    assert len(mlflow.audit()) == 20
