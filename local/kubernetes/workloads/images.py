"""The images that a process can stand in for: what is in them, and where it is on this machine."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from local import images
from local.workspace import Workspace

SOURCES: Final = {"mlflow": "mlflow_server"}
"""The folder of `delivery/` that an image is built from, by the image's name."""
FILES: Final[Mapping[str, Mapping[str, Callable[[Workspace], Path]]]] = {
    # In place of the certificates of RDS's authorities, that of the authority which signs for the databases here.
    "mlflow": {"/opt/parapet/rds-ca.pem": lambda workspace: workspace.databases / "ca.crt"},
}
"""By the image's name, and the path in it: files of the image that another file stands for."""


@dataclass(frozen=True)
class Image:
    """What stands for a container's image."""

    environment: Path
    """The virtual environment with the image's packages."""
    files: Mapping[str, Path]


def find(workspace: Workspace, reference: str) -> Image | None:
    """The image of a reference such as `REGISTRY/mlflow@sha256:...`, if it is built from this repository.

    Raises InstallFailed where its packages cannot be installed.
    """
    name = reference.partition("@")[0].rpartition("/")[2].partition(":")[0]
    if name not in SOURCES:
        return None
    return Image(images.environment(SOURCES[name]), {path: file(workspace) for path, file in FILES[name].items()})


def prepare() -> None:
    """Makes the environments of all images be there, which takes a minute the first time."""
    for folder in SOURCES.values():
        images.environment(folder)
