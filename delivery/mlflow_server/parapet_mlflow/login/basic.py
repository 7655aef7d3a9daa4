"""A name and a password in the usual header (RFC 7617), checked a limited number of times."""

import asyncio
import base64
import binascii
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from parapet_mlflow.login import limits

AT_ONCE: Final = 4
"""Passwords that a worker checks at once. Each takes 32 MiB and a tenth of a second of a core, by design."""


@dataclass(frozen=True)
class Credentials:
    """What was typed. The password is in no `repr`."""

    name: str
    password: str = field(repr=False)

    @property
    def header(self) -> bytes:
        """The header's one canonical form."""
        return b"Basic " + base64.b64encode(f"{self.name}:{self.password}".encode())


@dataclass(frozen=True)
class Paused:
    """There were too many tries; the next may come in so many seconds."""

    seconds: int


class Counting(Protocol):
    """`tries.Tries`."""

    def begin(self, tried: limits.Try) -> limits.Begun: ...
    def succeed(self, tried: limits.Try, begun: limits.Begun) -> None: ...
    def take_back(self, begun: limits.Begun) -> None: ...


@dataclass(frozen=True)
class Checks:
    """MLflow's side: the user whom a worker remembers for these credentials, the slow check, and the key of both."""

    remembered: Callable[[str, str], Any]
    checked: Callable[[str, str], Any]
    key: Callable[[str, str], tuple[str, bytes]]


class Passwords:
    """Finds the user of a name and a password. One check at a time for the same ones, whoever waits for it: a client
    with sixty connections makes one try, not sixty."""

    def __init__(self, checks: Checks, tries: Counting) -> None:
        self._checks, self._tries = checks, tries
        self._running: dict[tuple[str, tuple[str, bytes]], asyncio.Future[Any]] = {}
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="log-in")

    async def user(self, given: Credentials, address: str) -> Any:
        """The user, None where name or password are wrong, or Paused: then they were not even looked at."""
        if (found := self._checks.remembered(given.name, given.password)) is not None:
            return found
        key = (address, self._checks.key(given.name, given.password))
        if (running := self._running.get(key)) is None:
            loop = asyncio.get_running_loop()
            running = self._running[key] = loop.run_in_executor(self._threads, self._try, given, address)
            running.add_done_callback(lambda _: self._running.pop(key))
        # The check goes on for the others when one of them goes away.
        return await asyncio.shield(running)

    def _try(self, given: Credentials, address: str) -> Any:
        tried = limits.password(given.name, address)
        if (begun := self._tries.begin(tried)).wait:
            return Paused(begun.wait)
        found = self._checks.checked(given.name, given.password)
        if found is not None:
            self._tries.succeed(tried, begun)
        return found


def credentials(header: bytes) -> Credentials | None:
    """What a header says, None where it is no `Basic` one or not as the standard has it."""
    scheme, _, encoded = header.strip().partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        name, colon, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    if not colon or "\0" in name:  # which PostgreSQL keeps in no text
        return None
    return Credentials(name, password)
