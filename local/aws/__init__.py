"""A stand-in for the `aws` provider plugin that works against a local AWS API only (see README.md)."""

from __future__ import annotations

from pathlib import Path

from local.plugin import launcher

VERSION = "7.51.1"
"""The version of `pulumi_aws` whose types the stand-in serves, and under which the engine looks for it."""


def install(pulumi_home: Path, python: Path) -> None:
    """Put a launcher of this stand-in where the engine looks for the `aws` plugin of `VERSION`.

    `python` is the interpreter that has the stand-in's requirements. Doing it again changes nothing.
    """
    launcher.install("aws", VERSION, "local.aws", pulumi_home, python)
