"""Nodes follow the EKS node groups of the AWS API, and offer what the instance type has."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from local import processes
from local.aws import server
from tests.cluster import CLUSTER, Cluster, wait_for

pytestmark = CLUSTER
ROLE = "arn:aws:iam::123456789012:role/node"
GPU_TAINT = {"key": "nvidia.com/gpu", "value": "true", "effect": "NO_SCHEDULE"}


@dataclass(frozen=True)
class Eks:
    """An EKS cluster in the AWS API, to whose node groups the nodes are kept equal."""

    cluster: Cluster
    client: Any
    subnets: list[str]

    def group(self, name: str, desired: int, **more: Any) -> None:
        self.client.create_nodegroup(
            clusterName="eks",
            nodegroupName=name,
            nodeRole=ROLE,
            subnets=self.subnets,
            scalingConfig={"minSize": 0, "maxSize": 9, "desiredSize": desired},
            **more,
        )

    def scale(self, name: str, desired: int) -> None:
        self.client.update_nodegroup_config(
            clusterName="eks",
            nodegroupName=name,
            scalingConfig={"minSize": 0, "maxSize": 9, "desiredSize": desired},
        )

    def nodes(self, group: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.cluster.get("nodes", f"--selector=eks.amazonaws.com/nodegroup={group}")[
            "items"
        ]
        return found

    def wait(self, group: str, number: int) -> list[dict[str, Any]]:
        """The group's nodes, once there are so many and all of them are ready."""

        def settled() -> bool:
            nodes = self.nodes(group)
            return len(nodes) == number and all(_ready(node) for node in nodes)

        wait_for(settled)
        return self.nodes(group)


def _ready(node: dict[str, Any]) -> bool:
    """And called so: the controller that says it is not takes its taint away a moment after the kubelet's word."""
    conditions = node.get("status", {}).get("conditions", [])
    waits = any(one["key"].startswith("node.kubernetes.io/") for one in node["spec"].get("taints", []))
    return not waits and any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


@pytest.fixture
def eks(cluster: Cluster) -> Iterator[Eks]:
    client = cluster.aws("eks")
    subnets = [one["SubnetId"] for one in cluster.aws("ec2").describe_subnets()["Subnets"][:3]]
    client.create_cluster(
        name="eks",
        roleArn="arn:aws:iam::123456789012:role/eks",
        resourcesVpcConfig={"subnetIds": subnets},
    )
    yield Eks(cluster, client, subnets)
    client = cluster.aws("eks")
    if "eks" not in client.list_clusters()["clusters"]:
        return
    for name in client.list_nodegroups(clusterName="eks")["nodegroups"]:
        client.delete_nodegroup(clusterName="eks", nodegroupName=name)
    client.delete_cluster(name="eks")
    wait_for(lambda: not cluster.get("nodes")["items"])


def test_a_gpu_group_gives_nodes_with_its_gpus_labels_and_taints(eks: Eks) -> None:
    eks.group(
        "gpu",
        2,
        instanceTypes=["g5.12xlarge"],
        capacityType="SPOT",
        labels={"parapet.dev/gpu": "A10G"},
        taints=[GPU_TAINT],
        diskSize=200,
    )
    for node in eks.wait("gpu", 2):
        labels, spec, status = node["metadata"]["labels"], node["spec"], node["status"]
        assert labels["parapet.dev/gpu"] == "A10G"
        assert labels["node.kubernetes.io/instance-type"] == "g5.12xlarge"
        assert labels["kubernetes.io/arch"] == "amd64"
        assert labels["kubernetes.io/hostname"] == node["metadata"]["name"]
        assert labels["topology.kubernetes.io/region"] == "us-east-1"
        assert labels["eks.amazonaws.com/capacityType"] == "SPOT"
        assert spec["taints"] == [{"key": "nvidia.com/gpu", "value": "true", "effect": "NoSchedule"}]
        instance = node["metadata"]["name"].split(".")[0]
        assert spec["providerID"] == f"aws:///{labels['topology.kubernetes.io/zone']}/{instance}"
        capacity = {key: status["capacity"][key] for key in ("cpu", "memory", "pods", "nvidia.com/gpu")}
        assert capacity == {"cpu": "48", "memory": "192Gi", "pods": "250", "nvidia.com/gpu": "4"}
        assert status["capacity"]["ephemeral-storage"] == "200Gi"
        assert {one["type"] for one in status["addresses"]} == {"InternalIP", "Hostname"}


