"""Whose pod waits when there is no room."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import pulumi
import pulumi_kubernetes as kubernetes

from cluster import namespaces as ns
from cluster.guardrails.flows import PREDICTOR
from cluster.labels import metadata
from foundation.stack import Stack


@dataclass(frozen=True, kw_only=True)
class Purpose:
    """Which of a namespace's pods a class is for, where there are others."""

    namespace: str
    ends: bool
    """Whether the work comes to an end, as a Job's does, or stands."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """What its pods are called by."""


@dataclass(frozen=True, kw_only=True)
class Priority:
    """A class of pods. Kubernetes' own classes for the system start at 2,000,000,000; these stay far below."""

    name: str
    value: int
    preempts: bool
    """Whether it may push out pods of less priority, or waits for room."""
    namespaces: tuple[str, ...]
    """Where pods may name it."""
    purpose: Purpose | None = None
    description: str


INFERENCE: Final = Priority(
    name="inference",
    value=100_000,
    preempts=True,
    namespaces=(ns.SERVING.name, ns.MODELS.name, ns.INGRESS.name),
    purpose=Purpose(namespace=ns.SERVING.name, ends=False, labels=PREDICTOR),
    description="Answers that a clinician waits for.",
)
PLATFORM: Final = Priority(
    name="platform",
    value=50_000,
    preempts=True,
    namespaces=(ns.MLFLOW.name, ns.MONITORING.name, ns.INGRESS.name),  # where no team writes a pod
    description="What the platform's users work with.",
)
CHECKS: Final = Priority(
    name="checks",
    value=20_000,
    preempts=False,
    namespaces=(ns.MONITORING.name,),
    description="A model's daily check waits for room; it ends no step of a pipeline and no notebook.",
)
TRAINING: Final = Priority(
    name="training",
    value=10_000,
    preempts=False,
    namespaces=(ns.TRAINING.name, ns.PIPELINES.name),
    purpose=Purpose(namespace=ns.PIPELINES.name, ends=True),
    description="Training waits for GPUs; it takes none from a job that runs.",
)
NOTEBOOKS: Final = Priority(
    name="notebooks",
    value=1_000,
    preempts=False,
    namespaces=(),  # those of the workspaces
    description="A person is there, who can start again.",
)
BATCH: Final = Priority(
    name="batch",
    value=100,
    preempts=False,
    namespaces=tuple(each.name for each in ns.WORKLOADS),
    description="Work that any other may push out.",
)


def priorities(workspaces: Sequence[ns.Namespace] = ()) -> tuple[Priority, ...]:
    """All of them, from the first to the last."""
    names = tuple(each.name for each in workspaces)
    notebooks, batch = (replace(each, namespaces=(*each.namespaces, *names)) for each in (NOTEBOOKS, BATCH))
    return (INFERENCE, PLATFORM, CHECKS, TRAINING, notebooks, batch)


@dataclass(frozen=True, kw_only=True)
class PrioritiesArgs:
    stack: Stack


class Priorities(pulumi.ComponentResource):
    """Inference comes before training, and so does a check; training before notebooks and batch; a running training job
    loses its GPUs to inference only."""

    def __init__(self, name: str, args: PrioritiesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("parapet:cluster:Priorities", name, {}, opts)
        for each in priorities():
            kubernetes.scheduling.v1.PriorityClass(
                f"{name}-{each.name}",
                metadata=metadata(each.name, args.stack.owner),
                value=each.value,
                preemption_policy="PreemptLowerPriority" if each.preempts else "Never",
                global_default=False,
                description=each.description,
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.register_outputs({})
