"""A node of the workloads' group is lost: its kubelet fails, or says that its disk is full."""

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlencode

from cli.gameday.fault import Fault
from cli.gameday.world import STACK, World

FAILS: Final = "node-not-ready.stage.kwok.x-k8s.io"
"""The label by which KWOK, which plays the kubelets, lets one fail, and what annotations begin with that say how (kwok,
kustomize/stage/node/chaos)."""
ROLE: Final = "parapet.dev/node-role=workload"
GONE: Final = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
FULL: Final = ("node.kubernetes.io/disk-pressure",)
"""Taints that Kubernetes' own controller puts on a node that is not well (Kubernetes, "Taints and Tolerations")."""


def _failing(**how: str) -> Callable[[World], None]:
    def inject(world: World) -> None:
        node = _nodes(world, ROLE)[0]["metadata"]["name"]
        if how:
            told = [f"{FAILS}/{name}={value}" for name, value in how.items()]
            world.kubectl("annotate", "node", node, *told, "--overwrite")
        world.kubectl("label", "node", node, f"{FAILS}=true", "--overwrite")

    return inject


def undo(world: World) -> None:
    world.kubectl("label", "nodes", f"--selector={FAILS}", f"{FAILS}-")


def _tainted(*taints: str) -> Callable[[World], str]:
    def detected(world: World) -> str:
        for node in _nodes(world):
            for taint in node["spec"].get("taints", []):
                if taint["key"] in taints:
                    return f"Kubernetes says {taint['key'].partition('/')[2]} of the node {node['metadata']['name']}."
        return ""

    return detected


def recovered(world: World) -> bool:
    """Whether each group has as many nodes as it wants, and all are well."""
    eks, cluster = world.aws("eks"), f"parapet-{STACK}"
    groups = eks.list_nodegroups(clusterName=cluster)["nodegroups"]
    told = (eks.describe_nodegroup(clusterName=cluster, nodegroupName=each)["nodegroup"] for each in groups)
    wanted = sum(each["scalingConfig"]["desiredSize"] for each in told)
    return not _tainted(*GONE, *FULL)(world) and len(_nodes(world, "eks.amazonaws.com/nodegroup")) == wanted


def _nodes(world: World, selector: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = world.shell.found(f"/api/v1/nodes?{urlencode({'labelSelector': selector})}")["items"]
    return found


DEAD: Final = Fault(
    name="dead-node",
    about="the kubelet of a node of the workloads' group fails",
    runbook="lost-node-or-region",
    # As Kubernetes' own controller says it of one whose kubelet was heard and is not any more.
    inject=_failing(reason="NodeStatusUnknown", message="Kubelet stopped posting node status."),
    detected=_tainted(*GONE),
    recovered=recovered,
    undo=undo,
    within=60,
)
FULL_DISK: Final = Fault(
    name="full-disk",
    about="the disk of a node of the workloads' group is full",
    runbook="lost-node-or-region",
    inject=_failing(type="DiskPressure", reason="KubeletHasDiskPressure", message="kubelet has disk pressure"),
    detected=_tainted(*FULL),
    recovered=recovered,
    undo=undo,
    within=60,
)
