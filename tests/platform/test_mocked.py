"""What the tests of this room stand on."""

import asyncio

from tests.platform.mocked import record


def test_a_test_that_ends_its_event_loop_leaves_one_for_the_next() -> None:
    asyncio.run(asyncio.sleep(0))
    assert record(lambda: None).made == []
