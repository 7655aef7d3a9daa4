"""What a test is given in place of an interpreter behaves as one to who starts it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.cluster import wait_for
from tests.warm import Warm

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(sys.platform != "linux", reason="elsewhere each process imports for itself"),
]
TELLS = """
import os, sys
print(sys.argv[1:], os.getcwd(), sorted(name for name in os.environ if name.startswith("OWN")), sys.path[0])
print("pulumi_aws" in sys.modules, "told" in sys.modules, sys.stdin.read(), end="", file=sys.stderr)
sys.modules["told"] = sys
sys.exit(7)
"""
WAITS = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit("told to end"))
print("waits", flush=True)
time.sleep(600)
"""


def _program(folder: Path, code: str) -> Path:
    file = folder / "program.py"
    file.write_text(code)
    return file


def _start(warm: Warm, file: Path) -> subprocess.Popen[str]:
    command = [str(warm.python), "-u", str(file)]
    started = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert started.stdout
    assert started.stdout.readline() == "waits\n"
    return started


def _forks(warm: Warm) -> list[psutil.Process]:
    return psutil.Process(warm.process.pid).children() if warm.process else []


def test_a_fork_has_its_own_arguments_folder_variables_streams_and_status(warm: Warm, tmp_path: Path) -> None:
    file = _program(tmp_path, TELLS)
    for number in ("1", "2"):
        told = subprocess.run(
            [str(warm.python), "-u", str(file), "--word", number],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], f"OWN_{number}": "x"},
            input=f"given {number}",
            capture_output=True,
            text=True,
        )
        assert told.stdout == f"['--word', '{number}'] {tmp_path} ['OWN_{number}'] {tmp_path}\n"
        assert told.stderr == f"True False given {number}", "it finds what was imported, and nothing of another fork"
        assert told.returncode == 7


def test_a_module_is_run_by_its_name_from_where_the_caller_says(warm: Warm, tmp_path: Path) -> None:
    (tmp_path / "named.py").write_text("import sys; print(__name__, sys.argv[1:]); raise SystemExit('a last word')")
    told = subprocess.run(
        [str(warm.python), "-P", "-m", "named", "given"],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert (told.stdout, told.stderr, told.returncode) == ("__main__ ['given']\n", "a last word\n", 1)


def test_anything_else_is_done_by_the_interpreter_itself(warm: Warm) -> None:
    told = subprocess.run([str(warm.python), "-c", "import sys; print(sys.prefix, len(sys.modules) < 200)"], **_text())
    assert told.stdout == f"{sys.prefix} True\n"


def test_an_exception_is_told_and_fails(warm: Warm, tmp_path: Path) -> None:
    told = subprocess.run([str(warm.python), "-u", str(_program(tmp_path, "1 / 0"))], **_text())
    assert told.returncode == 1
    assert "ZeroDivisionError" in told.stderr


def test_a_signal_reaches_the_fork(warm: Warm, tmp_path: Path) -> None:
    started = _start(warm, _program(tmp_path, WAITS))
    started.send_signal(signal.SIGTERM)
    assert started.communicate(timeout=30) == ("", "told to end\n")
    assert started.returncode == 1


def test_who_is_killed_takes_the_fork_along_and_the_other_way_round(warm: Warm, tmp_path: Path) -> None:
    file = _program(tmp_path, WAITS)
    started = _start(warm, file)
    (fork,) = _forks(warm)
    started.kill()
    started.communicate(timeout=30)
    wait_for(lambda: not fork.is_running())
    started = _start(warm, file)
    (fork,) = _forks(warm)
    fork.kill()
    started.communicate(timeout=30)
    assert started.returncode == -signal.SIGKILL


def test_what_an_sdk_reads_late_is_read_before_the_fork(warm: Warm, tmp_path: Path) -> None:
    warm.imports(["pulumi_aws.sqs"])
    file = _program(tmp_path, "import sys; print('pulumi_aws.sqs.queue' in sys.modules)")
    assert subprocess.run([str(warm.python), "-u", str(file)], **_text()).stdout == "True\n"


def test_what_cannot_be_imported_is_named(warm: Warm) -> None:
    with pytest.raises(AssertionError, match="no_such_module"):
        warm.imports(["no_such_module"])


def _text() -> dict[str, Any]:
    return {"capture_output": True, "text": True}
