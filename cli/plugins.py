"""The engine's plugins, and the tools that a run starts."""

from enum import StrEnum

from cli import tools
from local import aws
from local.kubernetes import provider as kubernetes
from local.workspace import Workspace


class AwsPlugin(StrEnum):
    """Which AWS provider plugin the engine takes."""

    STAND_IN = "stand-in"
    OFFICIAL = "official"


def prepare_tools(workspace: Workspace, plugin: AwsPlugin) -> None:
    """Makes the engine and its plugins be there; builds what is missing, once."""
    tools.build(workspace)
    home = workspace.pulumi_home(plugin)
    if plugin is AwsPlugin.STAND_IN:
        aws.install(home, workspace.python)
    kubernetes.install(home, workspace.python)
