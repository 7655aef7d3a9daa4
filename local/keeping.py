"""What the processes have in common that keep one thing equal to another: they look, again and again."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

QUIET_EVERY = 2.0  # seconds between two looks where nothing has changed for a while: each costs what is looked at
QUIET_AFTER = 30.0  # seconds
MOST_PATIENCE = 15.0  # seconds between two starts of what fails
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


@dataclass(frozen=True)
class Trouble:
    """What failed to start: how often, and when it may be tried again (by the monotonic clock)."""

    times: int
    again: float
    message: str


class Troubles(dict[str, Trouble]):
    """What fails, by name. As a kubelet does, it waits longer from one time to the next."""

    def failed(self, name: str, message: str) -> None:
        times = self[name].times + 1 if name in self else 1
        self[name] = Trouble(times, time.monotonic() + min(2.0**times, MOST_PATIENCE), message)

    def may_try(self, name: str) -> bool:
        trouble = self.get(name)
        return trouble is None or time.monotonic() >= trouble.again


class Voice:
    """Says a thing once, and not again at each look."""

    def __init__(self) -> None:
        self._said = ""

    def say(self, text: str) -> None:
        if text != self._said:
            print(text, flush=True)
        self._said = text
