"""Game days on a stack of this machine: what is broken is seen, and what the runbooks say mends it."""

import json

import pytest

from cli.gameday.fault import Fault
from cli.gameday.faults import FAULTS
from tests.e2e.user import ONE_STACK, User

pytestmark = ONE_STACK


@pytest.mark.parametrize("fault", [each for each in FAULTS if not each.live], ids=lambda each: each.name)
def test_a_fault_is_detected_and_its_runbook_mends_it(user: User, said_by_up: str, fault: Fault) -> None:
    status, said = user.parapet("gameday", fault.name, "--json")
    assert status == 0, said
    told = json.loads(said[said.index("{") :])
    assert told["fault"] == fault.name
    assert told["detected_by"]
    assert 0 < told["detected_seconds"] < 60
    assert 0 < told["recovered_seconds"] < 60
    assert told["mended_by"]
    assert not (user.home / "gameday.json").exists()