def test_who_ends_an_instance_of_a_group_gets_another_in_its_place(eks: Eks) -> None:
    """And one of no group is as unknown as ever, in which case none is ended."""
    eks.group("lost", 2, instanceTypes=["m6i.large"])
    before = [node["metadata"]["name"].split(".")[0] for node in eks.wait("lost", 2)]
    ec2 = eks.cluster.aws("ec2")
    with pytest.raises(ec2.exceptions.ClientError, match="InvalidInstanceID"):
        ec2.terminate_instances(InstanceIds=[before[0], "i-00000000000000000"])
    told = ec2.terminate_instances(InstanceIds=[before[0]])["TerminatingInstances"]
    assert [(each["InstanceId"], each["PreviousState"]["Name"]) for each in told] == [(before[0], "running")]
    wait_for(lambda: before[0] not in {node["metadata"]["name"].split(".")[0] for node in eks.nodes("lost")})
    after = {node["metadata"]["name"].split(".")[0] for node in eks.wait("lost", 2)}
    assert len(after) == 2
    assert before[1] in after
    with pytest.raises(ec2.exceptions.ClientError, match="InvalidInstanceID"):
        ec2.terminate_instances(InstanceIds=[before[0]])


def test_the_nodes_of_a_group_are_spread_over_its_subnets_zones(eks: Eks) -> None:
    eks.group("wide", 3, instanceTypes=["m6i.large"])
    zones = {node["metadata"]["labels"]["topology.kubernetes.io/zone"] for node in eks.wait("wide", 3)}
    assert zones == {"us-east-1a", "us-east-1b", "us-east-1c"}


def test_a_shared_gpu_counts_as_often_as_the_scaling_group_says(eks: Eks) -> None:
    eks.group("shared", 0, instanceTypes=["g5.xlarge"])
    held = eks.client.describe_nodegroup(clusterName="eks", nodegroupName="shared")["nodegroup"]["resources"]
    template = eks.cluster.aws("ec2").create_launch_template(
        LaunchTemplateName="shared", LaunchTemplateData={"InstanceType": "g5.xlarge"}
    )["LaunchTemplate"]["LaunchTemplateId"]
    eks.cluster.aws("autoscaling").create_auto_scaling_group(
        AutoScalingGroupName=held["autoScalingGroups"][0]["name"],
        LaunchTemplate={"LaunchTemplateId": template, "Version": "1"},
        VPCZoneIdentifier=",".join(eks.subnets),
        MinSize=0,
        MaxSize=0,
        Tags=[
            {
                "Key": "k8s.io/cluster-autoscaler/node-template/resources/nvidia.com/gpu",
                "Value": "4",
                "PropagateAtLaunch": False,
            }
        ],
    )
    eks.scale("shared", 1)
    assert eks.wait("shared", 1)[0]["status"]["allocatable"]["nvidia.com/gpu"] == "4"


def test_a_launch_template_gives_the_type_the_disk_and_the_efa_devices(eks: Eks) -> None:
    template = eks.cluster.aws("ec2").create_launch_template(
        LaunchTemplateName="training",
        LaunchTemplateData={
            "InstanceType": "p4d.24xlarge",
            "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 500}}],
            "NetworkInterfaces": [
                {"NetworkCardIndex": card, "DeviceIndex": int(card > 0), "InterfaceType": "efa"} for card in range(4)
            ],
        },
    )["LaunchTemplate"]
    eks.group("training", 1, launchTemplate={"id": template["LaunchTemplateId"], "version": "1"})
    node = eks.wait("training", 1)[0]
    assert node["metadata"]["labels"]["node.kubernetes.io/instance-type"] == "p4d.24xlarge"
    capacity = node["status"]["capacity"]
    assert {key: capacity[key] for key in ("nvidia.com/gpu", "vpc.amazonaws.com/efa", "ephemeral-storage")} == {
        "nvidia.com/gpu": "8",
        "vpc.amazonaws.com/efa": "4",
        "ephemeral-storage": "500Gi",
    }


