"""What the tests of this room stand on."""

import asyncio
import json

import pytest

from cluster.guardrails.rule import cel
from tests.platform.mocked import record
from tests.platform.variants import run_with


def test_a_test_that_ends_its_event_loop_leaves_one_for_the_next() -> None:
    asyncio.run(asyncio.sleep(0))
    assert record(lambda: None).made == []


def test_a_setting_that_no_variant_has_is_no_run_of_its_own() -> None:
    with pytest.raises(LookupError, match=r"^no variant has \{'zones': 2\};"):
        run_with(zones=2)


def test_a_policy_is_the_same_in_each_run_of_the_program() -> None:
    """A set has another order in each process: a policy with one would be another in each `up`."""
    letters = "qwertyuiop"
    assert json.loads(cel(set(letters))) == sorted(letters)
    assert json.loads(cel(tuple(letters))) == list(letters)
