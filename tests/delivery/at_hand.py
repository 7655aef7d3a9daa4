"""Commands of the image that need not import MLflow first: `ready.py`, asked from here."""

import json
import os
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


@dataclass(frozen=True)
class AtHand:
    """`ready.py` at that socket. It ends when this process does, which holds its standard input open."""

    process: subprocess.Popen[bytes]
    socket: Path

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
