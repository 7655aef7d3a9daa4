"""Another's evaluator of IAM policies as a process, in an environment of its own: see `judge/requirements.in`."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from local.made import made_once
from local.workspace import ROOT

HERE = Path(__file__).parent / "judge"
LOCK = HERE / "requirements.txt"
Judge = Callable[[dict[str, Any]], bool | None]


@pytest.fixture(scope="session")
def judge() -> Iterator[Judge]:
    """What it says of a case (see `judge.py`): whether it is allowed, None where it has no opinion."""
    key = sha256(f"{sys.version_info[:2]} {sysconfig.get_platform()}".encode() + LOCK.read_bytes()).hexdigest()[:16]
    python = made_once("judges/iam", key, _install) / "bin" / "python"
    process = subprocess.Popen(
        [python, HERE / "judge.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    sent, told = process.stdin, process.stdout
    assert sent is not None
    assert told is not None

    def ask(case: dict[str, Any]) -> bool | None:
        sent.write(json.dumps(case) + "\n")
        verdict: bool | None = json.loads(told.readline())
        return verdict

    yield ask
    sent.close()
    process.wait(timeout=10)


def _install(folder: Path) -> None:
    draft = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(draft, ignore_errors=True)
    own = ROOT / ".parapet" / "uv" / "bin" / "uv"
    uv = shutil.which("uv") or (str(own) if os.access(own, os.X_OK) else None)
    python = str(draft / "bin" / "python")
    make, pip = [sys.executable, "-m", "venv", str(draft)], [python, "-m", "pip", "install", "--quiet"]
    if uv:
        make = [uv, "venv", "--quiet", "--python", sys.executable, str(draft)]
        pip = [uv, "pip", "install", "--quiet", "--python", python]
    subprocess.run(make, check=True)
    subprocess.run([*pip, "--require-hashes", "-r", str(LOCK)], check=True)
    draft.rename(folder)
