"""Which pods have a process here, and as whom it runs: controllers, and the proxies beside workloads."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from local.kubernetes.live import proxy_of
from local.kubernetes.workloads import State, Workload
from local.kubernetes.workloads.replicas import replica_of


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


ISTIOD, GATEWAY = "istiod", "gateway"
KARPENTER, ROLLOUTS, PROMETHEUS, ALERTMANAGER = "karpenter", "argo-rollouts", "prometheus", "alertmanager"
LOAD_BALANCER = "load-balancer"
"""It stands for no pod: AWS has it."""
PROXY = "istio-proxy"
"""What Istio calls the container of a proxy."""
STANDING = (
    Standing(ISTIOD, "istio-system", "istiod", "discovery", holds=True, meshed=False),
    Standing(GATEWAY, "ingress", "istio-ingress", PROXY, holds=True, meshed=True),
    Standing(KARPENTER, "karpenter", "karpenter", "controller", holds=True, meshed=False),
    Standing(ALERTMANAGER, "judging", "alertmanager", "alertmanager", holds=True, meshed=False),
    Standing(PROMETHEUS, "judging", "judge", "prometheus", holds=True, meshed=False),
    Standing(ROLLOUTS, "argo-rollouts", "argo-rollouts", "controller", holds=True, meshed=False),
)
"""In the order in which they need each other."""


def standing_for(pod: Mapping[str, Any]) -> Standing | None:
    """What stands for this pod, if anything does."""
    return next((each for each in STANDING if _fits(each, pod)), None)


def first(standing: Standing, pods: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The pod that it stands for."""
    return _oldest(each for each in pods if _fits(standing, each))


@dataclass(frozen=True)
class Replica:
    """A workload whose process runs here, and the pod that this stands for."""

    workload: Workload
    pod: Mapping[str, Any]

    @property
    def proxy(self) -> str:
        """What the proxy beside it is called."""
        return proxy_of(self.workload.name)

    @property
    def runs(self) -> bool:
        """Whether it may be called."""
        return self.workload.state is State.RUNNING


def replicas(workloads: Iterable[Workload], pods: list[dict[str, Any]]) -> list[Replica]:
    """The workloads here that have a pod."""
    found = []
    for each in workloads:
        own = (pod for pod in pods if replica_of(pod) == (each.namespace, each.name))
        if pod := _oldest(own):
            found.append(Replica(each, pod))
    return found


def is_meshed(pod: Mapping[str, Any]) -> bool:
    """Whether a pod has a proxy."""
    return any(each["name"] == PROXY for kind in ("initContainers", "containers") for each in pod["spec"].get(kind, []))


def _oldest(pods: Iterable[dict[str, Any]]) -> dict[str, Any] | None:
    """Of those that have a node and are not going."""
    staying = (each for each in pods if each["spec"].get("nodeName") and "deletionTimestamp" not in each["metadata"])
    return min(
        staying, key=lambda each: (each["metadata"]["creationTimestamp"], each["metadata"]["name"]), default=None
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
