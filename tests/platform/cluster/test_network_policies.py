"""The table of flows, as the policies that follow from it."""

from collections import Counter
from ipaddress import IPv4Network, ip_address, ip_network
from typing import Any

import pytest

from cluster import namespaces as ns
from cluster.guardrails.flows import Range, flows
from cluster.guardrails.network_policies import policies
from cluster.service_range import service_range
from local.kubernetes.control_plane import pki
from tests.platform.cluster import manifests
from tests.platform.mocked import declared_settings

RANGES = {each.name: ["10.0.0.0/16"] for each in Range}
METADATA_SERVICE = "169.254.169.254"


@pytest.fixture(scope="module")
def made() -> list[dict[str, Any]]:
    every = manifests.objects(manifests.record(manifests.guardrails))
    return [each for each in every if each["kind"] == "NetworkPolicy"]


def rules(policy: dict[str, Any]) -> list[dict[str, Any]]:
    return [*policy["spec"].get("ingress", []), *policy["spec"].get("egress", [])]


def peers(policy: dict[str, Any]) -> list[dict[str, Any]]:
    return [peer for rule in rules(policy) for peer in (*rule.get("from", []), *rule.get("to", []))]


def allowed(made: list[dict[str, Any]], way: str, namespace: str) -> set[str]:
    """The names of the policies that let something in or out."""
    return {
        each["metadata"]["name"]
        for each in made
        if each["metadata"]["namespace"] == namespace and each["spec"].get(way)
    }


def test_no_two_policies_have_the_same_name(made: list[dict[str, Any]]) -> None:
    names = Counter((each["metadata"]["namespace"], each["metadata"]["name"]) for each in made)
    assert [name for name, count in names.items() if count > 1] == []


def test_no_rule_lets_through_everything(made: list[dict[str, Any]]) -> None:
    for policy in made:
        assert all(rule.get("from") or rule.get("to") for rule in rules(policy)), policy["metadata"]
        for peer in peers(policy):
            assert peer.get("ipBlock", {}).get("cidr") != "0.0.0.0/0"
            assert peer != {"namespaceSelector": {}}
            assert peer.get("namespaceSelector", {}).get("matchLabels", {ns.NAME_LABEL: ""}).keys() == {ns.NAME_LABEL}


def test_no_pod_reaches_the_nodes_metadata_service(made: list[dict[str, Any]]) -> None:
    blocks = [peer["ipBlock"]["cidr"] for policy in made for peer in peers(policy) if "ipBlock" in peer]
    assert blocks
    assert not [cidr for cidr in blocks if cidr.startswith(METADATA_SERVICE)]


def test_a_range_without_addresses_opens_nothing() -> None:
    flow = next(each for each in flows() if each.name == "objects")
    (first, *_) = policies(flow)
    _, _, specify = first
    assert specify(RANGES)["egress"]
    assert specify({**RANGES, "GATEWAY_ENDPOINTS": []})["egress"] == []


def test_a_training_job_reaches_s3_and_dynamodb_at_their_public_addresses(made: list[dict[str, Any]]) -> None:
    (policy,) = [
        each
        for each in made
        if (each["metadata"]["namespace"], each["metadata"]["name"]) == ("training", "objects-out")
    ]
    assert [peer["ipBlock"]["cidr"] for peer in peers(policy)] == [*manifests.S3_CIDRS, *manifests.DYNAMODB_CIDRS]


def test_no_pod_reaches_the_internet_whatever_way_out_the_network_has() -> None:
    """Nor Karpenter, which knows prices without asking (`isolatedVPC`)."""
    made = manifests.objects(manifests.record(manifests.guardrails))
    ranges = [
        ip_network(peer["ipBlock"]["cidr"])
        for each in made
        if each["kind"] == "NetworkPolicy"
        for peer in peers(each)
        if "ipBlock" in peer
    ]
    assert len(ranges) > 50
    # S3's and DynamoDB's own, by their gateway endpoints, are public addresses.
    own = [ip_network(each) for each in (*manifests.S3_CIDRS, *manifests.DYNAMODB_CIDRS)]
    assert [each for each in ranges if each.is_global and each not in own] == []
    assert [each for each in ranges if each.prefixlen < 8] == []


