"""What clones share is made once, and what nobody asks for any more makes room."""

import os
import time
from pathlib import Path

import pytest

from local.made import UNUSED_DAYS, made_once

DAY = 24 * 3600


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def asked_for(folder: Path, days: float) -> None:
    """Let it be so many days ago."""
    os.utime(folder, (time.time() - days * DAY,) * 2)


def test_it_is_made_once() -> None:
    made = made_once("tools", "one", Path.mkdir)
    assert made_once("tools", "one", Path.mkdir) == made


def test_what_could_not_be_made_is_tried_again() -> None:
    def fail(_: Path) -> None:
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 (our own)
        made_once("tools", "one", fail)
    assert made_once("tools", "one", Path.mkdir).is_dir()


def test_what_nobody_asked_for_goes_when_another_is_made() -> None:
    old, used, other = (made_once(*name, Path.mkdir) for name in (("tools", "1"), ("tools", "2"), ("charts", "1")))
    for folder in (old, used, other):
        asked_for(folder, UNUSED_DAYS + 1)
    made_once("tools", "2", Path.mkdir)
    assert old.exists()
    made_once("tools", "3", Path.mkdir)
    assert (old.exists(), used.exists(), other.exists()) == (False, True, True)


def test_what_was_asked_for_lately_stays() -> None:
    old = made_once("tools", "1", Path.mkdir)
    asked_for(old, UNUSED_DAYS - 1)
    made_once("tools", "2", Path.mkdir)
    assert old.exists()
