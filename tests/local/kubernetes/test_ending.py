"""A workload ends once the mesh leads nobody to it, and has its time to drain. Its process is a script of the test."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import processes
from local.kubernetes import live
from local.kubernetes.live import parts
from local.kubernetes.live.istiod import OBJECTS
from local.kubernetes.live.standing import ISTIOD
from local.kubernetes.workloads import PREFIX, ending
from local.kubernetes.workloads.ending import Ends
from local.processes import Record
from local.workspace import Workspace

pytestmark = pytest.mark.process

NAME = f"{PREFIX}serving-model-5d8f"
DRAINS = "import signal, time; signal.signal(signal.SIGTERM, lambda *_: print('asked', flush=True)); {} time.sleep(60)"


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    workspace = Workspace(home=tmp_path)
    yield workspace
    if record := processes.read(workspace.run, NAME):
        processes.stop(workspace.run, record, patience=0)


def start(workspace: Workspace, script: str) -> tuple[Record, Path]:
    """A process that says `ready`, and its log."""
    log = workspace.logs / "log"
    record = processes.start(
        NAME,
        [sys.executable, "-c", script],
        port=0,
        folder=workspace.run,
        log=log,
        ready=lambda: "ready" in log.read_text(),
    )
    return record, log


def test_it_is_asked_to_end_when_the_mesh_leads_nobody_to_it(workspace: Workspace) -> None:
    record, log = start(workspace, DRAINS.format("print('ready', flush=True);"))
    live.enter(workspace)
    live.tell(workspace, [], {}, [NAME], 0)
    ends = Ends(workspace)
    ends.others(set())
    assert "asked" not in log.read_text()
    live.tell(workspace, [], {}, [], 0)
    ends.others(set())
    assert "asked" in log.read_text()
    assert record.alive(), "it has its time"
    assert ends.asked(NAME)


def test_it_is_asked_all_the_same_where_the_mesh_says_nothing_for_too_long(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, _ = start(workspace, "import time; print('ready', flush=True); time.sleep(60)")
    live.enter(workspace)
    live.tell(workspace, [], {}, [NAME], 0)
    monkeypatch.setattr(ending, "WITHDRAWN", 0)
    Ends(workspace).others(set())
    assert not record.alive()
    assert processes.read(workspace.run, NAME) is None


def test_what_does_not_drain_in_its_time_is_made_to(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    record, _ = start(workspace, DRAINS.format("print('ready', flush=True);"))
    monkeypatch.setattr(ending, "AWAITED", 0.1)
    ends = Ends(workspace)
    ends.others(set())
    assert record.alive()
    monkeypatch.setattr(ending, "GRACE", 0)
    ends.others(set())
    assert not record.alive()


def test_what_is_wanted_is_left_alone(workspace: Workspace) -> None:
    record, _ = start(workspace, DRAINS.format("print('ready', flush=True);"))
    ends = Ends(workspace)
    ends.others({NAME})
    assert record.alive()
    assert not ends.asked(NAME)


def test_the_mesh_forgets_the_workloads_that_are_gone(workspace: Workspace) -> None:
    folder = workspace.live / ISTIOD / OBJECTS
    folder.mkdir(parents=True)
    for name in ("first-proxy", "second-proxy"):
        (folder / f"{name}.yaml").touch()
    parts.withdraw(workspace, {"second-proxy"})
    assert [each.name for each in folder.iterdir()] == ["second-proxy.yaml"]
