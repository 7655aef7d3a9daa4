"""Where the program is, and a copy of it to play with."""

from pathlib import Path

PROJECT = Path(__file__).parents[2]


def copy_project(folder: Path) -> Path:
    """The program in a folder of its own, so that the engine writes into no committed stack file."""
    folder.mkdir()
    for name in ("Pulumi.yaml", "__main__.py", "platform", ".venv"):
        (folder / name).symlink_to(PROJECT / name)
    return folder
