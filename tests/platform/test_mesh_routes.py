"""The whole stack's routes, from the name that a user types to the pod that answers."""

from typing import Any

import pytest

from tests.platform.mocked import Made, Recorder
from tests.platform.variants import run_with

NETWORKING = "kubernetes:networking.istio.io/v1"


@pytest.fixture(scope="module")
def stack() -> Recorder:
    return run_with(domain="ml.hospital.internal")


@pytest.fixture(scope="module")
def routes(stack: Recorder) -> list[Made]:
    """The routes of the gateway."""
    every = [each for each in stack.of(f"{NETWORKING}:VirtualService") if each.inputs["spec"]["gateways"] != ["mesh"]]
    assert every
    return every


def gateway(stack: Recorder, route: Made) -> dict[str, Any]:
    """The gateway that a route names."""
    (named,) = route.inputs["spec"]["gateways"]
    (found,) = [
        each
        for each in stack.of(f"{NETWORKING}:Gateway")
        if f"{each.inputs['metadata']['namespace']}/{each.inputs['metadata']['name']}" == named
    ]
    return dict(found.inputs["spec"])


def test_a_route_is_of_a_namespace_from_which_its_gateway_takes_routes(stack: Recorder, routes: list[Made]) -> None:
    for route in routes:
        (server,) = gateway(stack, route)["servers"]
        assert f"{route.inputs['metadata']['namespace']}/*" in server["hosts"]


def test_the_load_balancers_certificate_is_for_the_host_of_every_route(stack: Recorder, routes: list[Made]) -> None:
    (certificate,) = stack.of("acm/certificate:Certificate")
    assert certificate.inputs["domainName"] == "*.ml.hospital.internal"
    for route in routes:
        for host in route.inputs["spec"]["hosts"]:
            label, _, parent = host.partition(".")
            assert label
            assert f"*.{parent}" == certificate.inputs["domainName"]


def test_a_route_leads_to_a_port_of_a_service_that_is_made(stack: Recorder, routes: list[Made]) -> None:
    services = {
        (f"{each.inputs['metadata']['name']}.{each.inputs['metadata']['namespace']}.svc.cluster.local", port["port"])
        for each in stack.of("kubernetes:core/v1:Service")
        for port in each.inputs["spec"]["ports"]
    }
    for route in routes:
        destinations = [leg["destination"] for rule in route.inputs["spec"]["http"] for leg in rule["route"]]
        assert destinations
        for each in destinations:
            assert (each["host"], each["port"]["number"]) in services


def test_what_a_gateway_leads_to_lets_its_service_account_in(stack: Recorder, routes: list[Made]) -> None:
    allowed = {
        each.inputs["metadata"]["namespace"]
        for each in stack.of("kubernetes:security.istio.io/v1:AuthorizationPolicy")
        for rule in each.inputs["spec"].get("rules", [])
        for source in rule.get("from", [])
        if "cluster.local/ns/ingress/sa/istio-ingress" in source["source"]["principals"]
    }
    assert {route.inputs["metadata"]["namespace"] for route in routes} <= allowed
