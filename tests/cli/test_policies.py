"""`./parapet policies` tells of the rules what the rules tell of themselves."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

import hipaa
from cli.output import Refused
from cli.policies import app
from cli.stack import policy_config
from local.workspace import Workspace
from tests.policies.harness import waivers

RUNNER = CliRunner()


def told(*command: str, status: int = 0) -> str:
    done = RUNNER.invoke(app, list(command))
    assert done.exit_code == status, done.output
    return done.stdout


def test_every_rule_is_listed_with_its_level() -> None:
    rules = json.loads(told("list", "--json"))["rules"]
    assert [each["name"] for each in rules] == [rule.name for rule in hipaa.rules()]
    lifecycle = next(each for each in rules if each["name"] == "s3-bucket-has-lifecycle")
    assert lifecycle["levels"] == {"hipaa-2013": "advisory", "hipaa-nprm-2025": "advisory"}
    assert lifecycle["advisory"]
    about = {rule.name for rule in hipaa.rules() if any("aws:sns" in type_ for type_ in rule.on)}
    assert {line.split()[0] for line in told("list", "--about", "aws:sns").splitlines()} == about


def test_a_rule_is_explained_by_its_page_and_as_data() -> None:
    assert "Parameter `days`" in told("explain", "log-group-is-kept-a-year")
    data = json.loads(told("explain", "log-group-is-kept-a-year", "--json"))
    assert data["parameters"][0]["default"] == 365
    assert "164.312(b)" in data["specifications"]


def test_a_rule_that_is_not_there_is_refused_with_those_near_it() -> None:
    done = RUNNER.invoke(app, ["explain", "kms-key-rotate"])
    assert isinstance(done.exception, Refused)
    assert str(done.exception) == "There is no rule 'kms-key-rotate'. Near it: kms-key-rotates."


def test_coverage_tells_what_serves_each_specification() -> None:
    specifications = json.loads(told("coverage", "--json"))["specifications"]
    cited = {name for each in specifications for name in each["rules"]}
    assert cited == {rule.name for rule in hipaa.rules()}
    lines = {line.split()[0]: line for line in told("coverage").splitlines()}
    assert "rules" in lines["164.312(a)(2)(iv)"]
    assert lines["164.308(a)(1)(ii)(A)"].endswith("nothing yet"), "of a specification that nothing serves"
    assert lines["164.308(a)(1)(i)"].endswith("by its specifications")


def test_coverage_tells_what_answers_to_the_lists_of_others() -> None:
    lists = json.loads(told("coverage", "--json"))["lists"]
    assert lists["aws-config-hipaa"]["rows"]["rds-multi-az-support"]["rules"] == ["rds-instance-spans-zones"]
    for key, checklist in lists.items():
        (line,) = (line for line in told("coverage").splitlines() if line.startswith(f"{key} "))
        counts = [int(word) for word in line.split() if word.isdigit()]
        assert counts[0] == len(checklist["rows"]) == sum(counts[1:])


def test_a_profile_is_a_policy_configuration() -> None:
    assert json.loads(told("profile", "hipaa-2013")) == {}
    proposed = {rule.name for rule in hipaa.rules() if rule.proposed}
    assert json.loads(told("profile", "hipaa-nprm-2025")) == dict.fromkeys(sorted(proposed), "mandatory")
    assert isinstance(RUNNER.invoke(app, ["profile", "hipaa-2026"]).exception, Refused)


@pytest.mark.parametrize(
    ("change", "state", "status"),
    [
        ({}, "in force", 0),
        ({"expires": 10}, "expires soon", 0),
        ({"expires": -1}, "expired", 1),
        ({"approved": 1}, "not in force yet", 0),
        ({"urn": "*"}, "too broad", 1),
    ],
)
def test_waivers_are_checked(tmp_path: Path, change: dict[str, object], state: str, status: int) -> None:
    today = datetime.now(UTC).date()
    days = {name: str(today + timedelta(value)) for name, value in change.items() if isinstance(value, int)}
    urn = {name: value for name, value in change.items() if isinstance(value, str)}
    file = tmp_path / "waivers.yaml"
    waiver = {"rule": "kms-key-rotates", "urn": "*::old", "expires": str(today + timedelta(60))}
    file.write_text(waivers(waiver | days | urn))
    (each,) = json.loads(told("check-waivers", "--file", str(file), "--json", status=status))["waivers"]
    assert each["state"] == state
    assert state in told("check-waivers", "--file", str(file), status=status)


def test_waivers_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "waivers.yaml"
    file.write_text("- rule: kms-key-rotates\n")
    done = RUNNER.invoke(app, ["check-waivers", "--file", str(file)])
    assert isinstance(done.exception, Refused)
    assert "compensating_control is missing" in str(done.exception)


def test_a_stack_chooses_by_a_file_of_its_own(tmp_path: Path) -> None:
    workspace = Workspace(root=tmp_path)
    workspace.policies.mkdir()
    assert policy_config(workspace, "dev") is None
    file = workspace.policies / "config.dev.json"
    file.write_text("{}")
    assert policy_config(workspace, "dev") == file
    assert policy_config(workspace, "prod") is None
    for text, said in (("{", "is not JSON"), ("[]", "must be an object")):
        file.write_text(text)
        with pytest.raises(Refused, match=said):
            policy_config(workspace, "dev")
