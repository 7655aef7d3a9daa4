"""How the hospital's network reaches the platform, under mocks: names, routes, and who may ask."""

from fnmatch import fnmatchcase
from typing import Any

import pytest

from foundation.account import Account
from foundation.network import Network, NetworkArgs
from settings import Settings
from tests.platform.mocked import ACCOUNT_ID, Made, Recorder, record, run_program, stack_settings
from tests.platform.stacks import stack as make_stack
from tests.platform.variants import GATEWAY, JOINED, OFFICE, run_with

(VPN,) = JOINED["clusterClientCidrs"]
ROUTE = "ec2/route:Route"


@pytest.fixture(scope="module")
def closed() -> Recorder:
    return run_program()


@pytest.fixture(scope="module")
def joined() -> Recorder:
    return run_program(**JOINED)


def network(**settings: Any) -> Recorder:
    """The network alone, of a stack with these settings."""
    known = Settings.parse(stack_settings(**settings))
    args = NetworkArgs(
        stack=make_stack(account=Account(ACCOUNT_ID, "aws", "us-east-1", ("us-east-1a", "us-east-1b", "us-east-1c"))),
        cidr=known.vpc_cidr,
        egress=known.egress,
        interface_endpoints=known.interface_endpoints,
        domain=known.domain,
        site=known.site,
        logs_key_arn="key",
    )
    return record(lambda: Network("parapet-test", args))


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


def test_a_vpns_routes_are_taken_over_by_the_private_tables_only() -> None:
    stack = run_with(clientCidrs=[OFFICE], vpnGateway=True)
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


PROVIDER = {
    "issuer": "https://login.hospital.org",
    "clientId": "mlflow",
    "clientSecretArn": "arn:aws:secretsmanager:us-east-1:111122223333:secret:mlflow-client-AbCdEf",
    "hosts": ["keys.hospital.org"],
    "cidrs": ["192.168.7.0/24", "172.20.9.0/24"],
    "resolvers": ["172.20.0.53"],
}


@pytest.fixture(scope="module")
def in_house() -> Recorder:
    """An identity provider of the hospital's own, partly among its clients."""
    return network(clientCidrs=[OFFICE], transitGatewayId=GATEWAY, resolverEndpoint=True, mlflowSignOn=[PROVIDER])


def test_a_transit_gateway_leads_to_an_identity_provider_in_the_house(in_house: Recorder) -> None:
    routes = {each.inputs["destinationCidrBlock"] for each in in_house.of(ROUTE)}
    assert routes == {OFFICE, "172.20.9.0/24", "172.20.0.53/32"}


def test_whoever_only_answers_may_not_ask_the_resolver(in_house: Recorder) -> None:
    asked = [each.inputs for each in in_house.of("vpc/securityGroupIngressRule:SecurityGroupIngressRule")]
    assert {each["cidrIpv4"] for each in asked if each.get("fromPort") == 53 and "cidrIpv4" in each} == {OFFICE}


def test_the_hospitals_servers_are_asked_for_the_providers_names_and_for_nothing_else(in_house: Recorder) -> None:
    endpoints = {each.inputs["direction"]: each for each in in_house.of("route53/resolverEndpoint:ResolverEndpoint")}
    outbound = endpoints["OUTBOUND"]
    rules = in_house.of("route53/resolverRule:ResolverRule")
    assert {each.inputs["domainName"]: each.inputs["targetIps"] for each in rules} == {
        name: [{"ip": "172.20.0.53", "port": 53}] for name in ("login.hospital.org", "keys.hospital.org")
    }
    assert {each.inputs["resolverEndpointId"] for each in rules} == {outbound.id}
    assert {each.inputs["name"] for each in rules} == {"login-hospital-org", "keys-hospital-org"}
    associations = in_house.of("route53/resolverRuleAssociation:ResolverRuleAssociation")
    (vpc,) = in_house.of("ec2/vpc:Vpc")
    assert {(each.inputs["resolverRuleId"], each.inputs["vpcId"]) for each in associations} == {
        (each.id, vpc.id) for each in rules
    }
    (group,) = outbound.inputs["securityGroupIds"]
    out = [
        (each.inputs["cidrIpv4"], each.inputs["ipProtocol"], each.inputs["fromPort"], each.inputs["toPort"])
        for each in in_house.of("vpc/securityGroupEgressRule:SecurityGroupEgressRule")
        if each.inputs["securityGroupId"] == group
    ]
    assert sorted(out) == [("172.20.0.53/32", protocol, 53, 53) for protocol in ("tcp", "udp")]
    ins = in_house.of("vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    assert group not in [each.inputs["securityGroupId"] for each in ins]


@pytest.mark.parametrize(
    ("egress", "routes"), [(False, {OFFICE, "8.8.8.0/24"}), (True, {OFFICE})], ids=["no way out", "a way out"]
)
def test_a_provider_at_public_addresses_is_reached_by_the_ways_out_that_there_are(
    egress: bool, routes: set[str]
) -> None:
    # Its names are the internet's, and what is in the VPC, or listed twice, needs no route.
    provider = PROVIDER | {"resolvers": [], "cidrs": ["8.8.8.0/24", "10.0.7.0/24"]}
    stack = network(
        clientCidrs=[OFFICE],
        clusterClientCidrs=["192.168.7.0/24"],
        transitGatewayId=GATEWAY,
        egress=egress,
        mlflowSignOn=[provider],
    )
    led = [each.inputs for each in stack.of(ROUTE) if "transitGatewayId" in each.inputs]
    assert {each["destinationCidrBlock"] for each in led} == routes
    assert len(led) == len(routes) * len(ids(stack, "ec2/routeTable:RouteTable", "private"))
    assert stack.of("route53/resolverRule:ResolverRule") == []
