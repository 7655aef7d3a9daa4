"""What the processes have in common that keep one thing equal to another: they look, again and again."""

import time
from collections.abc import Callable
from pathlib import Path

QUIET_EVERY = 2.0  # seconds between two looks where nothing has changed for a while: each costs what is looked at
QUIET_AFTER = 30.0  # seconds
READY = "Keeping watch."
"""What such a process says first. It listens on no port that could be asked."""


def keep(look: Callable[[], object], every: float = 1.0) -> None:
    """Says READY and looks for ever, every so many seconds; `look` tells whether anything had to be changed."""
    print(READY, flush=True)
    changed = time.monotonic()
    while True:
        if look():
            changed = time.monotonic()
        time.sleep(every if time.monotonic() - changed < QUIET_AFTER else max(every, QUIET_EVERY))


def is_ready(log: Path) -> bool:
    """Whether the process with this log has begun to look."""
    return READY in log.read_text(errors="replace")
