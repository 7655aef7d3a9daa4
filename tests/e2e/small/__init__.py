"""A project like the repository's whose program makes a tenth of the platform, for the same `./parapet`."""

from pathlib import Path

from tests.e2e.user import ROOT

PROGRAM = Path(__file__).parent
COMMAND = """#!/bin/sh
# The repository's own would install everything once more, for this folder.
PYTHONPATH="{folder}" exec "{folder}/.venv/bin/python" -P -m cli "$@"
"""


def project(folder: Path) -> Path:
    """The project in a folder of its own, where `local` and `cli` take it for the repository.

    All but the program is the repository's: the command line, the stand-ins, the policy pack, the settings.
    """
    folder.mkdir()
    for name in (".venv", "cli", "delivery", "local", "platform", "policies", "Pulumi.yaml", "Pulumi.local.yaml"):
        (folder / name).symlink_to(ROOT / name)
    for name in ("__main__.py", "chart"):
        (folder / name).symlink_to(PROGRAM / name)
    command = folder / "parapet"
    command.write_text(COMMAND.format(folder=folder))
    command.chmod(0o755)
    return folder
