"""The images of a stack under test: what its lock says, and what its registry holds."""

import functools
import tempfile
from hashlib import sha256
from pathlib import Path

import yaml

from cluster.images import IMAGES

DIGESTS = {image.tagged: f"sha256:{sha256(image.name.encode()).hexdigest()}" for image in IMAGES.values()}
"""By NAME:TAG; of images that are nowhere."""


@functools.cache
def lock_file() -> Path:
    """A lock of these."""
    file = Path(tempfile.mkdtemp()) / "images.lock.yaml"
    file.write_text(yaml.safe_dump(DIGESTS))
    return file
