"""Real databases for the instances that the API lists: reached by TLS alone, over data that outlives every process."""

from __future__ import annotations

import base64
import hmac
import json
import os
import signal
import socket
import ssl
import struct
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from local import processes
from local.aws import databases
from local.aws.databases import places, scram
from local.aws.databases.keeper import Keeper
from local.processes import Record
from local.workspace import Workspace
from tests.cluster import wait_for
from tests.local.aws.conftest import LocalAws

MASTER = "owner"


@dataclass
class Served:
    """One instance of the API, kept as the keeper's process would keep it."""

    workspace: Workspace
    aws: LocalAws
    keeper: Keeper

    def create(self, name: str = "tracking", **given: Any) -> str:
        """Makes an instance and lets the keeper look; its resource id."""
        resource_id = self.make(name, **given)
        self.keeper.look()
        return resource_id

    def make(self, name: str = "tracking", **given: Any) -> str:
        """Makes an instance; its resource id."""
        settings = {"MasterUsername": MASTER, "ManageMasterUserPassword": True, "DBName": "tracking"} | given
        made = self.aws.client("rds").create_db_instance(
            DBInstanceIdentifier=name,
            DBInstanceClass="db.m7g.large",
            Engine="postgres",
            AllocatedStorage=20,
            **settings,
        )["DBInstance"]
        resource_id: str = made["DbiResourceId"]
        return resource_id

    def describe(self) -> dict[str, Any]:
        found: dict[str, Any] = self.aws.client("rds").describe_db_instances()["DBInstances"][0]
        return found

    @property
    def secret(self) -> str:
        arn: str = self.describe()["MasterUserSecret"]["SecretArn"]
        return arn

    @property
    def password(self) -> str:
        value = self.aws.client("secretsmanager").get_secret_value(SecretId=self.secret)["SecretString"]
        return str(json.loads(value)["password"])

    def connect(self, **given: Any) -> psycopg.Connection[Any]:
        settings = {
            "host": "localhost",
            "port": self.describe()["Endpoint"]["Port"],
            "user": MASTER,
            "dbname": "tracking",
            "sslmode": "verify-full",
            "sslrootcert": str(databases.authority(self.workspace)),
            "connect_timeout": 10,
        }
        if "password" not in given:
            given["password"] = self.password
        return psycopg.connect(**(settings | given), autocommit=True)

    def ask(self, question: str, **given: Any) -> Any:
        with self.connect(**given) as connection:
            row = connection.execute(question.encode()).fetchone()
            return row and row[0]

    def record(self, resource_id: str, part: str = "") -> Record:
        found = processes.read(self.workspace.run, f"database-{resource_id}{part}")
        assert found
        return found


