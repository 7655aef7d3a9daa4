"""Work on files of anybody's making, in a process apart: so much memory and so long, and then it ends with one line.

A file says of itself what its writer likes. A library that believes it asks for gigabytes, or ends its whole process;
the machine, on which others work, is to notice neither.
"""

import ctypes
import os
import resource
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable
from typing import Final

MEMORY: Final = 4 << 30
"""Bytes. A check of 2 x 100 million rows asks for half of it, since DuckDB keeps to a gigabyte and then takes the disk
(README.md of this folder, "What it costs")."""
SECONDS: Final = 4 * 3600
ENDED: Final = (
    "What was given took more than {memory:,} MiB of memory or {seconds:,} seconds ({why}): a file unpacks to far more "
    "than it is long, or says what it has not. Look at who made it; one that is as large as that give in parts."
)


def bounded(work: Callable[[], int], memory: int = MEMORY, seconds: float = SECONDS) -> int:
    """Its exit status; 1, with a line on standard error, where it was ended. What it says as it is ended by force, a
    library's own words, is not told: they may hold anything."""
    with tempfile.TemporaryFile() as said:
        sys.stdout.flush()
        child = os.fork()
        if not child:
            os._exit(_within(work, memory, said.fileno()))
        overdue = threading.Timer(seconds, os.kill, (child, signal.SIGKILL))
        overdue.start()
        try:
            _, status = os.waitpid(child, 0)
        except BaseException:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise
        finally:
            overdue.cancel()
        if os.WIFEXITED(status) and os.WEXITSTATUS(status) != _NO_MEMORY:
            said.seek(0)
            sys.stderr.write(said.read().decode(errors="replace"))
            return os.WEXITSTATUS(status)
    why = signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else "MemoryError"
    told = ENDED.format(memory=memory >> 20, seconds=round(seconds), why=why)
    print(f"parapet: {told}", file=sys.stderr, flush=True)
    return 1


_NO_MEMORY: Final = 77


def _within(work: Callable[[], int], memory: int, said: int) -> int:
    os.dup2(said, 2)
    limit(memory)
    try:
        status = work()
    except MemoryError:
        status = _NO_MEMORY
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return status


def limit(memory: int) -> None:
    """So many bytes for this process, for good: what asks for more is told that there are none."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Of what is written to alone: that counts what is asked for, and not what is reserved.
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))


def unreadable() -> None:
    """Keeps what this process has in memory and in its environment from others of its user, so also from what it
    starts: not under /proc, and not by ptrace or process_vm_readv (prctl(2), PR_SET_DUMPABLE). On Linux alone."""
    if sys.platform == "linux" and ctypes.CDLL(None, use_errno=True).prctl(_DUMPABLE, 0, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


_DUMPABLE: Final = 4


def closed() -> None:
    """From here on this process opens nothing, for good: no file and no connection, however it names them. What is open
    stays so."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
