"""Amazon VPC security groups: no more ports than named ones, and no way out to everywhere."""

from __future__ import annotations

from typing import Any

from hipaa import networks
from hipaa.aws.advice import PROPOSED_PORTS, PROPOSED_SEGMENTS
from hipaa.aws.security_group_openings import Opening, known_objects, opening, unknown_ranges
from hipaa.aws.security_groups import EGRESS_RULE, INGRESS_RULE, SECURITY_GROUP, SECURITY_GROUP_RULE
from hipaa.resource import Properties, Resource
from hipaa.rule import LOW, MEDIUM, rule
from hipaa.verdict import Verdict, all_of, not_applicable, violation

_MOST_PORTS = 1024
"""A range of so many is no longer one service's: the registered ports of the largest are some hundreds."""


def _inline(**rule_: Any) -> dict[str, Any]:
    return {"ingress": [{"protocol": "tcp", "fromPort": 5432, "toPort": 5432, "cidrBlocks": ["10.0.0.0/16"]} | rule_]}


def _of_its_own(type_: str, **rule_: Any) -> Resource:
    return Resource(type_, {"ipProtocol": "tcp", "fromPort": 443, "toPort": 443, "cidrIpv4": "10.0.0.0/16"} | rule_)


@rule(
    "security-group-names-its-ports",
    on=(SECURITY_GROUP, SECURITY_GROUP_RULE, INGRESS_RULE, EGRESS_RULE),
    severity=LOW,
    advisory="who may come in is named; that named peers reach no more ports than they need is the least that works",
    proposed=PROPOSED_PORTS,
    fix="Set from_port and to_port to those of the service, and the protocol to tcp or udp.",
    sound=[
        {},
        _inline(),
        _inline(fromPort=8000, toPort=8100),
        _inline(protocol="icmp", fromPort=3, toPort=4),
        _of_its_own(INGRESS_RULE),
        _of_its_own(EGRESS_RULE, ipProtocol="udp", fromPort=53, toPort=53),
    ],
    unsound=[
        _inline(protocol="-1", fromPort=0, toPort=0),
        _inline(fromPort=0, toPort=5432),
        _of_its_own(INGRESS_RULE, ipProtocol="-1"),
        _of_its_own(INGRESS_RULE, fromPort=0),
        _of_its_own(EGRESS_RULE, toPort=65535),
        Resource(SECURITY_GROUP_RULE, {"type": "ingress", "protocol": "tcp", "fromPort": 0, "toPort": 65535}),
    ],
)
def security_group_names_its_ports(group: Resource) -> Verdict:
    """A security group opens the ports of a service, not all of them, to those whom it lets in or out.

    Behind the port that was meant, others listen: the node's kubelet, a debugger, a database that nobody remembers.
    """

    def named(rule_: Properties) -> Verdict:
        found = opening(rule_)
        if found.protocol == "-1":
            return violation("a rule opens every protocol and port; it must open those of a service")
        if _is_wide(found):
            return violation(f"a rule opens ports {found.first} to {found.last}; it must open those of a service")
        return Verdict()

    if group.type != SECURITY_GROUP:
        return named(group)
    return all_of(*(group.each_object(path, named) for path in ("ingress", "egress")))


def _is_wide(found: Opening) -> bool:
    of_ports = found.protocol in ("tcp", "udp")
    return of_ports and found.last > found.first and (found.first == 0 or found.last - found.first >= _MOST_PORTS)


@rule(
    "security-group-lets-out-to-named-peers",
    on=(SECURITY_GROUP, SECURITY_GROUP_RULE, EGRESS_RULE),
    severity=MEDIUM,
    advisory="a service may have to reach addresses that nobody can list; a proxy or a DNS firewall bounds it as well",
    proposed=PROPOSED_SEGMENTS,
    fix="Name the ranges, the prefix lists or the security groups that are reached, instead of 0.0.0.0/0 and ::/0.",
    sound=[
        {},
        {"egress": [{"protocol": "tcp", "fromPort": 443, "toPort": 443, "cidrBlocks": ["10.0.0.0/16"]}]},
        _of_its_own(EGRESS_RULE),
        Resource(EGRESS_RULE, {"ipProtocol": "tcp", "fromPort": 443, "toPort": 443, "prefixListId": "pl-3b927c52"}),
        Resource(SECURITY_GROUP_RULE, {"type": "ingress", "protocol": "tcp", "cidrBlocks": ["0.0.0.0/0"]}),
    ],
    unsound=[
        {"egress": [{"protocol": "-1", "fromPort": 0, "toPort": 0, "cidrBlocks": ["0.0.0.0/0"]}]},
        _of_its_own(EGRESS_RULE, cidrIpv4="0.0.0.0/0"),
        Resource(EGRESS_RULE, {"ipProtocol": "tcp", "fromPort": 443, "toPort": 443, "cidrIpv6": "::/0"}),
        Resource(SECURITY_GROUP_RULE, {"type": "egress", "protocol": "tcp", "cidrBlocks": ["0.0.0.0/1"]}),
    ],
)
def security_group_lets_out_to_named_peers(group: Resource) -> Verdict:
    """A security group lets out to peers that it names, and not to the whole internet.

    What can reach any address can take ePHI there.
    """
    rest = Verdict()
    if group.type == SECURITY_GROUP:
        rules, rest = known_objects(group, "egress")
    elif group.type == SECURITY_GROUP_RULE and group.get("type") != "egress":
        return not_applicable("the rule is about what comes in")
    else:
        rules = [group]
    blocks = [block for each in rules for block in opening(each).blocks]
    unknown = all_of(rest, *map(unknown_ranges, rules))
    if not networks.is_the_internet(blocks):
        return unknown
    return all_of(unknown, violation(f"it lets out to {networks.measure(blocks)}; it must name its peers"))