@pytest.fixture
def served(tmp_path: Path, local_aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    workspace = Workspace(home=tmp_path / "home")
    workspace.run.mkdir(parents=True)
    port = int(local_aws.url.rpartition(":")[2])
    api = Record("aws", os.getpid(), psutil.Process().create_time(), port)
    (workspace.run / "aws.json").write_text(json.dumps(asdict(api)))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    databases.certify(workspace)
    yield Served(workspace, local_aws, Keeper(workspace))
    databases.forget(workspace)


def test_a_client_reaches_its_database_by_tls_as_the_master_user(served: Served) -> None:
    resource_id = served.create()
    with served.connect() as connection:
        row = connection.execute(
            "SELECT current_database(), rolsuper, rolcreaterole FROM pg_roles WHERE rolname = user"
        )
        assert row.fetchone() == ("tracking", False, True)
        assert connection.pgconn.ssl_in_use
        connection.execute("CREATE TABLE runs (id int); INSERT INTO runs VALUES (1)")
    assert served.ask("SELECT split_part(version(), ' ', 2)") == "16.14"
    assert served.ask("SHOW fsync") == "on"
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        served.connect(password="another").close()
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        served.connect(user="rdsadmin", password="any").close()
    assert not served.keeper.look(), "a second look has nothing to do"
    listening = {one.laddr.port for one in psutil.Process(served.record(resource_id).pid).net_connections("inet")}
    assert listening == set(), "the server itself is on no network"


def test_who_asks_for_no_tls_is_refused_as_rds_does(served: Served) -> None:
    served.create()
    with pytest.raises(psycopg.OperationalError) as refused:
        served.connect(sslmode="disable").close()
    assert 'no pg_hba.conf entry for host "127.0.0.1", user "owner", database "tracking", no encryption' in str(
        refused.value
    )
    with pytest.raises(psycopg.OperationalError, match="certificate verify failed"):
        served.connect(sslrootcert="system").close()


def test_what_is_sent_in_the_clear_before_the_tls_is_not_taken_for_encrypted(served: Served) -> None:
    served.create()
    port = served.describe()["Endpoint"]["Port"]
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(struct.pack("!II", 8, 80877103) + b"stuffed")
        assert client.recv(1) == b""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(struct.pack("!II", 8, 80877104))
        assert client.recv(1) == b"N", "no GSSAPI"
        client.sendall(struct.pack("!II", 8, 80877103))
        assert client.recv(1) == b"S"
        context = ssl.create_default_context(cafile=str(databases.authority(served.workspace)))
        with context.wrap_socket(client, server_hostname="localhost") as encrypted:
            assert encrypted.version() in ("TLSv1.2", "TLSv1.3")


def test_a_large_answer_and_a_cancelled_question_pass(served: Served) -> None:
    served.create()
    with served.connect() as connection:
        [(text,)] = connection.execute("SELECT repeat('x', 30000000)").fetchall()
        assert len(text) == 30_000_000
        wait = connection.execute("SELECT pg_backend_pid()").fetchone()
        assert wait
        signalled: list[bool] = []

        def cancel(*_: object) -> None:
            signalled.append(True)
            connection.cancel_safe(timeout=10)

        before = signal.signal(signal.SIGALRM, cancel)
        signal.setitimer(signal.ITIMER_REAL, 0.5)
        try:
            with pytest.raises(psycopg.errors.QueryCanceled):
                connection.execute("SELECT pg_sleep(30)")
        finally:
            signal.signal(signal.SIGALRM, before)
        assert signalled


def test_a_killed_server_and_a_killed_front_come_back_over_the_same_data(served: Served) -> None:
    resource_id = served.create()
    with served.connect() as connection:
        connection.execute("CREATE TABLE runs (id int); INSERT INTO runs VALUES (7)")
    for part in ("", ".front"):
        doomed = served.record(resource_id, part)
        os.kill(doomed.pid, signal.SIGKILL)
        wait_for(lambda doomed=doomed: not doomed.alive())
        wait_for(lambda: served.keeper.look() is not None and _answers(served))
        assert served.record(resource_id, part).pid != doomed.pid
        assert served.ask("SELECT id FROM runs") == 7


def _answers(served: Served) -> bool:
    try:
        return bool(served.ask("SELECT true"))
    except psycopg.OperationalError:
        return False


def test_another_keeper_adopts_what_runs(served: Served) -> None:
    resource_id = served.create()
    before = served.record(resource_id), served.record(resource_id, ".front")
    served.keeper = Keeper(served.workspace)
    served.keeper.look()
    assert (served.record(resource_id), served.record(resource_id, ".front")) == before
    assert served.ask("SELECT 1") == 1


def test_a_rotated_password_is_taken_and_the_old_one_refused_while_sessions_go_on(served: Served) -> None:
    served.create()
    old = served.password
    with served.connect() as connection:
        served.aws.client("secretsmanager").rotate_secret(SecretId=served.secret)
        served.keeper.look()
        assert served.ask("SELECT 1") == 1
        assert connection.execute("SELECT 2").fetchone() == (2,)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        served.connect(password=old).close()
    log = (served.workspace.logs / "database-tracking.log").read_text()
    assert old not in log
    assert served.password not in log


def test_a_password_that_the_program_chose_is_taken(served: Served) -> None:
    given = {"ManageMasterUserPassword": False, "MasterUserPassword": "made-up-'password'"}
    served.create(**given)
    assert served.ask("SELECT 1", password="made-up-'password'") == 1


def test_the_parameter_group_is_applied_as_far_as_the_server_knows_it(served: Served) -> None:
    rds = served.aws.client("rds")
    rds.create_db_parameter_group(DBParameterGroupName="ours", DBParameterGroupFamily="postgres16", Description="d")

    def give(**settings: str) -> None:
        parameters = [
            {"ParameterName": name.replace("__", "."), "ParameterValue": value, "ApplyMethod": "pending-reboot"}
            for name, value in settings.items()
        ]
        rds.modify_db_parameter_group(DBParameterGroupName="ours", Parameters=parameters)

    give(log_connections="1", rds__force_ssl="1", shared_preload_libraries="pgaudit", pgaudit__log="ddl", fsync="off")
    served.create(DBParameterGroupName="ours")
    assert served.ask("SHOW log_connections") == "on"
    assert served.ask("SHOW fsync") == "on"
    assert "connection authorized: user=owner" in (served.workspace.logs / "database-tracking.log").read_text()
    give(log_min_duration_statement="1234")
    served.keeper.look()
    wait_for(lambda: served.ask("SHOW log_min_duration_statement") == "1234ms")


def test_an_instance_that_is_gone_takes_its_server_and_its_data_along(served: Served) -> None:
    resource_id = served.create()
    place = places.place(served.workspace, resource_id)
    ours = served.record(resource_id), served.record(resource_id, ".front")
    assert (place.data / "PG_VERSION").exists()
    served.create("other")
    served.aws.client("rds").delete_db_instance(DBInstanceIdentifier="tracking", SkipFinalSnapshot=True)
    served.keeper.look()
    assert not any(one.alive() for one in ours)
    assert not place.folder.exists()
    assert served.ask("SELECT 1") == 1, "the other one goes on"


def test_an_api_that_does_not_answer_leaves_the_databases_as_they_are(served: Served) -> None:
    resource_id = served.create()
    before = served.record(resource_id)
    (served.workspace.run / "aws.json").unlink()
    assert not served.keeper.look()
    assert served.record(resource_id) == before


def test_the_keepers_process_leaves_the_servers_running_and_stop_ends_all(served: Served) -> None:
    keeper, new = databases.ensure(served.workspace)
    assert new
    assert databases.ensure(served.workspace) == (keeper, False)
    resource_id = served.make()
    wait_for(lambda: _answers(served))
    os.kill(keeper.pid, signal.SIGKILL)
    wait_for(lambda: not keeper.alive())
    assert served.ask("SELECT 1") == 1
    ended = databases.stop(served.workspace)
    assert {one.name for one in ended} == {f"database-{resource_id}", f"database-{resource_id}.front"}
    assert not any(one.alive() for one in ended)


def test_nothing_is_left_in_the_folder_for_temporary_files(served: Served) -> None:
    served.create()
    databases.forget(served.workspace)
    assert not places.temporary(served.workspace).exists()
    assert not served.workspace.databases.exists()


def test_a_verifier_proves_the_password_as_the_standard_says() -> None:
    """The example of RFC 7677, whose user has the password `pencil`: the server's signature is known."""
    nonce, salt = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", "W22ZaJ0SNY7soEsUEjb6gQ=="
    said = f"n=user,r={nonce[:20]},r={nonce},s={salt},i=4096,c=biws,r={nonce}"
    _, rounds, keys = scram.verifier("pencil", base64.b64decode(salt)).split("$")
    assert rounds == f"4096:{salt}"
    signature = hmac.digest(base64.b64decode(keys.split(":")[1]), said.encode(), "sha256")
    assert base64.b64encode(signature) == b"6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
