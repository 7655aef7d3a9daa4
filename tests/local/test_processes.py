"""Servers that outlive a command are ended by their own id, and no other process is."""

import json
import os
import socket
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import psutil
import pytest

from local import processes
from local.processes import PortUnusable, Record, StartFailed

pytestmark = pytest.mark.process
SERVER = [sys.executable, "-c", "import time; time.sleep(120)"]


def _start(folder: Path, command: list[str] = SERVER) -> Record:
    return processes.start("thing", command, port=1, folder=folder, log=folder / "thing.log", ready=lambda: True)


def test_a_started_server_is_found_and_ended(tmp_path: Path) -> None:
    record = _start(tmp_path)
    assert processes.read(tmp_path, "thing") == record
    processes.stop(tmp_path, record)
    assert not psutil.pid_exists(record.pid) or psutil.Process(record.pid).status() == psutil.STATUS_ZOMBIE
    assert processes.read(tmp_path, "thing") is None
    assert not list(tmp_path.glob("*.json"))


def test_the_id_of_a_later_process_is_not_taken_for_the_server(tmp_path: Path) -> None:
    """A stale record whose process id the system has given to another: it is neither reported nor ended."""
    other = subprocess.Popen(SERVER)
    try:
        stale = Record("thing", other.pid, started=psutil.Process(other.pid).create_time() - 1000, port=1)
        (tmp_path / "thing.json").write_text(json.dumps(asdict(stale)))
        assert processes.read(tmp_path, "thing") is None
        processes.stop(tmp_path, stale)
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 1}'])
def test_a_damaged_record_is_no_record(tmp_path: Path, content: str) -> None:
    (tmp_path / "thing.json").write_text(content)
    assert processes.read(tmp_path, "thing") is None


def test_a_server_that_does_not_come_up_leaves_nothing_and_names_its_log_with_the_last_lines(tmp_path: Path) -> None:
    with pytest.raises(StartFailed, match=r"(?s)thing\.log, at last:\n    line 3\n.*    no$"):
        processes.start(
            "thing",
            [sys.executable, "-c", "for n in range(12): print('line', n, flush=True)\nraise SystemExit('no')"],
            port=1,
            folder=tmp_path,
            log=tmp_path / "thing.log",
            ready=lambda: False,
        )
    assert not (tmp_path / "thing.json").exists()
    assert "no" in (tmp_path / "thing.log").read_text()


def test_children_end_with_the_server(tmp_path: Path) -> None:
    child_code = "import time; time.sleep(120)"
    family = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {child_code!r}]); time.sleep(120)"
    record = _start(tmp_path, [sys.executable, "-c", family])
    parent = psutil.Process(record.pid)
    while not parent.children():
        os.sched_yield()
    child = parent.children()[0]
    processes.stop(tmp_path, record)
    assert not child.is_running()


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="Linux alone waits for others' processes by a descriptor")
def test_one_that_ends_just_as_it_is_waited_for_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of its id Linux 6.18 says that there is no such file, where earlier ones said that there is no such process."""
    record, opened, refused = _start(tmp_path), os.pidfd_open, []

    def open_later(pid: int, flags: int = 0) -> int:
        if not refused:
            refused.append(pid)
            raise FileNotFoundError(2, "No such file or directory")
        return opened(pid, flags)

    monkeypatch.setattr(os, "pidfd_open", open_later)
    processes.stop(tmp_path, record)
    assert refused == [record.pid]
    assert not psutil.pid_exists(record.pid) or psutil.Process(record.pid).status() == psutil.STATUS_ZOMBIE
    assert not list(tmp_path.glob("*.json"))


def test_one_that_is_a_zombie_by_the_time_that_it_is_waited_for_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, waited, refused = _start(tmp_path), psutil.wait_procs, []

    def wait_later(family: list[psutil.Process], timeout: float) -> object:
        if not refused:
            refused.append(record.pid)
            raise psutil.ZombieProcess(record.pid)
        return waited(family, timeout=timeout)

    monkeypatch.setattr(psutil, "wait_procs", wait_later)
    processes.stop(tmp_path, record)
    assert refused
    assert not psutil.pid_exists(record.pid) or psutil.Process(record.pid).status() == psutil.STATUS_ZOMBIE


def test_a_named_port_in_use_is_refused_by_its_number() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortUnusable, match=str(port)):
            processes.choose_port(port)


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_number_that_is_no_port_is_refused_by_its_value(port: int) -> None:
    with pytest.raises(PortUnusable, match=f"{port} is no port.*1 to 65535"):
        processes.choose_port(port)


def test_a_preferred_port_in_use_gives_way_to_a_free_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert processes.choose_port(None, preferred=port) != port


def test_a_free_preferred_port_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as once:
        port = once.getsockname()[1]
    assert processes.choose_port(None, preferred=port) == port
