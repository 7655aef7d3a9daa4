"""Which names the VPC's resolver answers: all that the stack calls, and no other."""

import re
from ipaddress import IPv4Network
from typing import Any

import pytest

from foundation.account import Account
from foundation.network import dns_firewall
from foundation.network.endpoint_policies import GATEWAYS, IAM_PREFIXES
from foundation.network.names import answered, aws_hosts
from mlops.mlflow_server.sign_on import MAX_HOSTS
from setting_types.network import MAX_ALLOWED_DOMAINS
from tests.platform.aws_calls import CALLS, DOMAIN, NODE_CALLS, REGIONS, answered_names, endpoint, is_answered
from tests.platform.mocked import ACCOUNT_ID, Recorder, run_program
from tests.platform.test_ways_in import PROVIDER, network
from tests.platform.variants import run_with

BY_ENDPOINT = {"ecr.api": "ecr", "elasticloadbalancing": "elbv2", "monitoring": "cloudwatch"}
"""What boto3 calls the service of an endpoint, where the two differ."""
NOT_OF_BOTO3 = {"ec2messages", "guardduty-data", "ssmmessages", "ecr.dkr"}
"""What agents and the container runtime call: named SERVICE.REGION, as AWS PrivateLink's private names of them are."""


def account(region: str) -> Account:
    return Account(ACCOUNT_ID, REGIONS[region], region, ())


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("call", NODE_CALLS)
def test_what_boto3_calls_past_the_mesh_is_answered(region: str, call: str) -> None:
    """What it calls within the mesh, `test_mesh_egress.py` asks."""
    assert is_answered(endpoint(region, call), answered_names(region))


@pytest.mark.parametrize("region", REGIONS)
def test_what_agents_and_nodes_call_is_answered(region: str) -> None:
    suffix, names = account(region).dns_suffix, answered_names(region)
    hosts = [f"{each}.{region}.{suffix}" for each in NOT_OF_BOTO3 - {"ecr.dkr"}]
    hosts += [
        account(region).registry("parapet-test").partition("/")[0],
        f"602401143452.dkr.ecr.{region}.{suffix}",
        f"prod-{region}-starport-layer-bucket.s3.{region}.{suffix}",
        f"0A1B2C3D4E5F60718293A4B5C6D7E8F9.gr7.{region}.eks.{suffix}",
        f"parapet-test-mlflow.c0ffee123456.{region}.rds.{suffix}",
        f"a0123456789-0123456789abcdef.elb.{region}.{suffix}",
        f"mlflow.{DOMAIN}",
        DOMAIN,
        "7.6.16.10.in-addr.arpa",
        "ip-10-16-1-2.ec2.internal" if region == "us-east-1" else f"ip-10-16-1-2.{region}.compute.internal",
    ]
    assert [host for host in hosts if not is_answered(host, names)] == []


def test_every_endpoint_on_offer_is_among_the_calls() -> None:
    called = {service for service, _ in (CALLS | NODE_CALLS).values()}
    offered = {*IAM_PREFIXES, *GATEWAYS} - NOT_OF_BOTO3
    assert {BY_ENDPOINT.get(each, each) for each in offered} <= called


@pytest.mark.parametrize("region", REGIONS)
def test_what_the_mesh_lets_out_to_can_be_asked_for(region: str) -> None:
    assert set(aws_hosts(account(region))) <= set(answered_names(region))


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize(
    "host",
    [
        "example.com",
        "c2VjcmV0.attacker.example",
        "iam.amazonaws.com",
        "sts.eu-west-1.amazonaws.com",
        "eks-auth.eu-west-1.api.aws",
        "c2VjcmV0.s3.us-east-1.amazonaws.com.attacker.example",
        "ml.hospital.internal.attacker.example",
        "hospital.internal",
        "notml.hospital.internal",
        "pod.training.svc.cluster.local",
        "c2VjcmV0.2.0.192.in-addr.arpa",
        "1.17.10.in-addr.arpa",
        "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
        "internal",
        "",
    ],
)
def test_nothing_else_is_answered(region: str, host: str) -> None:
    assert not is_answered(host, answered_names(region))


