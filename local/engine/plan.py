"""What the engine would make of a stack's settings, planned against the local AWS API whatever account they mean."""

import contextlib
import json
import re
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from local.engine.run import Engine, EngineFailed, keep_no_logs
from local.kubernetes.provider.configuration import NO_CLUSTER
from local.workspace import Workspace

ACCOUNT: Final = "123456789012"
"""The account that the local AWS API plays."""
PROGRAM: Final = ("Pulumi.yaml", "__main__.py", "platform", ".venv")
# Nobody is asked: a preview renders the charts and compares with nothing. The address only has to be this machine's.
KUBECONFIG: Final = """
clusters: [{name: planned, cluster: {server: "https://127.0.0.1:1"}}]
contexts: [{name: planned, context: {cluster: planned, user: planned}}]
users: [{name: planned, user: {}}]
current-context: planned
"""


@dataclass(frozen=True)
class Planned:
    """A resource that the engine would make."""

    type: str
    name: str
    inputs: Mapping[str, Any]


def plan(workspace: Workspace, variables: Mapping[str, str], stack: str) -> list[Planned]:
    """All resources of the stack, as if nothing of it were there; no file and no state of the stack is touched.

    `variables` lead to the running local AWS API. Raises EngineFailed with what the program refuses.
    """
    with tempfile.TemporaryDirectory(prefix="parapet-plan-") as name:
        folder = Path(name)
        for each in PROGRAM:
            (folder / each).symlink_to(workspace.root / each)
        settings = (workspace.root / f"Pulumi.{stack}.yaml").read_text()
        (folder / f"Pulumi.{stack}.yaml").write_text(localized(settings))
        (folder / "kubeconfig").write_text(KUBECONFIG)
        (folder / "state").mkdir()
        own = {
            "PULUMI_BACKEND_URL": f"file://{folder}/state",
            "KUBECONFIG": str(folder / "kubeconfig"),
            NO_CLUSTER: "1",
        }
        keep_no_logs(Path(variables["PULUMI_HOME"]))
        engine = Engine(Workspace(root=folder, home=workspace.home), {**variables, **own}, stack)
        engine.quietly("stack", "init", stack, "--no-select")
        told = engine.told("preview", "--json", "--stack", stack)
    return _resources(told)


def localized(settings: str) -> str:
    """A stack's settings for the account that the local AWS API plays; all else is planned as a real account gets it.

    Its state's secrets provider is left out with all that is no setting: a plan keeps no secret.
    """
    config = (yaml.safe_load(settings) or {}).get("config") or {}
    # Whose account and roles they are changes no plan, but the program refuses those that are not its own account's.
    here = json.loads(re.sub(r"(arn:aws[a-z-]*:iam::)\d{12}(?=:)", rf"\g<1>{ACCOUNT}", json.dumps(config)))
    here.pop("parapet:allowedAccountId", None)
    return yaml.safe_dump({"config": here})


def _resources(told: subprocess.CompletedProcess[str]) -> list[Planned]:
    found: dict[str, Any] = {}
    with contextlib.suppress(ValueError):
        found = json.loads(told.stdout)
    if told.returncode:
        errors = [each["message"] for each in found.get("diagnostics") or [] if each.get("severity") == "error"]
        raise EngineFailed(
            "\n".join(each.strip().removeprefix("error: ") for each in errors) or (told.stderr or told.stdout).strip()
        )
    made = [step["newState"] for step in found["steps"] if "newState" in step]
    return [Planned(each["type"], each["urn"].rpartition("::")[2], each.get("inputs") or {}) for each in made]
