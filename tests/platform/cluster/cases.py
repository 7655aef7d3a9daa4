"""The table of what each guardrail refuses and admits, as manifests."""

import copy
import functools
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from cluster import namespaces as ns

DATA = Path(__file__).parent / "data"
ACCOUNTS = {each.name: each.service_account for each in ns.MADE}
KINDS = {
    "Deployment": "apps/v1",
    "StatefulSet": "apps/v1",
    "DaemonSet": "apps/v1",
    "ReplicaSet": "apps/v1",
    "Job": "batch/v1",
    "CronJob": "batch/v1",
    "ReplicationController": "v1",
    "PodTemplate": "v1",
}


@dataclass(frozen=True)
class Case:
    guardrail: str
    name: str
    admitted: bool
    kind: str = "Pod"
    namespace: str = "training"
    set: dict[str, Any] = field(default_factory=dict)
    remove: list[str] = field(default_factory=list)
    says: str = ""

    def manifest(self, kind: str | None = None) -> dict[str, Any]:
        return controller(kind or self.kind, changed(compliant_pod(self.namespace), self.set, self.remove))


def changed(manifest: dict[str, Any], put: dict[str, Any], remove: Iterable[str] = ()) -> dict[str, Any]:
    """A manifest with these JSON pointers set and taken away."""
    manifest = copy.deepcopy(manifest)
    for pointer in remove:
        _parent(manifest, pointer).pop(_steps(pointer)[-1])
    for pointer, value in put.items():
        parent, step = _parent(manifest, pointer), _steps(pointer)[-1]
        if step == "-":
            parent.append(value)
        else:
            parent[step] = value
    return manifest


def compliant_pod(namespace: str) -> dict[str, Any]:
    pod: dict[str, Any] = yaml.load((DATA / "compliant-pod.yaml").read_text(), yaml.CSafeLoader)
    if namespace != "training":
        pod["metadata"]["namespace"] = namespace
        del pod["spec"]["priorityClassName"]
        pod["spec"]["serviceAccountName"] = ACCOUNTS.get(namespace) or "default"
    return pod


def controller(kind: str, pod: dict[str, Any]) -> dict[str, Any]:
    """The pod itself, or what makes such pods."""
    if kind == "Pod":
        return pod
    pod = copy.deepcopy(pod)
    labels = pod["metadata"].setdefault("labels", {})
    labels["app"] = "case"
    template = {"metadata": {"labels": labels}, "spec": pod["spec"]}
    named = {
        "apiVersion": KINDS[kind],
        "kind": kind,
        "metadata": {"name": "case", "namespace": pod["metadata"]["namespace"]},
    }
    selector = {"matchLabels": {"app": "case"}}
    match kind:
        case "PodTemplate":
            return {**named, "template": template}
        case "Job":
            template["spec"]["restartPolicy"] = "Never"
            return {**named, "spec": {"template": template}}
        case "CronJob":
            template["spec"]["restartPolicy"] = "Never"
            return {**named, "spec": {"schedule": "0 3 * * *", "jobTemplate": {"spec": {"template": template}}}}
        case "ReplicationController":
            return {**named, "spec": {"selector": {"app": "case"}, "template": template}}
        case "StatefulSet":
            return {**named, "spec": {"serviceName": "case", "selector": selector, "template": template}}
    return {**named, "spec": {"selector": selector, "template": template}}


def _steps(pointer: str) -> list[Any]:
    steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
    return [int(step) if step.isdigit() else step for step in steps]


def _parent(value: Any, pointer: str) -> Any:
    for step in _steps(pointer)[:-1]:
        value = value[step]
    return value


@functools.cache  # whoever collects the tests asks for each guardrail anew
def read() -> list[Case]:
    table = yaml.load((DATA / "guardrails.yaml").read_text(), yaml.CSafeLoader)
    return [
        Case(
            guardrail=guardrail,
            name=name,
            admitted=verdict == "admitted",
            kind=each.get("as", "Pod"),
            namespace=each.get("in", "training"),
            set=each.get("set", {}),
            remove=each.get("remove", []),
            says=each.get("says", ""),
        )
        for guardrail, verdicts in table.items()
        for verdict, cases in verdicts.items()
        for name, each in cases.items()
    ]
