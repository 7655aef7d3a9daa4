"""Amazon VPC, one resource at a time: subnets, security groups, flow logs. What needs two is in `vpc_companions`."""

from __future__ import annotations

from typing import Any

from hipaa.resource import Properties, Resource, show
from hipaa.rule import CRITICAL, HIGH, MEDIUM, rule
from hipaa.verdict import Verdict, all_of, is_, is_empty, not_applicable, violation

SUBNET = ("aws:ec2/subnet:Subnet", "aws:ec2/defaultSubnet:DefaultSubnet")
DEFAULT_SECURITY_GROUP = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
SECURITY_GROUP = "aws:ec2/securityGroup:SecurityGroup"
SECURITY_GROUP_RULE = "aws:ec2/securityGroupRule:SecurityGroupRule"
INGRESS_RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
FLOW_LOG = "aws:ec2/flowLog:FlowLog"

_HTTPS = 443


@rule(
    "subnet-assigns-no-public-address",
    on=SUBNET,
    severity=HIGH,
    fix="Leave map_public_ip_on_launch out; give what must be reached an address of its own.",
    sound=[{"mapPublicIpOnLaunch": False}, {}],
    unsound=[{"mapPublicIpOnLaunch": True}, Resource(SUBNET[1], {}), {"assignIpv6AddressOnCreation": True}],
)
def subnet_assigns_no_public_address(subnet: Resource) -> Verdict:
    """A subnet gives no instance an address that the internet can reach, unless the instance asks for it.

    IPv6 addresses of a VPC are public ones.
    """
    # AWS makes a default subnet with public addresses on; the provider leaves it so when nothing is said.
    public_by_default = subnet.type == SUBNET[1]
    return all_of(
        subnet.require("mapPublicIpOnLaunch", is_(False), default=public_by_default),
        subnet.require("assignIpv6AddressOnCreation", is_(False), default=False),
    )


@rule(
    "default-security-group-is-closed",
    on=DEFAULT_SECURITY_GROUP,
    severity=HIGH,
    fix="Leave ingress and egress out, which removes every rule, and use security groups of one's own.",
    sound=[{}, {"ingress": [], "egress": []}],
    unsound=[
        {"ingress": [{"protocol": "-1", "fromPort": 0, "toPort": 0, "self": True}]},
        {"egress": [{"protocol": "-1", "fromPort": 0, "toPort": 0, "cidrBlocks": ["0.0.0.0/0"]}]},
    ],
)
def default_security_group_is_closed(group: Properties) -> Verdict:
    """A default security group, which catches whatever names none, lets nothing in or out."""
    return all_of(group.require("ingress", is_empty()), group.require("egress", is_empty()))


def _ingress(**rule_: Any) -> dict[str, Any]:
    return {"ingress": [{"protocol": "tcp", "fromPort": 5432, "toPort": 5432} | rule_]}


@rule(
    "security-group-opens-only-https-to-internet",
    on=(SECURITY_GROUP, SECURITY_GROUP_RULE, INGRESS_RULE),
    severity=CRITICAL,
    fix="Allow the CIDR of the callers, or their security group, instead of 0.0.0.0/0 and ::/0.",
    sound=[
        {},
        _ingress(cidrBlocks=["10.0.0.0/16"]),
        _ingress(cidrBlocks=["0.0.0.0/0"], fromPort=443, toPort=443),
        {"egress": [{"protocol": "-1", "fromPort": 0, "toPort": 0, "cidrBlocks": ["0.0.0.0/0"]}]},
        Resource(
            SECURITY_GROUP_RULE,
            {"type": "egress", "protocol": "-1", "fromPort": 0, "toPort": 0, "cidrBlocks": ["0.0.0.0/0"]},
        ),
        Resource(INGRESS_RULE, {"ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "cidrIpv4": "10.0.0.0/8"}),
    ],
    unsound=[
        _ingress(cidrBlocks=["10.0.0.0/16", "0.0.0.0/0"]),
        _ingress(ipv6CidrBlocks=["::/0"]),
        _ingress(cidrBlocks=["0.0.0.0/0"], fromPort=0, toPort=443),
        _ingress(cidrBlocks=["0.0.0.0/0"], protocol="udp", fromPort=443, toPort=443),
        _ingress(cidrBlocks=["0.0.0.0/1", "128.0.0.0/1"]),
        Resource(
            SECURITY_GROUP_RULE,
            {"type": "ingress", "protocol": "-1", "fromPort": 0, "toPort": 0, "cidrBlocks": ["0.0.0.0/0"]},
        ),
        Resource(INGRESS_RULE, {"ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "cidrIpv4": "0.0.0.0/0"}),
        Resource(INGRESS_RULE, {"ipProtocol": "-1", "cidrIpv6": "::/0"}),
    ],
)
def security_group_opens_only_https(group: Resource) -> Verdict:
    """A security group lets the whole internet in on TCP port 443, or not at all."""
    if group.type == SECURITY_GROUP:
        return group.each("ingress", _ingress_is_narrow)
    if group.type == SECURITY_GROUP_RULE and group.get("type") != "ingress":
        return not_applicable("the rule is about what leaves")
    return _ingress_is_narrow(group)


def _ingress_is_narrow(ingress: Properties) -> Verdict:
    def narrow(block: str) -> Verdict:
        if not _is_half_the_internet(block) or _is_https(ingress):
            return Verdict()
        protocol = ingress.at("protocol") or ingress.at("ipProtocol")
        ports = f"{show(ingress.at('fromPort', 0))} to {show(ingress.at('toPort', 65535))}"
        return violation(
            f"{block} may reach protocol {protocol}, ports {ports}; it must be TCP port {_HTTPS}, or a narrower block"
        )

    blocks = ("cidrBlocks", "ipv6CidrBlocks", "cidrIpv4", "cidrIpv6")
    return all_of(*(ingress.each(name, narrow) for name in blocks))


def _is_half_the_internet(block: str) -> bool:
    """A block of /0 or /1: two of the latter are the internet, written so as to slip through."""
    return block.strip().endswith(("/0", "/1"))


def _is_https(ingress: Properties) -> bool:
    protocol = str(ingress.at("protocol") or ingress.at("ipProtocol")).lower()
    return protocol in ("tcp", "6") and ingress.at("fromPort") == ingress.at("toPort") == _HTTPS


@rule(
    "flow-log-captures-all-traffic",
    on=FLOW_LOG,
    severity=MEDIUM,
    fix="Set traffic_type to ALL.",
    sound=[
        {"trafficType": "ALL", "vpcId": "vpc-1a2b3c4d"},
        {"transitGatewayId": "tgw-1a2b3c4d"},
    ],
    unsound=[{"trafficType": "REJECT", "vpcId": "vpc-1a2b3c4d"}, {"vpcId": "vpc-1a2b3c4d"}],
)
def flow_log_captures_all_traffic(log: Properties) -> Verdict:
    """A flow log records accepted and rejected traffic alike: what got in matters more than what did not."""
    if "transitGatewayId" in log or "transitGatewayAttachmentId" in log:
        return not_applicable("a transit gateway's flow log always records all traffic")
    return log.require("trafficType", is_("ALL"))
