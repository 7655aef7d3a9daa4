"""The network under mocks: what can come in, what can get out, and what is written down about it."""

import itertools
import json
from ipaddress import IPv4Network
from typing import Any

import pulumi
import pytest

from foundation import retention
from foundation.eks_registries import eks_registry
from foundation.network.endpoint_policies import IAM_PREFIXES
from foundation.network.subnets import divide
from tests.platform.mocked import ACCOUNT_ID, RANGES, Made, Recorder, run_program
from tests.platform.variants import run_with

INTERNET = ("ec2/internetGateway:InternetGateway", "ec2/natGateway:NatGateway", "ec2/eip:Eip", "ec2/route:Route")


@pytest.fixture(scope="module")
def closed() -> Recorder:
    return run_program()


@pytest.fixture(scope="module")
def with_egress() -> Recorder:
    return run_with(egress=True)


def subnets(stack: Recorder, tier: str) -> list[Made]:
    return [each for each in stack.of("ec2/subnet:Subnet") if f"-{tier}-" in each.name]


def table_of(stack: Recorder, subnet: Made) -> str:
    (link,) = [
        each
        for each in stack.of("ec2/routeTableAssociation:RouteTableAssociation")
        if each.inputs["subnetId"] == subnet.id
    ]
    table: str = link.inputs["routeTableId"]
    return table


def routes(stack: Recorder, table: str) -> list[dict[str, Any]]:
    return [dict(each.inputs) for each in stack.of("ec2/route:Route") if each.inputs["routeTableId"] == table]


def test_private_and_isolated_subnets_lie_in_three_zones(closed: Recorder) -> None:
    for tier in ("private", "isolated"):
        assert [each.inputs["availabilityZone"] for each in subnets(closed, tier)] == [
            "us-east-1a",
            "us-east-1b",
            "us-east-1c",
        ]
    assert len(closed.of("ec2/subnet:Subnet")) == 6


def test_without_egress_nothing_leads_to_the_internet(closed: Recorder) -> None:
    assert not [each for kind in INTERNET for each in closed.of(kind)]
    asked = json.dumps([each.inputs for each in closed.managed()], default=str)
    assert "0.0.0.0/0" not in asked
    assert "::/0" not in asked


def test_with_egress_each_private_subnet_leaves_by_the_gateway_of_its_own_zone(with_egress: Recorder) -> None:
    for subnet in subnets(with_egress, "private"):
        (route,) = routes(with_egress, table_of(with_egress, subnet))
        assert route["destinationCidrBlock"] == "0.0.0.0/0"
        (gateway,) = [each for each in with_egress.of("ec2/natGateway:NatGateway") if each.id == route["natGatewayId"]]
        (public,) = [each for each in with_egress.of("ec2/subnet:Subnet") if each.id == gateway.inputs["subnetId"]]
        assert public.inputs["availabilityZone"] == subnet.inputs["availabilityZone"]


def test_with_egress_the_isolated_subnets_still_have_no_way_out(with_egress: Recorder) -> None:
    for subnet in subnets(with_egress, "isolated"):
        assert routes(with_egress, table_of(with_egress, subnet)) == []


def test_asking_for_egress_changes_no_subnet_that_was_there(closed: Recorder, with_egress: Recorder) -> None:
    before = {each.name: each.inputs for each in closed.of("ec2/subnet:Subnet")}
    after = {each.name: each.inputs for each in with_egress.of("ec2/subnet:Subnet")}
    assert before.items() <= after.items()


def test_a_fourth_zone_changes_no_subnet_of_the_first_three(closed: Recorder) -> None:
    before = {each.name: each.inputs for each in closed.of("ec2/subnet:Subnet")}
    after = {each.name: each.inputs for each in run_with(zones=4).of("ec2/subnet:Subnet")}
    assert before.items() <= after.items()
    assert len(after) == len(before) + 2


def test_no_subnet_hands_out_public_addresses(with_egress: Recorder) -> None:
    for subnet in with_egress.of("ec2/subnet:Subnet"):
        assert subnet.inputs["mapPublicIpOnLaunch"] is False


def test_a_load_balancer_of_the_cluster_lands_in_a_private_subnet_of_each_zone(with_egress: Recorder) -> None:
    """As EKS chooses: in each zone the subnet with the role's tag, and between equals the one whose id sorts first."""
    role = "kubernetes.io/role/internal-elb"
    chosen: dict[str, Made] = {}
    for subnet in sorted(with_egress.of("ec2/subnet:Subnet"), key=lambda each: each.id):
        zone = subnet.inputs["availabilityZone"]
        if zone not in chosen or (role in subnet.inputs["tags"] and role not in chosen[zone].inputs["tags"]):
            chosen[zone] = subnet
    assert list(chosen.values()) == subnets(with_egress, "private")
    tagged = [each for each in with_egress.of("ec2/subnet:Subnet") if role in each.inputs["tags"]]
    assert tagged == subnets(with_egress, "private")


