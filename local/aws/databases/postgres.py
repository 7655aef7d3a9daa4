"""One PostgreSQL server and the TLS in front of it: started, adopted, configured and ended."""

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
from functools import cached_property
from pathlib import Path
from typing import Any

import psutil

from local import processes
from local.aws.databases import places, scram
from local.aws.databases.instances import Instance
from local.files import write_private
from local.processes import Record
from local.workspace import Workspace

SUPERUSER = "rdsadmin"  # RDS's own name for it; its password is the keeper's alone
SETTINGS = "parapet.conf"
KEPT = {
    # What makes this server one that is only reached through its front, and whose log is one file.
    *("listen_addresses", "port", "unix_socket_directories", "unix_socket_group", "unix_socket_permissions"),
    *("ssl", "ssl_cert_file", "ssl_key_file", "ssl_ca_file", "ssl_crl_file", "ssl_crl_dir", "krb_server_keyfile"),
    *("data_directory", "config_file", "hba_file", "ident_file", "external_pid_file"),
    *("logging_collector", "log_destination", "fsync"),
    # Libraries that the wheel does not have.
    *("shared_preload_libraries", "session_preload_libraries", "local_preload_libraries", "jit_provider"),
}
ENSURE = """\
SET log_statement = 'none';
\\getenv role ROLE
\\getenv verifier VERIFIER
\\getenv database DATABASE
SELECT format('CREATE ROLE %I', :'role') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \\gexec
ALTER ROLE :"role" LOGIN CREATEDB CREATEROLE NOSUPERUSER PASSWORD :'verifier';
SELECT format('CREATE DATABASE %I OWNER %I', :'database', :'role')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \\gexec
"""


