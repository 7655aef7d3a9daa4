"""Amazon VPC routes and network ACLs: which ways lead to the internet, and what comes in by them."""

from __future__ import annotations

from typing import Any

from hipaa import networks
from hipaa.aws.advice import PROPOSED_PORTS, PROPOSED_SEGMENTS
from hipaa.aws.vpc import SUBNET
from hipaa.aws.vpc_companions import ENDPOINT, VPC
from hipaa.resource import UNKNOWN, Properties, Resource, UnknownValue
from hipaa.rule import HIGH, LOW, MEDIUM, rule, stack_rule
from hipaa.stack import Stack
from hipaa.verdict import Verdict, all_of, not_applicable, one_of, violation

ROUTE = "aws:ec2/route:Route"
ROUTE_TABLE = ("aws:ec2/routeTable:RouteTable", "aws:ec2/defaultRouteTable:DefaultRouteTable")
NETWORK_ACL = ("aws:ec2/networkAcl:NetworkAcl", "aws:ec2/defaultNetworkAcl:DefaultNetworkAcl")
NETWORK_ACL_RULE = "aws:ec2/networkAclRule:NetworkAclRule"
BLOCK_PUBLIC_ACCESS = "aws:ec2/vpcBlockPublicAccessOptions:VpcBlockPublicAccessOptions"

_INTERNET_GATEWAY = "aws:ec2/internetGateway:InternetGateway::"
_GATEWAY_URN = f"urn:pulumi:example::example::{_INTERNET_GATEWAY}out"
_DESTINATIONS = ("cidrBlock", "ipv6CidrBlock", "destinationCidrBlock", "destinationIpv6CidrBlock")


def _table(*routes: dict[str, Any], type_: str = ROUTE_TABLE[0], **sources: Any) -> Resource:
    return Resource(type_, {"routes": list(routes)}, **sources)


_OUT = {"cidrBlock": "0.0.0.0/0", "gatewayId": "igw-1a2b3c4d"}


@rule(
    "route-leads-to-no-internet-gateway",
    on=(ROUTE, *ROUTE_TABLE),
    severity=MEDIUM,
    advisory="a subnet for load balancers and NAT gateways needs such a route; what matters is what else is in it",
    fix="Lead 0.0.0.0/0 to a NAT gateway or nowhere, but for the subnets of load balancers and NAT gateways.",
    sound=[
        {"destinationCidrBlock": "0.0.0.0/0", "natGatewayId": "nat-1a2b3c4d"},
        {"destinationCidrBlock": "10.1.0.0/16", "gatewayId": "vgw-1a2b3c4d"},
        {"destinationIpv6CidrBlock": "::/0", "egressOnlyGatewayId": "eigw-1a2b3c4d"},
        _table({"cidrBlock": "0.0.0.0/0", "natGatewayId": "nat-1a2b3c4d"}),
        _table({"cidrBlock": "203.0.113.0/24", "gatewayId": "igw-1a2b3c4d"}),
    ],
    unsound=[
        {"destinationCidrBlock": "0.0.0.0/0", "gatewayId": "igw-1a2b3c4d"},
        {"destinationIpv6CidrBlock": "::/0", "gatewayId": "igw-1a2b3c4d"},
        {"destinationCidrBlock": "128.0.0.0/1", "gatewayId": "igw-1a2b3c4d"},
        Resource(
            ROUTE, {"destinationCidrBlock": "0.0.0.0/0", "gatewayId": UNKNOWN}, sources={"gatewayId": [_GATEWAY_URN]}
        ),
        _table({"cidrBlock": "10.0.0.0/16", "gatewayId": "local"}, _OUT),
        _table(_OUT | {"gatewayId": UNKNOWN}, type_=ROUTE_TABLE[1], sources={"routes": [_GATEWAY_URN]}),
    ],
)
def route_leads_to_no_internet_gateway(resource: Resource) -> Verdict:
    """A route table leads nothing to the internet gateway: what has a public address there is reached from outside."""
    if resource.type == ROUTE:
        return _leads_out(resource, resource.sources.get("gatewayId", ()))
    return resource.each_object("routes", lambda route: _leads_out(route, resource.sources.get("routes", ())))


