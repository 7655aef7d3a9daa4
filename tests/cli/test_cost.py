"""`./parapet cost`: what it prints of a plan, and what it refuses."""

import json
from pathlib import Path

import pytest

from cli import cost
from cli.output import Refused
from local.engine.plan import Planned
from local.workspace import Workspace

KEY = Planned("aws:kms/key:Key", "one", {})


def plan_of(monkeypatch: pytest.MonkeyPatch, *resources: Planned, region: str = "us-east-1") -> None:
    provider = Planned(cost.PROVIDER, "parapet-dev", {"region": region})
    monkeypatch.setattr(cost, "_planned", lambda *_: [provider, *resources])


def test_a_stack_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"no stack 'lokal' .* There are dev, local, prod, staging\."):
        cost.tell(Workspace(home=tmp_path), "lokal", as_json=False)


def test_a_bill_has_each_thing_with_its_price_its_quantity_and_its_date(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan_of(monkeypatch, KEY, KEY)
    cost.tell(Workspace(home=tmp_path), "dev", as_json=False)
    said = capsys.readouterr().out
    (line,) = [each for each in said.splitlines() if "KMS keys" in each]
    assert " ".join(line.split()) == "KMS keys, before any rotation 1 a month 2 = 2.00 2 = 2.00 2026-03-14"
    assert "Total" in said
    assert "Not counted: " in said


def test_programs_read_one_json_object(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan_of(monkeypatch, KEY)
    cost.tell(Workspace(home=tmp_path), "dev", as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert (found["stack"], found["region"], found["total"]) == ("dev", "us-east-1", {"idle": 1.0, "load": 1.0})


def test_a_region_without_prices_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    plan_of(monkeypatch, KEY, region="eu-central-1")
    with pytest.raises(Refused, match="no prices for the Region 'eu-central-1'") as refused:
        cost.tell(Workspace(home=tmp_path), "dev", as_json=False)
    assert "\n" not in str(refused.value)
