"""What keeps the server from starting is told in one line; what it needs is tried, and nothing is changed."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.delivery.conftest import client
from tests.delivery.mlflow import ADMINISTRATOR, Mlflow
from tests.delivery.postgres import PASSWORD, USER

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("mlflow")]


def refused(mlflow: Mlflow, *, afresh: bool = False, **changed: str) -> str:
    """The one line of a server that does not start."""
    done = mlflow.run("server", *mlflow.options(**changed), afresh=afresh)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("parapet-mlflow: ")
    for secret in (PASSWORD, ADMINISTRATOR[1], "the-session-key"):
        assert secret not in line
    return line


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("flask", "", "flask is empty"),
        ("admin", "", "admin is empty"),
        ("admin", "short", "at least"),
        ("admin", "password1234", "everybody knows"),
        ("user-alice", "password1234", "everybody knows"),
        ("user-parapet-admin", "long-enough-to-be-one", "Take it away"),
        ("audit-key", "", "audit-key is empty"),
        ("audit-key", "short", "32 characters"),
        ("database", "plain-text", '"username" and "password"'),
        ("database", '{"username": "parapet"}', '"username" and "password"'),
    ],
)
def test_a_secret_that_cannot_be_used(mlflow: Mlflow, name: str, value: str, told: str) -> None:
    mlflow.secret(name, value)
    line = refused(mlflow)
    assert told in line
    assert name in line
    assert value in ("", "password1234") or value not in line


def test_a_secret_that_is_missing(mlflow: Mlflow) -> None:
    (mlflow.secrets / "flask").unlink()
    assert "flask cannot be read: No such file" in refused(mlflow)


Wrong = Callable[[Mlflow], str]


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        (lambda it: it.postgres.uri("x").replace(str(it.postgres.port), "1"), "is unreachable"),
        (lambda it: it.postgres.uri("x", host="database.invalid"), "host name that is unknown"),
        (lambda it: it.postgres.uri("absent"), "does not exist"),
        (lambda it: it.postgres.uri(it.database).replace("disable", "verify-full"), "is not trusted"),
        (lambda it: "sqlite:///a.db", "is no PostgreSQL's"),
        (lambda it: "nonsense", "is no database address"),
    ],
)
def test_a_database_that_cannot_be_reached(mlflow: Mlflow, uri: Wrong, told: str) -> None:
    assert told in refused(mlflow, backend_store_uri=uri(mlflow))


def test_a_wrong_password_of_the_database(mlflow: Mlflow) -> None:
    mlflow.secret("database", json.dumps({"username": USER, "password": "wrong"}))
    assert "refused the password" in refused(mlflow)


def test_a_schema_is_never_changed_by_the_server(mlflow: Mlflow) -> None:
    assert "Run the migration Job" in refused(mlflow)
    assert mlflow.postgres.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", mlflow.database) == "0"
    mlflow.with_schema()
    mlflow.postgres.sql("UPDATE alembic_version_auth SET version_num = '8606fa83a998'", mlflow.database)
    assert "The accounts schema" in refused(mlflow)


def test_another_application_is_not_served(mlflow: Mlflow) -> None:
    assert "no audit trail" in refused(mlflow, app_name="basic-auth", afresh=True)
    assert "from the root" in refused(mlflow, static_prefix="/mlflow")


def test_a_bucket_that_is_missing_or_anothers(mlflow: Mlflow) -> None:
    mlflow.with_schema()
    assert "The bucket absent does not exist" in refused(mlflow, artifacts_destination="s3://absent/mlflow")
    assert "is no bucket" in refused(mlflow, artifacts_destination="./here")
    with s3(listing=403) as endpoint:
        mlflow.environment |= {"MLFLOW_S3_ENDPOINT_URL": endpoint, "MLFLOW_S3_EXPECTED_BUCKET_OWNER": "111122223333"}
        assert "is not of 111122223333" in refused(mlflow)


@pytest.mark.parametrize("code", ["KMS.NotFoundException", "KMS.DisabledException", "AccessDenied"])
def test_a_key_that_cannot_be_used(mlflow: Mlflow, code: str) -> None:
    mlflow.with_schema()
    key = "arn:aws:kms:us-east-1:111122223333:key/absent"
    extra = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}
    with s3(put=(400, code)) as endpoint:
        mlflow.environment |= {"MLFLOW_S3_ENDPOINT_URL": endpoint, "MLFLOW_S3_UPLOAD_EXTRA_ARGS": json.dumps(extra)}
        line = refused(mlflow)
    assert key in line
    assert code in line


def test_the_try_leaves_nothing_in_the_bucket(mlflow: Mlflow) -> None:
    mlflow.with_schema()
    mlflow.start(workers="1", artifacts_destination="s3://artifacts/tried")
    assert client(mlflow.endpoint, "s3").list_objects_v2(Bucket="artifacts", Prefix="tried").get("KeyCount") == 0


def test_migrations_take_turns_can_be_repeated_and_add_what_the_image_before_had_not(mlflow: Mlflow) -> None:
    results: list[int] = []

    def migrate() -> None:
        uri = mlflow.postgres.uri(mlflow.database)
        results.append(mlflow.run("migrate", f"--backend-store-uri={uri}").returncode)

    both = [threading.Thread(target=migrate) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    mlflow.postgres.sql("ALTER TABLE parapet_people DROP COLUMN told, DROP COLUMN signed_out", mlflow.database)
    mlflow.migrate(afresh=True)
    assert results == [0, 0]
    mlflow.postgres.sql("SELECT told, signed_out FROM parapet_people", mlflow.database)
    told = mlflow.postgres.sql("SELECT username, is_admin FROM users ORDER BY 1", mlflow.database)
    assert told.split() == ["alice|f", "bob|f", "parapet-admin|t"]


@contextmanager
def s3(listing: int = 200, put: tuple[int, str] = (200, "")) -> Iterator[str]:
    """An S3 that answers as one with such a bucket or key does: moto knows neither owner nor key."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the standard library's name
            self.answer(listing, b"<ListBucketResult/>" if listing == 200 else b"")

        def do_PUT(self) -> None:  # likewise
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, code = put
            self.answer(status, f"<Error><Code>{code}</Code><Message>It is so</Message></Error>".encode())

        def answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002 # its name

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
