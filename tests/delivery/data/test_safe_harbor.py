"""The table of Safe Harbor: the eighteen identifiers, each column accounted for, and nothing that passes by mistake."""

from copy import deepcopy
from typing import Any

import pytest
import yaml

from delivery.data.contract import contract
from delivery.data.deidentification import MAKERS
from delivery.data.safe_harbor import HERE, SafeHarbor, safe_harbor

TOLD: dict[str, Any] = yaml.safe_load((HERE / "safe_harbor.yaml").read_text())


def test_the_eighteen_are_there() -> None:
    assert [each.letter for each in safe_harbor().identifiers] == list("ABCDEFGHIJKLMNOPQR")
    assert all(each.what and each.done for each in safe_harbor().identifiers)


def test_a_column_is_an_identifier_or_a_feature_and_an_identifier_once() -> None:
    named = [name for each in (*safe_harbor().identifiers, *safe_harbor().others) for name in each.columns]
    assert len(named) == len(set(named))
    kept = {each.of[0] for each in safe_harbor().features if each.by == "kept"}
    assert kept.isdisjoint(named)
    diagnoses = {f"diagnosis_{nth}" for nth in (1, 2, 3)}
    assert kept | set(named) | diagnoses == set(contract().columns)


def test_what_passes_of_an_identifier_is_a_year_a_span_an_age_an_area_or_a_keyed_hash() -> None:
    named = {name for each in safe_harbor().identifiers for name in each.columns}
    by = {each.by for each in safe_harbor().features if named & set(each.of)}
    assert by == {"year", "age", "zip3", "keyed", "days", "days_since_last", "stays_before"}
    assert {each.by for each in safe_harbor().features} == set(MAKERS)


def test_the_areas_of_few_people_are_the_seventeen_of_the_census_of_2000() -> None:
    assert len(set(safe_harbor().zip3_of_few)) == 17
    assert all(len(area) == 3 and area.isdigit() for area in safe_harbor().zip3_of_few)


@pytest.mark.parametrize(
    ("feature", "says"),
    [
        ({"by": "kept", "of": ["given_name"]}, "given_name is an identifier"),
        ({"by": "kept", "of": ["triage_note"]}, "triage_note is an identifier"),
        ({"by": "kept", "of": ["admitted_at"]}, "admitted_at is an identifier"),
        ({"by": "kept", "of": ["diagnosis_1"]}, "diagnosis_1 is a date or a free text"),
        ({"by": "kept", "of": ["nickname"]}, "not in the contract: nickname"),
    ],
)
def test_a_table_that_would_let_something_pass_is_refused(feature: dict[str, Any], says: str) -> None:
    told = deepcopy(TOLD)
    told["features"]["more"] = feature
    with pytest.raises(ValueError, match=says):
        SafeHarbor.read(told)


def test_a_table_that_forgets_a_column_is_refused() -> None:
    told = deepcopy(TOLD)
    told["identifiers"]["D"]["columns"] = []
    with pytest.raises(ValueError, match="neither an identifier nor part of a feature: phone"):
        SafeHarbor.read(told)
