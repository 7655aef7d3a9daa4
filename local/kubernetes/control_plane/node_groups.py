"""The nodes that the AWS API's EKS node groups want, as Kubernetes nodes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256
from ipaddress import ip_network
from typing import Any

import boto3
from botocore.config import Config

from local.kubernetes.control_plane.machines import GPU, Machine
from local.workspace import LOCAL_REGION

OWNED = "parapet.dev/node-group"
"""Label of every node that is kept here; its value names no group, since a group's name may be no label value."""
GIVEN = "parapet.dev/given"
"""Annotation: the labels and taints that the group gave the node, so that they can be taken back."""

EFFECTS = {
    "NO_SCHEDULE": "NoSchedule",
    "NO_EXECUTE": "NoExecute",
    "PREFER_NO_SCHEDULE": "PreferNoSchedule",
}
OFFERED_GPUS = f"k8s.io/cluster-autoscaler/node-template/resources/{GPU}"
"""Tag of a group's Auto Scaling group: what its nodes offer once the device plugin has shared or divided their GPUs
(Cluster Autoscaler on AWS, "Auto-Discovery Setup")."""
DEFAULT_DISK_GIB = 20  # what EKS gives a group that names no size and no launch template


class NodeGroups:
    """Reads the node groups of every cluster of the AWS API at an endpoint."""

    def __init__(self, endpoint: str) -> None:
        # The credentials are in the environment that the local stack gives (`local.workspace.exports`).
        session = boto3.Session(region_name=LOCAL_REGION)
        config = Config(connect_timeout=2, read_timeout=10, retries={"total_max_attempts": 1})
        self._eks = session.client("eks", endpoint_url=endpoint, config=config)
        self._ec2 = session.client("ec2", endpoint_url=endpoint, config=config)
        self._scaling = session.client("autoscaling", endpoint_url=endpoint, config=config)
        # What does not change under its name: an instance type, a subnet, a version of a launch template.
        self._machines: dict[str, Machine] = {}
        self._subnets: dict[str, dict[str, Any]] = {}
        self._templates: dict[tuple[str, str], dict[str, Any]] = {}

    def nodes(self) -> dict[str, dict[str, Any]]:
        """Every wanted node by its name."""
        return {node["metadata"]["name"]: node for group in self._groups() for node in self._nodes_of(group)}

    def _groups(self) -> Iterator[dict[str, Any]]:
        for cluster in self._eks.list_clusters()["clusters"]:
            for name in self._eks.list_nodegroups(clusterName=cluster)["nodegroups"]:
                yield self._eks.describe_nodegroup(clusterName=cluster, nodegroupName=name)["nodegroup"]

    def _nodes_of(self, group: dict[str, Any]) -> Iterator[dict[str, Any]]:
        desired = group.get("scalingConfig", {}).get("desiredSize", 0)
        if not desired or group.get("status") in ("DELETING", "CREATE_FAILED"):
            return
        template = self._template(group.get("launchTemplate"))
        # EKS takes a type in the template or in the group, never both; moto names a type where none was given.
        machine = self._machine(template.get("InstanceType") or group["instanceTypes"][0])
        capacity = machine.capacity(
            _disk(group, template), self._offered_gpus(group) if machine.gpus else None, _efa_interfaces(template)
        )
        for number in range(desired):
            subnet = self._subnet(group["subnets"][number % len(group["subnets"])])
            yield _node(group, number, machine, subnet, capacity)

    def _offered_gpus(self, group: dict[str, Any]) -> int | None:
        names = [each["name"] for each in group.get("resources", {}).get("autoScalingGroups", [])]
        filters = [{"Name": "auto-scaling-group", "Values": names}, {"Name": "key", "Values": [OFFERED_GPUS]}]
        tags = self._scaling.describe_tags(Filters=filters)["Tags"] if names else []
        return next((int(tag["Value"]) for tag in tags if tag["Value"].isdigit()), None)

    def _machine(self, name: str) -> Machine:
        if name not in self._machines:
            described = self._ec2.describe_instance_types(InstanceTypes=[name])["InstanceTypes"][0]
            self._machines[name] = Machine.of(described)
        return self._machines[name]

    def _subnet(self, identifier: str) -> dict[str, Any]:
        if identifier not in self._subnets:
            self._subnets[identifier] = self._ec2.describe_subnets(SubnetIds=[identifier])["Subnets"][0]
        return self._subnets[identifier]

    def _template(self, named: dict[str, str] | None) -> dict[str, Any]:
        if not named or "id" not in named:
            return {}
        version = str(named.get("version", "$Default"))
        key = (named["id"], version)
        if key not in self._templates or version.startswith("$"):
            answer = self._ec2.describe_launch_template_versions(LaunchTemplateId=named["id"], Versions=[version])
            self._templates[key] = answer["LaunchTemplateVersions"][0]["LaunchTemplateData"]
        return self._templates[key]


def _node(
    group: dict[str, Any], number: int, machine: Machine, subnet: dict[str, Any], capacity: dict[str, str]
) -> dict[str, Any]:
    # An instance of its own for each place in the group; a group that is made again has other instances.
    instance = "i-" + sha256(f"{group['nodegroupArn']} {number}".encode()).hexdigest()[:17]
    name = f"{instance}.ec2.internal"
    zone = subnet["AvailabilityZone"]
    labels = {
        **group.get("labels", {}),
        OWNED: "true",
        "kubernetes.io/arch": machine.architecture,
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "node.kubernetes.io/instance-type": machine.name,
        "topology.kubernetes.io/region": zone[:-1],
        "topology.kubernetes.io/zone": zone,
        "eks.amazonaws.com/nodegroup": group["nodegroupName"],
        "eks.amazonaws.com/capacityType": group.get("capacityType", "ON_DEMAND"),
    }
    taints = [
        {"key": taint["key"], "value": taint.get("value", ""), "effect": EFFECTS[taint["effect"]]}
        for taint in group.get("taints", [])
    ]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": labels,
            "annotations": {
                "kwok.x-k8s.io/node": "fake",
                GIVEN: json.dumps({"labels": labels, "taints": taints}, sort_keys=True),
            },
        },
        "spec": {"providerID": f"aws:///{zone}/{instance}", "taints": taints},
        "status": {
            "addresses": [
                {"type": "InternalIP", "address": _address(instance, subnet)},
                {"type": "Hostname", "address": name},  # where one of the two is missing, KWOK writes both anew
            ],
            "capacity": capacity,
            "allocatable": machine.allocatable(capacity),
            "nodeInfo": {"architecture": machine.architecture, "operatingSystem": "linux"},
        },
    }


def _address(instance: str, subnet: dict[str, Any]) -> str:
    """An address of the subnet's, without the five that AWS keeps. Nothing answers there, so two may be the same."""
    network = ip_network(subnet["CidrBlock"])
    return str(network[4 + int(instance.removeprefix("i-"), 16) % (network.num_addresses - 5)])


def _disk(group: dict[str, Any], template: dict[str, Any]) -> int:
    """GiB of the root volume."""
    for mapping in template.get("BlockDeviceMappings", []):
        if size := mapping.get("Ebs", {}).get("VolumeSize"):
            return int(size)
    return int(group.get("diskSize") or DEFAULT_DISK_GIB)


def _efa_interfaces(template: dict[str, Any]) -> int:
    return sum("efa" in interface.get("InterfaceType", "") for interface in template.get("NetworkInterfaces", []))
