"""Commands of the image that need not import MLflow first: `ready.py`, asked from here."""

import json
import os
import select
import signal
import socket
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PATIENCE = 120
"""Seconds for a command that ends."""


class Begun:
    """A command that goes on, as `subprocess.Popen` tells of it. Its process leads a group of its own."""

    def __init__(self, connection: socket.socket, pid: int) -> None:
        self._connection, self.pid = connection, pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        return self._status(0)

    def wait(self, timeout: float | None = None) -> int:
        if (status := self._status(timeout)) is None:
            raise subprocess.TimeoutExpired("parapet-mlflow", timeout or 0)
        return status

    def terminate(self) -> None:
        if self.poll() is None:
            os.kill(self.pid, signal.SIGTERM)

    def _status(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._connection], [], [], timeout)[0]:
            told = self._connection.recv(16)
            self._connection.close()
            self.returncode = int(told) if told else -signal.SIGKILL
        return self.returncode


@dataclass(frozen=True)
class AtHand:
    """`ready.py` at that socket. It ends when this process does, which holds its standard input open."""

    process: subprocess.Popen[bytes]
    socket: Path

    def begin(self, arguments: Sequence[str], variables: Mapping[str, str], log: Path) -> Begun:
        """One command that goes on, and adds what it says to that file."""
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(self.socket))
        with connection.makefile("rw") as lines:
            pid = int(lines.readline())
            asked = {"arguments": arguments, "variables": variables, "stdout": str(log), "stderr": str(log)}
            lines.write(f"{json.dumps(asked)}\n")
        return Begun(connection, pid)

    def run(
        self, arguments: Sequence[str], variables: Mapping[str, str], folder: Path
    ) -> subprocess.CompletedProcess[str]:
        """One command, with these variables and no others; `folder` is for what it says."""
        files = {}
        for name in ("stdout", "stderr"):
            number, files[name] = tempfile.mkstemp(dir=folder, prefix=name)
            os.close(number)
        asked = {"arguments": arguments, "variables": variables, **files}
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(PATIENCE)
            connection.connect(str(self.socket))
            with connection.makefile("rw") as lines:
                pid = int(lines.readline())
                try:
                    lines.write(f"{json.dumps(asked)}\n")
                    lines.flush()
                    told = lines.readline()
                except TimeoutError:
                    os.killpg(pid, signal.SIGKILL)
                    raise
        said = {name: Path(file).read_text() for name, file in files.items()}
        return subprocess.CompletedProcess(list(arguments), int(told or -1), **said)


@cache
def at_hand(image: Path) -> AtHand:
    """The one of this process, started by who asks first."""
    folder = Path(tempfile.mkdtemp(prefix="parapet-ready-"))
    command = [str(image / "bin" / "python"), "-P", str(Path(__file__).with_name("ready.py")), str(folder)]
    # Of this machine's own variables, only what finds programs, as a server's.
    variables = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    process = subprocess.Popen(command, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout
    assert process.stdout.readline() == b"ready\n", "it says above why it does not start"
    return AtHand(process, folder / "socket")
