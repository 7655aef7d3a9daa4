"""Auto Scaling groups of the local AWS API."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from moto.autoscaling.models import AutoScalingBackend

from local.aws.api import scaling


@pytest.fixture
def switching(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Threads that take turns as often as they can, and moto's own methods again in the end."""
    for name in ("create_or_update_tags", "delete_tags"):
        monkeypatch.setattr(AutoScalingBackend, name, getattr(AutoScalingBackend, name))
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def _written_at_once(number: int) -> int:
    """How many of so many tags a group has, each written by a call of its own, all at once."""
    group = SimpleNamespace(tags=[])
    backend: Any = SimpleNamespace(autoscaling_groups={"group": group})
    tags = [{"ResourceId": "group", "Key": str(each)} for each in range(number)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda tag: AutoScalingBackend.create_or_update_tags(backend, [tag]), tags))
    return len(group.tags)


@pytest.mark.usefixtures("switching")
def test_of_tags_that_are_written_at_once_none_is_lost() -> None:
    scaling.mend()
    assert _written_at_once(400) == 400