def _leads_out(route: Properties, origins: tuple[str, ...]) -> Verdict:
    blocks = [route.at(name) for name in _DESTINATIONS]
    if not networks.is_the_internet(blocks) or "gatewayId" not in route:
        return Verdict()
    try:
        leads = str(route.get("gatewayId")).startswith("igw-")
    except UnknownValue:
        leads = any(_INTERNET_GATEWAY in urn for urn in origins)
        if not leads and not origins:
            raise
    if not leads:
        return Verdict()
    return violation(f"{networks.measure(blocks)} are led to an internet gateway; it must be a NAT gateway, or nothing")


_ASSOCIATION = "aws:ec2/routeTableAssociation:RouteTableAssociation"
_DUAL = Resource(
    SUBNET[0], {"id": "subnet-1a2b3c4d", "assignIpv6AddressOnCreation": True, "mapPublicIpOnLaunch": False}, name="dual"
)
_JOINED = Resource(_ASSOCIATION, {"subnetId": "subnet-1a2b3c4d", "routeTableId": "rtb-1a2b3c4d"}, name="joined")


def _ways(*routes: dict[str, Any]) -> Resource:
    return Resource(ROUTE_TABLE[0], {"id": "rtb-1a2b3c4d", "routes": list(routes)}, name="ways")


_OUT_AND_IN_ROUTE = {"destinationIpv6CidrBlock": "::/0", "gatewayId": "igw-1a2b3c4d"}
_OUT_ONLY = {"ipv6CidrBlock": "::/0", "egressOnlyGatewayId": "eigw-1a2b3c4d"}
_OUT_AND_IN = {"ipv6CidrBlock": "::/0", "gatewayId": "igw-1a2b3c4d"}


@stack_rule(
    "subnet-ipv6-addresses-are-not-reached",
    on=SUBNET,
    severity=HIGH,
    fix="Lead ::/0 to an egress-only internet gateway, or leave assign_ipv6_address_on_creation out.",
    sound=[
        [Resource(SUBNET[0], {"id": "subnet-1a2b3c4d"})],
        [_DUAL, _JOINED, _ways(_OUT_ONLY)],
        [_DUAL, _JOINED, _ways()],
        [_DUAL, _JOINED, _ways(_OUT_ONLY, _OUT)],
        [_DUAL, _JOINED, _ways(_OUT_ONLY), Resource(ROUTE, {"routeTableId": "rtb-another"} | _OUT_AND_IN_ROUTE)],
    ],
    unsound=[
        [_DUAL],
        [_DUAL, _JOINED, _ways(_OUT_AND_IN)],
        [_DUAL, _JOINED, _ways(), Resource(ROUTE, {"routeTableId": "rtb-1a2b3c4d"} | _OUT_AND_IN_ROUTE)],
        [_DUAL, Resource(_ASSOCIATION, {"subnetId": "subnet-another"}), _ways(_OUT_ONLY)],
    ],
)
def subnet_ipv6_addresses_are_not_reached(subnet: Resource, stack: Stack) -> Verdict:
    """A subnet that gives IPv6 addresses, which are public ones, has no way by which the internet comes in.

    An egress-only internet gateway lets nothing in. Of a subnet whose routes are not of the program nothing is known.
    """
    if subnet.at("assignIpv6AddressOnCreation") is not True:
        return Verdict()
    joined = stack.companions(subnet, _ASSOCIATION, by="subnetId")
    tables = [table for item in joined for table in stack.named_by(item, "routeTableId", ROUTE_TABLE)]
    if not tables:
        return violation(
            f"`{subnet.where('assignIpv6AddressOnCreation')}` is true, and no route table of the program bounds who "
            "comes in; it must be left out"
        )
    ways = [way for table in tables for way in (table, *stack.companions(table, ROUTE, by="routeTableId"))]
    return all_of(*map(_lets_ipv6_in, ways))


def _lets_ipv6_in(way: Resource) -> Verdict:
    if way.type == ROUTE:
        return _leads_ipv6_out(way, way.sources.get("gatewayId", ()), way)
    return way.each_object("routes", lambda route: _leads_ipv6_out(route, way.sources.get("routes", ()), way))


def _leads_ipv6_out(route: Properties, origins: tuple[str, ...], way: Resource) -> Verdict:
    if not (route.at("ipv6CidrBlock") or route.at("destinationIpv6CidrBlock")):
        return Verdict()
    verdict = _leads_out(route, origins)
    if not verdict.violations:
        return verdict
    return violation(f"{way.name[:60]} leads IPv6 to an internet gateway, by which the internet comes in")


