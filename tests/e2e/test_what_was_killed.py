"""An `up` that was killed while it made something is finished by the next, with nothing twice and nothing forgotten."""

import contextlib
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.e2e import small
from tests.e2e.user import ROOT, User

# Each has a stack of its own. One after the other: beside each other, they leave too little to the rest.
pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("killed")]


@pytest.fixture
def newcomer(tmp_path: Path) -> Iterator[User]:
    """Somebody who has provisioned nothing of the whole stack yet."""
    yield from _user(tmp_path, ROOT)


@pytest.fixture
def modest(tmp_path: Path) -> Iterator[User]:
    """Somebody who has provisioned nothing of a small stack yet.

    What a run that was killed leaves behind, and what the next one makes of it, is the business of the command line,
    the engine and the stand-ins. They are the same here, with the same kinds of resources in AWS and in the cluster; a
    tenth of the number tells as much in a fifth of the time.
    """
    yield from _user(tmp_path, small.project(tmp_path / "project"))


def _user(folder: Path, root: Path) -> Iterator[User]:
    """What is left goes at once: `down` is tested elsewhere."""
    user = User(folder / ".parapet", root)
    yield user
    while left := user.processes():  # what keeps a server may start it again in between
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):  # a server that ends takes its own with it
                process.kill()
        psutil.wait_procs(left, timeout=10)
    shutil.rmtree(user.home)


def _wait_for(
    user: User, process: subprocess.Popen[bytes], condition: Callable[[], bool], seconds: float = 240
) -> None:
    """Until an `up` that runs has come so far; fails at once where it ends before."""
    limit = time.monotonic() + seconds
    while not condition():
        ended = process.poll()
        assert ended is None, f"it ended by itself, with {ended}: {user.said.read_text()[-2000:]}"
        assert time.monotonic() < limit, "it did not come to pass"
        time.sleep(0.002)


def test_an_up_whose_command_is_killed_is_finished_by_the_next(modest: User) -> None:
    """Only `./parapet` itself is killed: the engine ends what it has begun."""
    process = modest.start("up")
    _wait_for(modest, process, lambda: modest.resources_in_state() > 20)
    process.kill()
    process.wait()
    status, said = modest.parapet("up")
    assert status == 0, said
    assert modest.review()["totals"]["failed"] == 0


def test_the_whole_stack_is_finished_after_its_up_was_killed(newcomer: User) -> None:
    """In the Kubernetes half, with hundreds of resources in the state and many under way."""
    _kill_and_finish(newcomer, "kubernetes:", 300)


@pytest.mark.parametrize(
    ("kind", "resources"),
    [("aws:", 0), ("aws:", 30), ("kubernetes:", 55), ("kubernetes:parapet.test/", 80)],
    ids=["the first", "in the account", "in the cluster", "what a chart defines"],
)
def test_an_up_that_is_killed_as_a_whole_is_finished_by_the_next(modest: User, kind: str, resources: int) -> None:
    """The command, the engine and every plugin are killed at once, while the engine makes something of that kind."""
    _kill_and_finish(modest, kind, resources)


def _kill_and_finish(user: User, kind: str, resources: int) -> None:
    process = user.start("up")
    _wait_for(user, process, lambda: user.resources_in_state() > resources and user.under_way(kind) > 0)
    user.kill_all_but_the_servers()
    process.wait()
    status, said = user.parapet("up")
    assert status == 0, said
    assert user.review()["totals"]["failed"] == 0
    status, said = user.shell("pulumi preview --stack local --expect-no-changes")
    assert status == 0, said


def test_a_preview_between_a_killed_up_and_the_next_changes_nothing(modest: User) -> None:
    process = modest.start("up")
    _wait_for(modest, process, lambda: modest.resources_in_state() > 12 and modest.under_way() > 0)
    modest.kill_all_but_the_servers()
    process.wait()
    before = modest.shell("pulumi stack export --stack local")
    modest.parapet("preview")
    assert modest.shell("pulumi stack export --stack local") == before
    # And killed once more, before the engine has read what the first run made.
    process = modest.start("up")
    _wait_for(modest, process, lambda: modest.under_way() == 0)
    modest.kill_all_but_the_servers()
    process.wait()
    status, said = modest.parapet("up")
    assert status == 0, said
    assert not re.search(r"\d+ replaced", said)


def test_a_down_after_a_killed_up_leaves_nothing_to_remember(modest: User) -> None:
    process = modest.start("up")
    _wait_for(modest, process, lambda: modest.resources_in_state() > 12 and modest.under_way() > 0)
    modest.kill_all_but_the_servers()
    process.wait()
    status, said = modest.parapet("down")
    assert status == 0, said
    assert modest.resources_in_state() == 0
    assert not modest.processes()
    assert not (modest.home / "unfinished").exists()
