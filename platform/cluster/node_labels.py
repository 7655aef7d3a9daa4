"""What a node says of itself, and what an autoscaler is told of one with GPUs while it is not there."""

from typing import Any, Final

from cluster.gpu_group import GpuGroup

GPU: Final = "nvidia.com/gpu"
"""The taint's key, and the resource that a container asks for."""
TOLERATIONS: Final = [{"key": GPU, "operator": "Exists", "effect": "NoSchedule"}]
"""What lets a pod onto a GPU node, past its taint."""
ROLE: Final = "parapet.dev/node-role"
"""system, workload or gpu."""
SYSTEM: Final = "parapet.dev/system"
"""The taint's key of the nodes on which the platform itself runs, and nobody's workload."""
SYSTEM_TOLERATIONS: Final = [{"key": SYSTEM, "operator": "Exists", "effect": "NoSchedule"}]
ON_SYSTEM_NODES: Final[dict[str, Any]] = {"nodeSelector": {ROLE: "system"}, "tolerations": SYSTEM_TOLERATIONS}
"""What brings a pod of the platform onto one of these nodes, and keeps it there: elsewhere it would have people's
workloads beside it. A pod's fields, and the charts' values of these names."""
GPU_NODES: Final = {ROLE: "gpu"}
"""The labels by which an agent of the GPU nodes runs there and nowhere else."""
GROUP: Final = "parapet.dev/gpu-group"
SHARING: Final = "nvidia.com/device-plugin.config"
"""Which of the device plugin's configurations is a node's, by the name of its group (NVIDIA k8s-device-plugin)."""


def gpu_labels(group: GpuGroup) -> dict[str, str]:
    """The labels of a group's nodes. They name the hardware, and how its GPUs are shared."""
    gpu = group.instances[0]
    return {
        ROLE: "gpu",
        GROUP: group.name,
        SHARING: group.name,
        "parapet.dev/gpu-model": gpu.model.replace(" ", "-"),
        "parapet.dev/gpu-memory-mib": str(gpu.memory),
        "parapet.dev/gpu-sharing": group.sharing.replace(":", "-"),
    }


def node_template(group: GpuGroup) -> dict[str, str]:
    """The tags of the group's Auto Scaling group from which an autoscaler knows a node that does not exist yet.

    Source: Cluster Autoscaler on AWS, "Auto-Discovery Setup". CPU and memory it finds in the launch template's instance
    types; what the device plugin makes of a GPU it does not.
    """
    prefix = "k8s.io/cluster-autoscaler/node-template"
    return {
        f"{prefix}/resources/{GPU}": str(group.schedulable_gpus),
        f"{prefix}/taint/{GPU}": "true:NoSchedule",
        **{f"{prefix}/label/{label}": value for label, value in gpu_labels(group).items()},
    }
