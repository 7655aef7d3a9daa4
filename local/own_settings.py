"""Settings that a local stack has of this workspace alone, in the place of those in the repository's file.

Which models it serves is decided here, by its own registry, and means nothing to another clone.
"""

from pathlib import Path
from typing import Any, Final

import yaml

from local.files import write_private
from local.workspace import Workspace

VARIABLE: Final = "PULUMI_OPTION_CONFIG_FILE"
"""By which plain `pulumi` takes another file of settings, as by its option --config-file."""


def file_of(workspace: Workspace, stack: str) -> Path:
    """The workspace's own settings: a file as the repository's, with what differs."""
    return workspace.settings / f"{stack}.yaml"


def variables(workspace: Workspace, stack: str) -> dict[str, str]:
    """What leads the engine to the stack's settings where the workspace has some of its own, in a file with all."""
    own = file_of(workspace, stack)
    if not own.exists():
        return {}
    everything: dict[str, Any] = yaml.safe_load((workspace.root / f"Pulumi.{stack}.yaml").read_text())
    everything["config"] = {**everything.get("config", {}), **yaml.safe_load(own.read_text())["config"]}
    joined = workspace.settings / f"Pulumi.{stack}.yaml"
    text = yaml.safe_dump(everything, sort_keys=False)
    if not joined.exists() or joined.read_text() != text:
        write_private(joined, text.encode())
    return {VARIABLE: str(joined)}


def forget(workspace: Workspace, stack: str) -> None:
    """Goes back to the repository's: what the own ones named went with the stack."""
    file_of(workspace, stack).unlink(missing_ok=True)
