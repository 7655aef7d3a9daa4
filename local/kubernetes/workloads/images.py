"""The images that a process can stand in for: what is in them, and where it is on this machine."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from local import images
from local.aws.databases import authority
from local.workspace import Workspace

SOURCES: Final = {"mlflow": "mlflow_server"}
"""The folder of `delivery/` that an image is built from, by the image's name."""
FILES: Final[Mapping[str, Mapping[str, Callable[[Workspace], Path]]]] = {
    # In place of the certificates of RDS's authorities, that of the authority which signs for the databases here.
    "mlflow": {"/opt/parapet/rds-ca.pem": authority},
}
"""By the image's name, and the path in it: files of the image that another file stands for."""


@dataclass(frozen=True)
class Image:
    """What stands for a container's image."""

    environment: Path
    """The virtual environment with the image's packages."""
    files: Mapping[str, Path]


def all_of(workspace: Workspace) -> dict[str, Image]:
    """Every image that is built from this repository, by its name.

    Makes their environments be there, which takes a minute the first time. Raises InstallFailed where it cannot.
    """
    return {
        name: Image(images.environment(source), {path: file(workspace) for path, file in FILES[name].items()})
        for name, source in SOURCES.items()
    }


def name_of(reference: str) -> str:
    """The name in a reference such as `REGISTRY/mlflow@sha256:...`."""
    return reference.partition("@")[0].rpartition("/")[2].partition(":")[0]
