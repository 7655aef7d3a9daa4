"""`./parapet test`: every check of the project, one command."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from cli import tools
from cli.output import note
from local.workspace import Workspace

EXAMPLES = "PARAPET_TEST_EXAMPLES"
"""Environment variable of the tests: the share of a property's examples that are tried."""
LEFT_OUT = ("engine", "cluster", "pack", "process", "server", "data", "live", "values", "plan", "e2e")
"""The marks of tests that --fast does not run."""


def run(workspace: Workspace, fast: bool, arguments: list[str]) -> int:
    """Runs them all, even after one has failed; returns 1 if any did. The tests and their closing line come last."""
    if not fast:
        from cli import filling  # and with it the lists of the stack, for which --fast would wait

        # Before the tests, where its progress is seen and counts against no test's time limit.
        tools.build(workspace)
        tools.build_live(workspace)
        filling.prepare()
    tool = str(workspace.python.parent)
    chosen = ["-m", " and ".join(f"not {each}" for each in LEFT_OUT)] if fast else []
    # One more than there are cores: now and then a test waits, for a process that it started or for time to pass. Those
    # of --fast start none, and each worker collects all tests first, some ten seconds of a core.
    workers = (os.cpu_count() or 1) + (0 if fast else 1)
    # The order is the tests' own, see `tests/conftest.py`.
    spread = ["-n", str(workers), "--dist", "loadgroup", "--no-loadscope-reorder"]
    tests = [f"{tool}/python", "-m", "pytest", *spread, "-q", "--durations=20", *chosen, *arguments]
    types = [f"{tool}/pyrefly", "check", "--output-format=min-text", "--summary=none"]
    pack_python, pack = workspace.policies / ".venv" / "bin" / "python", workspace.policies / "hipaa" / "pack.py"
    checks = {
        "lint (ruff)": [f"{tool}/ruff", "check", "--quiet", "."],
        "format (ruff)": [f"{tool}/ruff", "format", "--check", "--quiet", "."],
        "types (pyrefly)": [*types],
        # The pack alone knows the engine's policy SDK, which is in the pack's own environment.
        "types of the policy pack (pyrefly)": [
            *types,
            "--python-interpreter-path",
            str(pack_python),
            str(pack),
            str(workspace.policies / "__main__.py"),
        ],
        "imports between rooms (import-linter)": [f"{tool}/lint-imports", "--no-cache"],
    }
    environment = dict(os.environ)
    # API servers of a minute's life: looked through for garbage less often, they take a third less of a core.
    environment.setdefault("GOGC", "400")
    if fast:
        environment[EXAMPLES] = "0.1"
    begun = time.monotonic()
    translated = _translated(f"{tool}/python", workspace.root, environment)
    failed = [name for name, found in _beside_each_other(checks, workspace.root, environment) if found]
    if translated:
        translated.wait()
    note(f"   {time.monotonic() - begun:.0f} s")
    note("== tests (pytest)")
    sys.stdout.flush()
    if subprocess.run(tests, cwd=workspace.root, env=environment).returncode:
        failed.append("tests (pytest)")
    for name in failed:
        note(f"FAILED: {name}")
    return 1 if failed else 0


def _translated(python: str, root: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes] | None:
    """Translates the tests of a fresh clone once, where all workers would at the same time, each for itself.

    What cannot be collected the tests say themselves.
    """
    if (root / "tests" / "__pycache__").exists():
        return None
    collects = [python, "-m", "pytest", "-n", "0", "-q", "--collect-only"]
    return subprocess.Popen(collects, cwd=root, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _beside_each_other(
    checks: Mapping[str, list[str]], root: Path, environment: Mapping[str, str]
) -> Iterator[tuple[str, int]]:
    """The exit status of each, with what it printed under its name. None of them keeps both cores for long."""
    running = {
        name: subprocess.Popen(command, cwd=root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for name, command in checks.items()
    }
    for name, process in running.items():
        printed, _ = process.communicate()
        note(f"== {name}")
        sys.stdout.write(printed.decode(errors="replace"))
        yield name, process.returncode
