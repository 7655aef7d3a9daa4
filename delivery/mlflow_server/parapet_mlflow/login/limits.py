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


@dataclass(frozen=True)
class Try:
    """What a try counts for, one after the other, so that two tries never wait for one another.

    One that is beyond what is free there counts for nothing after it: the pauses that it has are enough, and whoever
    tries the same thing for ever, such as a job with an old password, stops nobody beside him.
    """

    counts: tuple[Counted, ...]
    known: str = ""
    """The key of whoever was right from there, not long ago. He has the first count alone: nobody else's tries stop
    him, and his stop nobody else."""


@dataclass(frozen=True)
class Begun:
    """A try that may be made, or that may not for so many seconds."""

    counted: tuple[Counted, ...] = ()
    wait: int = 0


OF_NAME: Final = Limit(free=10, longest=900)
"""For a name from one address: whoever guesses from elsewhere takes nothing from its owner's tries. Not fewer: all
workers may check one client's right password at once, each its first time."""
OF_ADDRESS: Final = Limit(free=50, longest=60)
"""For an address, whatever the names that were never right from there: one password is not tried for many names. Many
people may come from one address, and all pods of a service account do."""
OF_SIGN_INS: Final = Limit(free=50, longest=60)
"""For sign-ins from an address that ask the identity provider and fail: it may shut a client out that asks too much."""


def password(name: str, address: str) -> Try:
    counts = (Counted(_key("name", address, name), OF_NAME), Counted(_key("address", address), OF_ADDRESS))
    return Try(counts, _key("known", address, name))


def sign_in(address: str) -> Try:
    return Try((Counted(_key("sign-in", address), OF_SIGN_INS),))


def _key(*parts: str) -> str:
    return sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
