"""Game days of a model and the demo's drift, with the runbooks' own commands on a stack that is pretended: a live one
takes minutes."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import psutil
import pytest

from cli.demo import rollout, walk
from cli.demo.alerts import Message, Pager
from cli.demo.checks import Checks
from cli.demo.drifting import drift
from cli.demo.shell import Failed, Shell
from cli.demo.walk import MODEL, Demo
from cli.gameday import bad_model, drifted_data, held, running, served
from cli.gameday.world import World
from local.kubernetes import live
from local.workspace import Workspace
from mlops.monitoring import routes
from mlops.monitoring.owners import owners, quiet
from mlops.monitoring.words import Boundary
from operations.refused import Refused
from tests.cli.test_gameday import gameday
from tests.docs.guide import ROOT
from tests.platform.alerting import walked

COMMAND = """#!/bin/sh
# What serves by the ledger is the last line of `prod`, VERSION MODEL; what the stack was brought to is `brought`.
echo "$@" >> said
last() { tail -n 1 prod; }
case "$1 $2" in
"env --credentials") echo "export PARAPET_INFERENCE_TOKEN='told'" ;;
"status --json") echo '{"models": [{"name": "readmission-demo", "published": true, "url": "https://127.0.0.1:1"}]}' ;;
"model list")
  printf '[{"name": "readmission-demo", "serving": ['
  [ ! -s prod ] || printf '{"environment": "prod", "version": "%s", "model": "%s"}' $(last)
  echo ']}]' ;;
"model promote")
  all="$*"; gates="${all##*--gates }"; gates="${gates%% *}"
  case "$*" in *"--to prod"*) echo "$(wc -l < said) $(sed 's/.*: "//; s/".*//' "$gates")" >> prod ;; esac ;;
"model rollback")
  case "$*" in *"--from $(last | cut -d ' ' -f 1) "*) sed -i '$d' prod ;; *) exit 1 ;; esac ;;
"model serve") printf '{"version": "%s"}' "$(last | cut -d ' ' -f 1)" ;;
"up --live") last > brought ;;
"incident verify")
  if [ -f amiss ]; then found='"an entry is missing"'; fi
  printf '[{"entries": 4, "findings": [%s]}]' "$found" ;;
esac
"""
CONFIRMED, CALM = 2, 3
"""Windows until somebody is woken, and until that is over (`delivery/monitoring/alerting.yaml`)."""


class Stack:
    """What would look and tell: of the model that serves, of whom it is asked about, of the page."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[str] = []
        """About whom, while somebody asks."""
        self.windows: list[bool] = []
        """Whether each that was looked at drifted."""
        self.page: datetime | None = None
        self.arrives = True
        self.waited: list[float] = []
        """Seconds for which it was waited, with no page open."""

    @property
    def ledger(self) -> list[str]:
        return (self.folder / "prod").read_text().split("\n")[:-1]

    def seen(self) -> rollout.Seen:
        version, model = (self.folder / "brought").read_text().split()
        phase, weight = (rollout.ENDED, 0) if model == served.THEIRS else (rollout.WELL, 100)
        return rollout.Seen(version, phase, weight, "")

    def check(self) -> dict[str, Any]:
        assert self.asked, "nobody asks, and nothing is there to look at"
        drifts = self.asked[-1] == served.THEIRS
        self.windows.append(drifts)
        if self.windows[-CONFIRMED:] == [True] * CONFIRMED:
            self.page = self.page or datetime.now(UTC)
        elif self.windows[-CALM:] == [False] * CALM:
            self.page = None
        told = {"drifted": drifts, "kind": "data" if drifts else "none", "enough": True, "alerts": []}
        return told | {"rows": 3000, "columns": {"heart_rate": {"drifted": drifts, "kind": "data"}}}

    def calm(self) -> dict[str, Any]:
        """Of what was asked before anything else was."""
        self.asked.append(served.OURS)
        try:
            return self.check()
        finally:
            self.asked.remove(served.OURS)

    # As a pager

    def open(self, _: str) -> datetime | None:
        return self.page

    def rings(self, _: str) -> Message | None:
        return Message(datetime.now(UTC), "firing: of data (page)", "") if self.page and self.arrives else None

    def told(self, model: str, _: datetime) -> Message:
        found = self.rings(model)
        assert found, "nobody was told"
        return found

    def sleep(self, seconds: float) -> None:
        assert self.page is None
        self.waited.append(seconds)