def test_the_default_security_group_lets_nothing_through(closed: Recorder) -> None:
    (group,) = closed.of("ec2/defaultSecurityGroup:DefaultSecurityGroup")
    assert (group.inputs["ingress"], group.inputs["egress"]) == ([], [])


def test_the_endpoints_answer_https_from_within_the_vpc_only(closed: Recorder) -> None:
    rule = closed.one("vpc/securityGroupIngressRule:SecurityGroupIngressRule", "parapet-test-endpoints")
    assert (rule.inputs["ipProtocol"], rule.inputs["fromPort"], rule.inputs["toPort"]) == ("tcp", 443, 443)
    assert rule.inputs["cidrIpv4"] == "10.0.0.0/16"
    group = closed.one("ec2/securityGroup:SecurityGroup", "parapet-test-endpoints")
    assert rule.inputs["securityGroupId"] == group.id
    assert not {"ingress", "egress"} & set(group.inputs)


def test_s3_and_dynamodb_are_reached_from_every_route_table(closed: Recorder) -> None:
    tables = {each.id for each in closed.of("ec2/routeTable:RouteTable")}
    gateways = [e for e in closed.of("ec2/vpcEndpoint:VpcEndpoint") if e.inputs["vpcEndpointType"] == "Gateway"]
    assert {each.inputs["serviceName"] for each in gateways} == {
        "com.amazonaws.us-east-1.s3",
        "com.amazonaws.us-east-1.dynamodb",
    }
    assert all(set(each.inputs["routeTableIds"]) == tables for each in gateways)


def test_pods_reach_s3_and_dynamodb_at_the_addresses_of_this_run_and_not_of_the_endpoints_first(
    closed: Recorder,
) -> None:
    policies = [each for each in closed.of("kubernetes:networking.k8s.io/v1:NetworkPolicy") if "objects" in each.name]
    assert policies
    for policy in policies:
        (rule,) = policy.inputs["spec"]["egress"]
        assert [each["ipBlock"]["cidr"] for each in rule["to"]] == list(RANGES.values())


@pytest.mark.parametrize("services", [[], ["kms"], list(IAM_PREFIXES)])
def test_the_interface_endpoints_are_those_asked_for(services: list[str]) -> None:
    # The operators' host asks for some of them.
    stack = run_with(interfaceEndpoints=services, operatorsHost=False)
    interfaces = [e for e in stack.of("ec2/vpcEndpoint:VpcEndpoint") if e.inputs["vpcEndpointType"] == "Interface"]
    assert [each.inputs["serviceName"] for each in interfaces] == [f"com.amazonaws.us-east-1.{s}" for s in services]
    assert all(each.inputs["privateDnsEnabled"] and len(each.inputs["subnetIds"]) == 3 for each in interfaces)


def test_an_endpoint_serves_this_accounts_principals_or_nothing_that_carries_data_out() -> None:
    carries_nothing_out = {
        "s3:GetObject": "arn:aws:s3:::prod-us-east-1-starport-layer-bucket/*",
        "sts:AssumeRoleWithWebIdentity": "*",
    }
    for endpoint in run_with(interfaceEndpoints=list(IAM_PREFIXES)).of("ec2/vpcEndpoint:VpcEndpoint"):
        for statement in endpoint.policy():
            conditions = statement.get("Condition", {}).get("StringEquals", {})
            if conditions.get("aws:PrincipalAccount") == ACCOUNT_ID:
                continue
            assert statement["Resource"] == carries_nothing_out[statement["Action"]], endpoint.name


def test_an_endpoint_leads_to_this_accounts_resources_but_for_what_carries_nothing_out() -> None:
    for endpoint in run_with(interfaceEndpoints=list(IAM_PREFIXES)).of("ec2/vpcEndpoint:VpcEndpoint"):
        for statement in endpoint.policy():
            if "aws:ResourceAccount" not in json.dumps(statement):
                taken = ("ImageLayers", "LaunchFromImages", "PullFromEks", "ReadPublicParameters")
                assert statement["Sid"] in taken, endpoint.name
                assert "Put" not in json.dumps(statement["Action"])


def test_every_connection_is_logged(closed: Recorder) -> None:
    (log,) = closed.of("ec2/flowLog:FlowLog")
    (vpc,) = closed.of("ec2/vpc:Vpc")
    assert (log.inputs["vpcId"], log.inputs["trafficType"]) == (vpc.id, "ALL")
    assert log.inputs["logDestination"].endswith("log-group:/parapet-test/flow-logs")


