"""Servers that outlive the command that starts them: each with a record, ended by its own id and no other."""

import contextlib
import json
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil


class PortUnusable(Exception):
    """A port that was named is in use or is no port, or none is free."""


class StartFailed(Exception):
    """A server did not come up. The text says which, and where its own words are."""


@dataclass(frozen=True)
class Record:
    """One started process. `started` (seconds since the epoch) tells it from a later process with the same id."""

    name: str
    pid: int
    started: float
    port: int

    def alive(self) -> bool:
        try:
            process = psutil.Process(self.pid)
            return abs(process.create_time() - self.started) < 1 and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False


def read(folder: Path, name: str) -> Record | None:
    """The record of a process that lives; one of a process that is gone is removed."""
    file = folder / f"{name}.json"
    try:
        record = Record(**json.loads(file.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    if record.alive():
        return record
    file.unlink(missing_ok=True)
    return None


def start(
    name: str,
    command: Sequence[str],
    *,
    port: int,
    folder: Path,
    log: Path,
    ready: Callable[[], bool],
    environment: Mapping[str, str] | None = None,
    owner: tuple[int, int] | None = None,
    directory: Path | None = None,
    deadline: float = 60,
) -> Record:
    """Starts a server in a session of its own and waits until it answers (`deadline` in seconds).

    `owner`: the user and group that it runs as, where not our own; `directory`: where it works, where not here.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=directory,
            env=dict(environment) if environment is not None else None,
            user=owner[0] if owner else None,
            group=owner[1] if owner else None,
            extra_groups=[] if owner else None,
        )
    record = Record(name, process.pid, psutil.Process(process.pid).create_time(), port)
    # Written before the server answers: whoever is killed while waiting leaves a record to end it by.
    (folder / f"{name}.json").write_text(json.dumps(asdict(record)))
    limit = time.monotonic() + deadline
    while time.monotonic() < limit:
        if process.poll() is not None:
            break
        if ready():
            return record
        time.sleep(0.05)
    stop(folder, record)
    where = f" on port {port}" if port else ""
    raise StartFailed(f"{name} did not come up{where}; what it said is in {log}, at last:\n{last_words(log)}")


def last_words(log: Path, lines: int = 10) -> str:
    """The last lines of a log, indented, each cut to a readable length."""
    told = log.read_bytes()[-65536:].decode(errors="replace").splitlines()[-lines:]
    return "\n".join(f"    {line[:300]}" for line in told) or "    (nothing)"


def stop(folder: Path, record: Record, patience: float = 10) -> None:
    """Ends the process (asked first, then made to, after `patience` seconds) and removes its record."""
    if record.alive() and (family := _family(record.pid)):
        for member in family:
            signal_quietly(member, signal.SIGTERM)
        left = still_there(family, patience)
        for member in left:
            signal_quietly(member, signal.SIGKILL)
        still_there(left, patience)
    (folder / f"{record.name}.json").unlink(missing_ok=True)


def _family(pid: int) -> list[psutil.Process]:
    """The process and what came of it; nothing where it has ended meanwhile."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def still_there(ending: Sequence[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Which of them have not ended after so long.

    To wait for one that ends just then fails where a kernel says of its id that there is no such file (Linux 6.18,
    pidfd_open), for which psutil is not prepared, or calls it a zombie's: the others are waited for all the same.
    """
    limit, left = time.monotonic() + seconds, list(ending)
    while True:
        try:
            return psutil.wait_procs(left, timeout=max(limit - time.monotonic(), 0))[1]
        except (FileNotFoundError, psutil.NoSuchProcess):  # a zombie is one, psutil says
            left = [each for each in left if _runs(each)]
            time.sleep(0.01)


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def signal_quietly(process: psutil.Process, number: signal.Signals) -> None:
    """Sends a signal; a process that has ended meanwhile is no error."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(number)


def choose_port(named: int | None, preferred: int | None = None, taken: Collection[int] = ()) -> int:
    """The port that was named (refused when in use), else the preferred one while it is free, else any free one.

    None of `taken`, which somebody was promised who does not listen yet.
    """
    if named is not None:
        if not 1 <= named <= 65535:
            raise PortUnusable(f"{named} is no port. Name one from 1 to 65535, or none for any free port.")
        if not _free(named):
            raise PortUnusable(f"Port {named} is in use on 127.0.0.1. Name another one, or none for any free port.")
        return named
    if preferred is not None and preferred not in taken and _free(preferred):
        return preferred
    while (port := _any_free()) in taken:
        pass
    return port


def _any_free() -> int:
    # Not one of those that a kernel gives to whoever connects (Linux: from 32768): that may be another's by the time
    # that somebody listens on it.
    for _ in range(100):
        if _free(port := random.randint(20_000, 29_999)):  # noqa: S311 # no secret
            return port
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", 0))
        except OSError as error:
            raise PortUnusable(f"No free port on 127.0.0.1 ({error.strerror}). End something that listens.") from None
        port: int = probe.getsockname()[1]
        return port


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
