"""An audit bucket for each test, in this process."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from delivery.incidents.desk import Desk
from tests.delivery.incidents import world
from tests.delivery.registry.conftest import pretended, reachable  # noqa: F401 (fixtures)
from tests.delivery.registry.world import locked


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        yield locked()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return world.folder(tmp_path / "runbooks")


@pytest.fixture
def desk(s3: Any, folder: Path) -> Desk:
    return world.desk(folder)
