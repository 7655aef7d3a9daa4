"""A step that is a fork is to who runs it as one that a shell starts."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.pipeline import COMPILED
from delivery.pipeline.forking import SCRIPT, SHELL

pytestmark = pytest.mark.process

PROGRAM = """
import io, json, os, sys, tempfile
from contextlib import redirect_stdout
from pathlib import Path
from kfp.local import subprocess_task_handler as runner
from delivery.pipeline.forking import SCRIPT, SHELL, forked

SOURCE = '''
import os, signal, sys
def pass_gates(what: str):
    print(what, "forgotten" if not hasattr(os, "left") else "left", os.environ.get("OF_ONE"), os.environ["OF_ALL"])
    print("to errors", file=sys.stderr, flush=True)
    os.left, os.environ["OF_ALL"] = what, "changed"
    if what == "known":
        print(os.getppid(), "delivery.pipeline.splitting" in sys.modules)
    if what == "killed":
        sys.stdout.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "refused":
        sys.exit(3)
    if what == "fails":
        raise ValueError("of a step")
'''
def ran(what, **variables):
    given = {"inputs": {"parameterValues": {"what": what}}, "outputs": {"outputFile": os.path.abspath("told")}}
    command = [*SHELL, script, SOURCE.replace("pass_gates", step), "--executor_input", json.dumps(given)]
    said = io.StringIO()
    with redirect_stdout(said):
        status = runner.run_local_subprocess([*command, "--function_to_execute", step], variables)
    return status, said.getvalue()

os.environ["OF_ALL"] = "of all"
shell = runner.run_local_subprocess
with open("log", "w") as log, forked(log):
    script, step = "exit 99", "pass_gates"  # a shell would end so
    found = [ran("first", OF_ONE="one"), ran("second"), ran("refused"), ran("fails"), ran("killed"), ran("again")]
    step = "split"
    found.append(ran("known"))
    (server,) = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    os.kill(int(server), 9)
    found += [ran("alone"), ran("alone")]
left = os.listdir(tempfile.gettempdir())
sys.platform, step = "darwin", "pass_gates"
script = SCRIPT.replace(") printf", "); printf").replace(" _KFP", "; _KFP").replace("python3", sys.executable)
with open("log", "a") as log, forked(log):
    found.append(ran("refused", PYTHONPATH=""))
print(json.dumps([server, runner.run_local_subprocess is shell, Path("log").read_text(), left, found]))
"""


@pytest.mark.skipif("sys.platform != 'linux'", reason="elsewhere each step is started by a shell")
def test_a_fork_has_its_own_memory_variables_output_and_end(
    inside: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own").mkdir()
    server, restored, log, left, found = inside(PROGRAM, TMPDIR=str(tmp_path / "own"))
    statuses, said = zip(*found, strict=True)
    assert (restored, log) == (True, "")
    assert left == [], "also of a step that was killed"
    assert statuses == (0, 0, 3, 1, -9, 0, 0, -9, -9, 3), said
    assert "first forgotten one of all\n" in said[0]
    assert "to errors\n" in said[0]
    for number, what in enumerate(("second", "refused", "fails", "killed", "again", "known"), 1):
        assert f"{what} forgotten None of all\n" in said[number], what
    assert "ValueError: of a step" in said[3]
    assert f"{server} True\n" in said[6]
    assert said[7:9] == ("", "")
    assert "refused forgotten None of all\n" in said[9], "by a shell, as elsewhere than on Linux"


def test_it_does_what_the_shell_of_a_component_does() -> None:
    (pipeline, *_) = yaml.safe_load_all(COMPILED.read_text())
    executors = pipeline["deploymentSpec"]["executors"]
    assert len(executors) == 11
    for each in executors.values():
        *shell, script, _ = each["container"]["command"]
        assert (tuple(shell), " ".join(script.split())) == (SHELL, SCRIPT)
        assert each["container"]["args"][:-1] == ["--executor_input", "{{$}}", "--function_to_execute"]
