"""The internet is measured, and one limit holds for all that ranges are written in."""

from ipaddress import IPv4Network

import pytest

import hipaa
from hipaa.networks import is_the_internet, measure, public_addresses
from hipaa.resource import UNKNOWN, Resource
from hipaa.verdict import Outcome

QUARTERS = ["0.0.0.0/2", "64.0.0.0/2", "128.0.0.0/2", "192.0.0.0/2"]
SMALL_PARTS = [str(block) for block in IPv4Network("16.0.0.0/8").subnets(new_prefix=14)]


@pytest.mark.parametrize(
    "blocks",
    [
        ["0.0.0.0/0"],
        ["::/0"],
        ["0.0.0.0/1", "128.0.0.0/1"],
        QUARTERS,
        QUARTERS[1:2],
        SMALL_PARTS,
        ["2000::/3"],
        ["2600::/16"],
        [" 54.0.0.0/8 "],
        ["8.8.8.8/4"],
    ],
)
def test_most_of_the_internet_is_the_internet(blocks: list[str]) -> None:
    assert is_the_internet(blocks)


@pytest.mark.parametrize(
    "blocks",
    [
        [],
        ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"],
        ["fc00::/7", "fe80::/10"],
        ["129.250.0.0/16", "131.107.0.0/16", "2600:1f18::/32"],
        ["203.0.113.7/32", "8.8.8.8"],
        ["the office", None, 5],
        ["10.0.0.0/8"] * 1000,
    ],
)
def test_what_named_callers_have_is_not(blocks: list[object]) -> None:
    assert not is_the_internet(blocks)


def test_public_addresses_are_what_the_standard_library_counts_one_by_one() -> None:
    blocks = [
        "9.255.252.0/21",
        "100.127.255.0/23",
        "172.15.254.0/22",
        "192.1.0.0/22",
        "198.17.254.0/21",
        "203.0.112.0/21",
    ]
    every = [address for block in blocks for address in IPv4Network(block, strict=False)]
    assert public_addresses(blocks)[4] == sum(address.is_global for address in every)


def test_measure_names_what_it_counted() -> None:
    assert measure(["8.0.0.0/8"]) == "16,777,216 public IPv4 addresses"
    assert measure(["::/0"]) == "all of IPv6"
    assert measure(["10.0.0.0/8"]) == "no public address"


def test_ranges_are_counted_however_many() -> None:
    blocks = [str(block) for block in IPv4Network("16.0.0.0/8").subnets(new_prefix=21)]
    assert public_addresses(blocks)[4] == 2**24


RULES = {rule.name: rule for rule in hipaa.rules()}
GROUP = Resource("aws:ec2/securityGroup:SecurityGroup", {"id": "sg-1"}, name="group")


def outcomes(name: str, *resources: Resource) -> list[Outcome]:
    return [verdict.outcome for verdict in RULES[name].judge_example(list(resources))]


@pytest.mark.parametrize("protocol", ["-1", "tcp"])
def test_null_in_a_list_of_ranges_breaks_nothing(protocol: str) -> None:
    rule = RULES["security-group-opens-only-https-to-internet"]
    ports = {"protocol": protocol, "fromPort": 22, "toPort": 22}
    narrow = Resource(GROUP.type, {"ingress": [ports | {"cidrBlocks": ["10.0.0.0/16", None]}, None]})
    assert rule.judge(narrow).outcome is Outcome.PASSED
    wide = Resource(GROUP.type, {"ingress": [None, ports | {"cidrBlocks": [None, "0.0.0.0/0"]}]})
    assert rule.judge(wide).outcome is Outcome.FAILED


def test_quarters_in_rules_of_their_own_are_added_up() -> None:
    parts = [
        Resource(
            "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
            {"securityGroupId": "sg-1", "ipProtocol": "tcp", "fromPort": 3389, "toPort": 3389, "cidrIpv4": block},
            name=block,
        )
        for block in SMALL_PARTS
    ]
    together = "security-group-rules-open-only-https-together"
    assert Outcome.FAILED in outcomes(together, GROUP, *parts)
    assert Outcome.FAILED not in outcomes(together, GROUP, *parts[:4])
    assert Outcome.FAILED not in outcomes(together, *parts[:4])
    assert Outcome.FAILED in outcomes(together, *parts), "also where the group is not of the program"


def test_unknown_prefix_list_of_the_program_is_resolved_by_origin() -> None:
    wide = Resource("aws:ec2/managedPrefixList:ManagedPrefixList", {"id": UNKNOWN, "entries": [{"cidr": "0.0.0.0/0"}]})
    rule = Resource(
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        {"securityGroupId": "sg-1", "ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "prefixListId": UNKNOWN},
        sources={"prefixListId": [wide.urn]},
    )
    assert Outcome.FAILED in outcomes("security-group-rules-open-only-https-together", GROUP, rule, wide)
