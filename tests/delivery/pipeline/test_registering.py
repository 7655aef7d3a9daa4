"""A version is registered once, whole, and last; the real MLflow is asked in test_served.py."""

from typing import Any

import pytest

from delivery.gates.report import Outcome, Report
from delivery.pipeline.lineage import facts
from delivery.pipeline.registering import Tracking, register
from delivery.registry.refused import Refused
from tests.delivery.pipeline.pretended import FILES, Tracked
from tests.delivery.pipeline.test_steps import RECORD, other
from tests.delivery.registry.pretended import Answer, served

BY = {"experiment": "readmission", "started_by": "dana"}
CONTENT = {"model.onnx": b"graph", "contract.json": b"{}", "data-card.md": b"# Data card\n"}


def report() -> Report:
    told: dict[str, Any] = {"kind": "auroc", "severity": "stop", "passed": True, "minimum": 0.6, "maximum": None}
    told |= {"point": 0.7, "low": 0.65, "high": 0.75, "rows": 900, "keys": [], "says": "", "why": "assumption"}
    gates = [Outcome(name="quality.auroc", value=0.65, **told), Outcome(name="model.licence", value=None, **told)]
    return Report("parapet-gates-full/2", RECORD.outputs.model, RECORD.judged.declared, {}, {}, None, gates)


def test_the_same_run_is_registered_once_and_another_anew() -> None:
    tracked = Tracked()
    with served(tracked) as url:
        tracking = Tracking(url, ("pipeline", "password"))
        found = [register(tracking, record, report(), CONTENT, **BY) for record in (RECORD, RECORD)]
        assert [each.version for each in found] == ["1", "1"]
        judged = other(judged__report="sha256:" + "d" * 64)
        assert register(tracking, judged, report(), CONTENT, **BY).version == "1"
        assert register(tracking, other(inputs__seed=8), report(), CONTENT, **BY).version == "2"
    assert tracked.files["models:/readmission-dev/1"] == CONTENT
    assert len(tracked.experiments) == 1
    first, _ = tracked.runs
    assert {each["key"] for each in first["runs/log-batch"]["metrics"]} == {"quality.auroc"}
    for told in (first["tags"], tracked.models["readmission-dev"]["versions"][0]["tags"]):
        assert {"key": "parapet.started_by", "value": "dana"} in told


@pytest.mark.parametrize("squat", ["by another", "with another tag", "with another file", "without a file"])
def test_a_version_with_the_tag_of_a_run_is_not_taken_for_its_own(squat: str) -> None:
    """Whoever may write into NAME-dev can set it, on whatever they registered."""
    tracked, tags = Tracked(), facts(RECORD) | {"parapet.started_by": "dana"}
    files = {"with another file": {**CONTENT, "contract.json": b"another"}, "without a file": {"model.onnx": b"graph"}}
    tags |= {"parapet.contract": f"sha256:{'0' * 64}"} if squat == "with another tag" else {}
    who = "mallory" if squat == "by another" else "pipeline"
    tracked.register("readmission-dev", who, files.get(squat, CONTENT), tags)
    with served(tracked) as url:
        found = register(Tracking(url, ("pipeline", "password")), RECORD, report(), CONTENT, **BY)
    assert (found.version, found.author) == ("2", "pipeline")
    assert tracked.files["models:/readmission-dev/2"] == CONTENT


def test_held_against_another_model_it_is_registered_anew() -> None:
    """Its report is of the model that served then: a promotion takes none against one that serves no more."""
    tracked = Tracked()
    with served(tracked) as url:
        tracking = Tracking(url, ("pipeline", "password"))
        for record, version in ((RECORD, "1"), (other(judged__reference="readmission-prod:7"), "2"), (RECORD, "1")):
            assert register(tracking, record, report(), CONTENT, **BY).version == version


@pytest.mark.parametrize("who", ["", "Dana Miller", "x" * 101])
def test_who_started_it_is_said_or_nothing_is_registered(who: str) -> None:
    tracked = Tracked()
    told = BY | {"started_by": who}
    with served(tracked) as url, pytest.raises(Refused, match="Who started the pipeline is not said, or is no account"):
        register(Tracking(url, ("pipeline", "password")), RECORD, report(), CONTENT, **told)
    assert not tracked.heard


class Full(Tracked):
    """A server whose disk is full."""

    def answer(self, path: str, asked: dict[str, Any], account: str) -> Answer | bytes:
        return (507, {}) if path.startswith(FILES) else super().answer(path, asked, account)


def test_what_is_not_whole_is_no_version() -> None:
    tracked = Full()
    with served(tracked) as url, pytest.raises(Refused, match=r"does not take model.onnx \(507\)"):
        register(Tracking(url, ("pipeline", "password")), RECORD, report(), CONTENT, **BY)
    assert tracked.models["readmission-dev"]["versions"] == []
    assert [run["status"] for run in tracked.runs] == ["FAILED"]
