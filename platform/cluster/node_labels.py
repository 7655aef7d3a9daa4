"""What a GPU node says of itself, and what an autoscaler is told of it while it is not there."""

from typing import Final

from cluster.gpu_group import GpuGroup

GPU: Final = "nvidia.com/gpu"
"""The taint's key, and the resource that a container asks for."""
TOLERATIONS: Final = [{"key": GPU, "operator": "Exists", "effect": "NoSchedule"}]
"""What lets a pod onto a GPU node, past its taint."""
ROLE: Final = "parapet.dev/node-role"
"""system or gpu."""
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