@rule(
    "peering-route-is-narrow",
    on=(ROUTE, *ROUTE_TABLE),
    severity=LOW,
    advisory="a peer passes nothing on, so that a wide route reaches no more than the peer; it is written by mistake",
    proposed=PROPOSED_SEGMENTS,
    fix="Lead to the peering connection the CIDR of the peer alone.",
    sound=[
        {"destinationCidrBlock": "10.1.0.0/16", "vpcPeeringConnectionId": "pcx-1a2b3c4d"},
        _table({"cidrBlock": "10.1.0.0/16", "vpcPeeringConnectionId": "pcx-1a2b3c4d"}),
    ],
    unsound=[
        {"destinationCidrBlock": "0.0.0.0/0", "vpcPeeringConnectionId": "pcx-1a2b3c4d"},
        _table({"cidrBlock": "0.0.0.0/1", "vpcPeeringConnectionId": UNKNOWN}),
    ],
)
def peering_route_is_narrow(resource: Resource) -> Verdict:
    """What is led to another VPC is that VPC's own range."""
    routes = (resource,) if resource.type == ROUTE else None
    if routes:
        return _is_narrow(resource)
    return resource.each_object("routes", _is_narrow)


def _is_narrow(route: Properties) -> Verdict:
    if "vpcPeeringConnectionId" not in route:
        return not_applicable("the route leads elsewhere")
    if networks.is_the_internet(route.at(name) for name in _DESTINATIONS):
        return violation("the internet is led to a peering connection; it must be the CIDR of the peer alone")
    return Verdict()


# Those of AWS Config's nacl-no-unrestricted-ssh-rdp: where people administer hosts.
_ADMINISTRATION = {22: "SSH", 3389: "RDP"}
# What comes back to clients behind a NAT gateway: "Custom network ACLs", Amazon VPC User Guide, read on 2026-11-30.
_EPHEMERAL = 1024


def _entry(number: int, first: int, last: int, action: str = "allow", **more: Any) -> dict[str, Any]:
    base = {"ruleNo": number, "protocol": "tcp", "fromPort": first, "toPort": last, "action": action}
    return base | ({"cidrBlock": "0.0.0.0/0"} if not more else {}) | more


def _acl(*entries: dict[str, Any], type_: str = NETWORK_ACL[0]) -> Resource:
    return Resource(type_, {"id": "acl-1a2b3c4d", "ingress": list(entries)}, name="acl")


def _rule(acl: str = "acl-1a2b3c4d", **more: Any) -> Resource:
    properties = {"networkAclId": acl, "ruleNumber": 100, "protocol": "-1", "ruleAction": "allow"}
    return Resource(NETWORK_ACL_RULE, properties | {"cidrBlock": "0.0.0.0/0"} | more)


@stack_rule(
    "network-acl-keeps-administration-in",
    on=(*NETWORK_ACL, NETWORK_ACL_RULE),
    severity=MEDIUM,
    advisory="security groups decide already who comes in; a network ACL is a second barrier, open by AWS's default",
    proposed=PROPOSED_PORTS,
    fix="Let in the ports that are meant, and the ephemeral ones (1024 to 65535), or deny 22 and 3389 before.",
    sound=[
        [_acl(_entry(100, 443, 443), _entry(110, 1024, 65535))],
        [_acl(_entry(90, 22, 22, "deny"), _entry(91, 3389, 3389, "deny"), _entry(100, 0, 65535))],
        [_acl(_entry(100, 0, 65535, protocol="-1", cidrBlock="10.0.0.0/8"))],
        [_acl(type_=NETWORK_ACL[1])],
        [_acl(), _rule(egress=True)],
        [_rule(protocol="6", fromPort=443, toPort=443)],
    ],
    unsound=[
        [_acl(_entry(100, 22, 22))],
        [_acl(_entry(100, 0, 0, protocol="-1", cidrBlock="0.0.0.0/0"), type_=NETWORK_ACL[1])],
        [_acl(_entry(100, 3389, 3389, ipv6CidrBlock="::/0"))],
        [_acl(_entry(100, 0, 65535), _entry(200, 22, 22, "deny"))],
        [_acl(_entry(100, 22, 22, cidrBlock="0.0.0.0/1"))],
        [_acl(), _rule()],
        [_acl(), _rule(acl="acl-another")],
        [_acl(), _rule(protocol="tcp", fromPort=20, toPort=25)],
    ],
)
def network_acl_keeps_administration_in(acl: Resource, stack: Stack) -> Verdict:
    """A network ACL lets nobody from the internet at the ports by which hosts are administered."""
    if acl.type == NETWORK_ACL_RULE:
        if stack.named_by(acl, "networkAclId", NETWORK_ACL):
            return not_applicable("it is judged with its ACL")
        entries: list[Properties] = [acl]
    else:
        entries = [*acl.objects("ingress"), *stack.companions(acl, NETWORK_ACL_RULE, by="networkAclId")]
    entries = [entry for entry in entries if entry.get("egress") is not True]
    # The lowest number that fits decides.
    ordered = sorted(entries, key=_number)
    return all_of(*(_lets_in(ordered, port, name) for port, name in _ADMINISTRATION.items()))


