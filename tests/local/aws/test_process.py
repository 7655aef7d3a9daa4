"""The plugin's process: it ends with its engine, and says in a line what keeps it from starting."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
ENGINE = """
import subprocess, sys, time
plugin = subprocess.Popen([sys.executable, "-P", "-m", "local.aws", "127.0.0.1:1"], stdout=subprocess.PIPE, text=True)
print(plugin.pid, plugin.stdout.readline(), flush=True)
time.sleep(600)
"""


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes in /proc")
def test_an_engine_that_is_killed_leaves_no_plugin() -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    engine = subprocess.Popen([sys.executable, "-c", ENGINE], stdout=subprocess.PIPE, text=True, env=environment)
    assert engine.stdout is not None
    plugin, port = (int(word) for word in engine.stdout.readline().split())
    assert port > 0
    assert _runs(plugin)
    engine.kill()
    engine.wait()
    until = time.monotonic() + 20
    while _runs(plugin) and time.monotonic() < until:
        time.sleep(0.1)
    assert not _runs(plugin)


def test_what_keeps_it_from_starting_is_said_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "grpc.py").write_text("raise ImportError('no such library')")
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    command = [sys.executable, "-P", "-m", "local.aws", "127.0.0.1:1"]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert "stand-in for the aws provider" in line
    assert "ImportError: no such library" in line
