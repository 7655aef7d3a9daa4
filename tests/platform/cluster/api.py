"""A live API server: asked directly, which takes a hundredth of a second, and by `kubectl` what is seldom asked."""

import json
import os
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from local.kubernetes.provider import kubeconfig
from local.kubernetes.provider.connection import APPLY, ApiError, Connection
from local.kubernetes.provider.discovery import Discovery, path
from local.kubernetes.provider.objects import identity_of
from tests.asking import asked

MANAGER = "kubectl"
"""As `kubectl apply --server-side` calls itself."""


@dataclass(frozen=True)
class Answer:
    """Whether it was done, and what was said to it."""

    done: bool
    text: str


@dataclass(frozen=True)
class Api:
    kubectl: Path
    kubeconfig: Path

    def run(self, *arguments: str, stdin: str | None = None) -> Answer:
        """What `kubectl` says, or the server to the same words."""
        done = asked(self.kubeconfig, arguments, stdin) or subprocess.run(
            [self.kubectl, f"--kubeconfig={self.kubeconfig}", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            env={"HOME": os.environ.get("HOME", "/"), "PATH": ""},
        )
        return Answer(done.returncode == 0, done.stdout + done.stderr)

    def apply(self, *manifests: dict[str, Any], dry_run: bool = False) -> Answer:
        """Server-side apply of each, with unknown fields refused."""
        query = {"fieldManager": MANAGER, "fieldValidation": "Strict", **({"dryRun": "All"} if dry_run else {})}
        refused = []
        for each in manifests:
            try:
                self._connection.request("PATCH", self._place(each), query, each, APPLY)
            except ApiError as error:
                refused.append(str(error))
        return Answer(not refused, "\n".join(refused))

    def create(self, manifest: dict[str, Any]) -> dict[str, Any]:
        """What the server makes of an object that has no name; raises ApiError where it refuses."""
        return self._connection.request("POST", self._place(manifest), {"fieldValidation": "Strict"}, manifest)

    def items(self, kind: str, *arguments: str) -> list[dict[str, Any]]:
        answer = self.run("get", kind, "-o", "json", *arguments)
        assert answer.done, answer.text
        listed: list[dict[str, Any]] = json.loads(answer.text)["items"]
        return listed

    @cached_property
    def _connection(self) -> Connection:
        return Connection(kubeconfig.load(str(self.kubeconfig), None, None, {}))

    @cached_property
    def _discovery(self) -> Discovery:
        return Discovery(self._connection)

    def _place(self, manifest: dict[str, Any]) -> str:
        identity = identity_of(manifest)
        served = self._discovery.served(identity.kind)
        assert served, f"no matches for kind {identity.kind}"
        return path(identity, served)
