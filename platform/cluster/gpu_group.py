"""A group of GPU nodes, as a stack's settings declare it."""

from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from cluster.gpu_instances import GPU_INSTANCES, UNPRICED, GpuInstance, nearest
from setting_errors import refusal

MAX_NODES: Final = 100
TIME_SLICING: Final = "time-slicing:"
MIG: Final = "mig:"

InstanceType = Annotated[str, Field(description="the name of an EC2 instance type, such as g6.xlarge")]
Zone = Annotated[
    str,
    Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d[a-z]$", description="the name of an Availability Zone, such as us-east-1a"),
]


class GpuGroup(BaseModel):
    """GPU nodes of one kind. A field's description is what is allowed, as an error message says it.

    `min` nodes are always there; up to `max` come and go with the work. All of a group's instance types have the same
    GPUs, so that a label, a limit or a MIG profile means the same on each of its nodes.
    """

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True, populate_by_name=True)

    name: str = Field(
        pattern=r"^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$",
        description="1 to 20 lower-case letters, digits and hyphens, from a letter to a letter or digit",
    )
    instance_types: tuple[InstanceType, ...] = Field(
        min_length=1, description="a list of EC2 instance types with the same GPUs, such as [g6.xlarge, g6.2xlarge]"
    )
    min: int = Field(default=0, ge=0, le=MAX_NODES, description=f"a whole number from 0 to {MAX_NODES}")
    max: int = Field(ge=1, le=MAX_NODES, description=f"a whole number from 1 to {MAX_NODES}")
    capacity: str = Field(
        default="on-demand",
        pattern=r"^(on-demand|spot|cr-[0-9a-f]{8,17})$",
        description="on-demand, spot, or the id of a capacity reservation, such as cr-0123456789abcdef0",
    )
    zones: tuple[Zone, ...] = Field(
        default=(), description="a list of Availability Zones; empty for all that the stack spans"
    )
    sharing: str = Field(
        default="none",
        pattern=r"^(none|time-slicing:([2-9]|[1-3][0-9]|4[0-8])|mig:[1-7]g\.[0-9]+gb)$",
        description="none, time-slicing:N with N from 2 to 48, or mig:PROFILE, such as mig:1g.10gb",
    )
    efa: bool = Field(
        default=False,
        description="true or false; true gives nodes Elastic Fabric Adapters in one cluster placement group",
    )

    @property
    def instances(self) -> tuple[GpuInstance, ...]:
        return tuple(GPU_INSTANCES[each] for each in self.instance_types)

    @property
    def gpus(self) -> int:
        """The GPUs of one node, not counting how they are shared."""
        return self.instances[0].gpus

    @property
    def reservation(self) -> str | None:
        """The id of the capacity reservation that the nodes run in."""
        return self.capacity if self.capacity.startswith("cr-") else None

    @property
    def spot(self) -> bool:
        return self.capacity == "spot"

    @property
    def growth(self) -> int:
        """How many nodes may come and go."""
        return self.max - self.min

    @property
    def time_slices(self) -> int | None:
        """How many containers share a GPU in turns, without a wall between their memories."""
        return int(self.sharing.removeprefix(TIME_SLICING)) if self.sharing.startswith(TIME_SLICING) else None

    @property
    def mig_profile(self) -> str | None:
        """The profile of the partitions that each GPU is divided into, each with memory of its own."""
        return self.sharing.removeprefix(MIG) if self.sharing.startswith(MIG) else None

    @property
    def schedulable_gpus(self) -> int:
        """How many containers that ask for one nvidia.com/gpu a node takes at once."""
        if self.mig_profile:
            return self.gpus * self.instances[0].mig_profiles[self.mig_profile]
        return self.gpus * (self.time_slices or 1)

    @property
    def shared(self) -> bool:
        """Whether a GPU is more than one to who asks for one."""
        return self.schedulable_gpus != self.gpus

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        _gpu_types_only(self)
        _same_gpus(self)
        _room_to_grow(self)
        _a_price_to_grow_by(self)
        _profile_of_the_gpu(self)
        _adapters_in_one_zone(self)
        return self


def _gpu_types_only(group: GpuGroup) -> None:
    for index, name in enumerate(group.instance_types):
        if name not in GPU_INSTANCES:
            near = ", ".join(nearest(name))
            raise refusal(f".instanceTypes[{index}]", name, f"an instance type with whole NVIDIA GPUs; nearest: {near}")
    if len(set(group.instance_types)) < len(group.instance_types):
        raise refusal(".instanceTypes", group.instance_types, "a list of EC2 instance types, each once")


def _same_gpus(group: GpuGroup) -> None:
    first, *others = group.instances
    for index, other in enumerate(others, start=1):
        if (other.model, other.memory, other.gpus, other.arch) != (first.model, first.memory, first.gpus, first.arch):
            allowed = f"a type with {first.gpus} x {first.model} ({first.arch}) as {first.name} has"
            found = f"{other.name} with {other.gpus} x {other.model} ({other.arch})"
            raise refusal(f".instanceTypes[{index}]", found, f"{allowed}; declare another group for it")


def _room_to_grow(group: GpuGroup) -> None:
    if group.min > group.max:
        raise refusal(".min", group.min, f"at most max, which is {group.max}")


def _a_price_to_grow_by(group: GpuGroup) -> None:
    for index, name in enumerate(group.instance_types):
        if group.growth and group.capacity == "on-demand" and name in UNPRICED:
            allowed = "a type that Karpenter knows a price of, or it never launches one; take min as large as max"
            raise refusal(f".instanceTypes[{index}]", name, f"{allowed}, spot or a capacity reservation")


def _profile_of_the_gpu(group: GpuGroup) -> None:
    gpu, profile = group.instances[0], group.mig_profile
    if profile and profile not in gpu.mig_profiles:
        offered = ", ".join(f"{MIG}{each}" for each in gpu.mig_profiles)
        divided = f"one of {offered} for the {gpu.model} of {gpu.name}" if offered else ""
        raise refusal(".sharing", group.sharing, divided or f"none or {TIME_SLICING}N; the {gpu.model} has no MIG")


def _adapters_in_one_zone(group: GpuGroup) -> None:
    if not group.efa:
        return
    for index, instance in enumerate(group.instances):
        if not instance.efa:
            able = [each.name for each in GPU_INSTANCES.values() if each.efa and each.model == instance.model]
            offered = f"; of its GPU: {', '.join(able[:5])}" if able else ""
            raise refusal(f".instanceTypes[{index}]", instance.name, f"a type with EFA where efa is true{offered}")
        if (instance.cards, instance.efa) != (group.instances[0].cards, group.instances[0].efa):
            raise refusal(f".instanceTypes[{index}]", instance.name, "a type with as many EFA as the group's first")
    if len(group.zones) != 1:
        raise refusal(".zones", list(group.zones), "one zone where efa is true: a placement group lies in one")
