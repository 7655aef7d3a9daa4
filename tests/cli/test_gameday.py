"""`./parapet gameday`: its order, what it refuses, and that a fault is taken back however it ends."""

import dataclasses
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner

from cli.__main__ import app
from cli.demo.shell import Failed, Shell
from cli.gameday import aws, faults, held, marked, running, world
from cli.gameday.fault import Fault
from cli.gameday.world import World
from local.workspace import Workspace
from operations.refused import Refused
from tests.docs.guide import ROOT, blocks

RUNBOOK = """
```sh mends leak
echo --stack prod > mended
```

## When to close

- `cause`: What was it?

## Review

- `not-asked`: It is of another section.
"""
COMMAND = """#!/bin/sh
echo "$@" >> said
case "$1" in env) echo "export PARAPET_AUDIT_BUCKET='there'" ;; esac
"""


class Leak:
    """A fault that is a file, and mended by another."""

    def __init__(self, folder: Path) -> None:
        self.file, self.mended = folder / "leak", folder / "mended"
        self.before: Callable[[], object] = lambda: None
        """What comes to pass before it is seen."""

    def inject(self, _: World) -> None:
        self.file.touch()

    def detected(self, _: World) -> str:
        if self.file.exists():
            self.before()
        return "There is a leak." if self.file.exists() else ""

    def recovered(self, _: World) -> bool:
        return self.mended.exists()

    def undo(self, _: World) -> None:
        self.file.unlink(missing_ok=True)


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Whose one command writes down what it was told, with one runbook, and a stack that runs."""
    command = tmp_path / "parapet"
    command.write_text(COMMAND)
    command.chmod(0o700)
    (tmp_path / "home").mkdir()
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "runbooks" / "leaks.md").write_text(RUNBOOK)
    monkeypatch.setattr(running.server, "url", lambda _: "http://127.0.0.1:1")
    monkeypatch.setattr("local.engine.run.Engine.resources", lambda _: [{}])
    monkeypatch.setattr("cli.gameday.Workspace", lambda: Workspace(root=tmp_path, home=tmp_path / "home"))
    monkeypatch.delenv("PARAPET_KUBECONFIG", raising=False)
    return tmp_path


@pytest.fixture
def leak(clone: Path, monkeypatch: pytest.MonkeyPatch) -> Leak:
    found = Leak(clone)
    fault = Fault(
        name="leak",
        about="something leaks",
        runbook="leaks",
        inject=found.inject,
        detected=found.detected,
        recovered=found.recovered,
        undo=found.undo,
        within=0.3,
    )
    monkeypatch.setattr(faults, "FAULTS", (fault,))
    return found


def gameday(*words: str) -> str:
    """What it prints; raises what it raised."""
    told = CliRunner().invoke(app, ["gameday", *words])
    if told.exception and not (isinstance(told.exception, SystemExit) and told.exit_code == 0):
        raise told.exception
    return told.stdout


def said(clone: Path) -> list[list[str]]:
    return [line.split() for line in (clone / "said").read_text().splitlines()]


# Its order


def test_a_fault_is_declared_once_it_is_seen_mended_by_its_runbook_and_closed(clone: Path, leak: Leak) -> None:
    told = json.loads(gameday("leak", "--json"))
    assert told | {"detected_seconds": 0, "recovered_seconds": 0} == {
        "fault": "leak",
        "detected_by": "There is a leak.",
        "detected_seconds": 0,
        "recovered_seconds": 0,
        "runbook": "runbooks/leaks.md",
        "mended_by": ["echo --stack prod > mended"],
        "incident": "gameday-leak-1",
    }
    assert leak.mended.read_text() == "--stack local\n", "the documented stack is another"
    assert [words[:2] for words in said(clone)] == [
        ["env", "--credentials"],
        *(["incident", each] for each in ("start", "log", "log", "close")),
    ]
    assert {"--detected", "leaks", "gameday-leak-1"} <= {*said(clone)[1]}
    assert "--happened" in said(clone)[2]
    assert "cause=A" in said(clone)[4]
    assert not (clone / "home" / "gameday.json").exists()


def test_people_see_each_command_and_each_game_day_has_a_name_of_its_own(clone: Path, leak: Leak) -> None:
    assert "gameday-leak-1" in gameday("leak")
    leak.file.unlink()
    told = gameday("leak")
    assert "gameday-leak-2" in told
    assert "$ echo --stack local > mended" in told
    assert "detected seconds" in told


# How it ends otherwise


@pytest.mark.parametrize("why", ["interrupted", "ended"])
def test_one_that_is_ended_takes_its_fault_back_first(clone: Path, leak: Leak, why: str) -> None:
    def end() -> None:
        os.kill(os.getpid(), signal.SIGINT if why == "interrupted" else signal.SIGTERM)

    leak.before = end
    before = signal.getsignal(signal.SIGTERM)
    # A shell that runs the tests beside others has them leave it alone.
    of_the_shell = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            gameday("leak")
    finally:
        signal.signal(signal.SIGINT, of_the_shell)
    assert not leak.file.exists()
    assert not (clone / "home" / "gameday.json").exists()
    assert signal.getsignal(signal.SIGTERM) == before
    assert [words[0] for words in said(clone)] == ["env"], "nothing was declared that nobody saw"


def test_a_fault_that_nothing_tells_is_no_success(leak: Leak) -> None:
    leak.before = leak.file.unlink
    with pytest.raises(Refused, match=r"nothing of the stack says that it is so\."):
        gameday("leak")


def test_a_runbook_that_does_not_mend_it_is_no_success_and_the_record_says_so(clone: Path, leak: Leak) -> None:
    file = clone / "runbooks" / "leaks.md"
    file.write_text(RUNBOOK.replace("> mended", ""))
    with pytest.raises(Refused, match="the runbook's commands have not mended it"):
        gameday("leak")
    assert not leak.file.exists()
    assert [words[1] for words in said(clone)[1:]] == ["start", "log", "log", "close"]
    assert "ended," in said(clone)[-1]
    file.write_text(RUNBOOK.replace("echo", "false; echo"))
    with pytest.raises(Refused, match="What the runbook says ended with 1"):
        gameday("leak")


# What it refuses


def test_one_fault_is_in_at_a_time(clone: Path, leak: Leak) -> None:
    workspace = Workspace(root=clone, home=clone / "home")
    held.begin(workspace, "leak", "gameday-leak-7")
    with pytest.raises(Refused, match=rf"under way, leak, by process {os.getpid()}, and one fault at a time"):
        gameday("leak")
    with pytest.raises(Refused, match="under way"):
        held.begin(workspace, "leak", "gameday-leak-8")
    assert not leak.file.exists()


def test_what_a_killed_one_left_is_taken_back_by_the_next(
    clone: Path, leak: Leak, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = {"fault": "leak", "incident": "gameday-leak-7", "pid": os.getpid(), "started": psutil.boot_time() - 9}
    (clone / "home" / "gameday.json").write_text(json.dumps(gone))
    leak.file.touch()
    held.mend_left(Workspace(root=clone, home=clone / "home"))
    assert not leak.file.exists()
    assert "gameday-leak-7 is open" in capsys.readouterr().err
    assert not (clone / "home" / "gameday.json").exists()


THEIRS = {
    **dict.fromkeys(("KUBECONFIG", "PARAPET_KUBECONFIG", "KUBECACHEDIR", "AWS_CONFIG_FILE"), "/theirs"),
    **dict.fromkeys(("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"), "theirs"),
    **dict.fromkeys(("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_EKS", "KUBERNETES_MASTER"), "https://theirs.example"),
    "AWS_REGION": "theirs-1",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "theirs",
}


@pytest.mark.parametrize("fault", ["dead-node", "full-disk"])
def test_nothing_is_taken_back_in_a_cluster_or_an_account_that_the_shell_is_at(
    clone: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """Nobody has signed in where `up`, or the next game day, comes after one that was killed. In another's cluster no
    node would have the label, and kubectl would end well: the fault would stay, and be forgotten."""
    for name, value in THEIRS.items():
        monkeypatch.setenv(name, value)
    workspace = Workspace(root=clone, home=clone / "home")
    (kubectl := workspace.bin / "kubectl").parent.mkdir()
    kubectl.write_text('#!/bin/sh\necho "$@" > asked\nenv > variables\n'.replace(" > ", f" > {clone}/"))
    kubectl.chmod(0o700)
    gone = {"fault": fault, "incident": "gameday-7", "pid": os.getpid(), "started": 0}
    workspace.gameday.write_text(json.dumps(gone))
    held.mend_left(workspace)
    assert (clone / "asked").read_text().startswith("label nodes ")
    variables = dict(line.split("=", 1) for line in (clone / "variables").read_text().splitlines() if "=" in line)
    assert variables["KUBECONFIG"] == str(clone / "home" / "kubernetes" / "kubeconfig")
    assert variables["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1"
    assert not [name for name, value in variables.items() if "theirs" in value]
    there = World(Shell(workspace, lambda _: None))
    assert there.aws("eks").meta.endpoint_url == "http://127.0.0.1:1"
    there.run("env > block")
    assert "theirs" not in (clone / "block").read_text()


def test_what_cannot_be_taken_back_is_told_with_a_way_out(
    clone: Path, leak: Leak, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: World) -> None:
        raise Failed("No answer.")

    monkeypatch.setattr(faults, "FAULTS", [dataclasses.replace(faults.FAULTS[0], undo=fails)])
    gone = {"fault": "leak", "incident": "gameday-leak-7", "pid": os.getpid(), "started": 0}
    (clone / "home" / "gameday.json").write_text(json.dumps(gone))
    with pytest.raises(Refused, match=r"No answer\.\nIt is still in: `\./parapet down`"):
        gameday("leak")
    assert (clone / "home" / "gameday.json").exists()


def test_what_is_so_already_is_no_game_day(leak: Leak) -> None:
    leak.file.touch()
    with pytest.raises(Refused, match=r"no game day did it\. There is a leak\. runbooks/leaks\.md mends it"):
        gameday("leak")
    assert leak.file.exists(), "it is taken back by who put it there"


def test_a_cluster_of_somebody_elses_is_not_broken(leak: Leak, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARAPET_KUBECONFIG", "/theirs")
    with pytest.raises(Refused, match="PARAPET_KUBECONFIG=/theirs names a cluster"):
        gameday("leak")


def test_a_stack_that_does_not_run_is_not_broken(leak: Leak, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running.server, "url", lambda _: None)
    with pytest.raises(Refused, match="the stack of this machine, and none runs here"):
        gameday("leak")


def test_a_fault_that_there_is_not_is_told_with_those_that_there_are() -> None:
    with pytest.raises(Refused, match=r"no fault 'rain'; there are .*stopped-trail"):
        gameday("rain")


# What it reads


def test_without_a_fault_they_are_listed() -> None:
    assert [each["fault"] for each in json.loads(gameday("--json"))] == [each.name for each in faults.FAULTS]
    listed = gameday()
    for each in faults.FAULTS:
        assert each.name in listed
        assert each.about in listed


def test_each_fault_has_commands_in_its_runbook_and_each_such_block_a_fault() -> None:
    marks = {
        (file.stem, block.info.removeprefix("sh mends "))
        for file in (ROOT / "runbooks").glob("*.md")
        for block in blocks(file.read_text())
        if block.info.startswith("sh mends ")
    }
    assert marks == {(each.runbook, each.name) for each in faults.FAULTS}
    for each in faults.FAULTS:
        text = marked.runbook(ROOT, each.runbook)
        assert marked.mending(text, each.name)
        assert marked.asked(text)


def test_a_runbook_without_such_commands_mends_nothing() -> None:
    with pytest.raises(Refused, match="No block of the runbook is marked `sh mends flood`"):
        marked.mending(RUNBOOK, "flood")


def test_aws_of_a_game_day_reaches_this_machine_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for endpoint in ("", "https://sts.us-east-1.amazonaws.com", "http://127.0.0.1.example.org"):
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        with pytest.raises(SystemExit, match="the AWS API of this machine alone"):
            aws.main()


def test_commands_run_with_the_local_aws_first(clone: Path) -> None:
    there = World(Shell(Workspace(root=clone, home=clone / "home"), lambda _: None))
    there.run("command -v aws > which")
    assert (clone / "which").read_text().strip() == str(clone / "home" / "gameday" / "aws")
    with pytest.raises(Failed, match="ended with 127"):
        there.run("no-such-command")
    assert world.STACK == "local"
