"""The tools that a machine may lack: from the PATH where they fit, otherwise built once from pinned Go modules."""

import filecmp
import os
import re
import shutil
import subprocess
from collections.abc import Collection
from hashlib import sha256
from pathlib import Path

from local import engine
from local.made import made_once
from local.toolchain import sources
from local.toolchain.builder import SMALL, BuildFailed, build, lay_out
from local.workspace import Workspace

__all__ = ["BuildFailed", "engine_version", "ensure", "ensure_crane"]

MODULES = Path(__file__).parent
ENGINE = "pulumi"
CRANE = "crane"
"""What copies images and serves a registry. It has a module of its own: a build of a minute, apart from the others'."""
NAMES = {
    # What a built program is called, and the names by which it is put beside the engine.
    "server": ("etcd",),
    "kube": ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl"),
    "kwok": ("kwok",),
    "helm": ("helm",),
}
VERSIONS = {
    # Variables that tell a program its own version, and the module whose version it is.
    "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version": "github.com/pulumi/pulumi/pkg/v3",
    "k8s.io/component-base/version.gitVersion": "k8s.io/kubernetes",
    "k8s.io/client-go/pkg/version.gitVersion": "k8s.io/kubernetes",
}


def engine_version() -> str:
    """The engine's version, without its `v`."""
    return version_of("github.com/pulumi/pulumi/pkg/v3")[1:]


def version_of(module: str, pinned: Path = MODULES / "go.mod") -> str:
    """A module's version (`v1.2.3`), from the one place that pins it: a go.mod."""
    found = re.search(rf"^(?:require|\t)\s*{re.escape(module)} (v\S+)", pinned.read_text(), re.M)
    if not found:
        raise BuildFailed(f"go.mod does not pin {module}")
    return found[1]


def ensure(workspace: Workspace) -> Path:
    """Makes `.parapet/bin` hold the tools and `.parapet/sources` the charts and definitions; returns the former.

    They are built once for all clones, into the cache. An engine on the PATH is taken instead when its minor version
    is the pinned one or newer (same major) and its own Python language host lies beside it.
    """
    workspace.bin.mkdir(parents=True, exist_ok=True)
    official = _official(workspace)
    built = _built(without=(ENGINE,) if official else ())
    host = workspace.bin / engine.HOST
    if official:
        # The official engine finds its own host beside itself: a link would hide it, a launcher can not.
        host.unlink(missing_ok=True)
        _write_launcher(workspace.bin / ENGINE, official)
    else:
        place(built / ENGINE, workspace.bin / ENGINE)
        engine.install(workspace.bin, workspace.python)
    for program, names in NAMES.items():
        for name in names:
            place(built / program, workspace.bin / name)
    ensure_crane(workspace)
    _point(workspace.sources, _laid_out())
    return workspace.bin


def ensure_crane(workspace: Workspace) -> Path:
    """Makes `.parapet/bin` hold crane, and nothing else, and returns it: all that a real account's images need."""
    workspace.bin.mkdir(parents=True, exist_ok=True)
    place(_crane(), workspace.bin / CRANE)
    return workspace.bin / CRANE


def key(without: Collection[str] = ()) -> str:
    """Names a build: changes with the pinned modules, with what is left out and with the kind of machine."""
    return digest(("go.mod", "go.sum", "kube/main.go"), os.uname().sysname, os.uname().machine, *without)


def digest(names: Collection[str], *more: str) -> str:
    """A short name for what these files of the toolchain, and these words, say."""
    total = sha256()
    for name in names:
        total.update((MODULES / name).read_bytes())
    total.update(" ".join(more).encode())
    return total.hexdigest()[:16]


def _built(without: Collection[str]) -> Path:
    variables = {name: version_of(module) for name, module in VERSIONS.items()}
    return made_once("toolchain", key(without), lambda folder: build(MODULES, folder, variables, without))


def _crane() -> Path:
    named = digest(("registry/go.mod", "registry/go.sum"), os.uname().sysname, os.uname().machine)
    return made_once("crane", named, lambda folder: build(MODULES / "registry", folder, {}, cost=SMALL)) / CRANE


def _laid_out() -> Path:
    # Apart from the programs: a new chart must not cost their build. Where sources.yaml pins no version, go.mod does.
    named = digest((sources.FILE, "go.mod"))
    return made_once("sources", named, lambda folder: lay_out(MODULES, folder))


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


def place(source: Path, target: Path) -> None:
    """Puts a program there, unless it is."""
    # A hard link: the engine takes the language host that lies beside its own binary, and a symbolic link
    # would lead it to the cache.
    if target.exists() and (target.samefile(source) or filecmp.cmp(source, target)):
        return
    target.unlink(missing_ok=True)
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copy2(source, target)


def _point(link: Path, target: Path) -> None:
    if link.is_symlink() and link.readlink() == target:
        return
    link.unlink(missing_ok=True)
    link.symlink_to(target)
