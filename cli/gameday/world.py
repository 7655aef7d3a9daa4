"""What a game day reaches: the stack of this machine, and nothing else."""

import os
import re
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cli import mlflow
from cli.demo.shell import LAST, Failed, Shell
from cli.gameday import held
from cli.output import Refused
from local.aws import server
from local.files import write_private
from local.kubernetes import live
from local.workspace import LOCAL_REGION, Workspace

STACK: Final = "local"
DOCUMENTED: Final = "prod"
"""The stack that the runbooks' commands are written for."""
UP: Final = f"up --stack {STACK} --policy-pack policies"
"""What `pulumi` is told in runbooks to bring a stack to its settings."""

NOBODYS: Final[dict[str, Any]] = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}
"""In place of the user's own profile and of the files of the AWS CLI (botocore, configprovider.py, names, variables and
defaults of a session)."""


@dataclass(frozen=True)
class World:
    """The running stack."""

    shell: Shell

    @property
    def workspace(self) -> Workspace:
        return self.shell.workspace

    def aws(self, service: str) -> Any:
        """A client of the local AWS API, as the stack's administrator; raises Refused where that does not run."""
        import boto3  # half a second that a list of faults should not wait for
        import botocore.session

        if not (endpoint := server.url(self.workspace)):
            raise Refused("The local AWS API is not running: `./parapet up` starts it.")
        own = botocore.session.Session(session_vars=NOBODYS)
        session: Any = boto3.Session(botocore_session=own)
        return session.client(
            service,
            region_name=LOCAL_REGION,
            endpoint_url=endpoint,
            aws_access_key_id="local",
            aws_secret_access_key="local",  # noqa: S106 (the local API takes any)
        )

    def environment(self) -> dict[str, str]:
        """The local stack's own, at the cluster of this machine: whatever else the user's shell is set to."""
        own = {name: value for name, value in self.shell.environment().items() if name != "PARAPET_KUBECONFIG"}
        return own | {"KUBECONFIG": str(self.workspace.kubernetes / "kubeconfig")}

    def kubectl(self, *words: str) -> str:
        """What `kubectl WORDS` prints; raises Failed."""
        return self._ended(
            subprocess.run(
                [str(self.workspace.bin / "kubectl"), *words],
                env=self.environment(),
                capture_output=True,
                text=True,
                timeout=60,
            ),
            f"kubectl {shlex.join(words)}",
        )

    def mlflow(self) -> str:
        """Where MLflow is; raises Failed where it does not run."""
        if not (found := mlflow.running(self.workspace)):
            raise Failed("MLflow does not run.")
        return found.url

    def run(self, block: str, named: Mapping[str, str] | None = None) -> None:
        """A block of a runbook's commands, in a shell as `./parapet env --credentials` makes one; raises Failed.

        They are written for the stack `prod`, and are run on this one; in the place of a word that is `named` what it
        is here.
        """
        script = block.replace(f"--stack {DOCUMENTED}", f"--stack {STACK}")
        script = script.replace(f"parapet-{DOCUMENTED}", f"parapet-{STACK}")
        for word, here in (named or {}).items():
            script = re.sub(rf"(?<![\w-]){re.escape(word)}(?![\w-])", here, script)
        for line in script.strip().splitlines():
            self.shell.echo(line)
        variables = self.environment()
        path = os.pathsep.join([str(self._tools()), str(self.workspace.bin), variables.get("PATH", os.defpath)])
        self._ended(
            subprocess.run(
                ["sh", "-ec", script],
                cwd=self.workspace.root,
                env={**variables, "PATH": path},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=600,
            ),
            "What the runbook says",
        )

    def _tools(self) -> Path:
        """A folder whose `aws` reaches the local AWS API alone, whatever the machine's own is set to; and whose
        `pulumi` has the stack of this machine brought up, as that is done here."""
        folder, root = held.folder(self.workspace), shlex.quote(str(self.workspace.root))
        aws = shlex.join([str(self.workspace.python), "-P", "-m", "cli.gameday.aws"])
        up = "up --live" if live.asked_for(self.workspace) else "up"
        for name, does in {
            "aws": f'PYTHONPATH={root} exec {aws} "$@"',
            "pulumi": f'[ "$*" = "{UP}" ] || {{ echo "pulumi: a game day runs {UP}, not $*" >&2; exit 1; }}\n'
            f"exec {root}/parapet {up}",
        }.items():
            write_private(folder / name, f"#!/bin/sh\n{does}\n".encode())
            (folder / name).chmod(0o700)
        return folder

    @staticmethod
    def _ended(told: "subprocess.CompletedProcess[str]", what: str) -> str:
        if told.returncode:
            said = (told.stderr or told.stdout)[-LAST:].strip()
            raise Failed(f"{what} ended with {told.returncode}:\n{said}")
        return told.stdout
