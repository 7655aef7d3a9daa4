"""A process in a mount namespace of its own: its image's file system with the pod's user, or a folder in memory."""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

FROM_HOST: Final = ("/etc/hosts", "/etc/resolv.conf")
"""What a container runtime gives every container."""
# Every word is an argument: nothing of the pod's is read as a shell's. Mounts end with the namespace, and that with its
# last process.
SCRIPT: Final = """\
set -e
root=$1 user=$2 chroot=$3
shift 3
mount --bind "$root" "$root"
cd "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
while [ "$1" != -- ]; do
    # As a container runtime does: an empty place for a mount that the image has none for.
    if [ -d "$1" ]; then mkdir -p "$root$2"; elif [ ! -e "$root$2" ]; then : > "$root$2"; fi
    mount --bind "$1" "$root$2"
    shift 2
done
shift
mount -o remount,bind,ro "$root"
exec "$chroot" --userspec="$user" "$root" "$@"
"""

RUN: Final = Path("/var/run")
"""Where a system has what goes with it when it stops (Filesystem Hierarchy Standard 3.0, 3.15)."""
IN_MEMORY: Final = """\
set -e
base=$1 folder=$2
shift 2
mount -t tmpfs -o mode=0755,size=1m,nosuid,nodev,noexec tmpfs "$base"
mkdir -p -m 0700 "$folder"
exec "$@"
"""


def inside(root: Path, mounts: Mapping[str, Path], user: tuple[int, int], command: Sequence[str]) -> list[str]:
    """The command line that runs `command` with `root` as its file system; needs root.

    `mounts`: the file or folder for each path in it, the shorter first, so that one may lie in another.
    """
    wanted = {path: Path(path) for path in FROM_HOST if Path(path).exists()} | dict(mounts)
    pairs = [word for path in sorted(wanted, key=len) for word in (str(wanted[path]), path)]
    own = ["unshare", "--mount", "--propagation=private", "sh", "-c", SCRIPT, "confined", str(root)]
    return [*own, f"{user[0]}:{user[1]}", shutil.which("chroot") or "chroot", *pairs, "--", *command]


def in_memory(folder: str, command: Sequence[str]) -> list[str]:
    """The command line that runs `command` with an empty folder in memory at this path below `RUN`, its own alone.

    Needs root, or a kernel that gives every user namespaces of their own. All else below `RUN` is out of its sight.
    Raises LookupError for a path elsewhere: what lies there would be hidden, and nothing is made on this machine.
    """
    if RUN not in Path(folder).parents or ".." in Path(folder).parts:
        raise LookupError(f"{folder}: a folder in memory is made below {RUN} only. Mount the pod's volume there.")
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    own = ["unshare", *user, "--mount", "--propagation=private", "sh", "-c", IN_MEMORY, "in-memory"]
    return [*own, str(RUN.resolve()), folder, *command]
