"""What finds circles quickly finds those that Pulumi finds."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pulumi.runtime.resource_cycle_breaker import _deps, declare_dependency

from local.engine.program import declare
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
