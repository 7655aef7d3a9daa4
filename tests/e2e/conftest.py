"""One user, whose stack serves every test here."""

from collections.abc import Iterator

import pytest

from tests.delivery.serving.conftest import graph, outside  # noqa: F401 (fixtures)
from tests.e2e.user import User


@pytest.fixture(scope="session")
def user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[User]:
    user = User(tmp_path_factory.mktemp("home") / ".parapet")
    yield user
    user.parapet("down")


@pytest.fixture(scope="session")
def said_by_up(user: User) -> str:
    status, said = user.parapet("up")
    assert status == 0, said
    return said
