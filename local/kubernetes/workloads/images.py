"""The images that a process can stand in for: what is in them, and where it is on this machine."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from local import built, images
from local.aws.databases import authority
from local.kubernetes.workloads.sources import SOURCES
from local.workspace import Workspace

ALWAYS: Final = ("mlflow",)
"""Those that every stack has a workload of: made ready while its cluster is still being made."""
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


def of(workspace: Workspace, name: str) -> Image:
    """The image of this name in `SOURCES`.

    Makes it, or its environment, be there, which takes minutes the first time. Raises InstallFailed where it cannot.
    """
    source = SOURCES[name]
    files = {path: file(workspace) for path, file in FILES.get(name, {}).items()}
    if image := built.found(source):
        return Image(image.root, files, image.variables())
    return Image(images.environment(source), files)
