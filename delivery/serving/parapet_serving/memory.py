"""Memory that a request took is kept for the next ones.

By itself glibc gives the system back what lies free at a heap's end: a burst of requests, or a file of the prediction
log, then has it again page by page, each of which costs a microsecond, and ten on a virtual machine that has its own
from another system (mallopt(3), M_TRIM_THRESHOLD).
"""

import ctypes
from typing import Final

TRIM_THRESHOLD, TOP_PAD, MMAP_THRESHOLD = -1, -2, -3
"""Of `malloc.h`."""
KEPT: Final = {TRIM_THRESHOLD: 64 << 20, TOP_PAD: 1 << 20, MMAP_THRESHOLD: 32 << 20}
"""Bytes: what may lie free at a heap's end, by how much it grows at least, and from where on something has a piece of
the system's own. The last is the most that glibc takes; what is kept is never more than what was once needed at a time.
"""


def keep() -> bool:
    """From now on. False where the C library is not glibc, which then goes on as it likes."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and all(mallopt(option, size) == 1 for option, size in KEPT.items())
