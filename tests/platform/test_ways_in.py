"""How the hospital's network reaches the platform, under mocks: names, routes, and who may ask."""

from fnmatch import fnmatchcase
from typing import Any

import pytest

from tests.platform.mocked import Made, Recorder, run_program

OFFICE, VPN = "192.168.0.0/16", "172.16.8.0/22"
GATEWAY = "tgw-0123456789abcdef0"
ROUTE = "ec2/route:Route"


@pytest.fixture(scope="module")
def closed() -> Recorder:
    return run_program()


@pytest.fixture(scope="module")
def joined() -> Recorder:
    return run_program(clientCidrs=[OFFICE], clusterClientCidrs=[VPN], transitGatewayId=GATEWAY, resolverEndpoint=True)


def ids(stack: Recorder, kind: str, tier: str) -> list[str]:
    return [each.id for each in stack.of(kind) if f"-{tier}" in each.name]


def test_the_address_that_users_are_told_resolves_in_the_vpc(closed: Recorder) -> None:
    (zone,) = closed.of("route53/zone:Zone")
    (vpc,) = closed.of("ec2/vpc:Vpc")
    assert zone.inputs["name"] == "parapet.internal"
    assert zone.inputs["vpcs"] == [{"vpcId": vpc.id}], "a zone without a VPC is one of the internet's"
    (record,) = closed.of("route53/record:Record")
    host = closed.outputs["mlflowUrl"].removeprefix("https://")
    assert fnmatchcase(host, record.inputs["name"])
    (gateway,) = [each for each in closed.of("kubernetes:core/v1:Service") if each.name.endswith("-gateway")]
    assert record.inputs["zoneId"] == zone.id
    assert record.inputs["records"] == [f"{gateway.name}.elb.test"]


def test_by_default_nothing_is_joined_to_the_vpc(closed: Recorder) -> None:
    for kind in ("ec2transitgateway/vpcAttachment:VpcAttachment", "ec2/vpnGateway:VpnGateway", ROUTE):
        assert closed.of(kind) == []
    assert closed.of("route53/resolverEndpoint:ResolverEndpoint") == []
    assert (closed.outputs["resolverAddresses"], closed.outputs["vpnGatewayId"]) == ([], "")


def test_the_route_tables_of_the_private_subnets_are_an_output(closed: Recorder) -> None:
    assert closed.outputs["privateRouteTableIds"] == ids(closed, "ec2/routeTable:RouteTable", "private")


def test_a_transit_gateway_leads_from_every_private_subnet_to_every_client_and_from_no_isolated_one(
    joined: Recorder,
) -> None:
    (attachment,) = joined.of("ec2transitgateway/vpcAttachment:VpcAttachment")
    assert attachment.inputs["transitGatewayId"] == GATEWAY
    assert attachment.inputs["subnetIds"] == ids(joined, "ec2/subnet:Subnet", "private")
    routes = {
        (each.inputs["routeTableId"], each.inputs["destinationCidrBlock"], each.inputs["transitGatewayId"])
        for each in joined.of(ROUTE)
    }
    private = ids(joined, "ec2/routeTable:RouteTable", "private")
    assert routes == {(table, cidr, GATEWAY) for table in private for cidr in (OFFICE, VPN)}
    made = joined.made
    assert all(made.index(attachment) < made.index(route) for route in joined.of(ROUTE))


def test_ranges_that_are_listed_twice_have_one_route() -> None:
    stack = run_program(clientCidrs=[OFFICE], clusterClientCidrs=["192.168.7.0/24"], transitGatewayId=GATEWAY)
    assert {each.inputs["destinationCidrBlock"] for each in stack.of(ROUTE)} == {OFFICE}


def test_a_vpns_routes_are_taken_over_by_the_private_tables_only() -> None:
    stack = run_program(clientCidrs=[OFFICE], vpnGateway=True)
    (gateway,) = stack.of("ec2/vpnGateway:VpnGateway")
    (vpc,) = stack.of("ec2/vpc:Vpc")
    assert gateway.inputs["vpcId"] == vpc.id
    learning = [each.id for each in stack.of("ec2/routeTable:RouteTable") if each.inputs.get("propagatingVgws")]
    assert learning == ids(stack, "ec2/routeTable:RouteTable", "private")
    assert stack.outputs["vpnGatewayId"] == gateway.id


def test_the_hospitals_dns_asks_the_resolver_and_nobody_else_does(joined: Recorder) -> None:
    (endpoint,) = joined.of("route53/resolverEndpoint:ResolverEndpoint")
    assert endpoint.inputs["direction"] == "INBOUND"
    assert len(endpoint.inputs["ipAddresses"]) == 2
    (group,) = endpoint.inputs["securityGroupIds"]

    def of_group(direction: str) -> list[Made]:
        kind = f"vpc/securityGroup{direction}Rule:SecurityGroup{direction}Rule"
        return [each for each in joined.of(kind) if each.inputs["securityGroupId"] == group]

    asked = {
        (each.inputs["cidrIpv4"], each.inputs["ipProtocol"], each.inputs["fromPort"], each.inputs["toPort"])
        for each in of_group("Ingress")
    }
    assert asked == {(cidr, protocol, 53, 53) for cidr in (OFFICE, VPN) for protocol in ("tcp", "udp")}
    assert of_group("Egress") == []
    assert joined.outputs["resolverAddresses"] == ["10.0.0.10", "10.0.0.11"]


def test_the_text_of_every_security_group_and_rule_is_one_that_ec2_takes(joined: Recorder) -> None:
    allowed = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ._-:/()#,@[]+=&;{}!$*")
    texts: list[Any] = [
        text for each in joined.made if "ecurityGroup" in each.type and (text := each.inputs.get("description"))
    ]
    assert len(texts) > 20
    assert [text for text in texts if not set(text) <= allowed] == []
