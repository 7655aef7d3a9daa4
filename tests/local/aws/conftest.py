"""A local AWS API, one that fails now and then, and stacks of the real engine that use them."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from local import aws
from local.processes import choose_port
from local.workspace import Workspace
from tests.engine import Engine
from tests.warm import Warm

HERE = Path(__file__).parent
SECRET = "4dabf18193072939515e22adb298388d"
"""The field by which a property value says of itself that it is a secret or an asset (Pulumi, "sig" of its types)."""


@dataclass(frozen=True)
class LocalAws:
    """A running local AWS API."""

    url: str

    def client(self, service: str, region: str = "us-east-1") -> Any:
        """Any AWS client: what it sees is what was provisioned."""
        return boto3.client(
            service, region_name=region, endpoint_url=self.url, aws_access_key_id="test", aws_secret_access_key="test"
        )


@pytest.hookimpl(tryfirst=True)  # before tests are chosen by their marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What asks a running API is left out by --fast."""
    for item in items:
        if "moto" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.process)


@pytest.fixture(scope="session")
def moto() -> Iterator[LocalAws]:
    """A moto server for the whole session."""
    port = choose_port(None)
    command = [sys.executable, "-m", "local.aws.api", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(1200):  # a minute: other tests start servers too
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    yield LocalAws(f"http://127.0.0.1:{port}")
    process.terminate()
    process.wait(60)


@pytest.fixture
def local_aws(moto: LocalAws) -> LocalAws:
    """An empty local AWS API."""
    request = urllib.request.Request(f"{moto.url}/moto-api/reset", method="POST")  # noqa: S310 (our own server)
    urllib.request.urlopen(request)  # noqa: S310
    return moto


@pytest.fixture
def faulty_aws(local_aws: LocalAws) -> Iterator[LocalAws]:
    """The local AWS API behind a proxy that answers a fifth of all requests with 503."""
    yield from _faulty(local_aws, "0.2")


@pytest.fixture
def unheard_aws(local_aws: LocalAws) -> Iterator[LocalAws]:
    """The same, but a third of all requests is carried out and then answered with 503."""
    yield from _faulty(local_aws, "0.33", "after")


@pytest.fixture
def expiring_aws(local_aws: LocalAws) -> Iterator[LocalAws]:
    """The local AWS API, for a session that has expired after some requests."""
    yield from _faulty(local_aws, "25", "expired")


def _faulty(local_aws: LocalAws, *arguments: str) -> Iterator[LocalAws]:
    command = [sys.executable, str(HERE / "faulty_proxy.py"), local_aws.url.rsplit(":", 1)[1], *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    yield LocalAws(f"http://127.0.0.1:{process.stdout.readline().strip()}")
    process.terminate()
    process.wait(60)


@dataclass
class Stack:
    """A stack of the real engine with the stand-in, over one program folder."""

    engine: Engine
    folder: Path
    endpoint: str
    warm: Warm

    def program(self, code: str) -> None:
        """Give the stack another program."""
        used = {f"pulumi_aws.{name}" for name in re.findall(r"\baws\.([a-z]\w*)\.", code)}
        self.warm.imports({"tests.local.aws.models", *used})
        (self.folder / "__main__.py").write_text(f"import json\nimport pulumi\nimport pulumi_aws as aws\n{code}")

    def run(self, *arguments: str, ok: bool = True, **variables: str) -> str:
        """What `pulumi ARGUMENTS` says; its exit status is as expected."""
        result = self.engine(self.folder, *arguments, **{"AWS_ENDPOINT_URL": self.endpoint, **variables})
        said = result.stdout + result.stderr
        assert (result.returncode == 0) == ok, said
        return said

    def up(self, ok: bool = True, **variables: str) -> str:
        return self.run("up", "--yes", "--skip-preview", ok=ok, **variables)

    def unchanged(self) -> None:
        """A preview finds nothing to do."""
        self.run("preview", "--expect-no-changes")

    def settle(self) -> None:
        """Up, and neither the program nor the account says anything that the state has not.

        In one run, which costs half of a preview and a refresh. A refresh counts what differs from the inputs; so that
        what was read is also what was told when it was made, the state is compared.
        """
        self.up()
        told = self._state()
        self.run("up", "--refresh", "--yes", "--skip-preview", "--expect-no-changes")
        read = self._state()
        assert read.keys() == told.keys()
        for urn, (id_, inputs) in told.items():
            # An import has the inputs that were read; the next run adds those that the program has and ignores.
            assert (read[urn][0], {name: read[urn][1].get(name) for name in inputs}) == (id_, inputs), urn

    def _state(self) -> dict[str, tuple[str, dict[str, Any]]]:
        """The id of each resource of AWS, and what the state says of each of its inputs: given, and as an output.

        Its other outputs are for others to change. A secret is nothing here: it is encrypted anew with each writing.
        """

        def shown(told: Any) -> Any:
            if isinstance(told, dict):
                return None if SECRET in told else {name: shown(each) for name, each in told.items()}
            return [shown(each) for each in told] if isinstance(told, list | tuple) else told

        return {
            one["urn"]: (
                one["id"],
                {name: shown([given, one["outputs"].get(name)]) for name, given in one["inputs"].items()},
            )
            for one in self.written()
        }

    def written(self) -> list[dict[str, Any]]:
        """The resources of AWS as the state has them. A file: asking the engine costs a run."""
        (file,) = (self.engine.home / "state" / ".pulumi" / "stacks").rglob("*.json")
        resources = json.loads(file.read_text())["checkpoint"]["latest"].get("resources", [])
        return [one for one in resources if one["type"].startswith("aws:")]

    def resources(self) -> dict[str, dict[str, Any]]:
        """The state's resources by name, secrets as they are written there."""
        return {one["urn"].split("::")[-1]: one for one in self.written()}


@pytest.fixture
def stack(warm: Warm, tmp_path: Path, local_aws: LocalAws) -> Stack:
    """An empty stack against the empty local AWS API."""
    engine = Engine(warm.bin, tmp_path / "home")
    aws.install(Workspace(home=engine.home).pulumi_home("stand-in"), warm.python)
    folder = engine.program(tmp_path / "program", "")
    return Stack(engine, folder, local_aws.url, warm)
