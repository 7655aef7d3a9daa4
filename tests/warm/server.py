"""The process that imports once and forks for each that asks: `server.py ADDRESS PYTHON`, until its input ends."""

from __future__ import annotations

import atexit
import gc
import importlib
import marshal
import os
import runpy
import selectors
import signal
import socket
import sys
import threading
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

MODULES = (
    "grpc.aio",
    "local.aws.configuration",
    "local.aws.failures",
    "local.aws.functions",
    "local.aws.provider",
    "local.aws.servicer",
    "local.engine.host",
    "local.kubernetes.provider.servicer",
    "pulumi.runtime._grpc_settings",
    "pulumi.runtime.proto.language_pb2_grpc",
    "pulumi.runtime.proto.provider_pb2_grpc",
    "pulumi.runtime.stack",
    "pulumi_aws",
    "pulumi_kubernetes",
)
"""What every run of the engine with a stand-in imports."""


def ask(address: Path, modules: list[str]) -> None:
    """Has the process at the address import these; returns once it has."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(address))
        asked = marshal.dumps(modules)
        connection.sendall(len(asked).to_bytes(4, "big") + asked)
        assert connection.recv(2) == b"\0\0", f"one of these cannot be imported: {modules}"


class Server:
    """Answers one request after the other; a fork leaves this loop for good."""

    def __init__(self, address: Path, python: str) -> None:
        self.python = python
        self.path = sys.path[1:]  # without this script's folder
        self.forks: dict[int, tuple[int, socket.socket]] = {}
        self.selector = selectors.DefaultSelector()
        self.listener = socket.socket(socket.AF_UNIX)
        draft = address.with_name("draft")
        self.listener.bind(str(draft))
        self.listener.listen(64)
        draft.rename(address)

    def serve(self) -> None:
        self.selector.register(self.listener, selectors.EVENT_READ, self._accept)
        self.selector.register(sys.stdin, selectors.EVENT_READ, self._stop)
        while True:
            for key, _ in self.selector.select():
                key.data()

    def _stop(self) -> None:
        for pid, _ in self.forks.values():
            os.kill(pid, signal.SIGKILL)
        os._exit(0)

    def _accept(self) -> None:
        connection, _ = self.listener.accept()
        head, descriptors, *_ = socket.recv_fds(connection, 4, 3)
        asked = b""
        while len(asked) < int.from_bytes(head, "big"):
            if not (more := connection.recv(65536)):
                break  # it ended meanwhile
            asked += more
        else:
            self._answer(connection, descriptors, marshal.loads(asked))  # noqa: S302 (its folder is its owner's alone)
        for one in descriptors:
            os.close(one)

    def _answer(self, connection: socket.socket, descriptors: list[int], asked: Any) -> None:
        if not descriptors:
            with connection:
                connection.sendall(b"\0\0" if imported(asked) else b"\1\0")
            return
        if pid := os.fork():
            watch = os.pidfd_open(pid)
            self.forks[watch] = pid, connection
            self.selector.register(watch, selectors.EVENT_READ, lambda: self._ended(watch))
            self.selector.register(connection, selectors.EVENT_READ, lambda: self._signalled(pid, connection))
            return
        self.selector.close()
        self.listener.close()
        connection.close()
        for watch, (_, other) in self.forks.items():
            os.close(watch)
            other.close()
        for number, one in enumerate(descriptors):
            os.dup2(one, number)
            os.close(one)
        become(*asked, python=self.python, path=self.path)

    def _signalled(self, pid: int, connection: socket.socket) -> None:
        """What the shim is told by signals is told to the fork; where the shim was killed, so is the fork."""
        numbers = connection.recv(16)
        if not numbers:
            self.selector.unregister(connection)
        for number in numbers or bytes([signal.SIGKILL]):
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def _ended(self, watch: int) -> None:
        pid, connection = self.forks.pop(watch)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        self.selector.unregister(watch)
        os.close(watch)
        with suppress(KeyError):
            self.selector.unregister(connection)
        with connection, suppress(OSError):
            connection.sendall(bytes([max(code, 0), max(-code, 0)]))


def imported(modules: list[str]) -> bool:
    """Imports them, and has the collector leave alone what is there."""
    try:
        for name in modules:
            # The SDKs' modules are read when something of theirs is asked for, and not when they are imported.
            getattr(importlib.import_module(name), "__all__", None)
    except ImportError:
        return False
    gc.collect()
    gc.freeze()
    return True


def become(arguments: list[str], folder: str, environment: dict[bytes, bytes], python: str, path: list[str]) -> None:
    """Is `python ARGUMENTS` from here on, to its end."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update({os.fsdecode(name): os.fsdecode(value) for name, value in environment.items()})
    sys.executable = python
    # A program that a test writes twice within a second, as long as before, would be the first to Python's cache of it.
    sys.dont_write_bytecode = True
    more = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    sys.path[:] = [*more, *(entry for entry in path if entry not in more)]
    status = 1
    try:
        if arguments[0] == "-u":
            for stream in (sys.stdout, sys.stderr):
                stream.reconfigure(write_through=True)  # type: ignore[union-attr]
            sys.argv[:] = arguments[1:]
            sys.path.insert(0, str(Path(arguments[1]).parent))
            runpy.run_path(arguments[1], run_name="__main__")
        else:
            sys.argv[:] = arguments[2:]
            runpy.run_module(arguments[2], run_name="__main__", alter_sys=True)
        status = 0
    except SystemExit as error:
        if error.code is None or isinstance(error.code, int):
            status = error.code or 0
        else:
            print(error.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        threading._shutdown()  # type: ignore[attr-defined] # what an interpreter does at its end: waits for threads
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(status)


if __name__ == "__main__":
    assert imported(list(MODULES)), f"one of these cannot be imported: {MODULES}"
    Server(Path(sys.argv[1]), sys.argv[2]).serve()
