"""Amazon VPC security groups, their rules in each form that the provider has, and the prefix lists that these name."""

from __future__ import annotations

from typing import Any

from hipaa import networks
from hipaa.aws.security_group_openings import (
    HTTP,
    Opening,
    is_web,
    judge,
    judge_inline,
    known_objects,
    opening,
    too_wide,
)
from hipaa.aws.vpc import DEFAULT_SECURITY_GROUP
from hipaa.parameter import WIDEST, Parameter
from hipaa.resource import UNKNOWN, Properties, Resource, UnknownValue
from hipaa.rule import CRITICAL, HIGH, rule, stack_rule
from hipaa.stack import Stack
from hipaa.verdict import Verdict, all_of, not_applicable, undecided, violation

SECURITY_GROUP = "aws:ec2/securityGroup:SecurityGroup"
SECURITY_GROUP_RULE = "aws:ec2/securityGroupRule:SecurityGroupRule"
INGRESS_RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS_RULE = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
PREFIX_LIST = "aws:ec2/managedPrefixList:ManagedPrefixList"
PREFIX_LIST_ENTRY = "aws:ec2/managedPrefixListEntry:ManagedPrefixListEntry"
LOAD_BALANCER = ("aws:lb/loadBalancer:LoadBalancer", "aws:alb/loadBalancer:LoadBalancer")
_CLASSIC = "aws:elb/loadBalancer:LoadBalancer"
_VPC = ("aws:ec2/vpc:Vpc", "aws:ec2/defaultVpc:DefaultVpc")

_RULES = (SECURITY_GROUP_RULE, INGRESS_RULE)


def _ingress(**rule_: Any) -> dict[str, Any]:
    return {"ingress": [{"protocol": "tcp", "fromPort": 5432, "toPort": 5432} | rule_]}


_RDP = {"fromPort": 3389, "toPort": 3389}
_QUARTERS = ["0.0.0.0/2", "64.0.0.0/2", "128.0.0.0/2", "192.0.0.0/2"]


