"""Files for their owner alone."""

import os
from pathlib import Path


def write_private(path: Path, content: bytes) -> None:
    """Writes a file that nobody else may read at any moment, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    staged = path.with_name(f"{path.name}.new")
    staged.unlink(missing_ok=True)
    handle = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    staged.replace(path)
