"""What a killed run leaves, and what the next one does about it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from local.engine.run import Busy, Engine
from local.plugin import journal
from local.workspace import Workspace

DEAD = 2**22 + 1  # above the largest process id that Linux gives
UNREADABLE = {"dead holder": json.dumps({"pid": DEAD}), "empty": "", "cut": "{", "no object": "[]"}


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return Engine(Workspace(home=tmp_path / ".parapet"), {}, "local")


def _lock(engine: Engine, content: str) -> Path:
    folder = engine.workspace.state / ".pulumi" / "locks" / "organization" / "parapet" / "local"
    folder.mkdir(parents=True)
    lock = folder / "0-1-2.json"
    lock.write_text(content)
    return lock


@pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_a_lock_that_nobody_holds_is_removed(engine: Engine, content: str) -> None:
    lock = _lock(engine, content)
    engine.release_stale_lock(patience=0)
    assert list(lock.parent.iterdir()) == []


def test_a_process_that_is_no_engine_holds_no_lock(engine: Engine) -> None:
    lock = _lock(engine, json.dumps({"pid": os.getpid()}))
    engine.release_stale_lock(patience=0)
    assert not lock.exists()


def test_a_run_that_goes_on_is_named_and_its_lock_stays(engine: Engine, tmp_path: Path) -> None:
    pretended = tmp_path / "pulumi"
    pretended.symlink_to(sys.executable)
    other = subprocess.Popen([str(pretended), "-c", "import time; time.sleep(60)"])
    try:
        lock = _lock(engine, json.dumps({"pid": other.pid}))
        with pytest.raises(Busy, match=f"process {other.pid}"):
            engine.release_stale_lock(patience=0)
        assert lock.exists()
    finally:
        other.kill()
        other.wait()


@pytest.mark.parametrize("content", [None, "", "{", '{"checkpoint": {}}', '{"checkpoint": {"latest": null}}'])
def test_a_state_that_is_missing_or_cut_is_empty(engine: Engine, content: str | None) -> None:
    if content is not None:
        file = engine.workspace.state / ".pulumi" / "stacks" / "parapet" / "local.json"
        file.parent.mkdir(parents=True)
        file.write_text(content)
    assert engine.deployment() == {}
    assert engine.resources() == []


def _write_state(engine: Engine, *resources: dict[str, str]) -> None:
    file = engine.workspace.state / ".pulumi" / "stacks" / "parapet" / "local.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"checkpoint": {"latest": {"resources": list(resources)}}}))


def test_what_a_killed_run_made_and_no_state_holds_is_handed_to_the_next_until_one_succeeds(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = engine.workspace
    _write_state(engine, {"urn": "known", "id": "1"}, {"urn": "replaced", "id": "1"})
    monkeypatch.setenv(journal.JOURNAL, str(workspace.created))
    journal.made("known", "1")
    journal.made("replaced", "2")
    journal.begun("named", "a-1f")
    journal.begun("refused")
    journal.refused("refused")
    expected = {"replaced": journal.Left(id="2"), "named": journal.Left("a-1f")}
    for _ in range(2):  # also by one that was killed before it made anything
        assert engine.settle() == 2
        assert journal.left(engine.environment) == expected
        assert not workspace.created.exists()
    journal.made("named", "9")
    assert engine.settle() == 2
    assert journal.left(engine.environment)["named"] == journal.Left("a-1f", "9")
    engine.forget_left()
    assert engine.settle() == 0


def test_a_run_is_known_to_have_been_killed_by_the_state_that_it_did_not_write(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write_state(engine)
    monkeypatch.setattr(Engine, "_command", lambda *_: ["true"])
    for written in (False, True):
        engine.change("up")
        if written:
            file = engine.workspace.state / ".pulumi" / "stacks" / "parapet" / "local.json"
            os.utime(file, ns=(1, 1))
        engine.settle()
        assert engine.unwritten is not written
    engine.settle()
    assert not engine.unwritten, "no run since"
