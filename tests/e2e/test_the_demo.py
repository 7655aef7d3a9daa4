"""`./parapet demo`, on the stack of `test_the_live_controllers.py`, which comes after this."""

import json
import subprocess
from typing import Any

import pytest

from cli.demo.steps import STEPS
from mlops.monitoring.owners import owners
from tests.e2e.user import ROOT, User

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("live"), pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def told(live_user: User, said_by_live: str) -> dict[str, dict[str, Any]]:
    """What programs are told of each step, by its name."""
    changed = subprocess.run(
        ["git", "status", "--porcelain", "--", "delivery"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    if changed.stdout:
        pytest.skip("files of delivery/ are in no commit, and a model that they make goes nowhere")
    status, said = live_user.parapet("demo", "--json", seconds=1500)
    assert status == 0, said[-3000:]
    return {each["step"]: each for each in json.loads(said[said.index("{") :])["steps"]}


def test_each_step_comes_to_pass_and_says_where_to_look(told: dict[str, dict[str, Any]]) -> None:
    assert list(told) == [name for name, *_ in STEPS]
    assert all(each["happened"] and each["look"] for each in told.values())


def test_a_bad_model_is_refused_by_a_gate_and_another_by_its_first_calls(told: dict[str, dict[str, Any]]) -> None:
    assert "quality.auroc is 0." in told["refuse"]["facts"]["stopped"]
    assert told["abort"]["facts"]["judged"].startswith("apart is ")
    assert told["abort"]["facts"]["weights"] == [10]


def test_no_call_fails_while_versions_come_and_go(told: dict[str, dict[str, Any]]) -> None:
    assert told["canary"]["facts"]["weights"] == [10, 50, 100]
    for step in ("canary", "drift", "abort"):
        assert (told[step]["facts"]["failed"], told[step]["facts"]["calls"] > 30) == ({}, True), step


def test_drift_is_found_by_the_models_check_and_told_to_who_listens(told: dict[str, dict[str, Any]]) -> None:
    facts = told["drift"]["facts"]
    assert facts["before"]["drifted"] is False
    assert facts["found"]["kind"] == "data"
    assert {"heart_rate", "respiratory_rate", "creatinine"} <= set(facts["found"]["columns"])
    alert = facts["alert"]["text"]
    for says in ("firing", "alertname: ModelDrift", "kind: data", "severity: page"):
        assert says in alert
    assert f"runbook: {owners().read_at}runbooks/data-drift.md" in alert


def test_its_incident_is_closed_and_nothing_of_the_record_is_missing(
    told: dict[str, dict[str, Any]], live_user: User
) -> None:
    status, said = live_user.shell("./parapet incident list --json", options=["--credentials"])
    assert status == 0, said
    (incident,) = (each for each in json.loads(said) if each["name"] == told["drift"]["facts"]["incident"]["name"])
    assert incident["times"]["closed"]


def test_what_serves_in_the_end_is_what_was_gone_back_to(told: dict[str, dict[str, Any]], live_user: User) -> None:
    before = told["baseline"]["facts"]["version"]
    assert told["drift"]["facts"]["version"] == before
    (model,) = (each for each in live_user.status()["models"] if each["name"] == "readmission-demo")
    assert model["stable"] == before
