"""An API server that does not answer in time is told in one line, with what to do."""

from pathlib import Path

import pytest

from local.kubernetes import control_plane
from local.kubernetes.control_plane import definitions
from local.processes import StartFailed
from local.workspace import Workspace


@pytest.mark.parametrize("error", [TimeoutError("The read operation timed out"), ConnectionError("reset"), OSError()])
@pytest.mark.parametrize("asked", ["permit", "define"])
def test_a_server_that_is_too_slow_is_told_in_one_line(
    error: OSError, asked: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(*_: object) -> None:
        raise error

    monkeypatch.setattr(definitions, asked, slow)
    monkeypatch.setattr(definitions, "permit" if asked == "define" else "define", lambda *_: None)
    monkeypatch.setattr(control_plane, "Api", lambda *_, **__: None)
    monkeypatch.setattr(control_plane.processes, "start", lambda *_, **__: None)
    with pytest.raises(
        StartFailed, match=r"^The API server did not take the [a-z ]+: .+\. Run the same command again"
    ) as told:
        control_plane.ensure(Workspace(tmp_path))
    assert "\n" not in str(told.value)
