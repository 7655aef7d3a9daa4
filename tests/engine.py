"""The real engine for tests, in a home of its own: nothing of a running stack is seen or changed."""

import atexit
import functools
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cluster.images import LOCK
from local.engine.run import HASTY, keep_no_logs
from local.workspace import FOREIGN, Workspace, exports
from tests import keys
from tests.images import lock_file


@dataclass(frozen=True)
class Engine:
    """Plain `pulumi` over a program folder, with a state of its own under `home`."""

    tools: Path
    home: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    python: Path = Path(sys.executable)
    """What runs a provider that tests have written."""

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name not in FOREIGN}
        own = exports(Workspace(home=self.home), None) | {LOCK: str(lock_file())}
        own |= {"PATH": f"{self.tools}{os.pathsep}{os.environ['PATH']}"}
        own |= HASTY | {"PULUMI_DEBUG_COMMANDS": "true"} | keys.keeper()
        # The program's environment has the SDKs of plugins that a test does without: each run would go to the internet
        # for them, and wait for it three seconds where there is none.
        own |= {"PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true"}
        return kept | own | dict(self.variables)

    def __call__(self, folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Runs `pulumi ARGUMENTS` in the folder and returns what it said; never raises for its exit status."""
        environment = self.environment | variables
        keep_no_logs(Path(environment["PULUMI_HOME"]))
        return subprocess.run(
            [str(self.tools / "pulumi"), *arguments],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=300,
        )

    def forget(self, folder: Path, stack: str = "dev") -> None:
        """A stack as if no run of it had written a state yet."""
        removed = self(folder, "stack", "rm", "--force", "--yes", "--preserve-config", stack)
        assert removed.returncode == 0, removed.stderr
        self.init(folder, stack)

    def init(self, folder: Path, stack: str) -> None:
        """Makes a stack whose key comes from the tests' own keeper."""
        made = self(folder, "stack", "init", stack, "--secrets-provider", keys.PROVIDER)
        assert made.returncode == 0, made.stdout + made.stderr

    def _made(self, folder: Path, project: str, stack: str) -> None:
        """The stack of a program, selected, as `pulumi stack init` leaves it."""
        made = _a_new_stack(self.tools, project, stack)
        environment = self.environment
        shutil.copytree(made / "home" / "state", self.home / "state", dirs_exist_ok=True)
        shutil.copy(made / "program" / f"Pulumi.{stack}.yaml", folder)
        (selected,) = (made / "home").rglob("*-workspace.json")
        (name,) = json.loads(selected.read_text())["stacks"].values()
        # The engine finds what is selected by the sum of the project file's place, and by that of the backend.
        own = hashlib.sha1(str(folder / "Pulumi.yaml").encode(), usedforsecurity=False).hexdigest()
        there = Path(environment["PULUMI_HOME"]) / "workspaces" / f"{project}-{own}-workspace.json"
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_text(json.dumps({"stacks": {environment["PULUMI_BACKEND_URL"]: name}}))

    def program(self, folder: Path, code: str, stack: str = "dev", **project: Any) -> Path:
        """Writes a program and makes its stack."""
        folder.mkdir(parents=True, exist_ok=True)
        # JSON is YAML: no second writer is needed for a project file.
        (folder / "Pulumi.yaml").write_text(json.dumps({"name": "under-test", "runtime": "python"} | project))
        (folder / "__main__.py").write_text(code)
        self._made(folder, str(project.get("name", "under-test")), stack)
        return folder


@functools.cache
def _a_new_stack(tools: Path, project: str, stack: str) -> Path:
    """A `home` and a `program` in which the engine has made a stack, once for all tests of a process."""
    place = Path(tempfile.mkdtemp(prefix="parapet-stack-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    (place / "program").mkdir()
    (place / "program" / "Pulumi.yaml").write_text(json.dumps({"name": project, "runtime": "python"}))
    (place / "home" / "state").mkdir(parents=True)
    Engine(tools, place / "home").init(place / "program", stack)
    return place