class Asking:
    """A caller."""

    def __init__(self, stack: Stack, run: str) -> None:
        self.stack, self.run, self._calls = stack, run, 0

    def __enter__(self) -> "Asking":
        self.stack.asked.append(self.run)
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.asked.remove(self.run)

    failed: ClassVar[dict[str, int]] = {}

    @property
    def calls(self) -> int:
        self._calls += 100
        return self._calls


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """As the demo leaves it: its bad version was let go and taken back in the ledger, and not in the stack."""
    command = tmp_path / "parapet"
    command.write_text(COMMAND)
    command.chmod(0o700)
    (tmp_path / "runbooks").symlink_to(ROOT / "runbooks")
    (tmp_path / "prod").write_text("1 first\n")
    (tmp_path / "brought").write_text("3 theirs\n")
    for run, version in ((served.OURS, "2"), (served.THEIRS, "3")):
        folder = tmp_path / "home" / "demo" / "1" / run
        folder.mkdir(parents=True)
        (folder / "gates.json").write_text(json.dumps({"model": run}))
        (folder / "registered.json").write_text(json.dumps({"version": version, "model": run}))
    return tmp_path


@pytest.fixture
def workspace(clone: Path) -> Workspace:
    return Workspace(root=clone, home=clone / "home")


@pytest.fixture
def stack(clone: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Stack:
    made = Stack(clone)
    monkeypatch.delenv("PARAPET_KUBECONFIG", raising=False)
    monkeypatch.setattr(running.server, "url", lambda _: "http://127.0.0.1:1")
    monkeypatch.setattr("local.engine.run.Engine.resources", lambda _: [{}])
    monkeypatch.setattr("cli.gameday.Workspace", lambda: workspace)
    monkeypatch.setattr(live, "asked_for", lambda _: True)
    monkeypatch.setattr(served.mlflow, "running", lambda _: object())
    monkeypatch.setattr(rollout, "look", lambda *_: made.seen())
    monkeypatch.setattr(rollout, "judged", lambda _: "apart is [0.155026670603239]")
    monkeypatch.setattr(Demo, "alerts_topic", "topic")
    monkeypatch.setattr(Demo, "_records", lambda _, run: run)
    monkeypatch.setattr(walk, "Caller", lambda _, __, run: Asking(made, run))
    monkeypatch.setattr(Pager, "listens", lambda *_: made)
    monkeypatch.setattr(drifted_data, "sleep", made.sleep)
    monkeypatch.setattr(Checks, "run", lambda _: made.check())
    monkeypatch.setattr(Checks, "place", ("bucket", "reports/"))
    monkeypatch.setattr(Checks, "ended", lambda _: made.calm())
    monkeypatch.setattr(Checks, "paged", lambda _: made.page is not None)
    return made


def said(clone: Path, *begins: str) -> list[str]:
    """The commands that began so."""
    return [line for line in (clone / "said").read_text().splitlines() if line.startswith(" ".join(begins))]


# From the fault to its end


def test_drift_is_told_and_gone_back_from_by_the_runbook(clone: Path, stack: Stack) -> None:
    stack.page = datetime.now(UTC) - timedelta(hours=1)  # of the demo
    told = json.loads(gameday("drifted-data", "--json"))
    assert told["detected_by"].startswith("firing: of data (page), told by Alertmanager")
    assert told["mended_by"] == [
        "./parapet model rollback readmission --from VERSION "
        '--why "It is worse on what it is asked now than the version before." --stack prod',
        "pulumi up --stack prod --policy-pack policies",
    ]
    (brought,) = (words.split() for words in said(clone, "model rollback"))
    assert brought[2:4] == [MODEL, "--from"]
    assert brought[-1] == "local"
    assert stack.ledger == ["1 first"]
    assert (stack.seen().version, stack.seen().phase) == ("1", rollout.WELL)
    assert not stack.asked
    assert stack.windows == [*[False] * CALM, *[True] * CONFIRMED, False], "the demo's page was over before"
    (waited,) = stack.waited
    data = routes.configuration(owners(), quiet(), topic_arn="", heartbeat_arn="", region="", reports="")
    pages = [each for each in walked(data["route"]) if each["receiver"] == owners().of(Boundary.DATA).page]
    looks = {each["group_interval"] for each in pages}
    assert looks == {"1m"}
    assert waited > 60, "until Alertmanager has looked at the group once more, and has forgotten whom it told of it"


def test_where_no_page_was_open_nobody_waits_for_its_end(clone: Path, stack: Stack) -> None:
    gameday("drifted-data")
    assert stack.waited == []


def test_a_bad_model_is_let_go_and_taken_back_by_the_runbook(clone: Path, stack: Stack) -> None:
    told = json.loads(gameday("bad-model", "--json"))
    assert told["detected_by"].endswith(f"of {MODEL} go: apart is [0.155]."), "an incident takes no long numbers"
    assert len(said(clone, "model rollback")) == 1
    assert stack.ledger == ["1 first"]
    assert stack.seen().phase == rollout.WELL
    assert not stack.asked


def test_what_was_decided_and_not_brought_is_brought_before(clone: Path, stack: Stack) -> None:
    gameday("bad-model")
    assert len(said(clone, "up --live")) == 3, "what the demo left, the bad one, and what is gone back to"
    gameday("bad-model")
    assert len(said(clone, "up --live")) == 5


def test_who_is_ended_takes_the_version_back_that_was_brought(
    clone: Path, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(seconds: float, look: Any, otherwise: Any) -> Any:
        if not (found := look()):
            raise Failed(otherwise())
        return found

    stack.arrives = False
    monkeypatch.setattr(running, "wait", never)
    with pytest.raises(Refused, match=r"nothing of the stack says that it is so\."):
        gameday("drifted-data")
    assert stack.ledger == ["1 first"]
    assert not stack.asked
    assert not (clone / "home" / "gameday.json").exists()


def test_one_that_was_killed_is_taken_back_by_who_comes_next(clone: Path, stack: Stack, workspace: Workspace) -> None:
    (clone / "prod").write_text("1 first\n4 theirs\n")
    gone = {"fault": "bad-model", "incident": "gameday-bad-model-1", "pid": os.getpid(), "started": 0}
    (clone / "home" / "gameday.json").write_text(json.dumps(gone))
    held.mend_left(workspace)
    assert stack.ledger == ["1 first"]


def test_what_is_gone_back_from_already_is_not_gone_back_from_again(clone: Path, stack: Stack, world: World) -> None:
    """The settings may have been left behind."""
    for fault in (drifted_data.FAULT, bad_model.FAULT):
        fault.undo(world)
    assert not said(clone, "model rollback")
    assert len(said(clone, "model serve")) == 2
    assert stack.ledger == ["1 first"]


# What it refuses


@pytest.mark.parametrize("lacks", ["the demo", "one of its runs", "a version"])
@pytest.mark.parametrize("fault", ["drifted-data", "bad-model"])
def test_without_a_model_of_the_demo_it_says_how_to_get_one(clone: Path, stack: Stack, fault: str, lacks: str) -> None:
    if lacks == "a version":
        (clone / "prod").write_text("")
    elif lacks == "the demo":
        (clone / "home" / "demo").rename(clone / "home" / "none")
    else:
        (clone / "home" / "demo" / "1" / "theirs" / "registered.json").unlink()
    with pytest.raises(Refused, match=r"^No readmission-demo serves here, .* run `\./parapet demo` first\.$"):
        gameday(fault)
    assert not (clone / "home" / "gameday.json").exists()


def test_a_model_that_is_not_well_is_mended_first(clone: Path, stack: Stack) -> None:
    (clone / "prod").write_text("1 first\n3 theirs\n")
    with pytest.raises(Refused, match=r"is Degraded at version 3, .* runbooks/failed-canary\.md"):
        gameday("drifted-data")


def test_it_needs_the_controllers(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "asked_for", lambda _: False)
    with pytest.raises(Refused, match="up --live"):
        gameday("drifted-data")


# The demo's own step


@pytest.fixture
def walking(clone: Path, stack: Stack, workspace: Workspace) -> Demo:
    """A demo whose next version has just got all calls."""
    (clone / "prod").write_text("1 first\n2 next\n")
    (clone / "brought").write_text("2 next\n")
    found = Demo.last(Shell(workspace, lambda _: None), [served.OURS, served.THEIRS])
    assert found
    return found


def test_the_demo_goes_back_by_the_runbooks_commands_and_closes_its_incident(
    clone: Path, stack: Stack, walking: Demo
) -> None:
    facts = drift(walking).facts
    (back,) = said(clone, "model rollback")
    assert back.split()[2:5] == [MODEL, "--from", "2"]
    assert said(clone, "up") == ["up --live"]
    assert (facts["version"], stack.ledger, stack.seen().version) == ("1", ["1 first"], "1")
    assert not stack.asked
    incident = said(clone, "incident")
    assert [line.split()[1] for line in incident] == ["start", "log", "log", "close", "verify"]
    assert all(walking.incident in line for line in incident)
    assert f"ModelDrift/{MODEL}/data" in incident[0]


def test_a_record_of_the_demos_incident_that_does_not_hold_ends_it(clone: Path, walking: Demo) -> None:
    (clone / "amiss").touch()
    with pytest.raises(Failed, match=r"The incident's record does not hold: \['an entry is missing'\]"):
        drift(walking)


# What of the demo it goes on with


def test_the_last_demo_is_gone_on_with_by_its_number(clone: Path, workspace: Workspace) -> None:
    shell, home = Shell(workspace, lambda _: None), clone / "home" / "demo"
    (home / "1").rename(home / "10")
    (home / "9").mkdir()
    found = Demo.last(shell, [served.OURS])
    assert found
    assert (found.number, found.versions) == (10, {"next": "2"})
    assert found.end_run(served.OURS)["registered"]["model"] == served.OURS
    assert Demo.last(shell, ["first"]) is None


# The runbook's commands


@pytest.fixture
def world(workspace: Workspace) -> World:
    return World(Shell(workspace, lambda _: None))


def test_words_that_a_person_puts_in_are_whole_ones(clone: Path, stack: Stack, world: World) -> None:
    world.run(
        "echo readmission readmission-prod /readmission/ VERSION VERSIONS > put", {"readmission": "m", "VERSION": "7"}
    )
    assert (clone / "put").read_text().split() == ["m", "readmission-prod", "/m/", "7", "VERSIONS"]


def test_pulumi_of_a_game_day_brings_this_stack_and_does_nothing_else(
    clone: Path, stack: Stack, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.run("pulumi up --stack prod --policy-pack policies")
    assert said(clone, "up") == ["up --live"]
    for others in ("pulumi destroy --stack prod", "pulumi up --stack dev --policy-pack policies"):
        with pytest.raises(Failed, match="a game day runs up --stack local"):
            world.run(others)
    monkeypatch.setattr(live, "asked_for", lambda _: False)
    world.run("pulumi up --stack prod --policy-pack policies")
    assert said(clone, "up") == ["up --live", "up"]


@pytest.fixture
def sleeping() -> Iterator[int]:
    """A process that this one has not come from."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process.pid
    process.communicate()


@pytest.mark.process
def test_what_a_runbook_types_is_of_its_own_game_day_and_of_no_other(workspace: Workspace, sleeping: int) -> None:
    def by(pid: int) -> None:
        began = psutil.Process(pid).create_time()
        told = {"fault": "bad-model", "incident": "one", "pid": pid, "started": began}
        workspace.gameday.write_text(json.dumps(told))

    for pid in (os.getpid(), os.getppid()):
        by(pid)
        held.mend_left(workspace)
        assert workspace.gameday.exists()
    by(sleeping)
    with pytest.raises(Refused, match=f"under way, bad-model, by process {sleeping}"):
        held.mend_left(workspace)


# Who is paged


class Queue:
    """Of SQS: ten at a time, and none twice while it is hidden."""

    def __init__(self, messages: Sequence[tuple[datetime, str]]) -> None:
        self._waiting = [
            {
                "MessageId": str(place),
                "Body": json.dumps({"Timestamp": str(at), "Subject": f"{place}", "Message": text}),
            }
            for place, (at, text) in enumerate(messages)
        ]

    def receive_message(self, **asked: Any) -> dict[str, Any]:
        assert asked["VisibilityTimeout"] > 0
        found, self._waiting = self._waiting[:10], self._waiting[10:]
        return {"Messages": found} if found else {}


NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def page(minute: int, status: str, kind: str = "data") -> tuple[datetime, str]:
    text = f"{status} since 2026-01-01T12:00:00Z\n  alertname: ModelDrift\n  model: {MODEL}\n  kind: {kind}"
    return NOON + timedelta(minutes=minute), text


def pager(monkeypatch: pytest.MonkeyPatch, opened: int | None, *messages: tuple[datetime, str]) -> Pager:
    monkeypatch.setattr(Pager, "open", lambda *_: None if opened is None else NOON + timedelta(minutes=opened))
    return Pager(cast("World", SimpleNamespace()), "queue", Queue(messages))


def test_a_page_rings_that_was_told_since_it_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    many = [page(minute, "firing") for minute in range(23)]
    told = pager(monkeypatch, 5, *many).rings(MODEL)
    assert told
    assert told.subject == "22", "however many there are"
    assert pager(monkeypatch, 23, *many).rings(MODEL) is None, "what was told of one before is not of this one"
    assert pager(monkeypatch, None, *many).rings(MODEL) is None
    for other in (page(9, "resolved"), page(9, "firing", "prediction")):
        assert pager(monkeypatch, 5, other).rings(MODEL) is None


def test_a_page_is_kept_by_checks_of_whichever_version(monkeypatch: pytest.MonkeyPatch) -> None:
    def kept(*told: tuple[str, str], beside: bool = False) -> bool:
        opened = [{"alert": {"tells": [{"kind": kind, "severity": severity} for kind, severity in told]}}]
        state: dict[str, Any] = {"open": opened, "beside": []}
        state = {"open": [], "beside": [state]} if beside else state
        monkeypatch.setattr(Checks, "place", ("bucket", "reports/"))
        monkeypatch.setattr(Checks, "_object", lambda _, key: json.dumps({"reports/state.json": state}[key]).encode())
        return Checks(cast("World", None), MODEL, "1").paged()

    assert kept(("data", "page"))
    assert kept(("prediction", "ticket"), ("data", "page"), beside=True)
    assert not kept(("data", "ticket"), ("prediction", "page"))
    assert not kept()
