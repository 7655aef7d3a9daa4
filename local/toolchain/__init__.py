"""The tools that a machine may lack: from the PATH where they fit, otherwise built once from pinned Go modules."""

import fcntl
import filecmp
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from local import engine
from local.toolchain.builder import BuildFailed, build
from local.workspace import Workspace, cache

__all__ = ["BuildFailed", "engine_version", "ensure"]

MODULES = Path(__file__).parent
ENGINE = "pulumi"
VERSION_VARIABLE = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version"


def engine_version() -> str:
    """The engine's version, from the one place that pins it: go.mod."""
    found = re.search(r"^require github\.com/pulumi/pulumi/pkg/v3 v(\S+)", (MODULES / "go.mod").read_text(), re.M)
    if not found:
        raise BuildFailed("go.mod does not pin github.com/pulumi/pulumi/pkg/v3")
    return found[1]


def ensure(workspace: Workspace) -> Path:
    """Makes `.parapet/bin` hold the engine and a Python language host for it, and returns that folder.

    An engine on the PATH is taken when its minor version is the pinned one or newer (same major) and its own Python
    language host lies beside it. Otherwise the engine is built, once for all clones, into the cache.
    """
    workspace.bin.mkdir(parents=True, exist_ok=True)
    official = _official(workspace)
    host = workspace.bin / engine.HOST
    if official:
        # The official engine finds its own host beside itself: a link would hide it, a launcher can not.
        host.unlink(missing_ok=True)
        _write_launcher(workspace.bin / ENGINE, official)
    else:
        _place(_built() / ENGINE, workspace.bin / ENGINE)
        engine.install(workspace.bin, workspace.python)
    return workspace.bin


def key() -> str:
    """Names a build: changes with the pinned modules and with the kind of machine."""
    total = sha256()
    for name in ("go.mod", "go.sum"):
        total.update((MODULES / name).read_bytes())
    total.update(" ".join((os.uname().sysname, os.uname().machine)).encode())
    return total.hexdigest()[:16]


def _built() -> Path:
    folder = cache() / "toolchain" / key()
    if not (folder / ENGINE).exists():
        with _lock(cache() / "toolchain.lock"):  # another clone may be building the same thing
            if not (folder / ENGINE).exists():
                build(
                    MODULES,
                    folder,
                    {VERSION_VARIABLE: f"v{engine_version()}"},
                )
    return folder


def _official(workspace: Workspace) -> Path | None:
    """An official engine on the user's PATH, if it fits."""
    elsewhere = [entry for entry in os.environ.get("PATH", "").split(os.pathsep) if Path(entry) != workspace.bin]
    found = shutil.which(ENGINE, path=os.pathsep.join(elsewhere))
    if not found or not (Path(found).resolve().parent / engine.HOST).exists():
        return None
    told = subprocess.run([found, "version"], capture_output=True, text=True).stdout.strip()
    return Path(found) if fits(told) else None


def fits(told: str) -> bool:
    """Whether an engine that tells this version understands the pinned SDK: the same major version, and not older."""
    version = re.match(r"v(\d+)\.(\d+)\.", told)
    pinned = engine_version().split(".")
    return bool(version) and version[1] == pinned[0] and int(version[2]) >= int(pinned[1])


def _write_launcher(path: Path, target: Path) -> None:
    path.unlink(missing_ok=True)
    path.write_text(f'#!/bin/sh\nexec "{target}" "$@"\n')
    path.chmod(0o755)


def _place(source: Path, target: Path) -> None:
    # A hard link: the engine takes the language host that lies beside its own binary, and a symbolic link
    # would lead it to the cache.
    if target.exists() and filecmp.cmp(source, target):
        return
    target.unlink(missing_ok=True)
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copy2(source, target)


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
