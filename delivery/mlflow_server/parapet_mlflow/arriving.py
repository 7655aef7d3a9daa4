"""Uploads while they arrive: how many at once, and how slowly.

Each has a place (shares.py) for as long as its client sends. A client that is slow, or means to be, has its own place
for longer, and neither everybody's, nor for ever.
"""

import io
import time
from collections.abc import Callable
from typing import Any, Final

import anyio
import anyio.from_thread

UPLOADS: Final = 16
"""Uploads of a worker at once; others wait, and so do their clients. Each holds some parts, and a thread of its own, so
that slow ones take none from the API."""
PATIENCE: Final = 60
"""Seconds for the next piece of an upload to arrive."""
SLOWEST: Final = 16 * 1024
"""Bytes a second that a client sends at least, beyond the first PATIENCE seconds that are waited for it."""
LONGEST: Final = 12 * 3600
"""Seconds that are waited for a client at most, however much it sends: 5 GB at 120 KB/s."""
MIB: Final = 2**20


class Slow(Exception):
    """A client does not send, or too slowly."""


class Arriving(io.RawIOBase):
    """A request's body, read by a thread while it arrives. A client that goes away is an error, not an end.

    Its `read` raises Slow.
    """

    def __init__(self, more: Callable[[], Any]) -> None:
        self._more, self._rest, self._ended = more, memoryview(b""), False
        self._came, self._waited = 0, 0.0

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        while not self._rest and not self._ended:
            self._rest = memoryview(anyio.from_thread.run(self._next))
        size = min(len(into), len(self._rest))
        into[:size], self._rest = self._rest[:size], self._rest[size:]
        return size

    def read(self, size: int | None = -1) -> bytes:
        """As many bytes as were asked for, but at the end: S3 takes no short part before the last."""
        pieces = bytearray()
        while size is None or size < 0 or len(pieces) < size:
            piece = super().read(MIB if size is None or size < 0 else min(size - len(pieces), MIB))
            if not piece:
                break
            pieces += piece
        return bytes(pieces)

    async def _next(self) -> bytes:
        begun = time.monotonic()
        # Only what is waited for the client counts: S3 may be slow too.
        left = min(PATIENCE + self._came / SLOWEST, LONGEST) - self._waited
        try:
            with anyio.fail_after(min(PATIENCE, left)):
                piece = bytes(await self._more())
        except StopAsyncIteration:
            self._ended = True
            return b""
        except TimeoutError:
            if left >= PATIENCE:
                raise Slow(f"Nothing of the file came for {PATIENCE} s.") from None
            least, hours = SLOWEST // 1024, LONGEST // 3600
            raise Slow(f"The file came too slowly: send {least} KiB a second or more, {hours} h at most.") from None
        self._waited += time.monotonic() - begun
        self._came += len(piece)
        return piece
