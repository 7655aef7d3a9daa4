"""What makes a node's GPUs something that a pod can ask for."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi

from cluster import images
from cluster import namespaces as ns
from cluster.chart import chart
from cluster.node_labels import GPU, GPU_NODES, TOLERATIONS
from foundation.stack import Stack

_NOT_SHARED: Final = "not-shared"


@dataclass(frozen=True, kw_only=True)
class GpuSharing:
    """How the pods of a GPU group's nodes share a GPU; unless told, it belongs to one pod."""

    group: str
    time_slices: int | None = None
    """How many pods take turns. Their memory is not kept apart, so only pods that may see each other's data belong
    there."""
    mig: bool = False
    """Whether it is cut into instances with memory of their own, by the profile that the node sets when it starts."""


@dataclass(frozen=True, kw_only=True)
class GpuSoftwareArgs:
    stack: Stack
    chart_passwords: Mapping[str, pulumi.Input[str]]
    """What opens the stack's registry for its charts."""
    sharing: Sequence[GpuSharing]
    """One for each GPU group."""
    after: Sequence[pulumi.Resource]
    """The namespaces, and a network for pods."""


class GpuSoftware(pulumi.ComponentResource):
    """On every GPU node and nowhere else: the NVIDIA device plugin, which shares the GPUs as the node's group says.

    GPU nodes have the labels of `node_labels`.
    """

    def __init__(self, name: str, args: GpuSoftwareArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        inputs = {"groups": [each.group for each in args.sharing]}
        super().__init__("parapet:cluster:GpuSoftware", name, inputs, opts)
        chart(
            f"{name}-device-plugin",
            "nvidia-device-plugin",
            chart=images.DEVICE_PLUGIN_CHART,
            stack=args.stack,
            passwords=args.chart_passwords,
            namespace=ns.GPU_SOFTWARE.name,
            values=device_plugin_values(args.stack, args.sharing),
            parent=self,
            depends_on=args.after,
        )
        self.register_outputs({})


def device_plugin_values(stack: Stack, sharing: Sequence[GpuSharing]) -> dict[str, Any]:
    """The chart's values; a configuration a group, and one for a node that names none."""
    configurations = {_NOT_SHARED: _configuration(GpuSharing(group=_NOT_SHARED))}
    configurations |= {each.group: _configuration(each) for each in sharing}
    mig = any(each.mig for each in sharing)
    repository, tag, digest = images.in_parts(stack.image(images.DEVICE_PLUGIN))
    return {
        # The chart has no value for the digest, and puts a colon before the tag.
        "image": {"repository": repository, "tag": f"{tag}@{digest}"},
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
        "nodeSelector": GPU_NODES,
        # In place of the chart's own, which asks for labels of node-feature-discovery; that does not run here.
        "affinity": {
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [
                        {"matchExpressions": [{"key": key, "operator": "In", "values": [value]}]}
                        for key, value in GPU_NODES.items()
                    ]
                }
            }
        },
        "tolerations": TOLERATIONS,
        "gfd": {"enabled": False},
    }


def _configuration(sharing: GpuSharing) -> Mapping[str, Any]:
    """The device plugin's own configuration file, version v1."""
    # `single`: an instance is asked for as nvidia.com/gpu, since all of a group's nodes are cut alike.
    strategy = "single" if sharing.mig else "none"
    configuration: dict[str, Any] = {"version": "v1", "flags": {"migStrategy": strategy}}
    if sharing.time_slices:
        configuration["sharing"] = {
            "timeSlicing": {
                # A second share of a GPU gives a pod no more of it, so asking for two is a mistake.
                "failRequestsGreaterThanOne": True,
                "resources": [{"name": GPU, "replicas": sharing.time_slices}],
            }
        }
    return configuration
