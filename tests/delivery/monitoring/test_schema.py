"""What is other about a window's columns: names, types and order."""

import pytest

from delivery.monitoring import schema
from delivery.monitoring.profile import Held, Type
from delivery.monitoring.reading import Layout


def found(
    before: dict[str, Type], now: dict[str, Type], parquet: bool = True, artefact: bool = False
) -> set[tuple[str, str]]:
    held = [Held(name, kind, "number", 0) for name, kind in before.items()]
    layout = Layout(now, parquet, 100)
    tests = schema.tests(held, layout, parquet, frozenset({"late"}), lambda _: artefact)
    return {(each.name, each.test) for each in tests}


BEFORE: dict[str, Type] = {"age": "integer", "weight": "float", "ward": "text", "seen": "date"}


def changed(**types: Type) -> dict[str, Type]:
    return BEFORE | types


def test_the_same_columns_are_the_same() -> None:
    assert found(BEFORE, BEFORE) == set()


@pytest.mark.parametrize(
    ("now", "differs"),
    [
        (changed(age="text"), {("age", "type")}),
        (changed(age="float"), {("age", "type")}),
        (changed(weight="integer"), {("weight", "type")}),
        (changed(seen="moment"), {("seen", "type")}),
        (changed(age="empty"), set()),
        ({"age": "integer", "weight": "float", "ward": "text"}, {("seen", "missing_column")}),
        (changed(extra="float"), {("(column 5)", "new_column")}),
        (
            {"age": "integer", "mass": "float", "ward": "text", "seen": "date"},
            {("weight", "renamed"), ("(column 2)", "renamed")},
        ),
        ({"weight": "float", "age": "integer", "ward": "text", "seen": "date"}, {("age", "order")}),
    ],
)
def test_a_difference_is_told_by_the_column_and_what_it_is(now: dict[str, Type], differs: set[tuple[str, str]]) -> None:
    assert found(BEFORE, now) == differs


def test_of_several_that_came_and_went_those_of_like_names_are_one() -> None:
    before: dict[str, Type] = {"heart_rate": "float", "sodium": "float"}
    now: dict[str, Type] = {"heart_rate_bpm": "float", "weekday": "float"}
    assert found(before, now) == {
        ("heart_rate", "renamed"),
        ("(column 1)", "renamed"),
        ("sodium", "missing_column"),
        ("(column 2)", "new_column"),
    }


def test_labels_may_come_late() -> None:
    assert found(BEFORE | {"late": "integer"}, BEFORE) == set()


def test_a_csv_declares_no_types_and_its_digits_may_be_codes() -> None:
    assert found({"code": "text", "seen": "moment"}, {"code": "integer", "seen": "date"}, parquet=False) == set()
    assert found({"weight": "float"}, {"weight": "integer"}, parquet=False) == set()
    assert found({"age": "integer"}, {"age": "text"}, parquet=False) == {("age", "type")}


def test_whole_numbers_that_pandas_wrote_as_broken_ones_for_a_gap_are_the_same() -> None:
    assert found({"visits": "integer"}, {"visits": "float"}, artefact=True) == set()


def test_the_name_of_a_column_that_is_no_word_is_not_told() -> None:
    assert found(BEFORE, BEFORE | {"John Smith, 1941-02-03": "text"}) == {("(column 5)", "new_column")}


def test_as_few_columns_as_can_be_have_moved() -> None:
    assert schema.moved(["b", "c", "d", "a"], ["a", "b", "c", "d"]) == ["a"]
    assert schema.moved(["a", "b"], ["a", "b"]) == []
