"""What follows from files that never change between two runs, kept on disk under a name made of their contents."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from hashlib import sha256
from pathlib import Path


def folder() -> Path:
    """Where it is all kept."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "parapet" / "aws-stand-in"


def write(path: Path, text: str) -> None:
    """Put a file in place whole: several threads and processes may do so at once. Where it cannot be, it is left."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}.{threading.get_ident()}")
        draft.write_text(text)
        draft.replace(path)


@cache
def digest(path: Path) -> str:
    """A file's content in sixteen letters."""
    return sha256(path.read_bytes()).hexdigest()[:16]


def digest_of(words: Iterable[str]) -> str:
    """The same of a few words."""
    return sha256("\n".join(words).encode()).hexdigest()[:16]
