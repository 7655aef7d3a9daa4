"""What is pinned, held against what a Region offers."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from cluster.versions import VERSIONS
from operations.account.access import Access
from operations.account.preflight import State, versions
from tests.operations.conftest import STACK
from tests.operations.test_preflight import GPU, Write, account

PINNED = VERSIONS["1.36"]
DATE = PINNED.nodes.rpartition("-")[2]


@pytest.fixture
def stubs(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Stubber]]:
    """EKS and Systems Manager with prepared answers, each held against AWS's own service model."""
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
    clients: dict[str, Any] = {name: boto3.client(name, region_name="us-east-1", **keys) for name in ("eks", "ssm")}
    monkeypatch.setattr(Access, "client", lambda self, service: clients[service])
    with ExitStack() as active:
        yield {name: active.enter_context(Stubber(client)) for name, client in clients.items()}


def offer(eks: Stubber, **instead: str) -> None:
    """Each add-on as it is pinned, but for those that AWS has another build of."""
    for name, build in PINNED.add_ons.items():
        offered = instead.get(name.replace("-", "_"), build)
        compatible = [{"clusterVersion": "1.36", "defaultVersion": True}]
        found = {"addonName": name, "addonVersions": [{"addonVersion": offered, "compatibilities": compatible}]}
        eks.add_response(
            "describe_addon_versions", {"addons": [found]}, {"kubernetesVersion": "1.36", "addonName": name}
        )


def image(ssm: Stubber, kind: str, *, there: bool = True) -> str:
    machine = kind.replace("/", "-")
    name = f"amazon-eks-node-al2023-{machine}-1.36-v{DATE}"
    path = f"/aws/service/eks/optimized-ami/1.36/amazon-linux-2023/{kind}/{name}/image_id"
    if there:
        ssm.add_response("get_parameter", {"Parameter": {"Value": "ami-1"}}, {"Name": path})
    else:
        ssm.add_client_error("get_parameter", "ParameterNotFound", expected_params={"Name": path})
    return name


def test_what_is_pinned_is_ok_where_the_region_offers_it(stubs: dict[str, Stubber], write: Write) -> None:
    offer(stubs["eks"])
    image(stubs["ssm"], "x86_64/nvidia")
    image(stubs["ssm"], "x86_64/standard")
    (found,) = versions.check(account(write, f"{STACK}  parapet:gpuGroups: [{GPU}]\n"))
    assert (found.state, found.text) == (
        State.OK,
        f"{len(PINNED.add_ons)} add-ons and the nodes' release {PINNED.nodes} are offered as pinned",
    )


def test_a_build_and_an_image_that_the_region_has_not_are_told_with_what_to_pin(
    stubs: dict[str, Stubber], write: Write
) -> None:
    offer(stubs["eks"], coredns="v1.15.0-eksbuild.1")
    name = image(stubs["ssm"], "x86_64/standard", there=False)
    assert [(each.state, each.text) for each in versions.check(account(write))] == [
        (
            State.TO_DO,
            f"coredns {PINNED.add_ons['coredns']} is not offered for Kubernetes 1.36, where AWS recommends "
            "v1.15.0-eksbuild.1: move the pin in platform/cluster/versions.yaml (docs/patching.md)",
        ),
        (
            State.TO_DO,
            f"us-east-1 has no image {name}: move the pin in platform/cluster/versions.yaml (docs/patching.md); "
            "./parapet nodes tells the one to take",
        ),
    ]


def test_an_add_on_of_which_nothing_is_offered_is_told(stubs: dict[str, Stubber], write: Write) -> None:
    for name in PINNED.add_ons:
        names = {"kubernetesVersion": "1.36", "addonName": name}
        stubs["eks"].add_response("describe_addon_versions", {"addons": []}, names)
    image(stubs["ssm"], "x86_64/standard")
    found = list(versions.check(account(write)))
    assert len(found) == len(PINNED.add_ons)
    assert all(f"is not offered for Kubernetes 1.36: {versions.MOVE}" in each.text for each in found)
