"""The images that a process can stand in for: what is in them, and where it is on this machine."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from local import built, images
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
    """A container's image, or what stands for it."""

    environment: Path
    """The image's file system; where it could not be built, a virtual environment with its packages."""
    files: Mapping[str, Path]
    variables: Mapping[str, str] | None = None
    """What the image sets; None for a virtual environment."""

    @property
    def built(self) -> bool:
        """Whether it is the image itself."""
        return self.variables is not None


def all_of(workspace: Workspace) -> dict[str, Image]:
    """Every image that is built from this repository, by its name.

    Makes them, or their environments, be there, which takes minutes the first time. Raises InstallFailed where it
    cannot.
    """
    return {name: _image(workspace, name, source) for name, source in SOURCES.items()}


def _image(workspace: Workspace, name: str, source: str) -> Image:
    files = {path: file(workspace) for path, file in FILES[name].items()}
    if image := built.found(source):
        return Image(image.root, files, image.variables())
    return Image(images.environment(source), files)


def name_of(reference: str) -> str:
    """The name in a reference such as `REGISTRY/mlflow@sha256:...`."""
    return reference.partition("@")[0].rpartition("/")[2].partition(":")[0]
