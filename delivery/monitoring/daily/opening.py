"""A file that somebody else wrote is opened by a process apart, which may take so much memory and so many seconds.

What a file says of its size is its writer's word: 20 KB of pages that unpack to gigabytes have a footer that says 100
bytes. Where the process ends of one, that file is left out, and the next one has another process. It is given the
file's bytes, and gives back Arrow's own form.

Whom a file's bytes make do as they say is the check's own user still. So that process has no credentials in its
environment, and from before the first byte of a file on it can open nothing: not the token of its pod's account, no
connection to who gives credentials for that, nothing under /proc; and the check's memory is closed to it
(`bounded.unreadable`). It can answer wrongly of a file, and of those after it, and end the check.
"""

import atexit
import json
import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import IO, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from delivery.monitoring.bounded import closed, limit
from delivery.monitoring.daily import files
from delivery.monitoring.daily.files import Unread

MEMORY: Final = 2 << 30
"""Bytes: four times what a file may hold, which is read, looked through and given back; a check has it of its pod's
(`Settings.opens_with`)."""
LINE: Final = 4_096
"""Bytes of what it says before a table, or instead of one."""
SECONDS: Final = 60
"""For one file; the largest that a server writes takes one."""
TOGETHER: Final = 1_800
"""Seconds for all files of a check, which has an hour: what comes after them is left out, and the check goes on. Of
150,000 files of a server it takes less than a third (`bench.daily_files`)."""
FORGED: Final = "what opens it gave another answer than was asked for"
ROOT: Final = Path(__file__).parents[3]
ENVIRONMENT: Final = {"PYTHONPATH": str(ROOT), "ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "1"}
FAILS: Final = (pa.ArrowException, OSError, ValueError)


class Opener:
    """The process; begun when it is first needed, and again after one that ended."""

    def __init__(self, memory: int = MEMORY, seconds: float = SECONDS, together: float = TOGETHER) -> None:
        self.memory, self._seconds, self._together = memory, seconds, together
        self._process: subprocess.Popen[bytes] | None = None
        self._taken = 0.0

    def table(self, raw: bytes, rows: int, names: tuple[str, ...], begins: tuple[str, ...] = ()) -> pa.Table:
        """The columns of these names, and those whose names begin so, as `files.table`. Raises Unread, also
        after TOGETHER."""
        found = self._asked(raw, {"rows": rows, "names": names, "begins": begins})
        if not isinstance(found, pa.Table) or found.num_rows > rows:
            raise Unread(FORGED)
        return found

    def rows_of(self, raw: bytes, most: int) -> int:
        """As `files.rows_of`, likewise."""
        found = self._asked(raw, {"rows": most})
        if not isinstance(found, int) or not 0 <= found <= most:
            raise Unread(FORGED)
        return found

    def close(self) -> None:
        """Ends the process."""
        if process := self._process:
            self._process = None
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe:
                    with suppress(OSError):  # what it had not read is written as the pipe is closed
                        pipe.close()

    def _asked(self, raw: bytes, asked: dict[str, Any]) -> Any:
        if self._taken >= self._together:
            raise Unread(f"the files before it took the {self._together:,} seconds that all may take to open")
        begun = monotonic()
        try:
            return self._told(raw, asked)
        finally:
            self._taken += monotonic() - begun

    def _told(self, raw: bytes, asked: dict[str, Any]) -> Any:
        process = self._process = self._process or self._begun()
        assert process.stdin
        assert process.stdout
        timer = threading.Timer(self._seconds, process.kill)
        timer.start()
        try:
            process.stdin.write(json.dumps(asked | {"bytes": len(raw)}).encode() + b"\n" + raw)
            process.stdin.flush()
            told = json.loads(process.stdout.readline(LINE))
            found = told if told != "table" else pa.ipc.open_stream(process.stdout).read_all()
            if isinstance(found, pa.Table):
                found.validate(full=True)  # it may be no longer what was begun
        except FAILS:  # it ended, with half an answer or none
            self.close()
            raise Unread(self._too_much) from None
        finally:
            timer.cancel()
        if isinstance(found, str):
            raise Unread(self._too_much if found.endswith("MemoryError") else found)
        return found

    @property
    def _too_much(self) -> str:
        return f"it takes more than {self.memory >> 20:,} MiB of memory or {self._seconds:g} seconds to open"

    def _begun(self) -> subprocess.Popen[bytes]:
        kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
        return subprocess.Popen(
            [sys.executable, "-m", __name__, str(self.memory)],
            **{"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL},
            env={**kept, **ENVIRONMENT},
        )


OPENER: Final = Opener()
atexit.register(OPENER.close)


def _answers(source: IO[bytes], out: IO[bytes]) -> None:
    """Until nobody asks any more."""
    while line := source.readline():
        asked = json.loads(line)
        raw = source.read(asked["bytes"])
        try:
            told = _found(raw, asked)
        except Unread as unread:
            told = str(unread)
        if isinstance(told, pa.Table):
            out.write(b'"table"\n')
            with pa.ipc.new_stream(out, told.schema) as stream:
                stream.write_table(told)
        else:
            out.write(json.dumps(told).encode() + b"\n")
        out.flush()


def _found(raw: bytes, asked: dict[str, Any]) -> Any:
    if "names" not in asked:
        return files.rows_of(raw, asked["rows"])
    names, begins = asked["names"], tuple(asked["begins"])
    return files.table(raw, asked["rows"], lambda name: name in names or name.startswith(begins))


def _ready() -> None:
    """Loads what a first file would have it load."""
    table = pa.table({"text": ["a", None], "number": [1.0, None]})
    pq.write_table(table, made := pa.BufferOutputStream())
    files.table(made.getvalue().to_pybytes(), 2, lambda _: True)


if __name__ == "__main__":
    limit(int(sys.argv[1]))
    _ready()
    closed()
    _answers(sys.stdin.buffer, sys.stdout.buffer)
