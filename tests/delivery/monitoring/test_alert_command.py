"""The program: files in, files and a JSON object out; what is wrong is said in words, and the state stays as it was."""

import io
import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from delivery.monitoring.alerting.__main__ import main
from delivery.monitoring.found import Check
from tests.delivery.monitoring.alert_checks import GREAT, day


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    def ask(**given: Any) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(given)))
        status = main()
        told = capsys.readouterr()
        return status, told.out, told.err

    return ask


def written(folder: Path, check: Check) -> str:
    path = folder / f"{check.at[:10]}.json"
    path.write_bytes(msgspec.json.encode(check))
    return str(path)


def test_windows_are_learnt_of_and_taken_one_by_one(asked: Any, tmp_path: Path) -> None:
    noise, state, told = tmp_path / "noise.json", tmp_path / "state.json", tmp_path / "metrics.prom"
    reference = [written(tmp_path, day(number)) for number in range(30)]
    assert asked(learn=reference, noise=str(noise))[0] == 0
    more = {"state": str(state), "noise": str(noise), "every": 86400, "metrics": str(told)}
    counted = []
    for number in (30, 31):
        moved = day(number)
        moved.tests[0] = msgspec.structs.replace(moved.tests[0], value=0.9)
        status, out, _ = asked(check=written(tmp_path, moved), **more)
        assert status == 0
        answer = json.loads(out)
        counted.append([len(answer[name]) for name in ("begins", "goes_on", "ends", "alertmanager")])
    assert counted == [[1, 0, 0, 1], [0, 1, 0, 2]]
    assert 'kind="data",severity="page"} 1' in told.read_text()
    assert not list(tmp_path.glob(".*"))


def test_nothing_can_be_learnt_of_few_windows(asked: Any, tmp_path: Path) -> None:
    status, _, error = asked(learn=[written(tmp_path, day(0))], noise=str(tmp_path / "noise.json"))
    assert status == 1
    assert "at least 28 of the reference's own windows" in error


@pytest.mark.parametrize(
    ("place", "text", "says"),
    [
        pytest.param("state", '{"format": "Jane Doe"}', "state of the alerts is not as it must be", id="a state"),
        pytest.param("check", "[]", "check .* is not as it must be", id="a check"),
        pytest.param("noise", "", "noise of the reference is not as it must be", id="a noise"),
    ],
)
def test_what_is_damaged_is_refused(asked: Any, tmp_path: Path, place: str, text: str, says: str) -> None:
    given = {"check": written(tmp_path, day(0, data__sodium=GREAT)), "state": str(tmp_path / "state"), "noise": None}
    (tmp_path / "damaged").write_text(text)
    status, out, error = asked(**{**given, place: str(tmp_path / "damaged"), "every": 60, "metrics": None})
    assert (status, out) == (1, "")
    assert "Jane" not in error
    assert [line for line in error.splitlines() if line.startswith("parapet: ")]
    assert re.search(says, error)
