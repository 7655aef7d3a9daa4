"""Instance types held against the zones that have them; the local AWS API knows AWS's own offerings."""

import pytest

from operations.account.preflight import State, instance_types
from tests.local.aws.conftest import LocalAws
from tests.operations.conftest import STACK
from tests.operations.test_preflight import GPU, Write, account

pytestmark = pytest.mark.xdist_group("account")

ASK = "aws ec2 describe-instance-type-offerings --location-type availability-zone --region us-east-1"


def told(write: Write, settings: str) -> list[tuple[State, str]]:
    return [(each.state, each.text) for each in instance_types.check(account(write, f"{STACK}  parapet:{settings}\n"))]


def test_types_that_each_zone_has_are_ok(aws: LocalAws, write: Write) -> None:
    assert told(write, f"gpuGroups: [{GPU}]") == [
        (State.OK, "m7i.xlarge, m6i.xlarge, g6.xlarge, g6.2xlarge, t4g.micro")
    ]


def test_a_managed_group_in_a_zone_without_its_type_is_told_with_the_zones_that_have_it(
    aws: LocalAws, write: Write
) -> None:
    group = "{name: big, instanceTypes: [p4de.24xlarge], min: 1, max: 2}"
    assert told(write, f"gpuGroups: [{group}]") == [
        (
            State.TO_DO,
            "us-east-1d has no p4de.24xlarge (parapet:gpuGroups, big): set its zones to [us-east-1b, us-east-1c], or "
            f"take a type that is there: {ASK}",
        )
    ]


@pytest.mark.parametrize("choice", ["min: 0", "min: 1, zones: [us-east-1b, us-east-1c]"])
def test_a_group_that_finds_its_zone_or_was_given_it_is_ok(aws: LocalAws, write: Write, choice: str) -> None:
    group = f"{{name: big, instanceTypes: [p4de.24xlarge], {choice}, max: 2}}"
    ((state, _),) = told(write, f"gpuGroups: [{group}]")
    assert state is State.OK


def test_a_type_that_none_of_the_zones_has_is_told_whoever_launches_it(aws: LocalAws, write: Write) -> None:
    group = "{name: big, instanceTypes: [p4de.24xlarge], max: 2, zones: [us-east-1d]}"
    assert told(write, f"gpuGroups: [{group}]") == [
        (State.TO_DO, f"us-east-1d has no p4de.24xlarge (parapet:gpuGroups, big): take a type that is there: {ASK}")
    ]


def test_the_system_nodes_are_looked_for_in_every_zone(aws: LocalAws, write: Write) -> None:
    ((state, text),) = told(write, "systemInstanceTypes: [m7i.nonesuch]")
    assert state is State.TO_DO
    assert text.startswith("us-east-1b, us-east-1c, us-east-1d has no m7i.nonesuch (parapet:systemInstanceTypes): take")
