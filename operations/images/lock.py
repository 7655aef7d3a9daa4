"""The lock of a project's images, written one image at a time, so that what was looked up is never lost."""

from pathlib import Path

import pulumi
import yaml

from cluster.images import Image, read_lock
from operations.refused import Refused

HEADER = "# The images that the stacks run, by digest. ./parapet images mirror and build write it; commit it.\n"


def read(file: Path) -> dict[str, str]:
    """The digests by NAME:TAG; raises Refused where it holds what is no digest."""
    try:
        return read_lock(file)
    except pulumi.RunError as error:
        raise Refused(str(error)) from None


def agrees(file: Path, image: Image, digest: str) -> bool:
    """Whether the lock says this digest of the image; not where it says nothing.

    Raises Refused where it says another: it was reviewed, and whoever may push could else have his own image taken into
    it.
    """
    locked = read(file).get(image.tagged, "")
    if locked and locked != digest:
        raise Refused(
            f"{image.tagged} is {digest} in the registry, and {file.name} says {locked}. See which of the two was "
            f"meant: delete the image there, or its line in {file.name}, then run this again."
        )
    return bool(locked)


def add(file: Path, image: Image, digest: str) -> None:
    """Says by which digest the image is run; what is in no list any more goes. Raises Refused as `agrees` does."""
    agrees(file, image, digest)
    digests = {**read(file), image.tagged: digest}
    staged = file.with_name(f"{file.name}.new")
    staged.write_text(HEADER + yaml.safe_dump(digests))
    staged.replace(file)
