"""Every endpoint that an AWS client in a pod would call, against the hosts that the mesh lets out to."""

from typing import Any

import pytest

from cluster import namespaces as ns
from foundation.account import Account
from foundation.network.names import aws_hosts
from tests.platform.aws_calls import BUCKET, CALLS, REGIONS, answered_names, endpoint, is_answered
from tests.platform.cluster import manifests
from tests.platform.mocked import ACCOUNT_ID, run_program
from tests.platform.variants import MANY


def let_out(host: str, region: str) -> bool:
    """As Envoy matches the server name of a TLS hello: a star stands for any number of labels (Envoy, "Listener filter
    chain match", server_names)."""
    account = Account(ACCOUNT_ID, REGIONS[region], region, ())
    return any(host.endswith(name[1:]) if name.startswith("*.") else host == name for name in aws_hosts(account))


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("call", CALLS)
def test_a_pod_finds_and_reaches_what_boto3_calls(region: str, call: str) -> None:
    host = endpoint(region, call)
    assert is_answered(host, answered_names(region)), f"{host} is not looked up"
    assert let_out(host, region), f"{host} is refused by the mesh"


def test_every_service_that_a_pod_of_the_mesh_has_a_right_to_is_among_the_calls() -> None:
    """So that what is asked above is all that is called, and stays so."""
    stack = run_program(**MANY)
    rights: dict[str, set[str]] = {each.name: set() for each in stack.of("iam/policy:Policy")}
    for each in stack.of("iam/policy:Policy"):
        for statement in each.policy():
            if statement["Effect"] == "Allow":
                actions = statement["Action"]
                rights[each.name] |= {one.partition(":")[0] for one in [actions] * isinstance(actions, str) or actions}
    attached = stack.of("iam/rolePolicyAttachment:RolePolicyAttachment")
    called: dict[str, set[str]] = {}
    mesh = {*ns.MESH, *(each.name for each in manifests.SPACES)}
    for each in stack.of("eks/podIdentityAssociation:PodIdentityAssociation"):
        if each.inputs["namespace"] in mesh:
            role = each.inputs["roleArn"].rpartition("/")[2]
            policies = [one.inputs["policyArn"].rpartition("/")[2] for one in attached if one.inputs["role"] == role]
            called[each.inputs["namespace"]] = set[str]().union(*(rights[name] for name in policies))
    assert {"mlflow", "training", "serving", "models", "pipelines", "notebooks", "monitoring"} <= called.keys()
    assert {"s3", "kms"} <= called["training"]
    assert set[str]().union(*called.values()) <= {service for service, _ in CALLS.values()}


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize(
    "config",
    [
        {"s3": {"us_east_1_regional_endpoint": "regional"}},
        {"s3": {"addressing_style": "path"}},
        {"s3": {"use_dualstack_endpoint": True}},
    ],
    ids=["regional", "path", "dualstack"],
)
def test_however_a_client_is_told_to_name_a_bucket(region: str, config: dict[str, Any]) -> None:
    host = endpoint(region, "an object", **config)
    assert let_out(host, region), f"{host} is refused by the mesh"


@pytest.mark.parametrize("region", ["us-east-1", "us-gov-west-1"])
@pytest.mark.parametrize("call", ["an object", "a key", "a secret", "a log", "who am I"])
def test_endpoints_with_validated_cryptography_are_reached_too(region: str, call: str) -> None:
    host = endpoint(region, call, use_fips_endpoint=True)
    assert let_out(host, region), f"{host} is refused by the mesh"


@pytest.mark.parametrize("region", REGIONS)
def test_the_registry_of_the_stack_is_reached(region: str) -> None:
    registry = Account(ACCOUNT_ID, REGIONS[region], region, ()).registry("parapet-test")
    assert let_out(registry.partition("/")[0], region)


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize(
    "host",
    [
        "example.com",
        "iam.amazonaws.com",
        "sts.amazonaws.com",
        "s3.eu-west-1.amazonaws.com",
        f"{BUCKET}.s3.eu-west-1.amazonaws.com",
        "s3.amazonaws.com.attacker.example",
        "notamazonaws.com",
    ],
)
def test_nothing_else_is(region: str, host: str) -> None:
    """Names without a Region have no endpoint in the VPC; another Region's data is not this stack's."""
    assert not let_out(host, region)