def test_the_local_services_have_the_addresses_that_the_policies_mean() -> None:
    """Of a stack that says nothing of its VPC: the local API server is there before the settings are read."""
    range_ = service_range(IPv4Network(declared_settings()["vpcCidr"]["default"]))
    assert range_ == pki.SERVICE_RANGE
    assert ip_address(pki.ADDRESSES[1]) == next(IPv4Network(range_).hosts())


@pytest.mark.parametrize(
    ("name", "caller", "more"),
    [("to-models-in", "pipelines", {}), ("to-published-in", "ingress", {"parapet.dev/published": "true"})],
)
def test_a_model_is_reached_by_pipelines_and_by_the_gateway_only_if_its_pods_say_published(
    made: list[dict[str, Any]], name: str, caller: str, more: dict[str, str]
) -> None:
    policies = [each for each in made if each["metadata"]["name"] == name]
    assert {each["metadata"]["namespace"] for each in policies} == {"serving", "models"}
    for policy in policies:
        assert policy["spec"]["podSelector"]["matchLabels"] == {"app.kubernetes.io/component": "predictor", **more}
        assert [peer["namespaceSelector"]["matchLabels"][ns.NAME_LABEL] for peer in peers(policy)] == [caller]
        assert [port["port"] for rule in rules(policy) for port in rule["ports"]] == [8080]


def test_the_gateway_reaches_mlflow_and_what_is_published_and_no_other_pod(made: list[dict[str, Any]]) -> None:
    into = {
        (each["metadata"]["namespace"], each["metadata"]["name"])
        for each in made
        for peer in peers(each)
        if "Ingress" in each["spec"]["policyTypes"]
        and peer.get("namespaceSelector", {}).get("matchLabels") == {ns.NAME_LABEL: "ingress"}
    }
    assert into >= {("mlflow", "to-mlflow-in"), ("serving", "to-published-in")}
    reached = {"mlflow", "serving", "models", "monitoring", "kubeflow", "kube-system", "istio-system"}
    assert {namespace for namespace, _ in into} == reached
    assert [name for namespace, name in into if namespace == "monitoring"] == ["to-dashboards-in"]
    for place in ("serving", "models"):
        assert [name for namespace, name in into if namespace == place] == ["to-published-in"]


def test_what_comes_into_a_notebook_is_nothing_but_a_scrape(made: list[dict[str, Any]]) -> None:
    assert allowed(made, "ingress", "notebooks") == {"scrapes-in"}


def test_users_come_in_at_the_gateway_only(made: list[dict[str, Any]]) -> None:
    """The API server and the kubelets call their own few from within the VPC."""
    from_outside = {
        (each["metadata"]["namespace"], each["metadata"]["name"])
        for each in made
        for rule in each["spec"].get("ingress", [])
        for peer in rule["from"]
        if "ipBlock" in peer
    }
    assert from_outside == {
        ("ingress", "users-in"),
        ("istio-system", "mesh-webhook-in"),
        ("kube-system", "metrics-api-in"),
        ("amazon-cloudwatch", "agent-webhook-in"),
    }


@pytest.mark.parametrize("namespace", ns.UNUSED)
def test_nothing_is_open_where_nothing_runs(made: list[dict[str, Any]], namespace: str) -> None:
    assert [each["metadata"]["name"] for each in made if each["metadata"]["namespace"] == namespace] == ["default-deny"]


def test_every_flow_has_a_port_but_the_one_between_the_workers_of_a_job() -> None:
    assert [flow.name for flow in flows() if not flow.ports] == ["workers"]
