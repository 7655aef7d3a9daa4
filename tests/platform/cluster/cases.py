"""The table of what each guardrail refuses and admits, as manifests."""

import copy
import functools
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from cluster import images
from cluster import namespaces as ns
from cluster.guardrails.pod_rules import pod_rules
from tests.platform.cluster import manifests

DATA = Path(__file__).parent / "data"
ACCOUNTS = {each.name: each.service_account for each in (*ns.MADE, *manifests.SPACES)}
KINDS = {
    "Deployment": "apps/v1",
    "StatefulSet": "apps/v1",
    "DaemonSet": "apps/v1",
    "ReplicaSet": "apps/v1",
    "Job": "batch/v1",
    "CronJob": "batch/v1",
    "ReplicationController": "v1",
    "PodTemplate": "v1",
    "Rollout": "argoproj.io/v1alpha1",
}
PROXY = manifests.STACK.image(images.PROXY)
RULES = {rule.name: rule for rule in pod_rules(manifests.REGISTRY, PROXY, manifests.SPACES)}
OF_AN_EPHEMERAL_CONTAINER = ("name", "image", "command", "env", "envFrom", "securityContext", "volumeMounts")
"""What one may have of what a container has; neither resources nor ports (Kubernetes, "Ephemeral Containers")."""


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
    but: dict[str, str] = field(default_factory=dict)
    """What else comes of it as these kinds, or as any template: `admitted`, `refused`, or what is said."""

    def manifest(self, kind: str | None = None) -> dict[str, Any]:
        return controller(kind or self.kind, changed(compliant_pod(self.namespace), self.set, self.remove))

    def ephemeral(self) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """A pod that is admitted, and the container that makes it the case's; None where the case is about what no
        ephemeral container has."""
        first, last = "/spec/containers/0/", "/spec/containers/-"
        pod = compliant_pod(self.namespace)
        if last in self.set:
            rest = {pointer: value for pointer, value in self.set.items() if pointer != last}
            return changed(pod, rest, self.remove), dict(self.set[last])
        pointers = [*self.set, *self.remove]
        if all(
            each.startswith(first) and each.removeprefix(first).partition("/")[0] in OF_AN_EPHEMERAL_CONTAINER
            for each in pointers
        ):
            container = self.manifest("Pod")["spec"]["containers"][0]
            container = {key: value for key, value in container.items() if key in OF_AN_EPHEMERAL_CONTAINER}
            named = first + "name" in self.set
            return pod, container if named else {**container, "name": "debugger"}
        return None


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
    said = {key: value for key, value in pod["metadata"].items() if key in ("labels", "annotations")}
    template = {"metadata": said, "spec": pod["spec"]}
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
    text = (DATA / "guardrails.yaml").read_text().replace("THE-PROXYS-IMAGE", PROXY)
    table = yaml.load(text, yaml.CSafeLoader)
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
            but=each.get("but", {}),
        )
        for guardrail, verdicts in table.items()
        for verdict, cases in verdicts.items()
        for name, each in cases.items()
    ]
