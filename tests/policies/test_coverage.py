"""Each check of the lists of others is answered to, by a rule that there is or by a reason; and the README's number."""

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

import hipaa
from hipaa import coverage
from hipaa.coverage import Row, UnusableCoverage
from tests.policies.harness import PACK

# Counted where the lists were read.
COUNTS = {"aws-config-hipaa": 130, "aws-config-ai-ml": 121, "cdk-nag-hipaa": 90, "prowler-hipaa": 95}


def test_the_lists_are_these() -> None:
    assert set(coverage.load()) == set(COUNTS)
    assert {path.stem for path in (PACK / "hipaa" / "checklists").glob("*.txt")} == set(COUNTS)


@pytest.mark.parametrize("key", COUNTS)
def test_list_is_complete(key: str) -> None:
    names = list(coverage.names(key))
    assert len(names) == len(set(names)) == COUNTS[key]
    assert list(coverage.load()[key].rows) == names


def test_most_are_answered_to_by_rules() -> None:
    rows = [row for checklist in coverage.load().values() for row in checklist.rows.values()]
    assert sum(1 for row in rows if row.rules) > 0.8 * len(rows)


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"live": "too short"},
        {"rules": ["kms-key-rotates"], "live": "what happens there is in no program"},
        {"live": "what happens there is in no program", "not_applicable": "nobody has such a thing"},
        {"rules": ["key-is-blue"]},
        {"live": "what happens there is in no program", "also_live": "and more of it on the account"},
        {"rules": []},
    ],
)
def test_row_without_one_answer_is_refused(entry: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Row.model_validate(entry)


def test_name_that_is_left_out_or_made_up_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    true = coverage.names
    monkeypatch.setattr(
        coverage, "names", lambda key: [*true(key), "one-more"] if key == "cdk-nag-hipaa" else true(key)
    )
    with pytest.raises(UnusableCoverage, match="cdk-nag-hipaa lacks one-more"):
        coverage.load.__wrapped__()
    monkeypatch.setattr(coverage, "names", lambda key: list(true(key))[1:] if key == "cdk-nag-hipaa" else true(key))
    with pytest.raises(UnusableCoverage, match="cdk-nag-hipaa has ALBHttpDropInvalidHeaderEnabled, which its list"):
        coverage.load.__wrapped__()


@pytest.mark.parametrize("readme", [PACK / "README.md"], ids=str)
def test_readme_says_how_many_rules_there_are(readme: Path) -> None:
    count = len(hipaa.rules())
    assert count >= 200
    said = re.search(r"more than (\d+) rules", readme.read_text())
    assert said, "the README tells how many rules there are"
    assert int(said[1]) == count // 50 * 50, f"there are {count}: it tells the last whole fifty"
