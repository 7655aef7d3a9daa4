"""What a node of an instance type is, and offers to pods."""

import json
import math
from dataclasses import dataclass
from typing import Any

OWNED = "parapet.dev/node-group"
"""Label of every node that is kept here; its value names no group, since a group's name may be no label value."""
GIVEN = "parapet.dev/given"
"""Annotation: the labels and taints that a group or an instance gave its node, so that they can be taken back."""
GPU, EFA = "nvidia.com/gpu", "vpc.amazonaws.com/efa"


@dataclass(frozen=True)
class Machine:
    """One instance type, as EC2 describes it."""

    name: str
    architecture: str
    vcpus: int
    memory_mib: int
    gpus: int
    efa_interfaces: int

    @classmethod
    def of(cls, described: dict[str, Any]) -> "Machine":
        """From one entry of DescribeInstanceTypes."""
        architectures = described.get("ProcessorInfo", {}).get("SupportedArchitectures", ["x86_64"])
        network = described.get("NetworkInfo", {})
        return cls(
            name=described["InstanceType"],
            architecture="arm64" if "arm64" in architectures else "amd64",
            vcpus=described["VCpuInfo"]["DefaultVCpus"],
            memory_mib=described["MemoryInfo"]["SizeInMiB"],
            gpus=sum(gpu.get("Count", 0) for gpu in described.get("GpuInfo", {}).get("Gpus", [])),
            efa_interfaces=network.get("EfaInfo", {}).get("MaximumEfaInterfaces", 1)
            if network.get("EfaSupported")
            else 0,
        )

    @property
    def pods(self) -> int:
        """The most pods, with prefix delegation (Amazon EKS User Guide, "Choose the number of pods")."""
        return 110 if self.vcpus < 30 else 250

    def capacity(self, disk_gib: int, gpus: int | None, efa: int) -> dict[str, str]:
        """What the machine has: `gpus` are offered, where they are shared or divided, `efa` interfaces are attached."""
        found = {
            "cpu": str(self.vcpus),
            "memory": f"{self.memory_mib}Mi",
            "ephemeral-storage": f"{disk_gib}Gi",
            "pods": str(self.pods),
        }
        if self.gpus:
            found[GPU] = str(gpus or self.gpus)
        if count := min(efa, self.efa_interfaces):
            found[EFA] = str(count)
        return found

    def allocatable(self, capacity: dict[str, str]) -> dict[str, str]:
        """What of it pods may ask for: without what the EKS AMI keeps for the kubelet and before it evicts.

        The amounts are those of nodeadm in awslabs/amazon-eks-ami: memory by the number of pods, CPU by the number of
        cores, 100 MiB and a tenth of the disk as eviction thresholds.
        """
        memory = self.memory_mib - (255 + 11 * self.pods) - 100
        disk = int(capacity["ephemeral-storage"].removesuffix("Gi"))
        return capacity | {
            "cpu": f"{self.vcpus * 1000 - _reserved_cpu(self.vcpus)}m",
            "memory": f"{max(memory, 0)}Mi",
            "ephemeral-storage": f"{math.floor((disk * 0.9 - 1) * 1024)}Mi",
        }


@dataclass(frozen=True)
class Place:
    """Where a node is."""

    name: str
    instance: str
    zone: str
    address: str


def node(
    place: Place, machine: Machine, capacity: dict[str, str], given: dict[str, str], taints: list[dict[str, str]]
) -> dict[str, Any]:
    """The node of an instance, which KWOK plays, with these labels and taints beside those that every node has."""
    labels = {
        **given,
        OWNED: "true",
        "kubernetes.io/arch": machine.architecture,
        "kubernetes.io/hostname": place.name,
        "kubernetes.io/os": "linux",
        "node.kubernetes.io/instance-type": machine.name,
        "topology.kubernetes.io/region": place.zone[:-1],
        "topology.kubernetes.io/zone": place.zone,
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": place.name,
            "labels": labels,
            "annotations": {
                "kwok.x-k8s.io/node": "fake",
                GIVEN: json.dumps({"labels": labels, "taints": taints}, sort_keys=True),
            },
        },
        "spec": {"providerID": f"aws:///{place.zone}/{place.instance}", "taints": taints},
        "status": {
            "addresses": [
                {"type": "InternalIP", "address": place.address},
                {"type": "Hostname", "address": place.name},  # where one of the two is missing, KWOK writes both anew
            ],
            "capacity": capacity,
            "allocatable": machine.allocatable(capacity),
            "nodeInfo": {"architecture": machine.architecture, "operatingSystem": "linux"},
        },
    }


def _reserved_cpu(cores: int) -> int:
    """Thousandths of a core: 6% of the first, 1% of the second, 0.5% of the next two, 0.25% of all others."""
    shares = [60, 10, 5, 5] + [2.5] * max(cores - 4, 0)
    return int(sum(shares[:cores]))