def _number(entry: Properties) -> float:
    number = entry.at("ruleNo") or entry.at("ruleNumber")
    return number if isinstance(number, int | float) else 0


def _lets_in(entries: list[Properties], port: int, name: str) -> Verdict:
    let: list[object] = []
    denied: set[str] = set()
    for entry in entries:
        if not _covers(entry, port):
            continue
        blocks = {str(block) for kind in ("cidrBlock", "ipv6CidrBlock") if (block := entry.at(kind))}
        if str(entry.at("action") or entry.at("ruleAction")).lower() == "deny":
            denied |= blocks
        elif not (blocks <= denied or ("0.0.0.0/0" in denied and "ipv6CidrBlock" not in entry)):
            let += blocks
    if not networks.is_the_internet(let):
        return Verdict()
    return violation(f"{networks.measure(let)} may reach port {port} ({name}); it must be the ranges of those who may")


def _covers(entry: Properties, port: int) -> bool:
    protocol = str(entry.at("protocol", "-1")).lower()
    if protocol in ("-1", "all"):
        return True
    first, last = entry.at("fromPort", 0), entry.at("toPort", 65535)
    if protocol not in ("tcp", "6") or not all(isinstance(end, int | float) for end in (first, last)):
        return False
    return first <= port <= last and not (first >= _EPHEMERAL and last == 65535)


_VPC = Resource(VPC[0], {"id": "vpc-1a2b3c4d"}, name="main")


@stack_rule(
    "vpc-reaches-services-privately",
    on=VPC,
    severity=LOW,
    advisory="what goes to AWS's services by a NAT gateway is encrypted as well; an endpoint keeps it off the internet",
    fix="Add a VpcEndpoint with vpc_id of the VPC for S3, and for each service that is used in it.",
    sound=[
        [_VPC, Resource(ENDPOINT, {"vpcId": "vpc-1a2b3c4d", "serviceName": "com.amazonaws.us-east-1.s3"})],
        [_VPC, Resource(ENDPOINT, {"vpcId": UNKNOWN}, sources={"vpcId": [_VPC.urn]})],
    ],
    unsound=[[_VPC], [_VPC, Resource(ENDPOINT, {"vpcId": "vpc-another"})]],
)
def vpc_reaches_services_privately(vpc: Resource, stack: Stack) -> Verdict:
    """A VPC reaches AWS's services by endpoints of its own, whose policies say what may be reached."""
    return (
        Verdict() if stack.companions(vpc, ENDPOINT, by="vpcId") else violation("no VpcEndpoint is there for this VPC")
    )


@rule(
    "account-blocks-internet-gateways",
    on=BLOCK_PUBLIC_ACCESS,
    severity=LOW,
    advisory="an account whose load balancers the internet reaches cannot block all of it",
    fix="Set internet_gateway_block_mode to block-bidirectional or block-ingress.",
    sound=[{"internetGatewayBlockMode": "block-bidirectional"}, {"internetGatewayBlockMode": "block-ingress"}],
    unsound=[{"internetGatewayBlockMode": "off"}],
)
def account_blocks_internet_gateways(options: Properties) -> Verdict:
    """An account lets nothing in by an internet gateway, whatever its VPCs' routes say."""
    return options.require("internetGatewayBlockMode", one_of("block-bidirectional", "block-ingress"))
