"""A command as a user types it, in delivery's own environment."""

import os
import subprocess
import sys
from pathlib import Path


def typed(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`./parapet` with these arguments, where the user stands."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "cli", *arguments],
        cwd=folder,
        env=os.environ | {"COLUMNS": "200"},
        capture_output=True,
        text=True,
    )
