"""A Python that has imported what many processes of a test need, before they begin.

A run of the engine starts Python four times: the language host twice, the program, a provider. What they import is
the same each time, and takes half of the three seconds that a run works. Here one process imports it, and each of
theirs is a fork of it: a process of its own, with its own environment, arguments, folder, descriptors and end, that
finds nothing there but what was imported. What must be seen to start as a user's does takes the real interpreter
(`local/engine`, `e2e`).
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from local import engine
from tests.warm import server

HERE = Path(__file__).parent


class Warm:
    """The process that imports, in a folder of its own, and the interpreter that asks it for forks."""

    def __init__(self, folder: Path, tools: Path) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        if sys.platform != "linux":  # elsewhere a fork of a process with libraries is not safe
            self.python, self.bin = Path(sys.executable), tools
            return
        self.address = folder / "asked"
        self.python = folder / "python"
        """What to start in place of `sys.executable`."""
        command = [sys.executable, "-S", "-I", str(HERE / "shim.py"), str(self.address), sys.executable]
        self.python.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
        self.python.chmod(0o755)
        self.bin = folder / "bin"
        """The engine, with a language host that starts so, and whose programs do."""
        engine.install(self.bin, self.python)
        # No symbolic link: it would lead the engine to the host that lies beside the original.
        try:
            (self.bin / "pulumi").hardlink_to(tools / "pulumi")
        except OSError:
            shutil.copy2(tools / "pulumi", self.bin / "pulumi")
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "server.py"), str(self.address), str(self.python)],
            stdin=subprocess.PIPE,
            env={name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "XDG_CACHE_HOME")},
        )
        limit = time.monotonic() + 120
        while not self.address.exists():
            assert self.process.poll() is None, "the process that imports ended"
            assert time.monotonic() < limit, "the process that imports does not answer"
            time.sleep(0.05)

    def imports(self, modules: Iterable[str]) -> None:
        """Has these imported too, in whatever is started from now on."""
        if self.process:
            server.ask(self.address, sorted(modules))

    def stop(self) -> None:
        """Ends it, and with it those of its forks that are left."""
        if self.process:
            assert self.process.stdin
            self.process.stdin.close()
            self.process.wait(60)
