"""Steps as forks of one process that has imported what they need, which takes most of them longer than what they do.

Kubeflow starts each by a shell as a Python of its own, which imports it anew. A fork is a process all the same: with
its own memory, environment, arguments, output and end, and finds nothing of another step but what was imported. What
it runs is what the shell would have run: the component's source out of the pipeline, by Kubeflow's executor.
"""

import dis
import gc
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final, NoReturn, TextIO

from delivery.pipeline.steps import STEPS

SHELL: Final = ("sh", "-ec")
"""How the command of a component begins; its script, its source and the executor's arguments follow."""
SCRIPT: Final = (
    'program_path=$(mktemp -d) printf "%s" "$0" > "$program_path/ephemeral_component.py" '
    "_KFP_RUNTIME=true python3 -m kfp.dsl.executor_main "
    '--component_module_path "$program_path/ephemeral_component.py" "$@"'
)
"""What a fork does in place of the shell, but for white space (`kfp/dsl/component_factory.py`)."""
MODULE: Final = "ephemeral_component.py"
JUDGES: Final = {"validate": ("pandera.ibis",)}
"""What a step imports where it does not say so (`delivery/data/contract.py`)."""
LARGEST: Final = 2**18
"""Bytes of a command, twice what a kernel takes of one argument; of a longer one it refuses the message."""
KILLED: Final = -signal.SIGKILL


@contextmanager
def forked(log: TextIO) -> Iterator[None]:
    """Within it Kubeflow's runner of processes has its steps from here. Only on Linux: elsewhere libraries that a
    process has imported do not always stand its fork. `log` is for what goes wrong before a step's own output."""
    if sys.platform != "linux":
        yield
        return
    from kfp.local import subprocess_task_handler as runner  # here, for it takes a second

    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LARGEST)
    command = [sys.executable, "-P", "-m", __name__, str(theirs.fileno())]
    told = {"env": os.environ | {"_KFP_RUNTIME": "true"}, "stdin": subprocess.DEVNULL, "stdout": log, "stderr": log}
    with subprocess.Popen(command, pass_fds=[theirs.fileno()], **told), ours:  # ends, and is waited for, after `ours`
        theirs.close()
        shell = runner.run_local_subprocess
        runner.run_local_subprocess = partial(_ran, ours)
        try:
            yield
        finally:
            runner.run_local_subprocess = shell


def _ran(channel: socket.socket, full_command: Sequence[str], env_vars: Mapping[str, str] | None = None) -> int:
    """Has a fork do it, and prints what it says; returns its exit status, which is negative where it was killed."""
    reads, writes = os.pipe()
    with os.fdopen(reads, encoding="utf-8", errors="replace") as said:
        try:
            socket.send_fds(channel, [json.dumps([full_command, env_vars or {}]).encode()], [writes])
        except ConnectionError:  # it has been killed
            return KILLED
        finally:
            os.close(writes)
        for line in said:
            print(line, end="")
    with suppress(ConnectionError):
        return int(channel.recv(16) or KILLED)
    return KILLED


def serve(channel: socket.socket) -> None:
    """Answers one command after the other, until nobody is at the other end; a fork leaves it to be the step."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who asks is told too, and ends this
    gc.disable()  # what is imported stays
    importlib.import_module("kfp.dsl.executor_main")
    while True:
        asked, descriptors, *_ = socket.recv_fds(channel, LARGEST, 1)
        if not asked:
            return
        command, variables = json.loads(asked)
        _import(command[-1])
        gc.freeze()
        with tempfile.TemporaryDirectory() as folder:  # of a step that is killed too
            if pid := os.fork():
                os.close(descriptors[0])
                ended = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            else:
                channel.close()
                signal.signal(signal.SIGINT, signal.default_int_handler)
                gc.enable()
                for stream in (1, 2):
                    os.dup2(descriptors[0], stream)
                os.close(descriptors[0])
                os.environ.update(variables)
                become(command, Path(folder) / MODULE)
        channel.send(str(ended).encode())


def _import(step: str) -> None:
    """What the step says that it imports. What cannot be imported, the step itself tells, in its own words."""
    named = [each.argval for each in dis.get_instructions(STEPS[step]) if each.opname == "IMPORT_NAME"]
    for name in (*named, *JUDGES.get(step, ())):
        with suppress(Exception):
            importlib.import_module(name)


def become(command: Sequence[str], program: Path) -> NoReturn:
    """Is `sh -ec SCRIPT SOURCE ARGUMENTS...` from here on, with the source in that file.

    It ends as forks do, without what C libraries do at the end of a process: DuckDB has a thread from its import on,
    which the process has that imported it, and would end its fork when it is not found there.
    """
    source, *arguments = command[len(SHELL) + 1 :]
    program.write_text(source)
    sys.argv[1:] = ["--component_module_path", str(program), *arguments]
    status = 1
    try:
        importlib.import_module("kfp.dsl.executor_main").executor_main()
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
    with suppress(OSError):  # nobody reads it any more
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
