"""An `up` that was killed while it made something is finished by the next, with nothing twice and nothing forgotten."""

import contextlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from local import processes
from tests.e2e import small
from tests.e2e.user import User

# Each has a stack of its own. One after the other: beside each other, they leave too little to the rest.
pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("killed"), pytest.mark.timeout(1800)]


@pytest.fixture
def modest(tmp_path: Path) -> Iterator[User]:
    """Somebody who has provisioned nothing of a small stack yet.

    What a run that was killed leaves behind, and what the next one makes of it, is the business of the command line,
    the engine and the stand-ins. They are the same here, with the same kinds of resources in AWS and in the cluster; a
    tenth of the number tells as much in a fifth of the time. `test_what_is_lost.py` has it once with the whole stack.
    """
    user = User(tmp_path / ".parapet", small.project(tmp_path / "project"))
    yield user
    # What is left goes at once: `down` is tested elsewhere.
    while left := user.processes():  # what keeps a server may start it again in between
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):  # a server that ends takes its own with it
                process.kill()
        processes.still_there(left, 10)
    shutil.rmtree(user.home)


def _killed(user: User, kind: str, made: int) -> None:
    """An `up` of which all is killed at once, while it makes one of that kind beyond so many resources.

    On a busy machine the moments in which one is under way may pass unseen; then as soon as one more has been made.
    """
    process = user.start("up")
    user.wait_for(process, user.runs_the_engine)
    user.wait_for(process, lambda: user.made() > made)
    before = user.made(kind)
    user.wait_for(process, lambda: user.under_way(kind) > 0 or user.made(kind) > before)
    user.kill_all_but_the_servers()
    process.wait()


def test_an_up_that_was_killed_time_and_again_is_finished_by_the_last(modest: User) -> None:
    """Each goes on where the one before it ended: past the first resource, through the account, into the cluster."""
    _killed(modest, "aws:", 0)
    before = modest.shell("pulumi stack export --stack local")
    modest.parapet("preview")
    assert modest.shell("pulumi stack export --stack local") == before, "a preview in between changes nothing"
    # Before the engine has read what the first run made.
    process = modest.start("up")
    modest.wait_for(process, modest.runs_the_engine)
    modest.kill_all_but_the_servers()
    process.wait()
    _killed(modest, "aws:", 30)
    # Only `./parapet` itself: the engine ends what it has begun.
    process = modest.start("up")
    modest.wait_for(process, lambda: modest.made() > 45)
    process.kill()
    process.wait()
    _killed(modest, "kubernetes:", 3)
    _killed(modest, "kubernetes:parapet.test/", 10)  # what a chart defines
    status, said = modest.parapet("up")
    assert status == 0, said
    assert not re.search(r"\d+ replaced", said)
    assert modest.review()["totals"]["failed"] == 0
    status, said = modest.shell("pulumi preview --stack local --expect-no-changes")
    assert status == 0, said


def test_a_down_after_a_killed_up_leaves_nothing_to_remember(modest: User) -> None:
    process = modest.start("up")
    modest.wait_for(process, lambda: modest.made() > 12)
    modest.kill_all_but_the_servers()
    process.wait()
    status, said = modest.parapet("down")
    assert status == 0, said
    assert modest.resources_in_state() == 0
    assert not modest.processes()
    assert not (modest.home / "unfinished").exists()
