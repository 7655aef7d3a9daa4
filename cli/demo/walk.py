"""What the steps of the demo hand on: where its files lie, who approves, which runs of the pipeline are under way."""

import json
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from cli.demo.calls import Caller
from cli.demo.checks import Checks
from cli.demo.shell import Failed, Shell
from cli.gameday.world import World
from cli.pipeline import PACKAGES
from local.engine.run import Engine
from local.files import write_private
from mlops.data_path import RUNS, of_model

MODEL: Final = "readmission-demo"
STACK: Final = "local"
AUTHOR: Final = "data-scientist"
APPROVER: Final = "second-team"
REGISTERED: Final = "registered.json"
"""What a run of the pipeline leaves that has registered a model: name, version and author."""
"""Accounts of MLflow: that which registers, and another, since nobody approves a model of their own."""


@dataclass
class Demo:
    """What the steps hand on."""

    shell: Shell
    folder: Path
    """This demo's own: data, runs, approvals; each demo has another."""
    jobs: str
    """Names the Jobs of its checks, as no other does."""
    processes: list[subprocess.Popen[str]] = field(default_factory=list)
    """What was begun beside what else is done."""
    under_way: dict[str, subprocess.Popen[str]] = field(default_factory=dict)
    """Of them the pipeline's runs, by the folder that each writes."""
    begun: set[str] = field(default_factory=set)
    ended: dict[str, dict[str, Any]] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    """Those in dev that runs have registered: two run at once, and either may be the newest."""
    records: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """What is asked, by the run whose model was tried on it."""

    @classmethod
    def begin(cls, shell: Shell) -> "Demo":
        home = shell.workspace.home / "demo"
        number = max((int(each.name) for each in home.glob("[0-9]*")), default=0) + 1
        for before in home.glob("[0-9]*"):
            shutil.rmtree(before)  # a hundred megabytes, which say no more than the next ones
        folder = home / str(number)
        folder.mkdir(parents=True, mode=0o700)
        return cls(shell, folder, str(number))

    @classmethod
    def last(cls, shell: Shell, runs: Sequence[str]) -> "Demo | None":
        """The last one, for who goes on with what it left, once these runs of it have registered a model."""
        home = shell.workspace.home / "demo"
        folders = sorted(home.glob("[0-9]*"), key=lambda each: int(each.name))
        if not folders or not all((folders[-1] / each / REGISTERED).exists() for each in runs):
            return None
        found = cls(shell, folders[-1], f"again-{int(time.time())}")
        for run in runs:
            told = json.loads(found.file(f"{run}/{REGISTERED}").read_text())
            found.ended[run], found.versions[run] = {"registered": told}, str(told["version"])
        return found

    @property
    def number(self) -> int:
        """Which of a home it is."""
        return int(self.folder.name)

    def end(self) -> None:
        """Nothing that was begun runs on."""
        for process in self.processes:
            if process.poll() is None:
                process.terminate()
                process.wait()

    def file(self, name: str) -> Path:
        return self.folder / name

    @property
    def approvers(self) -> Path:
        """Whose approvals count. Shared by all demos of a home: a ledger is verified by the keys of its approvals."""
        return self.folder.parent / "approvers.yaml"

    @property
    def key(self) -> Path:
        """What the approver signs with."""
        return self.folder.parent / "approver.pem"

    @property
    def hashes(self) -> Path:
        return self.folder.parent / "hashes.key"

    def beside(self, *words: str) -> subprocess.Popen[str]:
        """A command, beside whatever is done meanwhile."""
        process = self.shell.start(*words)
        self.processes.append(process)
        return process

    def begin_run(self, feed: str, run: str, seed: int, *, first: bool) -> None:
        """The pipeline on a feed, told to the model's check; `first` where nothing serves to compare with."""
        self.begun.add(run)
        runs = f"s3://{self.shell.exports['PARAPET_ARTIFACTS_BUCKET']}/{of_model(RUNS, MODEL).prefix}"
        self.under_way[run] = self.beside(
            *("pipeline", "run", str(self.file(feed)), "--model", MODEL, "--seed", str(seed), "--json"),
            *(
                "--key-file",
                str(self.hashes),
                "--out",
                str(self.file(run)),
                "--runs",
                runs,
                *(["--first"] if first else []),
            ),
        )

    def end_run(self, run: str, ends: int = 0) -> dict[str, Any]:
        """What came of it, whoever asks; raises Failed where it ended otherwise."""
        if run in self.ended:
            return self.ended[run]
        told: dict[str, Any] = json.loads(self.shell.ended(self.under_way.pop(run), "pipeline", "run", ends=ends))
        if told["registered"]:
            self.versions[run] = str(told["registered"]["version"])
        self.ended[run] = told
        return told

    def sign_in(self) -> None:
        """As who registers and asks, with the keys that approvals count by."""
        self._make_keys()
        self.shell.sign_in(PARAPET_APPROVERS=str(self.approvers))

    def serving(self) -> dict[str, dict[str, Any]]:
        """What the registry has, by the environment."""
        listed = self.shell.json("model", "list")
        found = [each for model in listed if model["name"] == MODEL for each in model["serving"]]
        return {each["environment"]: each for each in found}

    def caller(self, run: str = "next") -> Caller:
        """Asks the model that serves about records that this run's was tried on: whole ones, as one is to another in
        them. Raises Failed."""
        return Caller(self.url, self.shell.exports, self._records(run))

    def _records(self, run: str) -> list[dict[str, Any]]:
        if run not in self.records:
            self.end_run(run)
            asked = {name: str(self.file(run) / name) for name in ("test.parquet", "contract.json")}
            status, said = PACKAGES.told(
                "delivery.pipeline",
                step="records",
                table=asked["test.parquet"],
                contract=asked["contract.json"],
            )
            if status:
                raise Failed(f"The records of {self.file(run)} cannot be read.")
            self.records[run] = json.loads(said)
        return self.records[run]

    @cached_property
    def world(self) -> World:
        """The stack, beside the project's commands."""
        return World(self.shell)

    @cached_property
    def checks(self) -> Checks:
        """Those of the model that serves."""
        return Checks(self.world, MODEL, self.jobs)

    @property
    def alerts_topic(self) -> str:
        """Where alerts leave the stack."""
        return str(Engine(self.shell.workspace, {}, STACK).outputs()["alertsTopicArn"])

    @property
    def incident(self) -> str:
        """What this demo's is called: there are several on a day."""
        return f"data-drift-demo-{self.number}"

    @property
    def url(self) -> str:
        """Where a client of this machine asks it; raises Failed where none can."""
        for each in self.shell.json("status")["models"]:
            if each["name"] == MODEL and each["published"]:
                return str(each["url"])
        raise Failed(f"The stack tells of no model {MODEL} that is published.")

    def _make_keys(self) -> None:
        """The approver's, and that of the hashes; they stay with the stack.

        The author stands beside the approver, without a key: of one who is nobody there, nobody can be told apart.
        """
        if not self.approvers.exists():
            private = Ed25519PrivateKey.generate()
            write_private(self.key, private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
            public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
            self.approvers.write_text(yaml.safe_dump([{"account": AUTHOR}, {"account": APPROVER, "key": public}]))
        if not self.hashes.exists():
            write_private(self.hashes, sha256(b"parapet demo").digest())  # of nobody's data: no secret