@rule(
    "security-group-opens-only-https-to-internet",
    on=(SECURITY_GROUP, *_RULES),
    severity=CRITICAL,
    fix="Allow the CIDR of the callers, or their security group, instead of 0.0.0.0/0 and ::/0.",
    sound=[
        {},
        _ingress(cidrBlocks=["10.0.0.0/16"]),
        _ingress(cidrBlocks=["0.0.0.0/0"], fromPort=443, toPort=443),
        _ingress(cidrBlocks=["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"], fromPort=22, toPort=22),
        _ingress(cidrBlocks=["0.0.0.0/0"], protocol="icmp", fromPort=3, toPort=4),
        _ingress(ipv6CidrBlocks=["fd00::/8", "2600:1f18:4000::/36"]),
        _ingress(securityGroups=["sg-1a2b3c4d"]),
        {"egress": [{"protocol": "-1", "fromPort": 0, "toPort": 0, "cidrBlocks": ["0.0.0.0/0"]}]},
        Resource(
            SECURITY_GROUP_RULE,
            {"type": "egress", "protocol": "-1", "fromPort": 0, "toPort": 0, "cidrBlocks": ["0.0.0.0/0"]},
        ),
        Resource(INGRESS_RULE, {"ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "cidrIpv4": "10.0.0.0/8"}),
        Resource(INGRESS_RULE, {"ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "prefixListId": "pl-3b927c52"}),
    ],
    unsound=[
        _ingress(cidrBlocks=["10.0.0.0/16", "0.0.0.0/0"]),
        _ingress(ipv6CidrBlocks=["::/0"]),
        _ingress(ipv6CidrBlocks=["2000::/3"]),
        _ingress(cidrBlocks=["0.0.0.0/0"], fromPort=0, toPort=443),
        _ingress(cidrBlocks=["0.0.0.0/0"], protocol="udp", fromPort=443, toPort=443),
        _ingress(cidrBlocks=["0.0.0.0/0"], protocol="ALL"),
        _ingress(cidrBlocks=["0.0.0.0/0"], protocol="icmp", fromPort=-1, toPort=-1),
        _ingress(cidrBlocks=["0.0.0.0/1", "128.0.0.0/1"]),
        _ingress(cidrBlocks=_QUARTERS, **_RDP),
        {"ingress": [{"protocol": "tcp", "cidrBlocks": [quarter], **_RDP} for quarter in _QUARTERS]},
        _ingress(cidrBlocks=["16.0.0.0/4"], fromPort=22, toPort=22),
        Resource(
            SECURITY_GROUP_RULE,
            {"type": "ingress", "protocol": "-1", "fromPort": 0, "toPort": 0, "cidrBlocks": ["0.0.0.0/0"]},
        ),
        Resource(INGRESS_RULE, {"ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "cidrIpv4": "0.0.0.0/0"}),
        Resource(INGRESS_RULE, {"ipProtocol": "-1", "cidrIpv6": "::/0"}),
    ],
    parameters=[
        Parameter(
            "public_addresses", "Public IPv4 addresses that may be let in at the most", networks.LIMIT, most=WIDEST[4]
        ),
        Parameter("allowed_ranges", "Ranges that are not counted, because their owners are known", ()),
    ],
)
def security_group_opens_only_https(group: Resource, public_addresses: int, allowed_ranges: tuple[str, ...]) -> Verdict:
    """A security group lets the whole internet in on TCP port 443, or not at all.

    What the internet is, is measured: halves and quarters of it add up. Port 80 has a rule of its own.
    """
    with networks.held_to(public_addresses, allowed_ranges):
        return _opens_only_https(group)


def _opens_only_https(group: Resource) -> Verdict:
    if group.type == SECURITY_GROUP:
        return judge_inline(group, "ingress", is_web)
    if group.type == SECURITY_GROUP_RULE and group.get("type") != "ingress":
        return not_applicable("the rule is about what leaves")
    return judge([group], is_web)


_GROUP = Resource(SECURITY_GROUP, {"id": "sg-1a2b3c4d"}, name="group")
_NEW_GROUP = Resource(SECURITY_GROUP, {"id": UNKNOWN}, name="group")
_LIST = Resource(PREFIX_LIST, {"id": "pl-own", "entries": [{"cidr": "0.0.0.0/0"}]}, name="list")
_NEW_LIST = Resource(PREFIX_LIST, {"id": UNKNOWN, "entries": [{"cidr": "0.0.0.0/1"}]}, name="list")
_OFFICES = Resource(PREFIX_LIST, {"id": "pl-offices", "entries": [{"cidr": "131.107.0.0/16"}]}, name="offices")


def _ssh(type_: str = INGRESS_RULE, group: str = "sg-1a2b3c4d", **more: Any) -> Resource:
    protocol = {"ipProtocol": "tcp"} if type_ == INGRESS_RULE else {"protocol": "tcp", "type": "ingress"}
    properties = {"securityGroupId": group, "fromPort": 22, "toPort": 22} | protocol | more
    return Resource(type_, properties, name="-".join(map(str, more.values()))[:60])


_EIGHTS = [f"{number}.0.0.0/13" for number in range(1, 9)]


@stack_rule(
    "security-group-rules-open-only-https-together",
    on=(SECURITY_GROUP, DEFAULT_SECURITY_GROUP, *_RULES),
    severity=CRITICAL,
    fix="Allow the CIDR of the callers, or their security group, instead of parts of the internet that add up to it.",
    sound=[
        [_GROUP, _ssh(cidrIpv4="10.0.0.0/8"), _ssh(cidrIpv4="131.107.0.0/16")],
        [_GROUP, _ssh(prefixListId="pl-offices"), _OFFICES],
        [_GROUP, _ssh(prefixListId="pl-3b927c52"), _LIST],
        [_GROUP, *(_ssh(cidrIpv4=block, fromPort=443, toPort=443) for block in _EIGHTS)],
        [_GROUP, *(_ssh(cidrIpv4=block, group=f"sg-{block}") for block in _EIGHTS)],
        [_GROUP, *(_ssh(cidrIpv4=block, fromPort=9000 + n, toPort=9000 + n) for n, block in enumerate(_EIGHTS[:2]))],
    ],
    unsound=[
        [_GROUP, *(_ssh(cidrIpv4=block) for block in _EIGHTS)],
        [_GROUP, *(_ssh(SECURITY_GROUP_RULE, cidrBlocks=[block]) for block in _EIGHTS)],
        [
            Resource(
                SECURITY_GROUP, {"id": "sg-1a2b3c4d"} | _ingress(cidrBlocks=_EIGHTS[:1], fromPort=0, toPort=65535)
            ),
            *(_ssh(cidrIpv4=block) for block in _EIGHTS[1:]),
        ],
        [_GROUP, _ssh(prefixListId="pl-own"), _LIST],
        [_GROUP, _ssh(SECURITY_GROUP_RULE, prefixListIds=["pl-own"]), _LIST],
        [
            _GROUP,
            _ssh(prefixListId="pl-late"),
            Resource(PREFIX_LIST, {"id": "pl-late"}),
            Resource(PREFIX_LIST_ENTRY, {"prefixListId": "pl-late", "cidr": "0.0.0.0/0"}),
        ],
        [
            _NEW_GROUP,
            _NEW_LIST,
            Resource(
                INGRESS_RULE,
                {"securityGroupId": UNKNOWN, "ipProtocol": "-1", "prefixListId": UNKNOWN},
                sources={"securityGroupId": [_NEW_GROUP.urn], "prefixListId": [_NEW_LIST.urn]},
            ),
        ],
        [Resource(SECURITY_GROUP, {"id": "sg-1"} | _ingress(prefixListIds=["pl-own"])), _LIST],
    ],
)
def security_group_rules_together(resource: Resource, stack: Stack) -> Verdict:
    """All rules of a security group, and the prefix lists that they name, open only HTTPS to the internet together.

    Sixteen rules for a sixteenth of the internet each are the internet, and so is a list that has it as its entry.
    """
    if resource.type in _RULES:
        if stack.named_by(resource, "securityGroupId", (SECURITY_GROUP, DEFAULT_SECURITY_GROUP)):
            return not_applicable("it is judged with its group")
        rules = _of_the_same_group(resource, stack)
        if rules[0] is not resource:
            return not_applicable("it is judged with the group's first rule")
    else:
        inline, _ = known_objects(resource, "ingress")
        rules = [*inline, *stack.companions(resource, _RULES, by="securityGroupId")]
    openings: list[Opening] = []
    unknown: list[Verdict] = []
    for item in rules:
        if isinstance(item, Resource) and item.type == SECURITY_GROUP_RULE and item.known("type") != "ingress":
            continue
        origin = item if isinstance(item, Resource) else resource
        try:
            openings.append(opening(item, _listed(item, origin, stack)))
        except UnknownValue as value:
            unknown.append(undecided(value.path))
    alone = [item for item in openings if too_wide([item], is_web).violations]
    lists = [item for item in alone if not _blocks_of_lists(stack).isdisjoint(item.blocks)]
    # What one rule opens by itself is another rule's to say, which speaks before anything is made.
    together = too_wide([item for item in openings if item not in alone or item in lists], is_web)
    return all_of(together, *unknown)


def _of_the_same_group(rule_: Resource, stack: Stack) -> list[Resource]:
    """The rules, this one among them, of a group that the program does not make."""
    group = rule_.at("securityGroupId")
    return stack.once(_by_group).get(group, [rule_]) if isinstance(group, str) else [rule_]


def _by_group(stack: Stack) -> dict[object, list[Resource]]:
    found: dict[object, list[Resource]] = {}
    for item in stack.of(*_RULES):
        if isinstance(group := item.known("securityGroupId"), str):
            found.setdefault(group, []).append(item)
    return found


def _listed(rule_: Properties, origin: Resource, stack: Stack) -> tuple[str, ...]:
    """The ranges of the prefix lists of this program that a rule names; of AWS's own lists nothing is known here.

    Raises:
        UnknownValue: when a list is not known yet, and those that it may be do not agree.
    """
    blocks: list[str] = []
    for name in ("prefixListIds", "prefixListId"):
        try:
            ids = rule_.listed(name)
        except UnknownValue:
            blocks += _one_of(origin, name, stack)
            continue
        for place in range(len(ids)):
            try:
                blocks += _blocks(stack, ids[place])
            except UnknownValue:
                blocks += _one_of(origin, name, stack)
    return tuple(blocks)


def _one_of(origin: Resource, name: str, stack: Stack) -> list[str]:
    urns = {urn for property_ in (name, "ingress") for urn in origin.sources.get(property_, ())}
    candidates = [_entries(item, stack) for item in stack.of(PREFIX_LIST) if item.urn in urns]
    if len(candidates) == 1:
        return candidates[0]
    raise UnknownValue(f"{name} of {origin.name}")


def _blocks(stack: Stack, id_: object) -> list[str]:
    lists = stack.once(_lists_by_id).get(id_, []) if isinstance(id_, str) else []
    return [block for item in lists for block in _entries(item, stack)]


def _lists_by_id(stack: Stack) -> dict[object, list[Resource]]:
    found: dict[object, list[Resource]] = {}
    for item in stack.of(PREFIX_LIST):
        if isinstance(id_ := item.known("id"), str):
            found.setdefault(id_, []).append(item)
    return found


def _blocks_of_lists(stack: Stack) -> set[str]:
    return stack.once(_all_entries)


def _all_entries(stack: Stack) -> set[str]:
    return {block for item in stack.of(PREFIX_LIST) for block in _entries(item, stack)}


def _entries(prefix_list: Resource, stack: Stack) -> list[str]:
    own = [str(entry.get("cidr")) for entry in prefix_list.objects("entries")]
    beside = stack.companions(prefix_list, PREFIX_LIST_ENTRY, by="prefixListId")
    return own + [str(entry.get("cidr")) for entry in beside]


def _http(**more: Any) -> dict[str, Any]:
    return _ingress(cidrBlocks=["0.0.0.0/0"], fromPort=80, toPort=80) | more


@stack_rule(
    "security-group-opens-http-to-redirect-only",
    on=(SECURITY_GROUP, *_RULES),
    severity=HIGH,
    fix="Close port 80, or put the group on an Application Load Balancer whose HTTP listener redirects to HTTPS.",
    sound=[
        [_GROUP],
        [Resource(SECURITY_GROUP, _ingress(cidrBlocks=["10.0.0.0/8"], fromPort=80, toPort=80))],
        [
            Resource(SECURITY_GROUP, {"id": "sg-1"} | _http()),
            Resource(LOAD_BALANCER[0], {"securityGroups": ["sg-1"], "loadBalancerType": "application"}),
        ],
        [
            _NEW_GROUP,
            Resource(
                INGRESS_RULE,
                {
                    "securityGroupId": UNKNOWN,
                    "ipProtocol": "tcp",
                    "fromPort": 80,
                    "toPort": 80,
                    "cidrIpv4": "0.0.0.0/0",
                },
                sources={"securityGroupId": [_NEW_GROUP.urn]},
            ),
            Resource(LOAD_BALANCER[1], {"securityGroups": [UNKNOWN]}, sources={"securityGroups": [_NEW_GROUP.urn]}),
        ],
    ],
    unsound=[
        [Resource(SECURITY_GROUP, _http())],
        [_GROUP, _ssh(cidrIpv4="0.0.0.0/0", fromPort=80, toPort=80)],
        [
            Resource(
                INGRESS_RULE,
                {"securityGroupId": "sg-9", "ipProtocol": "tcp", "fromPort": 80, "toPort": 80, "cidrIpv6": "::/0"},
            )
        ],
        [
            Resource(SECURITY_GROUP, {"id": "sg-1"} | _http()),
            Resource(LOAD_BALANCER[0], {"securityGroups": ["sg-another"]}),
        ],
    ],
)
def security_group_opens_http_to_redirect(resource: Resource, stack: Stack) -> Verdict:
    """A security group opens port 80 to the internet only on a load balancer, which can answer with a redirect.

    What is spoken on port 80 is not encrypted. That a listener there does redirect is lb-listener-encrypts' to say.
    """
    if resource.type == SECURITY_GROUP:
        found, group = judge_inline(resource, "ingress", _is_not_http), [resource]
    elif resource.type == SECURITY_GROUP_RULE and resource.get("type") != "ingress":
        return not_applicable("the rule is about what leaves")
    else:
        found, group = judge([resource], _is_not_http), stack.named_by(resource, "securityGroupId", SECURITY_GROUP)
    if not found.violations or not any(
        stack.companions(item, (*LOAD_BALANCER, _CLASSIC), by="securityGroups") for item in group
    ):
        return found
    return Verdict()


def _is_not_http(protocol: str, port: int) -> bool:
    """What this rule has nothing to say of."""
    return not (protocol == "tcp" and port == HTTP)


_DEFAULT = Resource(DEFAULT_SECURITY_GROUP, {"id": "sg-default"}, name="closed")
_VPC_OF_DEFAULT = Resource(_VPC[0], {"id": "vpc-1", "defaultSecurityGroupId": "sg-default"}, name="main")
_NEW_VPC = Resource(_VPC[0], {"id": UNKNOWN, "defaultSecurityGroupId": UNKNOWN}, name="main")


@stack_rule(
    "default-security-group-has-no-rules-beside-it",
    on=(*_RULES, EGRESS_RULE),
    severity=HIGH,
    fix="Give the rule's security_group_id that of a security group of one's own, and leave the default one closed.",
    sound=[
        [_GROUP, _DEFAULT, _ssh(cidrIpv4="10.0.0.0/8")],
        [_VPC_OF_DEFAULT, _ssh(cidrIpv4="10.0.0.0/8")],
        [
            _NEW_GROUP,
            _NEW_VPC,
            Resource(INGRESS_RULE, {"securityGroupId": UNKNOWN}, sources={"securityGroupId": [_NEW_GROUP.urn]}),
        ],
    ],
    unsound=[
        [_DEFAULT, _ssh(group="sg-default", cidrIpv4="10.0.0.0/8")],
        [_DEFAULT, Resource(EGRESS_RULE, {"securityGroupId": "sg-default", "ipProtocol": "-1"})],
        [_VPC_OF_DEFAULT, _ssh(SECURITY_GROUP_RULE, group="sg-default", self=True)],
        [
            _NEW_VPC,
            Resource(
                SECURITY_GROUP_RULE,
                {"securityGroupId": UNKNOWN, "type": "egress"},
                sources={"securityGroupId": [_NEW_VPC.urn]},
            ),
        ],
    ],
)
def default_group_has_no_rules_beside_it(rule_: Resource, stack: Stack) -> Verdict:
    """No rule resource opens a default security group again, which its own resource has closed.

    The provider takes rules away from a default group that has none; one that stands beside it puts them back.
    """
    if stack.named_by(rule_, "securityGroupId", DEFAULT_SECURITY_GROUP) or _is_of_a_vpc(rule_, stack):
        return violation("`security_group_id` is that of a default security group; it must be that of another group")
    return Verdict()


def _is_of_a_vpc(rule_: Resource, stack: Stack) -> bool:
    """Whether the group's identifier is a VPC's own output, which only the default group's is."""
    id_ = rule_.known("securityGroupId")
    if id_ is not None:
        return isinstance(id_, str) and id_ in stack.once(_default_groups)
    return any(urn in stack.once(_vpcs) for urn in rule_.sources.get("securityGroupId", ()))


def _default_groups(stack: Stack) -> set[object]:
    return {id_ for vpc in stack.of(*_VPC) if isinstance(id_ := vpc.known("defaultSecurityGroupId"), str)}


def _vpcs(stack: Stack) -> set[str]:
    return {vpc.urn for vpc in stack.of(*_VPC)}
