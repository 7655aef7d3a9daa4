"""A live API server, as `kubectl` reaches it."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What `kubectl` said."""

    done: bool
    text: str


@dataclass(frozen=True)
class Api:
    kubectl: Path
    kubeconfig: Path

    def run(self, *arguments: str, stdin: str | None = None) -> Answer:
        done = subprocess.run(
            [self.kubectl, f"--kubeconfig={self.kubeconfig}", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            env={"HOME": os.environ.get("HOME", "/"), "PATH": ""},
        )
        return Answer(done.returncode == 0, done.stdout + done.stderr)

    def apply(self, *manifests: dict[str, Any], dry_run: bool = False) -> Answer:
        """Server-side apply, with unknown fields refused."""
        listed = {"apiVersion": "v1", "kind": "List", "items": list(manifests)}
        options = ["--dry-run=server"] if dry_run else []
        return self.run("apply", "--server-side", "--validate=strict", *options, "-f", "-", stdin=json.dumps(listed))

    def items(self, kind: str, *arguments: str) -> list[dict[str, Any]]:
        answer = self.run("get", kind, "-o", "json", *arguments)
        assert answer.done, answer.text
        listed: list[dict[str, Any]] = json.loads(answer.text)["items"]
        return listed
