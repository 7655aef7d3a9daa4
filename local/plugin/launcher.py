"""Where the engine looks for a plugin, and what it finds there."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]


def install(name: str, version: str, module: str, pulumi_home: Path, python: Path) -> None:
    """Put a launcher of `python -m MODULE` where the engine looks for the plugin NAME of that version.

    `python` is the interpreter that has the stand-in's requirements. Doing it again changes nothing.
    """
    folder = pulumi_home / "plugins" / f"resource-{name}-v{version}"
    folder.mkdir(parents=True, exist_ok=True)
    command = f"PYTHONPATH={shlex.quote(str(_ROOT))} exec {shlex.quote(str(python))} -P -m {module}"
    launcher = f'#!/bin/sh\n{command} "$@"\n'
    target = folder / f"pulumi-resource-{name}"
    if not target.exists() or target.read_text() != launcher:
        # Renamed into place, so that an engine that starts meanwhile never runs half a file.
        draft = target.with_name(f".{target.name}.{os.getpid()}")
        draft.write_text(launcher)
        draft.chmod(0o755)
        draft.replace(target)
    # The engine takes a plugin folder with this sibling for one whose download never finished.
    folder.with_name(f"{folder.name}.partial").unlink(missing_ok=True)
