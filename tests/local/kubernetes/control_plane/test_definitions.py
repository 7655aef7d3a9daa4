"""The resource definitions that the stack uses are there from the first moment, and charts find them equal."""

import pytest

from tests.cluster import CLUSTER, Cluster

pytestmark = CLUSTER


@pytest.mark.parametrize(
    "name",
    [
        "httproutes.gateway.networking.k8s.io",
        "rollouts.argoproj.io",
        "peerauthentications.security.istio.io",
        "nodepools.karpenter.sh",
        "ec2nodeclasses.karpenter.k8s.aws",
    ],
)
def test_a_definition_is_served(cluster: Cluster, name: str) -> None:
    assert name in cluster.kubectl("get", "crd", "--output=name")
    assert cluster.get(name)["items"] == []


def test_the_api_servers_own_rules_for_a_definition_speak(cluster: Cluster) -> None:
    """A CEL rule of Karpenter's, which no client-side schema knows."""
    pool = {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodePool",
        "metadata": {"name": "gpu"},
        "spec": {
            "template": {
                "spec": {
                    "nodeClassRef": {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "gpu"},
                    "requirements": [{"key": "karpenter.sh/nodepool", "operator": "In", "values": ["x"]}],
                }
            }
        },
    }
    told = cluster.run("apply", "--server-side", "--dry-run=server", "--filename=-", given=pool)
    assert told.returncode
    assert "restricted" in told.stderr


@pytest.mark.parametrize("folder", ["istio", "karpenter", "gateway-api"])
def test_a_chart_that_applies_the_same_definition_later_meets_no_conflict(cluster: Cluster, folder: str) -> None:
    files = cluster.workspace.sources / "crds" / folder
    told = cluster.run("apply", "--server-side", "--field-manager=helm", f"--filename={files}", "--dry-run=server")
    assert told.returncode == 0, told.stderr
