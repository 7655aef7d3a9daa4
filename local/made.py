"""What all clones of one user share in the cache: made once, and gone when nobody has asked for it in a long time."""

import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from local.files import locked
from local.workspace import cache

UNUSED_DAYS = 60
"""Longer than a stack goes without a command, since what runs has its programs here."""


def made_once(kind: str, key: str, make: Callable[[Path], None]) -> Path:
    """The folder KIND/KEY in the cache. `make` puts it at the path that it is given, whole or not at all, or raises.

    Before one is made, those of its kind go that nobody has asked for in `UNUSED_DAYS`: each is hundreds of megabytes,
    and every new lock file asks for another.
    """
    folder = cache() / kind / key
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with locked(folder.parent.with_suffix(".lock")):  # another clone may be making the same thing
            if not folder.exists():
                _forget_unused(folder.parent)
                make(folder)
    with suppress(OSError):  # a cache that is only read is nobody's to clear, either
        os.utime(folder)
    return folder


def _forget_unused(shelf: Path) -> None:
    since = time.time() - UNUSED_DAYS * 24 * 3600
    for folder in shelf.glob("*"):
        if folder.stat().st_mtime < since:
            shutil.rmtree(folder, ignore_errors=True)
