"""Which pods have a process here, and as whom it runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Standing:
    """A process that stands for one container of the first pod with this service account."""

    name: str
    namespace: str
    account: str
    container: str
    holds: bool
    """Whether the pod counts as running only once the process answers: its main container is the process."""
    meshed: bool
    """Whether it shows istiod a token of its own."""


ISTIOD, GATEWAY, SIDECAR = "istiod", "gateway", "mlflow-proxy"
KARPENTER, ROLLOUTS, PROMETHEUS = "karpenter", "argo-rollouts", "prometheus"
LOAD_BALANCER = "load-balancer"
"""It stands for no pod: AWS has it."""
STANDING = (
    Standing(ISTIOD, "istio-system", "istiod", "discovery", holds=True, meshed=False),
    Standing(GATEWAY, "ingress", "istio-ingress", "istio-proxy", holds=True, meshed=True),
    Standing(SIDECAR, "mlflow", "mlflow", "istio-proxy", holds=False, meshed=True),
    Standing(KARPENTER, "karpenter", "karpenter", "controller", holds=True, meshed=False),
    Standing(PROMETHEUS, "monitoring", "monitor", "prometheus", holds=True, meshed=False),
    Standing(ROLLOUTS, "argo-rollouts", "argo-rollouts", "controller", holds=True, meshed=False),
)
"""In the order in which they need each other."""


def standing_for(pod: Mapping[str, Any]) -> Standing | None:
    """What stands for this pod, if anything does."""
    return next((each for each in STANDING if _fits(each, pod)), None)


def first(standing: Standing, pods: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The pod that it stands for: the oldest that has a node and is not going."""
    fitting = [
        each
        for each in pods
        if _fits(standing, each) and each["spec"].get("nodeName") and "deletionTimestamp" not in each["metadata"]
    ]
    return min(
        fitting, key=lambda each: (each["metadata"]["creationTimestamp"], each["metadata"]["name"]), default=None
    )


def _fits(standing: Standing, pod: Mapping[str, Any]) -> bool:
    spec = pod["spec"]
    return (
        pod["metadata"]["namespace"] == standing.namespace
        and spec.get("serviceAccountName") == standing.account
        # A job of the same account is none of its replicas.
        and any(each["kind"] == "ReplicaSet" for each in pod["metadata"].get("ownerReferences", []))
        and any(each["name"] == standing.container for each in (*spec.get("initContainers", []), *spec["containers"]))
    )
