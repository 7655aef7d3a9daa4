"""A user at a terminal: `./parapet` and plain commands, in a home of its own beside whatever runs already."""

import contextlib
import json
import os
import shlex
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest

from local.plugin import journal
from local.plugin.servicer import token_of
from local.workspace import Workspace, cache
from tests.asking import asked

ROOT = Path(__file__).parents[2]
ONE_STACK = [pytest.mark.e2e, pytest.mark.xdist_group("a user's day")]
"""The mark of modules that one `up` serves; they run in the order of their names."""


@dataclass(frozen=True)
class User:
    """Runs the commands of the project in `root` with PARAPET_HOME pointing at `home`."""

    home: Path
    root: Path = ROOT
    _told: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        self.house.mkdir(parents=True, exist_ok=True)

    @property
    def house(self) -> Path:
        """The user's home directory, where Parapet has nothing to leave; its cache is the machine's own."""
        return self.home.parent / "house"

    @property
    def environment(self) -> dict[str, str]:
        places = {"PARAPET_HOME": self.home, "HOME": self.house, "XDG_CACHE_HOME": cache().parent}
        return os.environ | {name: str(place) for name, place in places.items()} | {"COLUMNS": "200"}

    @property
    def said(self) -> Path:
        """What the last command says that was started and not waited for."""
        return self.home.parent / "started.log"

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """A command that runs on. What it says goes to a file: a pipe that nobody empties would hold it up."""
        self._told["begun"] = self._begun()
        with self.said.open("wb") as said:
            return subprocess.Popen(
                [str(self.command), *arguments],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
            )

    def parapet(self, *arguments: str, seconds: float = 600, **variables: str) -> tuple[int, str]:
        """Exit status and everything that was said."""
        told = subprocess.run(
            [str(self.command), *arguments],
            env=self.environment | variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
        )
        return told.returncode, told.stdout

    def status(self) -> dict[str, Any]:
        told = subprocess.run(
            [str(self.command), "status", "--json"],
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        found: dict[str, Any] = json.loads(told.stdout)
        return found

    def place(self, name: str) -> str:
        """An address that `./parapet status` tells. It is asked once for what runs now, as in `_exports`."""
        runs = self._runs()
        if self._told.get("status_of") != runs or not self._told["status"][name]:
            self._told.update(status_of=runs, status=self.status())
        found: str = self._told["status"][name]
        assert found, f"nothing is told of {name}"
        return found

    def _runs(self) -> tuple[str, ...]:
        return tuple(file.read_text() for file in sorted((self.home / "run").glob("*.json")))

    @property
    def command(self) -> Path:
        return self.root / "parapet"

    def shell(
        self, command: str, folder: Path | None = None, given: str = "", options: Sequence[str] = ()
    ) -> tuple[int, str]:
        """A plain command in a shell that evaluated `./parapet env OPTIONS`, with `given` on its standard input."""
        script = f"{self._exports(*options)}\n{command}"
        told = subprocess.run(
            ["sh", "-c", script],
            cwd=folder or self.root,
            env=self.environment,
            input=given,
            capture_output=True,
            text=True,
            timeout=600,
        )
        return told.returncode, told.stdout + told.stderr

    def _exports(self, *options: str) -> str:
        """What `./parapet env` tells a shell to do. As in a shell that stays open, it is asked once for what runs now.

        Not so with options: they ask for credentials, which are new each time.
        """
        runs = self._runs()
        if options or self._told.get("runs") != runs:
            told = subprocess.run(
                [str(self.command), "env", *options],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=600,
            )
            exports = told.stdout if told.returncode == 0 else f"printf %s {shlex.quote(told.stderr)} >&2; exit 1"
            if options:
                return exports
            self._told.update(runs=runs, exports=exports)
        return self._told["exports"]

    def kubectl(self, *arguments: str, given: object = None) -> tuple[int, str]:
        """`kubectl ARGUMENTS` in such a shell, with `given` as JSON on its standard input."""
        return self.shell(shlex.join(["kubectl", *arguments]), given="" if given is None else json.dumps(given))

    def get(self, *arguments: str) -> Any:
        """What `kubectl get ARGUMENTS` finds. Who waits for something asks often: the server is asked directly."""
        words = ("get", *arguments, "--output=json")
        if told := asked(Workspace(home=self.home).kubeconfig, words, None):
            assert told.returncode == 0, told.stderr
            return json.loads(told.stdout)
        status, said = self.shell(f"{shlex.join(['kubectl', 'get', *arguments, '--output=json'])} 2>/dev/null")
        assert status == 0, said
        return json.loads(said)

    def client(self, service: str) -> Any:
        """Any AWS client: it needs the endpoint and nothing of Parapet."""
        return boto3.client(
            service,
            endpoint_url=self.place("aws_endpoint_url"),
            region_name="us-east-1",
            aws_access_key_id="any",
            aws_secret_access_key="any",
        )

    def processes(self) -> list[psutil.Process]:
        """What runs because of this user: by the environment that it inherited, which PostgreSQL writes over, or by a
        record."""
        found, recorded = [], self.servers()
        for process in psutil.process_iter():
            try:
                if process.status() == psutil.STATUS_ZOMBIE:
                    continue
                if process.pid in recorded or process.environ().get("PARAPET_HOME") == str(self.home):
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return found

    def wait_for(self, process: subprocess.Popen[bytes], condition: Callable[[], bool], seconds: float = 600) -> None:
        """Until an `up` that runs has come so far; fails at once where it ends before.

        Long enough for the first of all on a machine, which builds MLflow's image or waits for who does.
        """
        limit = time.monotonic() + seconds
        while not condition():
            ended = process.poll()
            assert ended is None, f"it ended by itself, with {ended}: {self.said.read_text()[-2000:]}"
            assert time.monotonic() < limit, "it did not come to pass"
            time.sleep(0.03)

    def kill_all_but_the_servers(self) -> None:
        """kill -9 on everything that a run has started, the AWS API and the control plane left alone."""
        servers = self.servers()
        for process in self.processes():
            if process.pid not in servers:
                process.kill()

    def servers(self) -> set[int]:
        """The servers that go on when a command has ended, with the processes that they started."""
        found: set[int] = set()
        for file in (self.home / "run").glob("*.json"):
            pid = json.loads(file.read_text()).get("pid")
            with contextlib.suppress(psutil.NoSuchProcess):
                if pid:
                    found |= {pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))}
        return found

    def resources_in_state(self) -> int:
        file = self.home / "state" / ".pulumi" / "stacks" / "parapet" / "local.json"
        try:
            return len(json.loads(file.read_text())["checkpoint"]["latest"]["resources"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return 0

    def runs_the_engine(self) -> bool:
        """Whether the `up` that was started last has taken up what was left, and begun its own."""
        return self._begun() not in (0, self._told["begun"])

    def _begun(self) -> int:
        file = self.home / "running"
        return file.stat().st_mtime_ns if file.exists() else 0

    def made(self, kind: str = "") -> int:
        """How many resources, of types that begin with `kind`, this run has made."""
        return sum(1 for one in self._journal(kind).values() if one.id)

    def under_way(self, kind: str = "") -> int:
        """How many it has begun and does not know the ids of yet."""
        return sum(1 for one in self._journal(kind).values() if not one.id)

    def _journal(self, kind: str) -> dict[str, journal.Left]:
        try:
            found = journal.read(self.home / "created.jsonl")
        except FileNotFoundError:  # it went in between
            return {}
        return {urn: one for urn, one in found.items() if token_of(urn).startswith(kind)}

    def review(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.home / "review" / "review.json").read_text())
        return found

    def outputs(self) -> dict[str, Any]:
        status, said = self.shell("pulumi stack output --json --stack local 2>/dev/null")
        assert status == 0, said
        found: dict[str, Any] = json.loads(said)
        return found
