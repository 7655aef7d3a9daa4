"""The language host under the unmodified command line."""

import json
import os
import platform
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from local import own_settings
from local.engine import host
from local.workspace import Workspace
from tests.engine import Engine

pytestmark = pytest.mark.engine


def test_output_of_the_program_reaches_the_user(engine: Engine, tmp_path: Path) -> None:
    folder = engine.program(tmp_path / "p", "print('said by the program')")
    told = engine(folder, "preview")
    assert told.returncode == 0, told.stdout
    assert "said by the program" in told.stdout


def test_no_warning_tells_of_a_host_that_is_not_bundled(engine: Engine, tmp_path: Path) -> None:
    folder = engine.program(tmp_path / "p", "")
    told = engine(folder, "preview")
    assert "warning" not in told.stdout + told.stderr


def test_an_exception_shows_the_lines_of_the_program_and_none_of_the_machinery(engine: Engine, tmp_path: Path) -> None:
    code = "def divide(by):\n    return 1 / by\n\ndivide(0)\n"
    folder = engine.program(tmp_path / "p", code)
    told = engine(folder, "preview")
    assert told.returncode != 0
    assert "return 1 / by" in told.stdout
    assert "divide(0)" in told.stdout
    assert "ZeroDivisionError" in told.stdout
    assert "runpy" not in told.stdout
    assert "asyncio" not in told.stdout


def test_an_exception_in_an_apply_shows_its_own_line(engine: Engine, tmp_path: Path) -> None:
    folder = engine.program(tmp_path / "p", "import pulumi\npulumi.Output.from_input(0).apply(lambda zero: 1 / zero)\n")
    told = engine(folder, "preview")
    assert told.returncode != 0
    assert "lambda zero: 1 / zero" in told.stdout


def test_a_run_error_is_told_without_a_traceback(engine: Engine, tmp_path: Path) -> None:
    folder = engine.program(tmp_path / "p", "import pulumi\nraise pulumi.RunError('the setting x is wrong')\n")
    told = engine(folder, "preview")
    assert told.returncode != 0
    assert "the setting x is wrong" in told.stdout
    assert "Traceback" not in told.stdout


def test_an_exit_status_of_the_program_fails_the_run(engine: Engine, tmp_path: Path) -> None:
    folder = engine.program(tmp_path / "p", "import sys\nsys.exit(3)\n")
    told = engine(folder, "preview")
    assert told.returncode != 0
    assert "exit status 3" in told.stdout + told.stderr


def test_configuration_secrets_and_outputs_go_through(engine: Engine, tmp_path: Path) -> None:
    code = (
        "import pulumi\n"
        "config = pulumi.Config()\n"
        "pulumi.export('word', config.require('word'))\n"
        "pulumi.export('hidden', config.require_secret('hidden'))\n"
        "pulumi.export('preview', pulumi.runtime.is_dry_run())\n"
    )
    folder = engine.program(tmp_path / "p", code)
    assert engine(folder, "config", "set", "word", "plain").returncode == 0
    assert engine(folder, "config", "set", "--secret", "hidden", "a-hidden-word").returncode == 0
    told = engine(folder, "up", "--yes", "--skip-preview")
    assert told.returncode == 0, told.stdout
    assert "a-hidden-word" not in told.stdout
    assert '"plain"' in engine(folder, "stack", "output", "--json").stdout
    assert '"preview": false' in engine(folder, "stack", "output", "--json").stdout


def test_a_program_of_one_file_and_of_a_subfolder_runs(engine: Engine, tmp_path: Path) -> None:
    folder = engine.program(tmp_path / "p", "raise SystemExit('the wrong file ran')", main="infra/")
    (folder / "infra").mkdir()
    (folder / "infra" / "helper.py").write_text("WORD = 'from the subfolder'")
    (folder / "infra" / "__main__.py").write_text("import helper\nprint(helper.WORD)\n")
    told = engine(folder, "preview")
    assert told.returncode == 0, told.stdout
    assert "from the subfolder" in told.stdout


def test_the_named_virtual_environment_runs_the_program(engine: Engine, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "p" / "venv"], check=True)
    site = next((tmp_path / "p" / "venv").glob("lib/python3*/site-packages"))
    own = next(Path(sys.prefix).glob("lib/python3*/site-packages"))
    (site / "borrowed.pth").write_text(str(own))  # the SDK, without installing it a second time
    runtime = {"name": "python", "options": {"virtualenv": "venv"}}
    folder = engine.program(tmp_path / "p", "import sys\nprint('prefix', sys.prefix)\n", runtime=runtime)
    told = engine(folder, "preview")
    assert f"prefix {folder / 'venv'}" in told.stdout


def test_a_missing_virtual_environment_is_named(engine: Engine, tmp_path: Path) -> None:
    runtime = {"name": "python", "options": {"virtualenv": "venv"}}
    folder = engine.program(tmp_path / "p", "", runtime=runtime)
    told = engine(folder, "preview")
    assert told.returncode != 0
    assert str(folder / "venv") in told.stdout + told.stderr
    assert "pulumi install" in told.stdout + told.stderr


def test_its_own_interpreter_is_not_started_to_tell_its_version(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = tmp_path / "python"
    other.symlink_to(sys.executable)
    assert host._version(str(other)) == platform.python_version()
    monkeypatch.delattr(subprocess, "run")
    assert host._version(sys.executable) == platform.python_version()


def _children_of(engine: Engine) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("PULUMI_HOME", "").startswith(str(engine.home)):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["ctrl-c", "kill -9"])
def test_an_engine_that_ends_leaves_no_process(engine: Engine, tmp_path: Path, number: signal.Signals) -> None:
    sentinel = tmp_path / "running"
    code = f"import pathlib, time\npathlib.Path({str(sentinel)!r}).touch()\ntime.sleep(120)\n"
    folder = engine.program(tmp_path / "p", code)
    process = subprocess.Popen(
        [str(engine.tools / "pulumi"), "preview"],
        cwd=folder,
        env=engine.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _wait_for(sentinel.exists)
    os.kill(process.pid, number)
    assert process.wait(timeout=30) != 0
    _wait_for(lambda: not _children_of(engine))


def _wait_for(condition: object, seconds: float = 30) -> None:
    limit = time.monotonic() + seconds
    assert callable(condition)
    while not condition():
        assert time.monotonic() < limit, "it did not come to pass"
        time.sleep(0.1)


def test_a_workspaces_own_settings_reach_the_program_and_the_folders_file_stays(engine: Engine, tmp_path: Path) -> None:
    code = (
        "import pulumi\n"
        "config = pulumi.Config('parapet')\n"
        "pulumi.export('told', [config.get('kept'), config.get_object('models')])\n"
    )
    folder = engine.program(tmp_path / "p", code)
    for name, value in {"parapet:kept": "kept", "parapet:models": "the folder's"}.items():
        assert engine(folder, "config", "set", name, value).returncode == 0
    before = (folder / "Pulumi.dev.yaml").read_text()
    workspace = Workspace(root=folder, home=tmp_path / "home")
    own_settings.file_of(workspace, "dev").parent.mkdir(parents=True)
    own_settings.file_of(workspace, "dev").write_text("config: {parapet:models: [{name: own}]}\n")
    told = engine(folder, "up", "--yes", "--skip-preview", "--json", **own_settings.variables(workspace, "dev"))
    assert told.returncode == 0, told.stdout
    shown = engine(folder, "stack", "output", "--json").stdout
    assert json.loads(shown) == {"told": ["kept", [{"name": "own"}]]}
    assert (folder / "Pulumi.dev.yaml").read_text() == before
