"""Facts about services are as old as they say, and none is older than a year."""

import datetime

import pytest
from pydantic import ValidationError

from hipaa import facts


def test_no_fact_is_a_year_old() -> None:
    assert facts.stale(facts.today()) == [], "read its source again, mend what has changed, and set `seen`"


def test_fact_is_stale_a_year_after_it_was_seen() -> None:
    seen = facts.facts()["rds-tls"].seen
    assert "rds-tls" not in facts.stale(seen + datetime.timedelta(days=364))
    assert "rds-tls" in facts.stale(seen + datetime.timedelta(days=365))


def test_no_fact_was_seen_after_today() -> None:
    assert [name for name, one in facts.facts().items() if one.seen > facts.today()] == []


@pytest.mark.parametrize("lacking", ["source", "seen", "value"])
def test_fact_without_what_it_stands_on_is_refused(lacking: str) -> None:
    entry = {"source": "a page of a guide", "seen": "2026-11-30", "value": 1}
    del entry[lacking]
    with pytest.raises(ValidationError, match=lacking):
        facts.Fact.model_validate(entry)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("17.4", (17, 4)), ("8.0.mysql_aurora.3.08.0", (8, 0)), ("17", (17,)), ("latest", ()), (17, (17,))],
)
def test_version_is_compared_by_its_numbers(text: object, numbers: tuple[int, ...]) -> None:
    assert facts.version(text) == numbers
