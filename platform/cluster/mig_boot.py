"""How a node divides its GPUs before anything runs on it."""

import base64
from typing import Final

from cluster.gpu_group import GpuGroup

BOUNDARY: Final = "parapet"


def user_data(group: GpuGroup) -> str | None:
    """What a node of the group does at boot, as MIME parts (EKS and Karpenter add their own); None for nothing.

    A script among the user data is done before the kubelet starts, so that the device plugin finds the partitions and
    no workload the undivided GPU (NVIDIA Multi-Instance GPU User Guide, "Getting Started with MIG").
    """
    profile = group.mig_profile
    if not profile:
        return None
    partitions = ",".join([profile] * group.instances[0].mig_profiles[profile])
    return "\n".join(
        (
            "MIME-Version: 1.0",
            f'Content-Type: multipart/mixed; boundary="{BOUNDARY}"',
            "",
            f"--{BOUNDARY}",
            'Content-Type: text/x-shellscript; charset="us-ascii"',
            "",
            "#!/bin/sh",
            "set -eu",
            "nvidia-smi --multi-instance-gpu=1",
            "nvidia-smi mig --destroy-compute-instance || true",
            "nvidia-smi mig --destroy-gpu-instance || true",
            f"nvidia-smi mig --create-gpu-instance {partitions} --default-compute-instance",
            "",
            f"--{BOUNDARY}--",
            "",
        )
    )


def encoded(data: str | None) -> str | None:
    """As a launch template has it."""
    return None if data is None else base64.b64encode(data.encode()).decode()
