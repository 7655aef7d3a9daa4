"""What is known of the instance types with GPUs: facts for settings, labels and limits."""

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import yaml


@dataclass(frozen=True, kw_only=True)
class GpuInstance:
    """An EC2 instance type with NVIDIA GPUs, all of one model."""

    name: str
    model: str
    memory: int
    """Of one GPU, in MiB."""
    gpus: int
    vcpus: int
    ram: int
    """In MiB."""
    arch: str
    """As the label kubernetes.io/arch has it."""
    cards: int
    """Network cards."""
    efa: int
    """The network cards that carry an Elastic Fabric Adapter; 0 where none does."""

    @property
    def capability(self) -> float:
        """The GPU's compute capability, as NVIDIA has it."""
        return CAPABILITIES[self.model]

    @property
    def mig_profiles(self) -> dict[str, int]:
        """The MIG profiles of the GPU, with how many instances of each it holds. Empty where it cannot be divided."""
        return _MIG_PROFILES.get(f"{self.model}-{self.memory}", {})


_FACTS: Final = Path(__file__).parent
_MIG_PROFILES: Final[dict[str, dict[str, int]]] = yaml.load(
    (_FACTS / "mig_profiles.yaml").read_text(), yaml.CSafeLoader
)
CAPABILITIES: Final[dict[str, float]] = yaml.load((_FACTS / "gpu_capabilities.yaml").read_text(), yaml.CSafeLoader)

GPU_INSTANCES: Final = {
    name: GpuInstance(name=name, **facts)
    for name, facts in yaml.load((_FACTS / "gpu_instances.yaml").read_text(), yaml.CSafeLoader).items()
}


UNPRICED: Final = frozenset(name for name in GPU_INSTANCES if name.startswith("g7.") or name == "p5e.48xlarge")
"""Those without a price in the table that Karpenter brings (aws/karpenter-provider-aws v1.14.0, pkg/providers/pricing,
zz_generated.pricing_aws.go). It asks for no other in a VPC from which AWS's price list is not reached, and takes an
on-demand type without a price for one that is not to be had."""


def nearest(instance_type: str, count: int = 3) -> list[str]:
    """The GPU instance types that somebody who wrote `instance_type` most likely wants: of its size, else by name."""
    _, _, size = instance_type.partition(".")
    of_size = [name for name in GPU_INSTANCES if name.endswith(f".{size}")]
    # A slip of the pen is in the size; where the size is one of theirs, the family is what has no GPU.
    return difflib.get_close_matches(instance_type, of_size or GPU_INSTANCES, n=count, cutoff=0.0)
