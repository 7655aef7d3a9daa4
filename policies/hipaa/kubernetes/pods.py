"""Pods wherever they are described: in person, or as the template of what makes them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any

from hipaa.resource import Items, Properties, Resource, UnknownValue, secrets_read
from hipaa.verdict import Verdict, all_of, not_applicable, undecided

WORKLOADS = (
    "kubernetes:core/v1:Pod",
    "kubernetes:core/v1:PodTemplate",
    "kubernetes:core/v1:ReplicationController",
    "kubernetes:apps/v1:Deployment",
    "kubernetes:apps/v1:StatefulSet",
    "kubernetes:apps/v1:DaemonSet",
    "kubernetes:apps/v1:ReplicaSet",
    "kubernetes:batch/v1:Job",
    "kubernetes:batch/v1:CronJob",
    # What programs of older days still say.
    "kubernetes:apps/v1beta1:Deployment",
    "kubernetes:apps/v1beta1:StatefulSet",
    "kubernetes:apps/v1beta2:Deployment",
    "kubernetes:apps/v1beta2:StatefulSet",
    "kubernetes:apps/v1beta2:DaemonSet",
    "kubernetes:apps/v1beta2:ReplicaSet",
    "kubernetes:extensions/v1beta1:Deployment",
    "kubernetes:extensions/v1beta1:DaemonSet",
    "kubernetes:extensions/v1beta1:ReplicaSet",
    "kubernetes:batch/v1beta1:CronJob",
    "kubernetes:batch/v2alpha1:CronJob",
)
"""The kinds of Kubernetes itself that have pods."""
_OF_KUBERNETES = frozenset(
    {
        *("core", "apps", "autoscaling", "batch", "extensions", "meta", "policy", "helm.sh", "kustomize", "yaml"),
        *("admissionregistration.k8s.io", "apiextensions.k8s.io", "apiregistration.k8s.io", "auditregistration.k8s.io"),
        *("certificates.k8s.io", "coordination.k8s.io", "discovery.k8s.io", "events.k8s.io", "lifecycle.k8s.io"),
        *("flowcontrol.apiserver.k8s.io", "networking.k8s.io", "node.k8s.io", "rbac.authorization.k8s.io"),
        *("resource.k8s.io", "scheduling.k8s.io", "settings.k8s.io", "storage.k8s.io", "storagemigration.k8s.io"),
    }
)
"""The groups whose kinds the provider knows."""
_OTHERS_WORDS = frozenset({"metadata", "status"})
"""Where an object describes no pod, whatever is there: what is noted of it, and what became of it."""
_PLACES = ("spec", "specs", "template", "templates")
"""What names end in whose value may have a pod in it, while it is not known."""


def is_custom(type_: str) -> bool:
    """Whether a type is a kind that somebody added to Kubernetes: of such a one any part may describe pods."""
    provider, _, rest = type_.partition(":")
    return provider == "kubernetes" and rest.partition("/")[0] not in _OF_KUBERNETES


# A debugger attached to a running pod is a container like any other.
_LONG_LIVED = ("containers", "initContainers")
_ALL = (*_LONG_LIVED, "ephemeralContainers")

NO_POD = not_applicable("it describes no pod")


def each_pod(workload: Resource, check: Callable[[Properties], Verdict]) -> Verdict:
    """The verdict over all pods that a workload describes, in whatever place, each judged by itself.

    What has containers is one. A workload without any has nothing to say: a Rollout that refers to a Deployment's
    template is judged there.
    """
    verdicts: list[Verdict] = []
    # What is read on the way is told by no message.
    with secrets_read():
        found = list(_places_of(workload, _OTHERS_WORDS))
    for pod in found:
        try:
            verdicts.append(check(pod) if isinstance(pod, Properties) else undecided(pod.path))
        except UnknownValue as unknown:
            verdicts.append(undecided(unknown.path))
    return all_of(*verdicts) if verdicts else NO_POD


def _places_of(value: Any, left_out: Collection[str] = ()) -> Iterator[Properties | UnknownValue]:
    """Specifications of pods, and what may have some in it and is not known before the update."""
    if isinstance(value, Properties):
        if _describes_a_pod(value):
            yield value
            return
        for name in value:
            if name not in left_out:
                try:
                    inner = value[name]
                except UnknownValue as unknown:
                    if name.lower().endswith(_PLACES):
                        yield unknown
                else:
                    yield from _places_of(inner)
    elif isinstance(value, Items):
        for index in range(len(value)):
            if _is_object(value, index) and (item := _known(value, index)) is not None:
                yield from _places_of(item)


def _describes_a_pod(value: Properties) -> bool:
    for kind in _ALL:
        if kind in value:
            try:
                containers = value[kind]
            except UnknownValue:
                return True
            if isinstance(containers, Items) and all(_is_object(containers, at) for at in range(len(containers))):
                return True
    return False


def _is_object(items: Items, index: int) -> bool:
    """Whether it may be one: what is not known may."""
    item = _known(items, index)
    return item is None or isinstance(item, Properties)


def _known(items: Items, index: int) -> Any:
    try:
        return items[index]
    except UnknownValue:
        return None


def each_container(
    workload: Resource, check: Callable[[Properties, Properties], Verdict], *, ephemeral: bool = True
) -> Verdict:
    """The verdict over all containers, each judged by itself together with its pod's specification."""
    return each_pod(workload, lambda pod: each_container_of(pod, check, ephemeral=ephemeral))


def each_container_of(
    pod: Properties, check: Callable[[Properties, Properties], Verdict], *, ephemeral: bool = True
) -> Verdict:
    """The same over the containers of one pod."""
    kinds = _ALL if ephemeral else _LONG_LIVED
    return all_of(*(pod.each(kind, lambda container: check(container, pod)) for kind in kinds))


def runs_windows(pod: Properties) -> bool:
    """Whether the pod says that it is for Windows, whose containers know no Linux capabilities, seccomp or users."""
    return pod.at("os.name") == "windows"


def holder(container: Properties, pod: Properties, path: str) -> Properties:
    """Who decides a setting that a container takes from its pod where it has none of its own."""
    return pod if container.at(path) is None else container


def example(*, pod: dict[str, Any] | None = None, **container: Any) -> dict[str, Any]:
    """The properties of a Pod in an example, with one container."""
    return {"spec": {"containers": [{"name": "app"} | container]} | (pod or {})}
