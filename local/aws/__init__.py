"""A stand-in for the `aws` provider plugin that works against a local AWS API only (see README.md)."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

VERSION = "7.51.1"
"""The version of `pulumi_aws` whose types the stand-in serves, and under which the engine looks for it."""

_ROOT = Path(__file__).resolve().parents[2]


def install(pulumi_home: Path, python: Path) -> None:
    """Put a launcher of this stand-in where the engine looks for the `aws` plugin of `VERSION`.

    `python` is the interpreter that has the stand-in's requirements. Doing it again changes nothing.
    """
    folder = pulumi_home / "plugins" / f"resource-aws-v{VERSION}"
    folder.mkdir(parents=True, exist_ok=True)
    launcher = f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(_ROOT))} exec {shlex.quote(str(python))} -P -m local.aws "$@"\n'
    target = folder / "pulumi-resource-aws"
    if not target.exists() or target.read_text() != launcher:
        # Renamed into place, so that an engine that starts meanwhile never runs half a file.
        draft = target.with_name(f".{target.name}.{os.getpid()}")
        draft.write_text(launcher)
        draft.chmod(0o755)
        draft.replace(target)
    # The engine takes a plugin folder with this sibling for one whose download never finished.
    folder.with_name(f"{folder.name}.partial").unlink(missing_ok=True)
