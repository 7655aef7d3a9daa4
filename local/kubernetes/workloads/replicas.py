"""What a pod is a replica of, and whether it may count as running: one process here stands for all of them."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from local.kubernetes.workloads import State, sources, told
from local.workspace import Workspace

VERSION: Final = "rollouts-pod-template-hash"
"""The label by which Argo Rollouts tells the pods of each version, and their ReplicaSet."""
OF_A_DEPLOYMENT: Final = "pod-template-hash"


class Held(NamedTuple):
    """Why a pod is not to be called running."""

    reason: str
    """In one word, as a kubelet says it of a container that waits."""
    message: str


def replica_of(pod: Mapping[str, Any]) -> tuple[str, str] | None:
    """The namespace and the name of the Deployment, or of the Rollout's ReplicaSet, that a pod is a replica of."""
    meta = pod["metadata"]
    for each in meta.get("ownerReferences", []):
        if each["kind"] == "ReplicaSet":
            of_a_deployment = meta.get("labels", {}).get(OF_A_DEPLOYMENT, "")
            return meta["namespace"], str(each["name"]).removesuffix(f"-{of_a_deployment}")
    return None


def on_trial(pod: Mapping[str, Any]) -> tuple[str, str] | None:
    """The namespace and the name of the Rollout's ReplicaSet whose process here stands for the pod."""
    of_a_version = VERSION in pod["metadata"].get("labels", {})
    return replica_of(pod) if of_a_version and sources.ours(pod["spec"]) else None


def holds(workspace: Workspace, pod: Mapping[str, Any]) -> Held | None:
    """What keeps a version's pod from running: its process does not."""
    if not (wanted := on_trial(pod)):
        return None
    found = next((each for each in told(workspace)[1] if (each.namespace, each.name) == wanted), None)
    if found and found.state is State.RUNNING:
        return None
    failed = found is not None and found.state is State.FAILED and bool(found.message)
    return Held(
        "CrashLoopBackOff" if failed else "ContainerCreating", found.message if found else "it is being started"
    )
