"""An `up` that was killed while it made something is finished by the next, with nothing twice and nothing forgotten."""

import contextlib
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.e2e.user import User

# Each has a stack of its own. One after the other: beside each other, whole stacks leave too little to the rest.
pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("killed")]


@pytest.fixture
def newcomer(tmp_path: Path) -> Iterator[User]:
    """Somebody who has provisioned nothing yet. What is left goes at once: `down` is tested elsewhere."""
    user = User(tmp_path / ".parapet")
    yield user
    while left := user.processes():  # what keeps a server may start it again in between
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):  # a server that ends takes its own with it
                process.kill()
        psutil.wait_procs(left, timeout=10)
    shutil.rmtree(user.home)


def _wait_for(condition: Callable[[], bool], seconds: float = 240) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "it did not come to pass"
        time.sleep(0.002)


def test_an_up_whose_command_is_killed_is_finished_by_the_next(newcomer: User) -> None:
    """Only `./parapet` itself is killed: the engine ends what it has begun."""
    process = newcomer.start("up")
    _wait_for(lambda: newcomer.resources_in_state() > 20)
    process.kill()
    process.wait()
    status, said = newcomer.parapet("up")
    assert status == 0, said
    assert newcomer.review()["totals"]["failed"] == 0


@pytest.mark.parametrize("resources", [0, 60, 300, 450])
def test_an_up_that_is_killed_as_a_whole_is_finished_by_the_next(newcomer: User, resources: int) -> None:
    """The command, the engine and every plugin are killed at once, while the engine makes something.

    At 0 and 60 that is in the AWS half, at 300 and 450 in the Kubernetes half.
    """
    process = newcomer.start("up")
    _wait_for(lambda: newcomer.resources_in_state() > resources and newcomer.operations_in_state() > 0)
    newcomer.kill_all_but_the_servers()
    process.wait()
    status, said = newcomer.parapet("up")
    assert status == 0, said
    assert newcomer.review()["totals"]["failed"] == 0
    status, said = newcomer.shell("pulumi preview --stack local --expect-no-changes")
    assert status == 0, said


def test_a_preview_between_a_killed_up_and_the_next_changes_nothing(newcomer: User) -> None:
    process = newcomer.start("up")
    _wait_for(lambda: newcomer.resources_in_state() > 12 and newcomer.operations_in_state() > 0)
    newcomer.kill_all_but_the_servers()
    process.wait()
    before = newcomer.shell("pulumi stack export --stack local")
    newcomer.parapet("preview")
    assert newcomer.shell("pulumi stack export --stack local") == before
    # And killed once more, before the engine has read what the first run made.
    process = newcomer.start("up")
    _wait_for(lambda: newcomer.operations_in_state() == 0)
    newcomer.kill_all_but_the_servers()
    process.wait()
    status, said = newcomer.parapet("up")
    assert status == 0, said
    assert not re.search(r"\d+ replaced", said)


def test_a_down_after_a_killed_up_leaves_nothing_to_remember(newcomer: User) -> None:
    process = newcomer.start("up")
    _wait_for(lambda: newcomer.resources_in_state() > 12 and newcomer.operations_in_state() > 0)
    newcomer.kill_all_but_the_servers()
    process.wait()
    status, said = newcomer.parapet("down")
    assert status == 0, said
    assert newcomer.resources_in_state() == 0
    assert not newcomer.processes()
    assert not (newcomer.home / "unfinished").exists()
