"""The nodes that the AWS API's EKS node groups want, as Kubernetes nodes."""

from __future__ import annotations

from collections.abc import Container, Iterator
from ipaddress import ip_network
from typing import Any

from local.aws.group_instances import instances
from local.kubernetes.control_plane.described import Described, disk, efa_interfaces
from local.kubernetes.control_plane.machines import GPU, Machine, Place, node

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
    """Reads the node groups of every cluster of the AWS API."""

    def __init__(self, described: Described) -> None:
        self._described = described
        self._eks = described.client("eks")
        self._scaling = described.client("autoscaling")

    def nodes(self) -> dict[str, dict[str, Any]]:
        """Every wanted node by its name."""
        ended = self._described.ended()
        return {each["metadata"]["name"]: each for group in self._groups() for each in self._nodes_of(group, ended)}

    def _groups(self) -> Iterator[dict[str, Any]]:
        for cluster in self._eks.list_clusters()["clusters"]:
            for name in self._eks.list_nodegroups(clusterName=cluster)["nodegroups"]:
                yield self._eks.describe_nodegroup(clusterName=cluster, nodegroupName=name)["nodegroup"]

    def _nodes_of(self, group: dict[str, Any], ended: Container[str]) -> Iterator[dict[str, Any]]:
        desired = group.get("scalingConfig", {}).get("desiredSize", 0)
        if not desired or group.get("status") in ("DELETING", "CREATE_FAILED"):
            return
        named = group.get("launchTemplate") or {}
        template = self._described.template(named.get("id"), str(named.get("version", "$Default")))
        # EKS takes a type in the template or in the group, never both; moto names a type where none was given.
        machine = self._described.machine(template.get("InstanceType") or group["instanceTypes"][0])
        capacity = machine.capacity(
            disk(template) or int(group.get("diskSize") or DEFAULT_DISK_GIB),
            self._offered_gpus(group) if machine.gpus else None,
            efa_interfaces(template),
        )
        for number, instance in enumerate(instances(group["nodegroupArn"], desired, ended)):
            subnet = self._described.subnet(group["subnets"][number % len(group["subnets"])])
            yield _node(group, instance, machine, subnet, capacity)

    def _offered_gpus(self, group: dict[str, Any]) -> int | None:
        names = [each["name"] for each in group.get("resources", {}).get("autoScalingGroups", [])]
        filters = [{"Name": "auto-scaling-group", "Values": names}, {"Name": "key", "Values": [OFFERED_GPUS]}]
        tags = self._scaling.describe_tags(Filters=filters)["Tags"] if names else []
        return next((int(tag["Value"]) for tag in tags if tag["Value"].isdigit()), None)


def _node(
    group: dict[str, Any], instance: str, machine: Machine, subnet: dict[str, Any], capacity: dict[str, str]
) -> dict[str, Any]:
    labels = {
        **group.get("labels", {}),
        "eks.amazonaws.com/nodegroup": group["nodegroupName"],
        "eks.amazonaws.com/capacityType": group.get("capacityType", "ON_DEMAND"),
    }
    taints = [
        {"key": taint["key"], "value": taint.get("value", ""), "effect": EFFECTS[taint["effect"]]}
        for taint in group.get("taints", [])
    ]
    place = Place(f"{instance}.ec2.internal", instance, subnet["AvailabilityZone"], _address(instance, subnet))
    return node(place, machine, capacity, labels, taints)


def _address(instance: str, subnet: dict[str, Any]) -> str:
    """An address of the subnet's, without the five that AWS keeps. Nothing answers there, so two may be the same."""
    network = ip_network(subnet["CidrBlock"])
    return str(network[4 + int(instance.removeprefix("i-"), 16) % (network.num_addresses - 5)])
