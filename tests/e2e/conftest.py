"""One user, whose stack serves every test here, and one whose stack has live controllers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.toolchain import live
from local.workspace import Workspace
from tests.delivery.serving.conftest import graph, outside  # noqa: F401 (fixtures)
from tests.e2e.user import User


def _user(tmp_path_factory: pytest.TempPathFactory, name: str) -> Iterator[User]:
    user = User(tmp_path_factory.mktemp(name) / ".parapet")
    yield user
    user.parapet("down")


def _up(user: User, *options: str) -> str:
    status, said = user.parapet("up", *options)
    assert status == 0, said
    return said


@pytest.fixture(scope="session")
def user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[User]:
    yield from _user(tmp_path_factory, "home")


@pytest.fixture(scope="session")
def said_by_up(user: User) -> str:
    return _up(user)


@pytest.fixture(scope="session")
def live_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[User]:
    yield from _user(tmp_path_factory, "live")


@pytest.fixture(scope="session")
def said_by_live(live_user: User) -> str:
    # Built once for a machine, in minutes that are not the command's: it is waited for by the clock.
    live.ensure(Workspace(home=live_user.home))
    return _up(live_user, "--live")


@pytest.fixture(scope="session")
def live_authority(live_user: User, said_by_live: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a client outside believes: the platform's CA, as the stack tells it."""
    file = tmp_path_factory.mktemp("authority") / "ca.pem"
    file.write_text(live_user.outputs()["certificateAuthorityPem"])
    return file
