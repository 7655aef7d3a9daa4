"""A stand-in for the `kubernetes` provider plugin that works against a local API server only (see README.md)."""

from __future__ import annotations

from pathlib import Path

from local.plugin import launcher

VERSION = "4.34.2"
"""The version of `pulumi_kubernetes` whose types the stand-in serves, and under which the engine looks for it."""
RELEASE = "kubernetes:helm.sh/v3:Release"
"""The type of a chart whose objects are one resource."""


def install(pulumi_home: Path, python: Path) -> None:
    """Put a launcher of this stand-in where the engine looks for the `kubernetes` plugin of `VERSION`.

    `python` is the interpreter that has the stand-in's requirements. Doing it again changes nothing.
    """
    launcher.install("kubernetes", VERSION, "local.kubernetes.provider", pulumi_home, python)
