"""When Karpenter launches a node, and when it takes one away."""

from collections.abc import Sequence
from typing import Any, Final

from cluster.gpu_group import GpuGroup
from cluster.labels import metadata
from cluster.node_labels import GPU, gpu_labels

HEAVIEST: Final = 100
EXPIRE_AFTER: Final = "Never"
"""A node of the same pinned image would be no newer; and an expired node is drained at once, outside of the window and
of every budget (Karpenter, "Disruption", Automated Forceful Methods)."""
LET_JOBS_END: Final = "168h"
"""A week, from one window to the next: how long a node that is to go waits for the pods that must not be disrupted."""
EMPTY_FOR: Final = "10m"
"""How long a node waits for the next job before it goes."""
WINDOW_ENDS: Final = "0 10 * * 0"
OUTSIDE_THE_WINDOW: Final = "164h"
"""Nodes are replaced on Sundays from 06:00 to 10:00 UTC; the rest of the week, 164 hours, begins as the window ends."""


def weights(groups: Sequence[GpuGroup]) -> dict[str, int]:
    """The weight of each group's pool by its name: of those that fit a pod, Karpenter takes the heaviest.

    What is reserved is paid for already; then the pool with the least GPU, or a notebook that names no group would
    have the dearest node.
    """
    order = sorted(groups, key=lambda each: (not each.reservation, each.gpus * each.instances[0].memory, each.name))
    return {group.name: HEAVIEST - place for place, group in enumerate(order)}


def shares(group: GpuGroup, owner: str) -> dict[str, Any]:
    """What tells Karpenter that a node of the group has as many GPUs to give as its device plugin will say.

    It would count the GPUs of the instance type before a node is there, and their shares afterwards: a pool's limit
    would be reached by its first node, and each pod that waits for a share would have a GPU of its own launched
    (kubernetes-sigs/karpenter, issue 729). The kind is an alpha feature of this Karpenter.
    """
    return {
        "api_version": "karpenter.sh/v1alpha1",
        "kind": "NodeOverlay",
        "metadata": metadata(group.name, owner),
        "spec": {
            "requirements": [_one_of("karpenter.sh/nodepool", group.name)],
            "capacity": {GPU: str(group.schedulable_gpus)},
        },
    }


def node_pool(group: GpuGroup, owner: str, zones: Sequence[str], weight: int) -> dict[str, Any]:
    """The NodePool by which a group grows above its least number of nodes.

    A node is patched by being replaced, once the pinned image has moved (docs/patching.md): it has drifted, and in the
    next window takes no new work. A pod with the annotation `karpenter.sh/do-not-disrupt: "true"`, as a training job
    should have it, is not evicted but has `LET_JOBS_END` to end by itself; then it is ended, so that no job keeps a
    node unpatched (Karpenter, "Disruption", TerminationGracePeriod). Other pods move at once. Where a group is at its
    largest there is no room for the replacement of a busy node: it goes as it falls empty.
    """
    return {
        "api_version": "karpenter.sh/v1",
        "kind": "NodePool",
        "metadata": metadata(group.name, owner),
        "spec": {
            "weight": weight,
            "limits": {GPU: str(group.growth * group.schedulable_gpus)},
            "template": {
                "metadata": {"labels": gpu_labels(group)},
                "spec": {
                    "nodeClassRef": {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": group.name},
                    "expireAfter": EXPIRE_AFTER,
                    "terminationGracePeriod": LET_JOBS_END,
                    "taints": [{"key": GPU, "value": "true", "effect": "NoSchedule"}],
                    "requirements": [
                        _one_of("kubernetes.io/os", "linux"),
                        _one_of("kubernetes.io/arch", group.instances[0].arch),
                        _one_of("node.kubernetes.io/instance-type", *group.instance_types),
                        _one_of("karpenter.sh/capacity-type", "reserved" if group.reservation else group.capacity),
                        _one_of("topology.kubernetes.io/zone", *zones),
                    ],
                },
            },
            "disruption": {
                # Nodes that run something are not emptied to save money: moving a job costs more.
                "consolidationPolicy": "WhenEmpty",
                "consolidateAfter": EMPTY_FOR,
                "budgets": [
                    {"nodes": "100%", "reasons": ["Empty"]},
                    {"nodes": "1", "reasons": ["Drifted", "Underutilized"]},
                    {
                        "nodes": "0",
                        "reasons": ["Drifted", "Underutilized"],
                        "schedule": WINDOW_ENDS,
                        "duration": OUTSIDE_THE_WINDOW,
                    },
                ],
            },
        },
    }


def _one_of(key: str, *values: str) -> dict[str, Any]:
    return {"key": key, "operator": "In", "values": list(values)}
