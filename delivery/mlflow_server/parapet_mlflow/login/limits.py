"""How many tries at a log-in there are, and how long the pause after each further one is."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

FORGOTTEN: Final = 3600
"""Seconds without a try after which those before no longer count."""


@dataclass(frozen=True)
class Limit:
    """The first `free` tries in a row may follow at once. After each further one comes a pause, twice the one before.

    No pause is longer than `longest` seconds: so nobody is locked out for good, by himself or by a stranger.
    """

    free: int
    longest: int

    def pause(self, tries: int) -> int:
        """Seconds after this many tries in a row."""
        return min(2 ** min(tries - self.free, 30), self.longest) if tries >= self.free else 0


@dataclass(frozen=True)
class Counted:
    """One count that a try is added to. Its key tells nothing: what was typed as a name may be a password."""

    key: str
    limit: Limit


OF_NAME: Final = Limit(free=10, longest=900)
"""For a name from one address: whoever guesses from elsewhere takes nothing from its owner's tries. Not fewer: all
workers may check one client's right password at once, each its first time."""
OF_ADDRESS: Final = Limit(free=50, longest=60)
"""For an address, whatever the names: many people may come from one."""


def counted(name: str, address: str) -> tuple[Counted, Counted]:
    """What a try counts for, the address first, so that two tries never wait for one another."""
    return (Counted(_key("address", address), OF_ADDRESS), Counted(_key("name", address, name), OF_NAME))


def _key(*parts: str) -> str:
    return sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
