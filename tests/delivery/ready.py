"""Runs commands of the image, each in a process of its own that has imported MLflow already: that takes five seconds.

`python -P ready.py FOLDER`, by the image's Python: serves FOLDER/socket until its standard input ends. A caller sends
one line of JSON and reads the process's id, then its exit status. A process has nothing of another but what was
imported: the variables and both outputs are as the caller says.
"""

import json
import os
import select
import shutil
import signal
import socket
import sys
import tempfile
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any

IMPORTED = ("accounts", "artifacts", "commands", "disposal.command", "disposal.garbage", "disposal.sweep", "schema")
"""The modules of the image in which its commands import MLflow's."""


def prepare() -> None:
    """As the commands begin."""
    from parapet_mlflow import configuration

    configuration.decide()
    import_module("mlflow.cli")
    for name in IMPORTED:
        import_module(f"parapet_mlflow.{name}")


def serve(folder: Path) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them: they tell their status themselves
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "socket"))
        listener.listen(64)
        print("ready", flush=True)
        while sys.stdin not in (ready := select.select([sys.stdin, listener], [], [])[0]):
            assert ready
            connection, _ = listener.accept()
            with connection:
                if os.fork() == 0:
                    listener.close()
                    answer(connection)


def answer(connection: socket.socket) -> None:
    """Does what is asked, in this process, and ends it."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    connection.sendall(f"{os.getpid()}\n".encode())
    with connection.makefile("r") as lines:
        asked = json.loads(lines.readline())
    status = 1
    try:
        status = run(asked)
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    connection.sendall(f"{status}\n".encode())
    os._exit(status)


def run(asked: dict[str, Any]) -> int:
    for stream, name in ((1, "stdout"), (2, "stderr")):
        file = os.open(asked[name], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(file, stream)
        os.close(file)
    os.environ.clear()
    os.environ.update(asked["variables"])
    tempfile.tempdir = None
    sys.argv = ["parapet-mlflow", *asked["arguments"]]
    from parapet_mlflow.__main__ import main

    return main()


if __name__ == "__main__":
    where = Path(sys.argv[1])
    prepare()
    try:
        serve(where)
    finally:
        shutil.rmtree(where, ignore_errors=True)
