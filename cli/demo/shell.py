"""Commands of the project as somebody at a terminal runs them, who has evaluated `./parapet env --credentials`."""

import json
import shlex
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from local.aws import server
from local.kubernetes import control_plane
from local.kubernetes.control_plane.api import ApiError
from local.workspace import Workspace, environment

Found = TypeVar("Found")
LAST = 2000  # characters of what a command said that failed


class Failed(Exception):
    """A command came to another end than it should. The text is for who looks on."""


@dataclass
class Shell:
    """Runs commands in the clone's root."""

    workspace: Workspace
    echo: Callable[[str], None]
    """Is told each command before it runs."""
    _exports: dict[str, str] = field(default_factory=dict)

    def sign_in(self, **more: str) -> None:
        """As the first of the stack's accounts in MLflow, and as who may ask models; with more variables."""
        said = self.run("env", "--credentials", quiet=True)
        words = (shlex.split(line) for line in said.splitlines() if line.startswith("export "))
        self._exports = dict(each[1].split("=", 1) for each in words if not each[1].startswith("PATH="))
        self._exports |= more

    @property
    def exports(self) -> Mapping[str, str]:
        return self._exports

    def run(self, *words: str, ends: int = 0, quiet: bool = False) -> str:
        """What `./parapet WORDS` prints for programs; raises Failed where it does not end with `ends`."""
        return self.ended(self.start(*words, quiet=quiet), *words, ends=ends)

    def json(self, *words: str, ends: int = 0) -> Any:
        """The same of a command with `--json`, read."""
        return json.loads(self.run(*words, "--json", ends=ends))

    def start(self, *words: str, quiet: bool = False) -> subprocess.Popen[str]:
        """Begins it; what it prints is taken by `ended`."""
        if not quiet:
            self.echo(shlex.join(("./parapet", *words)))
        return subprocess.Popen(
            [str(self.workspace.root / "parapet"), *words],
            cwd=self.workspace.root,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ended(self, process: subprocess.Popen[str], *words: str, ends: int = 0) -> str:
        """What a command printed that was begun; raises Failed as `run` does."""
        said, errors = process.communicate()
        if process.returncode != ends:
            told = (errors or said)[-LAST:].strip()
            raise Failed(f"{shlex.join(('./parapet', *words))} ended with {process.returncode}, not {ends}:\n{told}")
        return said

    def found(self, path: str) -> Any:
        """What the API server of this machine has at a path, which may be asked often; raises Failed."""
        if not (api := control_plane.administrator(self.workspace)):
            raise Failed("The control plane of this machine does not run: `./parapet up` starts it.")
        try:
            return api.call("GET", path)
        except (ApiError, OSError) as error:
            raise Failed(f"The control plane of this machine does not tell it: {error}") from None

    def environment(self) -> dict[str, str]:
        """Of the local stack, also before anybody has signed in: what the user's shell is at is not touched."""
        return environment(self.workspace, server.url(self.workspace)) | self._exports


def wait(seconds: float, look: Callable[[], Found | None], otherwise: Callable[[], str]) -> Found:
    """What `look` finds in the end; raises Failed with what is said `otherwise`."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        if found := look():
            return found
        time.sleep(0.3)
    raise Failed(f"After {seconds:.0f} seconds {otherwise()}")
