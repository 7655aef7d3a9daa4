"""The tools that the commands run, built where they are missing."""

from pathlib import Path

from cli.output import Refused
from local import toolchain
from local.toolchain import live
from local.workspace import Workspace


def build(workspace: Workspace) -> None:
    """Makes the tools be there; raises Refused where they cannot be built."""
    try:
        toolchain.ensure(workspace)
    except toolchain.BuildFailed as error:
        raise Refused(str(error)) from None


def build_live(workspace: Workspace) -> None:
    """Makes the live controllers' programs be there; raises Refused where they cannot be built."""
    try:
        live.ensure(workspace)
    except toolchain.BuildFailed as error:
        raise Refused(str(error)) from None


def crane(workspace: Workspace) -> Path:
    """What copies images, built where it is missing; raises Refused where it cannot be."""
    try:
        return toolchain.ensure_crane(workspace)
    except toolchain.BuildFailed as error:
        raise Refused(str(error)) from None
