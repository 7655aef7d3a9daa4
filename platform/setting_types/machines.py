"""What a setting on nodes and their processors may be."""

from collections.abc import Callable
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from cluster.gpu_group import GpuGroup
from cluster.gpu_instances import GPU_INSTANCES
from cluster.images import wanted
from cluster.plain_nodes import arch
from cluster.versions import VERSIONS
from setting_errors import refusal
from setting_types.common import distinct, each_another, parsed

MIN_SYSTEM_NODES: Final = 2
MAX_SYSTEM_NODES: Final = 50
MAX_GPU_GROUPS: Final = 20
"""The policy of what lets them grow names each of them, and IAM has room for these."""
LIST: Final = "platform/cluster/images.yaml"


def _without_gpu(types: tuple[str, ...]) -> tuple[str, ...]:
    if any(each in GPU_INSTANCES for each in types) or len(set(map(arch, types))) > 1:
        raise ValueError
    return types


def _run_by_the_images(types: tuple[str, ...]) -> tuple[str, ...]:
    # On another processor every pod of the image ends at once with `exec format error`.
    for image in wanted(()):
        built_for = [platform.removeprefix("linux/") for platform in image.platforms]
        if not image.is_chart and arch(types[0]) not in built_for:
            allowed = f"of {', '.join(built_for)}: {image.name} is built for nothing else ({LIST})"
            raise refusal("[0]", types[0], allowed)
    return types


def _as_many_at_most(whose: str) -> Callable[[int, ValidationInfo], int]:
    def checked(most: int, info: ValidationInfo) -> int:
        least = info.data.get(f"{whose}_nodes_min", 0)
        if most < least:
            raise refusal("", most, f"at least {whose}NodesMin, which is {least}")
        return most

    return checked


def _offered_version(version: str) -> str:
    if version not in VERSIONS:
        raise ValueError
    return version


InstanceType = Annotated[
    str,
    Field(pattern=r"^[a-z][a-z0-9-]*\.[a-z0-9-]+$", description="the name of an EC2 instance type, such as m7i.xlarge"),
]
SystemInstanceTypes = Annotated[
    tuple[InstanceType, ...],
    BeforeValidator(parsed),
    AfterValidator(distinct),
    Field(min_length=1),
    AfterValidator(_without_gpu),
    AfterValidator(_run_by_the_images),
    Field(description="a list of EC2 instance types without GPU, each once, all of one processor"),
]
WorkloadInstanceTypes = Annotated[
    tuple[InstanceType, ...],
    BeforeValidator(parsed),
    AfterValidator(distinct),
    Field(min_length=1),
    AfterValidator(_without_gpu),
    Field(description="a list of EC2 instance types without GPU, each once, all of one processor"),
]
OneGpuGroup = Annotated[GpuGroup, Field(description="an object with name, instanceTypes and max, at least")]
GpuGroups = Annotated[
    tuple[OneGpuGroup, ...],
    BeforeValidator(parsed),
    AfterValidator(each_another("name")),
    Field(max_length=MAX_GPU_GROUPS, description=f"a list of at most {MAX_GPU_GROUPS} GPU groups"),
]
ClusterVersion = Annotated[str, AfterValidator(_offered_version), Field(description=f"one of {', '.join(VERSIONS)}")]
SystemNodes = Annotated[
    int,
    Field(
        ge=MIN_SYSTEM_NODES,
        le=MAX_SYSTEM_NODES,
        description=f"a whole number from {MIN_SYSTEM_NODES} to {MAX_SYSTEM_NODES}",
    ),
]
MostSystemNodes = Annotated[SystemNodes, AfterValidator(_as_many_at_most("system"))]
MostWorkloadNodes = Annotated[SystemNodes, AfterValidator(_as_many_at_most("workload"))]
