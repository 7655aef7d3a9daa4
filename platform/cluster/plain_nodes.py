"""The nodes without GPU, as a stack's settings declare them: the platform's own, and those of workloads."""

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class PlainNodes:
    instance_types: Sequence[str]
    """All of one processor, the most wanted first."""
    min: int
    max: int

    @property
    def arch(self) -> str:
        return arch(self.instance_types[0])


def arch(instance_type: str) -> str:
    """The processor of an instance type, as the label kubernetes.io/arch has it: Graviton families have a g there.

    Source: Amazon EC2 Instance Types Guide, "Amazon EC2 instance type naming conventions".
    """
    attributes = re.match(r"[a-z]+\d+([a-z]*)", instance_type)
    return "arm64" if attributes and "g" in attributes[1] else "amd64"