@pytest.mark.parametrize("vpc", ["10.16.48.0/20", "172.31.0.0/16", "192.168.240.0/20"])
def test_a_vpc_of_any_size_has_its_addresses_named(vpc: str) -> None:
    network = IPv4Network(vpc)
    for address in (network[1], network[-2]):
        assert is_answered(address.reverse_pointer, answered_names("us-east-1", vpc))


def rules(stack: Recorder) -> list[tuple[dict[str, Any], list[str]]]:
    """Each rule with its list, in the order in which they are asked."""
    told = {each.id: each.inputs["domains"] for each in stack.of(f"{FIREWALL}DomainList:ResolverFirewallDomainList")}
    # In the form in which AWS tells them again, or each update would have a change.
    assert all(name.endswith(".") and not name.endswith("..") for names in told.values() for name in names)
    lists = {name: [each.removesuffix(".") for each in names] for name, names in told.items()}
    found = [dict(each.inputs) for each in stack.of(f"{FIREWALL}Rule:ResolverFirewallRule")]
    return [(rule, lists[rule["firewallDomainListId"]]) for rule in sorted(found, key=lambda each: each["priority"])]


FIREWALL = "route53/resolverFirewall"


def test_the_list_is_answered_and_the_rest_does_not_exist() -> None:
    (first, names), (last, rest) = rules(run_program())
    region = Account(ACCOUNT_ID, "aws", "us-east-1", ())
    assert names == answered(region, IPv4Network("10.0.0.0/16"), "parapet.internal", [])
    assert (first["action"], last["action"], rest) == ("ALLOW", "BLOCK", ["*"])
    # An answer without data ends musl's walk through the search list, before the name itself is asked for.
    assert last["blockResponse"] == "NXDOMAIN"
    # A CNAME of an owner's leads where the owner says, which no list of ours could tell.
    assert first["firewallDomainRedirectionAction"] == "TRUST_REDIRECTION_DOMAIN"
    assert "qType" not in first | last, "a rule over one type of question lets the others pass"


@pytest.mark.parametrize("protect", [True, False])
def test_the_vpc_is_held_to_it_even_while_it_fails(protect: bool) -> None:
    stack = run_with(protect=protect)
    (vpc,) = stack.of("ec2/vpc:Vpc")
    (config,) = stack.of(f"{FIREWALL}Config:ResolverFirewallConfig")
    (link,) = stack.of(f"{FIREWALL}RuleGroupAssociation:ResolverFirewallRuleGroupAssociation")
    (group,) = stack.of(f"{FIREWALL}RuleGroup:ResolverFirewallRuleGroup")
    assert (config.inputs["resourceId"], config.inputs["firewallFailOpen"]) == (vpc.id, "DISABLED")
    assert (link.inputs["vpcId"], link.inputs["firewallRuleGroupId"]) == (vpc.id, group.id)
    assert 100 < link.inputs["priority"] < 9900
    assert link.inputs["mutationProtection"] == ("ENABLED" if protect else "DISABLED")
    waits = stack.waits_for[(link.type, link.name)]
    assert {(each.type, each.name) for each in stack.of(f"{FIREWALL}Rule:ResolverFirewallRule")} <= waits
    assert {rule["firewallRuleGroupId"] for rule, _ in rules(stack)} == {group.id}


def test_what_the_settings_name_is_answered_too() -> None:
    stack = network(mlflowSignOn=[PROVIDER], allowedDomains=["*.pypi.example.org", "pypi.example.org"])
    (_, names), _ = rules(stack)
    assert names[-4:] == ["keys.hospital.org", "login.hospital.org", "*.pypi.example.org", "pypi.example.org"]
    assert is_answered("files.pypi.example.org", names)
    assert not is_answered("more.login.hospital.org", names)


@pytest.mark.parametrize("region", REGIONS)
def test_every_name_is_one_that_a_list_takes_and_all_have_room(region: str) -> None:
    """Amazon Route 53 Developer Guide, "Managing your own domain lists"; the provider's own limit."""
    names = answered_names(region)
    assert [each for each in names if not re.fullmatch(r"\*?[A-Za-z0-9.-]{1,254}", each)] == []
    assert len(set(names)) == len(names)
    assert len(names) + MAX_HOSTS + MAX_ALLOWED_DOMAINS <= dns_firewall.MOST
