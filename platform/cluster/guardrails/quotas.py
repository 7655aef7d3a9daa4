"""How much of the cluster a namespace may have, and how much one container.

A pod of the mesh has its proxy besides its own containers, and a quota counts that too, for as long as the pod runs
(Kubernetes, "Sidecar Containers", Resource sharing within containers).
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Final

import pulumi
import pulumi_kubernetes as kubernetes

from cluster import namespaces as ns
from cluster.gpu_instances import GPU_INSTANCES
from cluster.guardrails.gpu_rules import EFA
from cluster.labels import Manifest, metadata
from cluster.node_labels import GPU
from foundation.stack import Stack

NAME: Final = "quota"
"""Of the one in each namespace."""


@dataclass(frozen=True)
class Share:
    """What a container asks for and may take at most: CPUs, and GiB of memory."""

    cpu: float
    memory_gib: float
    most_cpu: float
    most_memory_gib: float

    def __add__(self, other: "Share") -> "Share":
        return Share(*(mine + its for mine, its in zip(astuple(self), astuple(other), strict=True)))

    def __mul__(self, times: int) -> "Share":
        return Share(*(times * mine for mine in astuple(self)))

    @property
    def resources(self) -> dict[str, dict[str, str]]:
        """As a container says it, and as Kubernetes writes it back."""
        return {
            "requests": {"cpu": _cpus(self.cpu), "memory": _memory(self.memory_gib)},
            "limits": {"cpu": _cpus(self.most_cpu), "memory": _memory(self.most_memory_gib)},
        }


def _cpus(number: float) -> str:
    return str(int(number)) if number == int(number) else f"{number * 1000:.0f}m"


def _memory(gib: float) -> str:
    return f"{int(gib)}Gi" if gib == int(gib) else f"{gib * 1024:.0f}Mi"


@dataclass(frozen=True)
class Room:
    """What the containers of a namespace may hold, but for the mesh's proxies; more CPU and memory for each GPU that it
    may have."""

    cpu: int
    memory_gib: int
    pods: int
    storage_gib: int
    cpu_per_gpu: int = 0
    memory_gib_per_gpu: int = 0


ROOMS: Final = {
    # A p5.48xlarge has 24 vCPUs and 256 GiB for each GPU, a g6.xlarge 4 and 16.
    ns.MLFLOW.name: Room(16, 64, 30, 200),
    ns.PIPELINES.name: Room(64, 256, 200, 1_000),
    ns.TRAINING.name: Room(32, 128, 200, 20_000, cpu_per_gpu=24, memory_gib_per_gpu=256),
    ns.SERVING.name: Room(64, 256, 200, 1_000, cpu_per_gpu=24, memory_gib_per_gpu=256),
    # Besides what the settings let its models have: pods that are on their way out.
    ns.MODELS.name: Room(16, 64, 30, 0, cpu_per_gpu=24, memory_gib_per_gpu=256),
    ns.MONITORING.name: Room(16, 64, 50, 1_000),
    ns.INGRESS.name: Room(16, 32, 20, 0),
}
PREDICTOR: Final = Share(cpu=0.5, memory_gib=1, most_cpu=2, most_memory_gib=2)
"""A replica of one of the stack's models. A namespace's room is for what teams start there; the models have theirs
besides."""
CHECK: Final = Share(cpu=0.5, memory_gib=2, most_cpu=2, most_memory_gib=6)
"""A check of one of the stack's models, which comes once a day. Two thirds of its memory it takes itself, and
a third is for the process that opens files (`delivery/monitoring/daily/settings.py`)."""
MOST_CHECKS: Final = 30
"""As many as models (`setting_types/services.py`): after hours without a control plane all may be due at once."""
PROXY: Final = Share(cpu=0.1, memory_gib=0.125, most_cpu=2, most_memory_gib=1)
"""As Istio's chart has it (istio 1.31, istio-discovery, values.yaml, global.proxy.resources)."""
WORKSPACE: Final = Room(16, 64, 30, 2_000, cpu_per_gpu=24, memory_gib_per_gpu=256)
"""Of one person, or of a few who work on one project."""
OBJECTS: Final = {
    # Far above what anybody works with, far below what the API server and its etcd bear. Of pods that have ended, which
    # `pods` does not count, some stay for as long as their Jobs, or as a finalizer holds them.
    "pods": 5_000,
    "configmaps": 500,
    "secrets": 200,
    "services": 200,
    "persistentvolumeclaims": 500,
    "jobs.batch": 2_000,
    "cronjobs.batch": 200,
    "deployments.apps": 200,
    "statefulsets.apps": 200,
    # What controllers keep of them, so that one can go back (`leaving_rules.py`).
    "replicasets.apps": 4_000,
    "controllerrevisions.apps": 3_000,
    "horizontalpodautoscalers.autoscaling": 200,
    "poddisruptionbudgets.policy": 200,
    # Defined by the stack, before a team comes. Of a kind that is new a quota knows no number until the controller
    # manager counts anew, in up to five minutes, and it refuses every object meanwhile: the stack's models wait for it
    # (`mlops/serving/models.py`), and the mesh's kinds, of which the stack makes objects at once, are not here.
    "rollouts.argoproj.io": 200,
    "analysisruns.argoproj.io": 2_000,
    "analysistemplates.argoproj.io": 200,
    "experiments.argoproj.io": 200,
}
NONE: Final = ("count/resourceclaims.resource.k8s.io", "count/resourceclaimtemplates.resource.k8s.io")
"""Devices under other names than those that are counted here. No driver hands any out, and no pod may name one."""
EFA_PER_GPU: Final = max(-(-each.efa // each.gpus) for each in GPU_INSTANCES.values())
"""Elastic Fabric Adapters that the nodes have for each GPU, at most."""
SCRATCH_GIB: Final = 10
"""Of the nodes' own disks, for each pod that a namespace may have."""
SCRATCH_GIB_PER_GPU: Final = 256
CONTAINER_DEFAULT: Final = {"cpu": "500m", "memory": "512Mi", "ephemeral-storage": "2Gi"}
CONTAINER_DEFAULT_REQUEST: Final = {"cpu": "100m", "memory": "128Mi", "ephemeral-storage": "256Mi"}
CONTAINER_MAXIMUM: Final = {"cpu": "16", "memory": "64Gi", "ephemeral-storage": "100Gi"}
GPU_CONTAINER_MAXIMUM: Final = {"cpu": "192", "memory": "2Ti", "ephemeral-storage": "2Ti"}
"""A container that trains on a whole node of eight GPUs."""


def gpu_shares(gpus: int, workspaces: Sequence[ns.Namespace] = ()) -> dict[str, int]:
    """The GPUs that each namespace may ask for, of those that all groups can grow to.

    Training, teams' serving and the stack's models may each use the whole cluster and are kept apart by priority; a
    workspace gets what it was given.
    """
    return {
        **dict.fromkeys((ns.TRAINING.name, ns.SERVING.name, ns.MODELS.name), gpus),
        **{each.name: each.gpus for each in workspaces},
    }


@dataclass(frozen=True, kw_only=True)
class QuotasArgs:
    stack: Stack
    predictors: int
    """Pods of the stack's models, at most: a new version has its replicas beside those of the one that serves."""
    gpus: int
    """What the GPU groups can grow to, in the units that the device plugin offers: a shared GPU counts as often as it
    is shared."""
    namespaces: Mapping[str, pulumi.Resource]
    """Those that the stack makes, by their names."""
    workspaces: Sequence[ns.Namespace] = ()


class Quotas(pulumi.ComponentResource):
    """No namespace takes the cluster or its API server from the others, no container has no limit, and a GPU is to be
    had in the GPU namespaces only."""

    def __init__(self, name: str, args: QuotasArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("parapet:cluster:Quotas", name, {"gpus": args.gpus, "predictors": args.predictors}, opts)
        for namespace, hard in quotas(args.gpus, args.workspaces, args.predictors):
            kubernetes.core.v1.ResourceQuota(
                f"{name}-{namespace}",
                metadata=metadata(NAME, args.stack.owner, namespace=namespace),
                spec={"hard": hard},
                opts=ns.inside(namespace, args.namespaces, self),
            )
        for each in (*ns.WORKLOADS, *args.workspaces):
            kubernetes.core.v1.LimitRange(
                f"{name}-{each.name}",
                metadata=metadata("limits", args.stack.owner, namespace=each.name),
                spec=limits(each),
                opts=ns.inside(each.name, args.namespaces, self),
            )
        self.register_outputs({})


def quotas(
    gpus: int, workspaces: Sequence[ns.Namespace] = (), predictors: int = 0
) -> Iterator[tuple[str, dict[str, str]]]:
    """The hard limits of every namespace."""
    meshed = {*ns.MESH, *(each.name for each in workspaces if each.mesh)} - {ns.INGRESS.name}  # the gateway is a proxy
    shares = gpu_shares(gpus, workspaces)
    rooms = ROOMS | {each.name: WORKSPACE for each in workspaces}
    for namespace in (*ns.EVERY, *(each.name for each in workspaces)):
        gpu = shares.get(namespace, 0)
        hard = {
            f"requests.{GPU}": str(gpu),
            f"requests.{EFA}": str(gpu * EFA_PER_GPU),
            **dict.fromkeys(NONE, "0"),
        }
        if namespace in ns.UNUSED:
            hard["pods"] = "0"
        if room := rooms.get(namespace):
            models = predictors if namespace == ns.MODELS.name else 0
            checks = MOST_CHECKS if namespace == ns.MONITORING.name else 0
            pods = room.pods + models + checks
            proxies = pods if namespace in meshed else 0
            cpu, memory = room.cpu + gpu * room.cpu_per_gpu, room.memory_gib + gpu * room.memory_gib_per_gpu
            scratch = pods * SCRATCH_GIB + gpu * SCRATCH_GIB_PER_GPU

            most = Share(cpu, memory, cpu * 2, memory * 2) + PREDICTOR * models + CHECK * checks + PROXY * proxies
            hard |= {
                "requests.cpu": str(math.ceil(most.cpu)),
                "limits.cpu": str(math.ceil(most.most_cpu)),
                "requests.memory": f"{math.ceil(most.memory_gib)}Gi",
                "limits.memory": f"{math.ceil(most.most_memory_gib)}Gi",
                "requests.ephemeral-storage": f"{scratch}Gi",
                "limits.ephemeral-storage": f"{scratch * 2}Gi",
                "requests.storage": f"{room.storage_gib}Gi",
                "pods": str(pods),
                # The one way in from outside of the cluster is the ingress gateway.
                "services.loadbalancers": "1" if namespace == ns.INGRESS.name else "0",
                # Each port of a load balancer's Service takes one of the nodes' ports.
                "services.nodeports": "2" if namespace == ns.INGRESS.name else "0",
            }
            hard |= {f"count/{kind}": str(most) for kind, most in OBJECTS.items()}
        yield namespace, hard


def limits(namespace: ns.Namespace) -> Manifest:
    """What a container gets that asks for nothing, and the most that one may ask for."""
    return {
        "limits": [
            {
                "type": "Container",
                "default": CONTAINER_DEFAULT,
                "defaultRequest": CONTAINER_DEFAULT_REQUEST,
                "max": GPU_CONTAINER_MAXIMUM if namespace.gpu else CONTAINER_MAXIMUM,
            },
            {"type": "PersistentVolumeClaim", "max": {"storage": "16Ti"}},
        ]
    }
