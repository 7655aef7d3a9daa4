"""What a stack costs: that nothing of a plan is forgotten, and that what is counted is what the settings say."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import pytest

from operations import cost
from operations.cost.charges import priced_types
from operations.cost.prices import Prices
from tests.platform.extremes import EVERYTHING, NOTHING
from tests.platform.mocked import run_program
from tests.platform.variants import HOSPITALS, run_with

REGION = "us-east-1"
GPU_GROUPS = [
    {"name": "inference", "instanceTypes": ["g6.xlarge", "g6.2xlarge"], "min": 1, "max": 4},
    {"name": "training", "instanceTypes": ["g5.12xlarge"], "max": 2, "capacity": "spot"},
]
WITH_GPUS = {"gpuGroups": GPU_GROUPS}


@dataclass(frozen=True)
class One:
    type: str
    name: str = "it"
    inputs: Mapping[str, Any] = field(default_factory=dict)


def quantities(found: cost.Estimate) -> dict[str, tuple[float, float]]:
    return {line.price.what: (line.idle, line.load) for line in found.lines}


def host(instance_type: str) -> list[One]:
    """An Auto Scaling group of one instance, and its template."""
    template = {
        "instanceType": instance_type,
        "blockDeviceMappings": [{"ebs": {"volumeSize": 10}}],
        "monitoring": {"enabled": True},
    }
    return [
        One("aws:ec2/launchTemplate:LaunchTemplate", inputs=template),
        One("aws:autoscaling/group:Group", inputs={"minSize": 1, "maxSize": 1}),
    ]


def planned(**settings: Any) -> cost.Estimate:
    return cost.estimate(run_program(**settings).made, REGION)


@pytest.mark.plan
def test_every_resource_of_a_stack_with_every_option_is_counted_or_free() -> None:
    assert quantities(planned(**EVERYTHING))["NAT gateways"] == (4, 4)


@pytest.mark.plan
def test_a_stack_without_endpoints_and_with_an_authority_of_ones_own_pays_for_neither() -> None:
    stack = run_with(interfaceEndpoints=[], certificateAuthorityArn=HOSPITALS)
    found = quantities(cost.estimate(stack.made, REGION))
    assert not {"Interface endpoints, a zone each", "Private CA"} & set(found)


@pytest.mark.plan
def test_every_resource_of_a_stack_without_any_option_is_counted_or_free() -> None:
    assert "NAT gateways" not in quantities(planned(**NOTHING))


def test_a_type_without_a_price_is_refused_by_its_name() -> None:
    with pytest.raises(cost.NotPriced, match=r"'it' is of a type that has no price, aws:macie/account:Account"):
        cost.estimate([One("aws:macie/account:Account")], REGION)


def test_no_type_is_both_free_and_priced() -> None:
    assert not Prices.of(REGION).free & set(priced_types())


def test_a_region_without_prices_is_one_line() -> None:
    with pytest.raises(cost.NotPriced) as refused:
        cost.estimate([], "eu-central-1")
    assert str(refused.value).startswith("There are no prices for the Region 'eu-central-1', only for us-east-1:")
    assert "\n" not in str(refused.value)


@pytest.mark.plan
def test_prices_of_more_than_a_year_ago_are_told() -> None:
    found = planned()
    oldest, newest = (date.fromisoformat(each) for each in found.dates)
    assert not found.old(oldest + timedelta(days=365))
    a_day_later = found.old(oldest + timedelta(days=366))
    assert a_day_later == [line.price.what for line in found.lines if line.price.dated == str(oldest)]
    assert len(found.old(newest + timedelta(days=366))) == len(found.lines)


def test_the_default_stack_is_counted_from_its_settings() -> None:
    """15 endpoints in 3 zones, 3 to 6 nodes of the platform and 2 to 6 of workloads, a Multi-AZ database."""
    found = quantities(planned())
    assert found["Private CA"] == (1, 1)
    assert found["Interface endpoints, a zone each"] == (45, 45)
    assert found["EC2 m7i.xlarge"] == (5, 12)
    assert found["RDS db.t4g.medium, a zone each"] == (2, 2)
    assert found["EKS control plane, standard support"] == (1, 1)
    assert "NAT gateways" not in found


@pytest.mark.plan
def test_a_gpu_group_grows_to_its_largest_number_of_its_dearest_type() -> None:
    found, without = quantities(planned(**WITH_GPUS)), quantities(planned())
    assert found["EC2 g6.xlarge"] == (1, 1)
    assert found["EC2 g6.2xlarge"] == (0, 3)
    # Four GPUs a node: the pool's limit counts GPUs, and a bill counts nodes.
    assert found["EC2 g5.12xlarge"] == (0, 2)
    volumes = [found["EBS volumes, gp3"][each] - without["EBS volumes, gp3"][each] for each in (0, 1)]
    assert volumes == [200, 1200]


def test_a_load_balancer_is_counted_once_whether_its_chart_is_rendered_or_not() -> None:
    service, gateway = "kubernetes:core/v1:Service", One("kubernetes:networking.istio.io/v1:Gateway")
    rendered = [One(service, "a", {"spec": {"type": "LoadBalancer"}}), One(service, "b", {"spec": {}})]
    assert quantities(planned())["Network Load Balancers"] == (1, 1)
    for resources in ([gateway], rendered, [*rendered, gateway]):
        assert quantities(cost.estimate(resources, REGION)) == {"Network Load Balancers": (1, 1)}


def test_a_hospitals_way_in_is_counted() -> None:
    way_in = [
        One("aws:ec2transitgateway/vpcAttachment:VpcAttachment"),
        One("aws:route53/resolverEndpoint:ResolverEndpoint", inputs={"ipAddresses": [{}, {}, {}]}),
        *host("t4g.nano"),
    ]
    # A month of 730 hours: 36.50 and 3 x 91.25; the host's 3.066, 10 GB at 0.08 each, and its metrics.
    assert cost.estimate(way_in, REGION).idle_usd == pytest.approx(36.50 + 273.75 + 3.066 + 0.80 + 2.10)


def test_the_names_that_are_answered_are_counted() -> None:
    firewall = [
        One(
            "aws:route53/resolverFirewallDomainList:ResolverFirewallDomainList", "a", {"domains": ["*.a.org", "b.org"]}
        ),
        One("aws:route53/resolverFirewallDomainList:ResolverFirewallDomainList", "b", {"domains": ["*"]}),
        One("aws:route53/resolverFirewallRuleGroupAssociation:ResolverFirewallRuleGroupAssociation"),
    ]
    found = cost.estimate(firewall, REGION)
    assert {line.price.what: line.price.assumed for line in found.lines} == {
        "DNS Firewall, queries that it judges": True,
        "DNS Firewall, names on its lists": False,
    }
    assert found.idle_usd == pytest.approx(7 * 0.60 + 3 * 0.0005)


@pytest.mark.parametrize(
    ("resources", "named"),
    [
        (host("x9.huge"), "'x9.huge'"),
        ([One("aws:rds/instance:Instance", inputs={"instanceClass": "db.x9.huge"})], "'db.x9.huge'"),
    ],
)
def test_a_size_without_a_price_is_refused_by_its_name(resources: list[One], named: str) -> None:
    with pytest.raises(cost.NotPriced, match=f"no price for the .* {named} in us-east-1: add it to operations/cost/"):
        cost.estimate(resources, REGION)


def test_what_programs_read_has_each_price_with_its_date_and_source() -> None:
    found = json.loads(json.dumps(planned(**WITH_GPUS).to_json()))
    assert all(line["dated"] and line["source"] for line in found["lines"])
    assert found["total"]["load"] > found["total"]["idle"] > 400
    assert found["total"]["idle"] == pytest.approx(sum(line["idle"]["usd"] for line in found["lines"]), abs=0.1)
    assert found["not_counted"]
