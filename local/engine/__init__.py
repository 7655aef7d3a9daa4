"""The Python language host, for a machine without an official installation of Pulumi."""

from pathlib import Path

HOST = "pulumi-language-python"


def install(folder: Path, python: Path) -> None:
    """Writes the host's launcher into `folder`, from where the engine takes it when the folder is on the PATH."""
    launcher = folder / HOST
    text = f'#!/bin/sh\nexec "{python}" -P -m local.engine "$@"\n'
    if not launcher.exists() or launcher.read_text() != text:
        folder.mkdir(parents=True, exist_ok=True)
        launcher.write_text(text)
        launcher.chmod(0o755)
