"""Pods wherever they are described: in person, or as the template of what makes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hipaa.resource import Properties, Resource
from hipaa.verdict import Verdict, all_of, not_applicable

_TEMPLATE = "spec.template.spec"
_SPECIFICATION = {
    "kubernetes:core/v1:Pod": "spec",
    "kubernetes:core/v1:PodTemplate": "template.spec",
    "kubernetes:core/v1:ReplicationController": _TEMPLATE,
    "kubernetes:apps/v1:Deployment": _TEMPLATE,
    "kubernetes:apps/v1:StatefulSet": _TEMPLATE,
    "kubernetes:apps/v1:DaemonSet": _TEMPLATE,
    "kubernetes:apps/v1:ReplicaSet": _TEMPLATE,
    "kubernetes:batch/v1:Job": _TEMPLATE,
    "kubernetes:batch/v1:CronJob": "spec.jobTemplate.spec.template.spec",
    # What programs of older days still say.
    "kubernetes:apps/v1beta1:Deployment": _TEMPLATE,
    "kubernetes:apps/v1beta1:StatefulSet": _TEMPLATE,
    "kubernetes:apps/v1beta2:Deployment": _TEMPLATE,
    "kubernetes:apps/v1beta2:StatefulSet": _TEMPLATE,
    "kubernetes:apps/v1beta2:DaemonSet": _TEMPLATE,
    "kubernetes:apps/v1beta2:ReplicaSet": _TEMPLATE,
    "kubernetes:extensions/v1beta1:Deployment": _TEMPLATE,
    "kubernetes:extensions/v1beta1:DaemonSet": _TEMPLATE,
    "kubernetes:extensions/v1beta1:ReplicaSet": _TEMPLATE,
    "kubernetes:batch/v1beta1:CronJob": "spec.jobTemplate.spec.template.spec",
    "kubernetes:batch/v2alpha1:CronJob": "spec.jobTemplate.spec.template.spec",
}
WORKLOADS = tuple(_SPECIFICATION)

# A debugger attached to a running pod is a container like any other.
_LONG_LIVED = ("containers", "initContainers")
_ALL = (*_LONG_LIVED, "ephemeralContainers")

NO_POD = not_applicable("it describes no pod")


def pod_of(workload: Resource) -> Properties | None:
    """The specification of a workload's pods, if it describes any.

    Raises:
        UnknownValue: when it is not known before the update.
    """
    spec = workload.at(_SPECIFICATION[workload.type])
    return spec if isinstance(spec, Properties) else None


def each_container(
    workload: Resource, check: Callable[[Properties, Properties], Verdict], *, ephemeral: bool = True
) -> Verdict:
    """The verdict over all containers, each judged by itself together with its pod's specification."""
    pod = pod_of(workload)
    if pod is None:
        return NO_POD
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
