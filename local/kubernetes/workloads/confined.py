"""A process in the file system of its image: its own mount namespace, a root that nobody writes, the pod's user."""

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


def inside(root: Path, mounts: Mapping[str, Path], user: tuple[int, int], command: Sequence[str]) -> list[str]:
    """The command line that runs `command` with `root` as its file system; needs root.

    `mounts`: the file or folder for each path in it, the shorter first, so that one may lie in another.
    """
    wanted = {path: Path(path) for path in FROM_HOST if Path(path).exists()} | dict(mounts)
    pairs = [word for path in sorted(wanted, key=len) for word in (str(wanted[path]), path)]
    own = ["unshare", "--mount", "--propagation=private", "sh", "-c", SCRIPT, "confined", str(root)]
    return [*own, f"{user[0]}:{user[1]}", shutil.which("chroot") or "chroot", *pairs, "--", *command]