def test_nodes_come_and_go_with_the_desired_size_and_vanish_with_the_group(eks: Eks) -> None:
    eks.group("sized", 1, instanceTypes=["m6i.large"])
    first = eks.wait("sized", 1)[0]["metadata"]["uid"]
    eks.scale("sized", 3)
    assert first in {node["metadata"]["uid"] for node in eks.wait("sized", 3)}
    eks.scale("sized", 1)
    assert eks.wait("sized", 1)[0]["metadata"]["uid"] == first
    eks.scale("sized", 0)
    eks.wait("sized", 0)
    eks.scale("sized", 2)
    eks.wait("sized", 2)
    eks.client.delete_nodegroup(clusterName="eks", nodegroupName="sized")
    eks.wait("sized", 0)


def test_a_node_that_somebody_deletes_comes_back(eks: Eks) -> None:
    eks.group("kept", 1, instanceTypes=["m6i.large"])
    node = eks.wait("kept", 1)[0]["metadata"]
    eks.cluster.kubectl("delete", "node", node["name"])
    wait_for(lambda: [one["metadata"]["uid"] for one in eks.nodes("kept")] not in ([], [node["uid"]]))
    assert eks.wait("kept", 1)[0]["metadata"]["name"] == node["name"]


def test_a_groups_new_labels_and_taints_reach_its_nodes_and_what_others_gave_stays(eks: Eks) -> None:
    eks.group("relabelled", 1, instanceTypes=["m6i.large"], labels={"old": "1"}, taints=[GPU_TAINT])
    name = eks.wait("relabelled", 1)[0]["metadata"]["name"]
    eks.cluster.kubectl("label", "node", name, "mine=yes")
    eks.cluster.kubectl("cordon", name)
    eks.client.update_nodegroup_config(
        clusterName="eks",
        nodegroupName="relabelled",
        labels={"addOrUpdateLabels": {"new": "2"}, "removeLabels": ["old"]},
        taints={"addOrUpdateTaints": [GPU_TAINT | {"key": "team"}], "removeTaints": [GPU_TAINT]},
    )
    wait_for(lambda: "new" in eks.nodes("relabelled")[0]["metadata"]["labels"])
    node = eks.nodes("relabelled")[0]
    assert node["metadata"]["labels"]["mine"] == "yes"
    assert "old" not in node["metadata"]["labels"]
    assert node["spec"]["unschedulable"] is True
    keys = {taint["key"] for taint in node["spec"]["taints"]}
    assert keys == {"team", "node.kubernetes.io/unschedulable"}


def test_the_nodes_stay_while_the_aws_api_is_away_which_is_told_once(eks: Eks) -> None:
    eks.group("steady", 1, instanceTypes=["m6i.large"])
    before = eks.wait("steady", 1)[0]["metadata"]["uid"]
    record = server.running(eks.cluster.workspace)
    assert record
    log = eks.cluster.workspace.logs / "nodes.log"
    told = log.read_text().count("does not run")
    os.kill(record.pid, signal.SIGSTOP)  # it does not answer, then it is gone
    try:
        assert eks.nodes("steady")[0]["metadata"]["uid"] == before
    finally:
        os.kill(record.pid, signal.SIGCONT)
        processes.stop(eks.cluster.workspace.run, record)
    wait_for(lambda: log.read_text().count("does not run") == told + 1)
    assert eks.nodes("steady")[0]["metadata"]["uid"] == before
    eks.cluster.aws("eks")  # started anew, and empty: so is the cluster
    eks.wait("steady", 0)
    assert log.read_text().count("does not run") == told + 1
