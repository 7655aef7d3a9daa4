"""An instance that Karpenter launched is a node, with what its user data says, for as long as it runs."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from local.kubernetes.control_plane.instances import Instances, node_configs
from local.kubernetes.control_plane.machines import Machine
from tests.cluster import CLUSTER, Cluster, wait_for
from tests.local.aws.launching import NAME, OWNED, Launching, listed

USER_DATA = """MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="//"

--//
Content-Type: text/x-shellscript; charset="us-ascii"

#!/bin/sh
nvidia-smi --multi-instance-gpu=1

--//
Content-Type: application/node.eks.aws

# Karpenter Generated NodeConfig
apiVersion: node.eks.aws/v1alpha1
kind: NodeConfig
spec:
  cluster:
    name: here
  kubelet:
    config:
      maxPods: 58
      registerWithTaints:
      - effect: NoExecute
        key: karpenter.sh/unregistered
      - effect: NoSchedule
        key: nvidia.com/gpu
        value: "true"
    flags:
    - --node-labels="karpenter.sh/nodepool=inference,parapet.dev/gpu-model=L4"
--//--
"""
LABELS = {"karpenter.sh/nodepool": "inference", "parapet.dev/gpu-model": "L4"}
TAINTS = [
    {"key": "karpenter.sh/unregistered", "value": "", "effect": "NoExecute"},
    {"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"},
]


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


class Told:
    """What EC2 tells of one instance, and how often it is asked for its user data."""

    def __init__(self, text: str = USER_DATA) -> None:
        self.instances = [
            {
                "InstanceId": "i-1",
                "InstanceType": "g6.xlarge",
                "PrivateDnsName": "ip-10-0-0-9.ec2.internal",
                "PrivateIpAddress": "10.0.0.9",
                "Placement": {"AvailabilityZone": "us-east-1a"},
                "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeId": "vol-1"}}],
                "NetworkInterfaces": [{"InterfaceType": "interface"}],
            }
        ]
        self.text = text
        self.asked = 0

    def running(self, tag: str) -> list[dict[str, Any]]:
        return self.instances if tag == "karpenter.sh/nodepool" else []

    def machine(self, name: str) -> Machine:
        return Machine(name, "amd64", 4, 16384, 1, 0)

    def user_data(self, instance: str) -> str:
        self.asked += 1
        assert instance == "i-1"
        return encoded(self.text)

    def root_volume(self, instance: dict[str, Any]) -> int:
        return 200


def nodes(told: Told) -> dict[str, dict[str, Any]]:
    described: Any = told
    return Instances(described).nodes()


def test_a_node_has_the_labels_and_taints_of_the_user_data_and_the_types_capacity() -> None:
    node = nodes(Told())["ip-10-0-0-9.ec2.internal"]
    assert LABELS.items() <= node["metadata"]["labels"].items()
    assert node["metadata"]["labels"]["node.kubernetes.io/instance-type"] == "g6.xlarge"
    assert node["spec"] == {"providerID": "aws:///us-east-1a/i-1", "taints": TAINTS}
    assert node["status"]["capacity"] == {
        "cpu": "4",
        "memory": "16384Mi",
        "ephemeral-storage": "200Gi",
        "pods": "58",
        "nvidia.com/gpu": "1",
    }
    assert {"type": "InternalIP", "address": "10.0.0.9"} in node["status"]["addresses"]


@pytest.mark.parametrize("user_data", ["", "#!/bin/sh\n", USER_DATA.replace("kind: NodeConfig", "kind: {")])
def test_an_instance_that_is_told_of_no_cluster_is_no_node(user_data: str) -> None:
    assert nodes(Told(user_data)) == {}


def test_an_instance_is_read_once_and_forgotten_with_its_end() -> None:
    told: Any = Told()
    instances = Instances(told)
    assert instances.nodes() == instances.nodes() != {}
    assert told.asked == 1
    told.instances = []
    assert instances.nodes() == {}


def test_the_parts_of_the_user_data_that_are_no_configuration_are_left_out() -> None:
    (found,) = node_configs(encoded(USER_DATA))
    assert found["cluster"] == {"name": "here"}


class TestLive:
    """Against the real control plane and the local AWS API."""

    pytestmark = CLUSTER

    def test_an_instance_is_a_node_until_it_is_ended(self, cluster: Cluster) -> None:
        launching = Launching.of(cluster.aws)
        launching.template(user_data=USER_DATA)
        # Only now does the keeper hear of it: of an instance whose template has gone, as Karpenter's goes soon.
        instance = launching.launched(tags={"Name": "new"})
        launching.ec2.delete_launch_template(LaunchTemplateName=NAME)
        launching.ec2.create_tags(Resources=[instance["InstanceId"]], Tags=listed(OWNED))
        name = instance["PrivateDnsName"]

        def node() -> dict[str, Any] | None:
            found = cluster.get("nodes", f"--field-selector=metadata.name={name}")["items"]
            return found[0] if found else None

        try:
            joined = wait_for(node)
            assert joined["spec"]["providerID"] == f"aws:///us-east-1a/{instance['InstanceId']}"
            assert LABELS.items() <= joined["metadata"]["labels"].items()
            assert joined["status"]["allocatable"]["nvidia.com/gpu"] == "1"
            # As Karpenter does once it knows the node: what it takes off stays off, and the node waits for it to go.
            others = [{"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}]
            changed = {"metadata": {"finalizers": ["karpenter.sh/termination"]}, "spec": {"taints": others}}
            cluster.kubectl("patch", "node", name, "--type=merge", f"--patch={json.dumps(changed)}")
        finally:
            launching.ec2.terminate_instances(InstanceIds=[instance["InstanceId"]])
            launching.remove()
        leaving = wait_for(lambda: (found := node()) and "deletionTimestamp" in found["metadata"] and found)
        assert "karpenter.sh/unregistered" not in [each["key"] for each in leaving["spec"]["taints"]]
        cluster.kubectl("patch", "node", name, "--type=merge", '--patch={"metadata": {"finalizers": null}}')
        wait_for(lambda: node() is None)
        assert "does not take the nodes" not in (cluster.workspace.logs / "nodes.log").read_text()