class Postgres:
    """The server of one instance. What it holds lies in the folder of its resource id; a new name changes nothing."""

    def __init__(self, workspace: Workspace, instance: Instance) -> None:
        self._workspace = workspace
        self._instance = instance
        self._place = places.place(workspace, instance.resource_id)
        self._name, self._front = names(instance.resource_id)

    def start(self) -> bool:
        """Starts what does not run of server and front; tells whether the server was started.

        Raises StartFailed where one of them does not come up.
        """
        began = processes.read(self._workspace.run, self._name) is None
        if began:
            self._make()
            self._begin()
        front = processes.read(self._workspace.run, self._front)
        if front and front.port != self._instance.port:
            processes.stop(self._workspace.run, front)
            front = None
        if not front:
            self._begin_front()
        return began

    def configure(self) -> None:
        """Takes the parameter group's settings: dynamic ones at once, as RDS does; others at the next start."""
        if self._write_settings() and (record := processes.read(self._workspace.run, self._name)):
            processes.signal_quietly(psutil.Process(record.pid), signal.SIGHUP)

    def admit(self) -> None:
        """Gives the master user its password, and the database that it owns; raises StartFailed where SQL fails."""
        if self._instance.password is None:
            return
        values = {
            "ROLE": self._instance.username,
            "VERIFIER": scram.verifier(self._instance.password),
            "DATABASE": self._instance.database or "postgres",
        }
        command = [self._program("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", self._place.socket]
        told = subprocess.run(
            [*map(str, command), "-p", str(places.PORT), "-U", SUPERUSER, "-d", "postgres"],
            env=_environment() | values | {"PGPASSWORD": self._place.password.read_text()},
            input=ENSURE,
            capture_output=True,
            text=True,
        )
        if told.returncode:
            raise processes.StartFailed(f"{self._instance.identifier} did not take its user: {told.stderr.strip()}")

    def _make(self) -> None:
        """Makes an empty database cluster, whole or not at all."""
        places.prepare(self._place.folder)
        places.prepare(self._place.socket)
        if self._place.data.exists():
            _remove_stale_lock(self._place.data)
            return
        if not self._place.password.exists():
            write_private(self._place.password, secrets.token_urlsafe(32).encode())
            places.give(self._place.password)
        staged = self._place.folder / "data.new"
        shutil.rmtree(staged, ignore_errors=True)
        command = [
            self._program("initdb"),
            "--pgdata",
            staged,
            "--username",
            SUPERUSER,
            "--pwfile",
            self._place.password,
        ]
        told = subprocess.run(
            # Not synced: a machine that fails now has lost the memory of the API, too, and all begins anew.
            [*map(str, command), "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"],
            env=_environment(),
            cwd="/",
            capture_output=True,
            text=True,
            **_as_owner(),
        )
        if told.returncode:
            raise processes.StartFailed(f"{self._instance.identifier} could not be made: {told.stderr.strip()}")
        with (staged / "postgresql.conf").open("a") as file:
            file.write(f"\nlog_line_prefix = '%t:%r:%u@%d:[%p]:'\ninclude_if_exists = '{SETTINGS}'\n")
        staged.rename(self._place.data)

    def _begin(self) -> None:
        self._write_settings()
        ours = {
            "listen_addresses": "",
            "port": str(places.PORT),
            "unix_socket_directories": str(self._place.socket),
            "unix_socket_permissions": "0700",
            "logging_collector": "off",
            "log_destination": "stderr",
        }
        command = [str(self._program("postgres")), "-D", str(self._place.data)]
        check = [str(self._program("pg_isready")), "-q", "-h", str(self._place.socket), "-p", str(places.PORT)]
        processes.start(
            self._name,
            [*command, *(part for name, value in ours.items() for part in ("-c", f"{name}={value}"))],
            port=0,
            folder=self._workspace.run,
            log=self._workspace.logs / f"database-{self._instance.identifier}.log",
            ready=lambda: subprocess.run(check, env=_environment()).returncode == 0,
            environment=_environment() | self._home,
            owner=places.runs_as(),
        )

    def _begin_front(self) -> None:
        port = self._instance.port
        path = str(self._place.socket / f".s.PGSQL.{places.PORT}")
        folder = str(self._workspace.databases)
        log = self._workspace.logs / f"database-{self._instance.identifier}.front.log"
        processes.start(
            self._front,
            [sys.executable, "-P", "-m", "local.aws.databases.front", str(port), path, folder],
            port=port,
            folder=self._workspace.run,
            log=log,
            ready=lambda: "listening" in log.read_text(),
            environment=_environment() | self._home,
        )

    def _write_settings(self) -> bool:
        """Whether they are others than before."""
        known = self._known
        lines = [
            f"{name} = '{value.replace(chr(39), chr(39) * 2)}'\n"
            for name, value in sorted(self._instance.settings.items())
            if name in known and name not in KEPT and "{" not in value  # a formula over the instance's memory
        ]
        file = self._place.data / SETTINGS
        if file.exists() and file.read_text() == "".join(lines):
            return False
        write_private(file, "".join(lines).encode())
        places.give(file)
        return True

    @cached_property
    def _known(self) -> set[str]:
        """The parameters of this very server that a file may set."""
        told = subprocess.run(
            [str(self._program("postgres")), "--describe-config"],
            env=_environment(),
            cwd="/",
            capture_output=True,
            text=True,
            check=True,
            **_as_owner(),
        )
        rows = [line.split("\t") for line in told.stdout.splitlines()]
        return {row[0] for row in rows if row[1] != "internal"}

    @property
    def _home(self) -> dict[str, str]:
        return {"PARAPET_HOME": str(self._workspace.home)}

    def _program(self, name: str) -> Path:
        return places.program(self._workspace, name)


def names(resource_id: str) -> tuple[str, str]:
    """The records of an instance's server and of its front."""
    return f"database-{resource_id}", f"database-{resource_id}.front"


def recorded(workspace: Workspace) -> set[str]:
    """The resource ids of all that have a record."""
    return {
        file.stem.removeprefix("database-").removesuffix(".front") for file in workspace.run.glob("database-*.json")
    }


def end(workspace: Workspace, resource_id: str) -> list[Record]:
    """Ends server and front; what they hold stays."""
    found = [record for name in names(resource_id) if (record := processes.read(workspace.run, name))]
    for record in found:
        if record.name == names(resource_id)[0]:
            # A "fast" shutdown. What `processes.stop` sends would wait until every client has gone.
            process = psutil.Process(record.pid)
            processes.signal_quietly(process, signal.SIGINT)
            with contextlib.suppress(psutil.TimeoutExpired, psutil.NoSuchProcess):
                process.wait(10)
        processes.stop(workspace.run, record)
    return found


def _remove_stale_lock(data: Path) -> None:
    """Takes away the lock that a killed server left, where its id is another program's now: it holds up the next."""
    lock = data / "postmaster.pid"
    with contextlib.suppress(FileNotFoundError, ValueError, psutil.NoSuchProcess):
        if psutil.Process(int(lock.read_text().splitlines()[0])).name() != "postgres":
            lock.unlink()


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"}


def _as_owner() -> dict[str, Any]:
    owner = places.runs_as()
    return {"user": owner[0], "group": owner[1], "extra_groups": []} if owner else {}
