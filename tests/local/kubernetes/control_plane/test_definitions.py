"""The resource definitions that no chart of the stack brings along are there from the first moment."""

import pytest

from tests.cluster import CLUSTER, Cluster

pytestmark = CLUSTER


@pytest.mark.parametrize(
    "name",
    [
        "httproutes.gateway.networking.k8s.io",
        "secretproviderclasses.secrets-store.csi.x-k8s.io",
    ],
)
def test_a_definition_is_served(cluster: Cluster, name: str) -> None:
    assert name in cluster.kubectl("get", "crd", "--output=name")
    assert cluster.get(name)["items"] == []


def test_the_definitions_of_charts_are_left_to_the_charts(cluster: Cluster) -> None:
    names = cluster.kubectl("get", "crd", "--output=name")
    assert "istio.io" not in names
    assert "karpenter" not in names
    assert "argoproj" not in names
