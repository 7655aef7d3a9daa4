"""An MLflow server as the container runs it, for tests: secrets in a folder, everything else in arguments."""

import json
import os
import signal
import subprocess
import tempfile
import time
from base64 import b64encode
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from local.processes import choose_port
from tests.delivery.at_hand import PATIENCE, Begun, at_hand
from tests.delivery.postgres import PASSWORD, USER, Postgres

BUCKET = "artifacts"
MIGRATED = "migrated"
ADMINISTRATOR = ("parapet-admin", "the-password-of-the-administrator")
AUDIT_KEY = "the-key-of-the-audit-trail-0123456789"
ALICE, BOB = ("alice", "the-password-of-alice"), ("bob", "the-password-of-bob-1")


@dataclass
class Mlflow:
    """One database, one bucket prefix, one folder of secrets; the server runs between `start` and `end`."""

    image: Path
    postgres: Postgres
    endpoint: str
    folder: Path
    database: str
    prefix: str = "mlflow"
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | Begun | None = None

    def __post_init__(self) -> None:
        self.port, self.metrics_port = choose_port(None), choose_port(None)
        self.secrets = self.folder / "secrets"
        self.secrets.mkdir()
        self.deliver()
        self.log = self.folder / "log"
        # The private folders of the server; under pytest's own name a path would be too long to read.
        self.temporary = Path(tempfile.mkdtemp(prefix="parapet-test-"))

    def deliver(self) -> None:
        """The secrets that it begins with."""
        self.secret("database", json.dumps({"username": USER, "password": PASSWORD}))
        self.secret("admin", ADMINISTRATOR[1])
        self.secret("flask", "the-session-key")
        self.secret("audit-key", AUDIT_KEY)
        for name, password in (ALICE, BOB):
            self.secret(f"user-{name}", password)

    def secret(self, name: str, value: str) -> None:
        """Replaced at once, as the kubelet and the Secrets Store driver do."""
        draft = self.folder / "draft"
        draft.write_text(value)
        draft.rename(self.secrets / name)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def place(self) -> str:
        return f"s3://{BUCKET}/{self.prefix}"

    def variables(self) -> dict[str, str]:
        # Of this machine's own variables, only what finds programs: a proxy or profile stays out.
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "TMPDIR": str(self.temporary),
            "PARAPET_SECRETS_DIR": str(self.secrets),
            "PARAPET_METRICS_PORT": str(self.metrics_port),
            "PARAPET_RESTART_SPREAD": "0",
            "PARAPET_PROMOTERS": BOB[0],
            "AWS_ENDPOINT_URL": self.endpoint,
            "MLFLOW_S3_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_DEFAULT_REGION": "us-east-1",
            "PYTHONDONTWRITEBYTECODE": "1",
            **self.environment,
        }

    def options(self, **changed: str) -> list[str]:
        options = {
            "app-name": "parapet",
            "host": "127.0.0.1",
            "port": str(self.port),
            "workers": "2",
            "backend-store-uri": self.postgres.uri(self.database),
            "artifacts-destination": self.place,
            "allowed-hosts": f"127.0.0.1:{self.port}",
            "cors-allowed-origins": "https://mlflow.example.org",
            "expose-prometheus": str(self.temporary / "prometheus"),
        } | {name.replace("_", "-"): value for name, value in changed.items()}
        return ["--serve-artifacts", *(f"--{name}={value}" for name, value in options.items())]

    def run(self, *arguments: str, afresh: bool = False) -> subprocess.CompletedProcess[str]:
        """A command that ends: in a process that has imported MLflow already, or else `afresh`, as in a container."""
        if not afresh:
            return at_hand(self.image).run(arguments, self.variables(), self.folder)
        return subprocess.run(
            self._command(*arguments), env=self.variables(), capture_output=True, text=True, timeout=PATIENCE
        )

    def migrate(self, *, afresh: bool = False) -> None:
        done = self.run("migrate", f"--backend-store-uri={self.postgres.uri(self.database)}", afresh=afresh)
        assert done.returncode == 0, done.stdout + done.stderr

    def with_schema(self) -> None:
        """A database as `migrate` makes it, copied from the one that the first to ask made: it takes ten seconds."""
        if MIGRATED in self.postgres.sql("SELECT datname FROM pg_database").split():
            self.postgres.sql(f"DROP DATABASE {self.database}")
            self.postgres.sql(f"CREATE DATABASE {self.database} TEMPLATE {MIGRATED}")
        else:
            self.migrate()
            self.postgres.sql(f"CREATE DATABASE {MIGRATED} TEMPLATE {self.database}")

    def start(self, *, afresh: bool = False, **changed: str) -> None:
        """Its first process, which tries and writes what the others need, is one that has imported MLflow already, or
        else made `afresh`, as in a container. The others import it by themselves."""
        command = ["server", *self.options(**changed)]
        if afresh:
            with self.log.open("ab") as log:
                self.process = subprocess.Popen(
                    self._command(*command), env=self.variables(), stdout=log, stderr=log, start_new_session=True
                )
        else:
            self.process = at_hand(self.image).begin(command, self.variables(), self.log)
        for _ in range(900):
            assert self.process.poll() is None, self.log.read_text()
            try:
                if requests.get(f"{self.url}/health", timeout=1).ok:
                    return
            except requests.RequestException:
                time.sleep(0.1)
        raise AssertionError(self.log.read_text())

    def kill(self) -> None:
        """All its processes at once, as the end of a container does."""
        assert self.process
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def end(self) -> int:
        """Asks it to end, as the kubelet does; returns its exit status."""
        assert self.process
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(timeout=40)

    def call(self, method: str, path: str, who: tuple[str, str] | None = None, **options: Any) -> requests.Response:
        return requests.request(method, self.url + path, auth=who, timeout=60, **options)

    def audit(self) -> list[dict[str, Any]]:
        """The lines of the audit trail on standard output."""
        lines = self.log.read_text(errors="replace").splitlines()
        return [json.loads(line) for line in lines if line.startswith('{"audit":')]

    def _command(self, *arguments: str) -> list[str]:
        return [str(self.image / "bin" / "python"), "-m", "parapet_mlflow", *arguments]


def authorization(who: tuple[str, str]) -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(":".join(who).encode()).decode()}