def test_every_dns_query_of_the_vpc_is_logged(closed: Recorder) -> None:
    (config,) = closed.of("route53/resolverQueryLogConfig:ResolverQueryLogConfig")
    (link,) = closed.of("route53/resolverQueryLogConfigAssociation:ResolverQueryLogConfigAssociation")
    (vpc,) = closed.of("ec2/vpc:Vpc")
    assert config.inputs["destinationArn"].endswith("log-group:/parapet-test/query-logs")
    assert (link.inputs["resolverQueryLogConfigId"], link.inputs["resourceId"]) == (config.id, vpc.id)


def test_log_groups_are_encrypted_with_the_logs_key_and_kept_as_long_as_asked() -> None:
    every = run_with(logRetentionDays=731).of("cloudwatch/logGroup:LogGroup")
    groups = [each for each in every if each.inputs["name"].startswith("/parapet-test/")]
    assert {each.inputs["name"].rpartition("/")[2]: each.inputs["retentionInDays"] for each in groups} == {
        "flow-logs": 731,
        "query-logs": 731,
        "rotator": 731,
        # Audit trails, kept for as long as audit records are.
        "mlflow-audit": retention.audit_log_days(retention.AUDIT_YEARS),
        "sessions": retention.audit_log_days(retention.AUDIT_YEARS),
    }
    assert all(group.inputs["kmsKeyId"].endswith("key/parapet-test-logs") for group in groups)


@pytest.mark.parametrize("protect", [True, False])
def test_a_log_group_of_audit_records_is_deleted_by_no_call_until_its_protection_is_lifted(protect: bool) -> None:
    every = run_with(protect=protect).of("cloudwatch/logGroup:LogGroup")
    said = {each.inputs["name"]: each.inputs.get("deletionProtectionEnabled") for each in every}
    trails = {"/parapet-test/sessions", "/parapet-test/mlflow-audit", "/aws/eks/parapet-test/cluster"}
    assert {name: value for name, value in said.items() if value is not None} == dict.fromkeys(trails, protect)


def test_the_flow_log_role_is_for_this_accounts_flow_logs_and_its_own_log_group(closed: Recorder) -> None:
    role = closed.one("iam/role:Role", "parapet-test-flow-logs")
    (trust,) = role.policy("assumeRolePolicy")
    assert trust["Principal"] == {"Service": "vpc-flow-logs.amazonaws.com"}
    assert trust["Condition"] == {
        "StringEquals": {"aws:SourceAccount": ACCOUNT_ID},
        "ArnLike": {"aws:SourceArn": f"arn:aws:ec2:us-east-1:{ACCOUNT_ID}:vpc-flow-log/*"},
    }
    policy = closed.one("iam/policy:Policy", "parapet-test-flow-logs")
    write, find = policy.policy()
    assert write["Resource"].endswith("log-group:/parapet-test/flow-logs:*")
    assert all(action.startswith("logs:") and "*" not in action for action in write["Action"])
    assert (find["Action"], find["Resource"]) == (
        "logs:DescribeLogGroups",
        f"arn:aws:logs:us-east-1:{ACCOUNT_ID}:log-group:*",
    )


def test_log_delivery_writes_to_the_query_log_group_only(closed: Recorder) -> None:
    (policy,) = closed.of("cloudwatch/logResourcePolicy:LogResourcePolicy")
    (statement,) = policy.policy("policyDocument")
    assert statement["Principal"] == {"Service": "delivery.logs.amazonaws.com"}
    assert statement["Resource"].endswith("log-group:/parapet-test/query-logs:log-stream:*")
    assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT_ID}


@pytest.mark.parametrize("zones", [3, 4])
@pytest.mark.parametrize("cidr", ["10.0.0.0/16", "172.16.0.0/20"])
def test_the_ranges_lie_in_the_vpc_and_never_overlap(cidr: str, zones: int) -> None:
    vpc = IPv4Network(cidr)
    plan = divide(vpc, zones)
    ranges = [IPv4Network(each) for each in (*plan.private, *plan.isolated, *plan.public)]
    assert len(ranges) == 3 * zones
    assert all(each.subnet_of(vpc) for each in ranges)
    assert not any(one.overlaps(other) for one, other in itertools.combinations(ranges, 2))


def test_the_largest_vpc_is_divided_like_this() -> None:
    plan = divide(IPv4Network("10.0.0.0/16"), 3)
    assert plan.private == ("10.0.0.0/19", "10.0.32.0/19", "10.0.64.0/19")
    assert plan.isolated == ("10.0.128.0/21", "10.0.136.0/21", "10.0.144.0/21")
    assert plan.public == ("10.0.160.0/21", "10.0.168.0/21", "10.0.176.0/21")


def test_a_fifth_zone_has_no_room() -> None:
    with pytest.raises(ValueError, match="zones is 5; the plan has room for 4"):
        divide(IPv4Network("10.0.0.0/16"), 5)


def test_a_region_whose_registry_of_eks_is_not_known_is_refused() -> None:
    with pytest.raises(pulumi.RunError, match=r"xx-north-9.*eks_registries\.yaml"):
        eks_registry("xx-north-9")
