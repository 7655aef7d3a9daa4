"""What makes a node's GPUs something that a pod can ask for, and tells how busy they are."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import pulumi

from cluster import images
from cluster import namespaces as ns
from cluster.chart import chart
from cluster.guardrails.quotas import GPU
from cluster.labels import labels

CONFIG_LABEL: Final = "nvidia.com/device-plugin.config"
"""The label of a node that names how its GPUs are shared: the name of its GPU group."""
NODES: Final = {"nvidia.com/gpu.present": "true"}
"""The labels of GPU nodes; both agents run there and nowhere else."""
TOLERATIONS: Final = [{"key": GPU, "operator": "Exists", "effect": "NoSchedule"}]

_NOT_SHARED: Final = "not-shared"
_PLUGIN_REPOSITORY: Final = "https://nvidia.github.io/k8s-device-plugin"
_EXPORTER_REPOSITORY: Final = "https://nvidia.github.io/dcgm-exporter/helm-charts"


class Sharing(StrEnum):
    """How the pods of a node share its GPUs."""

    NONE = "none"
    """A GPU belongs to one pod."""
    TIME_SLICING = "time-slicing"
    """Pods take turns. Their memory is not kept apart, so only pods that may see each other's data belong there."""
    MIG = "mig"
    """A GPU is cut into instances with memory of their own, by the profile that the node sets when it starts."""


@dataclass(frozen=True, kw_only=True)
class GpuGroup:
    """A group of GPU nodes, as far as the device plugin cares."""

    name: str
    sharing: Sharing = Sharing.NONE
    replicas: int = 1
    """How many pods take turns on one GPU (`TIME_SLICING`)."""


@dataclass(frozen=True, kw_only=True)
class GpuSoftwareArgs:
    owner: str
    registry: str
    groups: Sequence[GpuGroup]


class GpuSoftware(pulumi.ComponentResource):
    """On every GPU node and nowhere else: the NVIDIA device plugin, which shares the GPUs as the node's group says, and
    the DCGM exporter.

    Nodes have the labels `nvidia.com/gpu.present=true` and `nvidia.com/device-plugin.config=<group>`.
    """

    def __init__(self, name: str, args: GpuSoftwareArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        groups = {each.name: str(each.sharing) for each in args.groups}
        super().__init__("parapet:cluster:GpuSoftware", name, {"groups": groups}, opts)
        prefix = images.prefix(args.registry)
        chart(
            f"{name}-device-plugin",
            "nvidia-device-plugin",
            repository=_PLUGIN_REPOSITORY,
            version=images.DEVICE_PLUGIN_VERSION,
            namespace=ns.GPU_SOFTWARE.name,
            values=device_plugin_values(prefix, args.groups),
            parent=self,
        )
        chart(
            f"{name}-dcgm-exporter",
            "dcgm-exporter",
            repository=_EXPORTER_REPOSITORY,
            version=images.DCGM_CHART_VERSION,
            namespace=ns.GPU_SOFTWARE.name,
            values=dcgm_exporter_values(prefix, args.owner),
            parent=self,
        )
        self.register_outputs({})


def device_plugin_values(prefix: str, groups: Sequence[GpuGroup]) -> dict[str, Any]:
    """The chart's values; a configuration a group, and one for a node that names none."""
    configurations = {_NOT_SHARED: _configuration(GpuGroup(name=_NOT_SHARED))}
    configurations |= {each.name: _configuration(each) for each in groups}
    mig = any(each.sharing is Sharing.MIG for each in groups)
    repository, tag = images.DEVICE_PLUGIN.split(":")
    return {
        "image": {"repository": prefix + repository, "tag": tag},
        "config": {
            "default": _NOT_SHARED,
            "map": {name: json.dumps(configuration) for name, configuration in configurations.items()},
        },
        # Fail where there is no driver: a GPU node whose plugin waits in silence has no GPU to give.
        "failOnInitError": True,
        # Reading and watching MIG instances needs SYS_ADMIN, all else nothing (the plugin's README, "Setting other
        # helm chart values").
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"], **({"add": ["SYS_ADMIN"]} if mig else {})},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "resources": {
            "requests": {"cpu": "50m", "memory": "64Mi"},
            "limits": {"cpu": "200m", "memory": "256Mi"},
        },
        "nodeSelector": NODES,
        "tolerations": TOLERATIONS,
        "gfd": {"enabled": False},
    }


def _configuration(group: GpuGroup) -> Mapping[str, Any]:
    """The device plugin's own configuration file, version v1."""
    strategy = "single" if group.sharing is Sharing.MIG else "none"
    configuration: dict[str, Any] = {"version": "v1", "flags": {"migStrategy": strategy}}
    if group.sharing is Sharing.TIME_SLICING:
        configuration["sharing"] = {
            "timeSlicing": {
                # A second share of a GPU gives a pod no more of it, so asking for two is a mistake.
                "failRequestsGreaterThanOne": True,
                "resources": [{"name": GPU, "replicas": group.replicas}],
            }
        }
    return configuration


def dcgm_exporter_values(prefix: str, owner: str) -> dict[str, Any]:
    """The chart's values. Without SYS_ADMIN the exporter gives all but the profiling metrics (DCGM_FI_PROF_*)."""
    repository, tag = images.DCGM_EXPORTER.split(":")
    return {
        "image": {"repository": prefix + repository, "tag": tag},
        "podLabels": labels(owner, ns.GPU_SOFTWARE.data_class),
        "podSecurityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
        # Root, since the kubelet's socket is root's.
        "securityContext": {
            "runAsNonRoot": False,
            "runAsUser": 0,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"], "add": []},
        },
        # Prometheus finds the exporter by its Service; a ServiceMonitor would need the operator's CRDs.
        "serviceMonitor": {"enabled": False},
        "nodeSelector": NODES,
        "tolerations": TOLERATIONS,
        "kubernetes": {"enablePodLabels": False, "enablePodUID": False, "rbac": {"create": False}},
    }
