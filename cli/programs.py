"""Programs of `delivery/`, each run by the Python of its own locked environment."""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.output import Refused, note
from local import images
from local.workspace import ROOT


@dataclass(frozen=True)
class Packages:
    """An environment of the cache, made at its first use."""

    name: str
    lock: Path
    whose: str
    cost: str
    """What making it takes, for who waits."""

    def run(self, program: str, **asked: Any) -> int:
        """Runs a module that reads what it is asked as JSON; returns its exit status. Raises Refused where the
        environment cannot be made."""
        return self._ran(program, asked, None).returncode

    def told(self, program: str, **asked: Any) -> tuple[int, str]:
        """The same, with what it says on standard output."""
        done = self._ran(program, asked, subprocess.PIPE)
        return done.returncode, done.stdout

    def _ran(self, program: str, asked: Mapping[str, Any], output: int | None) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        command = [str(self._python()), "-P", "-m", program]
        return subprocess.run(command, input=json.dumps(asked), text=True, env=environment, stdout=output)

    def _python(self) -> Path:
        if not images.is_installed(self.name, self.lock):
            note(f"Installing {self.whose} packages, once for all clones; some {self.cost} ...")
        try:
            return images.installed(self.name, self.lock) / "bin" / "python"
        except images.InstallFailed as error:
            raise Refused(str(error)) from None


DELIVERY = Packages("delivery-packages", images.DELIVERY / "requirements.txt", "delivery's", "20 seconds")
