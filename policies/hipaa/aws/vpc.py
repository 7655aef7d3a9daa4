"""Amazon VPC, one resource at a time: subnets, default groups, flow logs. What needs two is in `vpc_companions`."""

from __future__ import annotations

from hipaa.resource import Properties, Resource
from hipaa.rule import HIGH, MEDIUM, rule
from hipaa.verdict import Verdict, all_of, is_, is_empty, not_applicable

SUBNET = ("aws:ec2/subnet:Subnet", "aws:ec2/defaultSubnet:DefaultSubnet")
DEFAULT_SECURITY_GROUP = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
FLOW_LOG = "aws:ec2/flowLog:FlowLog"


@rule(
    "subnet-assigns-no-public-address",
    on=SUBNET,
    severity=HIGH,
    advisory="a subnet for load balancers and NAT gateways may give addresses; what is in it is judged by itself",
    fix="Leave map_public_ip_on_launch out; give what must be reached an address of its own.",
    sound=[{"mapPublicIpOnLaunch": False}, {}],
    unsound=[{"mapPublicIpOnLaunch": True}, Resource(SUBNET[1], {})],
)
def subnet_assigns_no_public_address(subnet: Resource) -> Verdict:
    """A subnet gives no instance an address that the internet can reach, unless the instance asks for it."""
    # AWS makes a default subnet with public addresses on; the provider leaves it so when nothing is said.
    return subnet.require("mapPublicIpOnLaunch", is_(False), default=subnet.type == SUBNET[1])


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
