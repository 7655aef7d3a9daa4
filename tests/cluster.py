"""The real control plane for tests, in a home of its own, with the tools that a user has."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boto3
import pytest

from local.aws import server
from local.kubernetes import control_plane
from local.workspace import Workspace
from tests.asking import asked

CLUSTER = [pytest.mark.cluster, pytest.mark.xdist_group("cluster")]
"""What every module that uses the fixture `cluster` is marked with, so that one control plane serves them all."""


ENDS_WITH_ITS_GROUP: list[Callable[[], object]] = []
"""What ends the servers that tests of the group under way started; see `conftest.py`."""


def wait_for(condition: Callable[[], Any], seconds: float = 60) -> Any:
    """What `condition` returns once that is true; fails when it is not after so many seconds."""
    limit, pause = time.monotonic() + seconds, 0.1
    while not (found := condition()):
        assert time.monotonic() < limit, "it did not come to pass"
        time.sleep(pause)
        pause = min(pause * 1.5, 1)  # to ask may take a seventh of a second of a core
    return found


@dataclass(frozen=True)
class Cluster:
    """A running control plane and a local AWS API in one workspace."""

    workspace: Workspace

    def run(self, *arguments: str, given: object = None) -> subprocess.CompletedProcess[str]:
        """`kubectl ARGUMENTS`, or the same asked of the server, with `given` as JSON; raises for no exit status."""
        text = json.dumps(given) if given is not None else None
        return asked(self.workspace.kubeconfig, arguments, text) or subprocess.run(
            [str(self.workspace.bin / "kubectl"), f"--kubeconfig={self.workspace.kubeconfig}", *arguments],
            input=text,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def kubectl(self, *arguments: str, given: object = None) -> str:
        """What `kubectl ARGUMENTS` says, which has to succeed."""
        told = self.run(*arguments, given=given)
        assert told.returncode == 0, told.stderr
        return told.stdout

    def get(self, *arguments: str) -> Any:
        return json.loads(self.kubectl("get", *arguments, "--output=json"))

    def apply(self, *objects: dict[str, Any]) -> None:
        for one in objects:
            self.kubectl("apply", "--server-side", "--filename=-", given=one)

    def identity(self) -> str:
        plane = control_plane.running(self.workspace)
        assert plane
        return control_plane.identity(self.workspace, plane)

    def aws(self, service: str) -> Any:
        """A client of the AWS API whose node groups the cluster's nodes come from."""
        record, _ = server.ensure(self.workspace, None)
        return boto3.client(
            service,
            region_name="us-east-1",
            endpoint_url=server.endpoint(record),
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
