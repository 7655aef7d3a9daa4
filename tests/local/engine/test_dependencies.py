"""What is quicker than Pulumi's own finds the same: circles, and what is not known yet."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pulumi.output import UNKNOWN
from pulumi.runtime import rpc
from pulumi.runtime.resource_cycle_breaker import _deps, declare_dependency

from local.engine.program import declare, holds_unknown
from tests.examples import examples

PLACES = st.integers(0, 7)


class Thing:
    """Stands for a resource, which is told apart by what it is and not by what it holds."""


@settings(max_examples=examples(300), deadline=None)
@given(edges=st.lists(st.tuples(PLACES, PLACES), max_size=40))
def test_the_same_circles_are_found(edges: list[tuple[int, int]]) -> None:
    quick: list[Any] = [Thing() for _ in range(8)]
    own: list[Any] = [Thing() for _ in range(8)]
    for one, other in edges:
        assert declare(quick[one], quick[other]) == declare_dependency(own[one], own[other])
    assert [{quick.index(each) for each in _deps(thing)} for thing in quick] == [
        {own.index(each) for each in _deps(thing)} for thing in own
    ]


class Object(dict[str, Any]):
    """As the SDK's objects are: their properties may be named as what a dictionary has."""

    values = None  # type: ignore[assignment]


VALUES = st.recursive(
    st.one_of(st.none(), st.text(max_size=3), st.just(UNKNOWN), st.just((UNKNOWN,))),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.text(max_size=2), inner, max_size=3),
        st.dictionaries(st.text(max_size=2), inner, max_size=3).map(Object),
    ),
)


@settings(max_examples=examples(300), deadline=None)
@given(value=VALUES)
def test_the_same_values_hold_what_is_not_known(value: Any) -> None:
    assert holds_unknown(value) == rpc.contains_unknowns(value)
    assert holds_unknown([value, [value, UNKNOWN]])


def test_a_value_that_holds_itself_is_looked_through_once() -> None:
    circle: list[Any] = [{"again": None}]
    circle[0]["again"] = circle
    assert holds_unknown(circle) is rpc.contains_unknowns(circle) is False
    circle.append(UNKNOWN)
    assert holds_unknown(circle) is rpc.contains_unknowns(circle) is True
