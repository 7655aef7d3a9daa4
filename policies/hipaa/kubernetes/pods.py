"""Pods wherever they are described: in person, or as the template of what makes them."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from hipaa.resource import PLAIN, Items, Properties, Resource, UnknownValue, secrets_read
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
_OF_POLICIES = frozenset(
    {
        *("kyverno.io", "policies.kyverno.io", "constraints.gatekeeper.sh", "templates.gatekeeper.sh"),
        *("mutations.gatekeeper.sh", "expansion.gatekeeper.sh", "config.gatekeeper.sh"),
    }
)
"""The groups of engines of policies: what looks like a pod there is what a pod is compared with, and none is made."""
_OTHERS_WORDS = frozenset({"metadata", "status"})
"""Where an object describes no pod, whatever is there: what is noted of it, and what became of it."""
_PART_OF_ONE = ("Patch", "List")
"""What the provider's kinds end in that write a part of an object that is there, or several objects."""

# A debugger attached to a running pod is a container like any other.
_LONG_LIVED = ("containers", "initContainers")
_EPHEMERAL = "ephemeralContainers"
_LISTS = (*_LONG_LIVED, _EPHEMERAL, "sidecars", "steps")
"""Under these names, of Kubernetes, Argo and Tekton, what has an image is a container, whatever else it says."""
_ALONE = ("container", "script")
"""Of Argo: one container, and no list."""
_PLACES = ("spec", "specs", "template", "templates", *(each.lower() for each in _LISTS), *_ALONE)
"""What names end in whose value may have a pod in it, while it is not known."""
_OF_A_CONTAINER = frozenset(
    {
        *(
            "command",
            "args",
            "env",
            "envFrom",
            "volumeMounts",
            "volumeDevices",
            "ports",
            "workingDir",
            "imagePullPolicy",
        ),
        *(
            "lifecycle",
            "livenessProbe",
            "readinessProbe",
            "startupProbe",
            "terminationMessagePath",
            "restartPolicyRules",
        ),
    }
)
_OF_ITS_CONTEXT = frozenset(
    {"allowPrivilegeEscalation", "capabilities", "privileged", "procMount", "readOnlyRootFilesystem"}
)
"""What a container alone says, here and in its `securityContext`; the rest a pod says too."""
_OF_THE_HOST = ("hostNetwork", "hostPID", "hostIPC")
_PROGRAMS = frozenset({"args", "command", "env", "script", "source"})
"""Where a text is a program's, and no object."""
_QUOTED = r"\\*[\"']?\s*:"
_SAYS_A_POD = re.compile(
    r"\b(containers|initContainers|ephemeralContainers|sidecars|container|hostNetwork|hostPID|hostIPC|hostPath)"
    + _QUOTED
)
_MAY_SAY_A_POD = re.compile(rf"{_SAYS_A_POD.pattern}|\b(image|securityContext){_QUOTED}")
"""In a text that may be read as an object, a patch of a pod or a manifest, or as one in which such a text is."""


def is_custom(type_: str) -> bool:
    """Whether a type is a kind that somebody added to Kubernetes: of such a one any part may describe pods."""
    provider, _, rest = type_.partition(":")
    return provider == "kubernetes" and rest.partition("/")[0] not in _OF_KUBERNETES


def may_describe_pods(type_: str) -> bool:
    """Whether one of a type that is not listed may have pods: a custom kind, a part of a listed one, or a list."""
    if type_.partition(":")[2].partition("/")[0] in _OF_POLICIES:
        return False
    return is_custom(type_) or any(type_.endswith(end) and type_.removesuffix(end) in WORKLOADS for end in _PART_OF_ONE)


NO_POD = not_applicable("it describes no pod")


def each_pod(workload: Resource, check: Callable[[Properties], Verdict], *, host: bool = False) -> Verdict:
    """The verdict over all pods that a workload describes, in whatever place, each judged by itself.

    What has containers is one, and what is below or above it may be another. With `host`, what says something of the
    node is looked at too, wherever it stands. A workload without any has nothing to say: a Rollout that refers to a
    Deployment's template is judged there.
    """
    verdicts: list[Verdict] = []
    for pod in _pods_of(workload, host):
        try:
            verdicts.append(check(pod) if isinstance(pod, Properties) else undecided(pod.path))
        except UnknownValue as unknown:
            verdicts.append(undecided(unknown.path))
    return all_of(*verdicts) if verdicts else NO_POD


def _pods_of(workload: Resource, host: bool) -> list[Properties | UnknownValue]:
    """Looked for once for all rules, which are a dozen: it was a fifth of what the pack does with a stack."""
    asked = ("pods", "host" if host else "")
    if asked not in workload.noted:
        # What is read on the way is told by no message.
        with secrets_read():
            looking = _Looking(host, is_custom(workload.type))
            workload.noted[asked] = list(_places_of(workload, looking, _OTHERS_WORDS))
    found: list[Properties | UnknownValue] = workload.noted[asked]
    return found


@dataclass(frozen=True)
class _Looking:
    """What is looked for."""

    host: bool
    """Also what says something of the node and has no containers."""
    texts: bool
    """Also in texts, which are objects of Kubernetes in custom kinds alone."""

    def finds(self, value: Properties) -> bool:
        return any(_containers(value, name) for name in value) or (self.host and _says_something_of_the_node(value))


def _places_of(value: Any, looking: _Looking, left_out: Collection[str] = ()) -> Iterator[Properties | UnknownValue]:
    """Specifications of pods, and what may have some in it and is not known before the update."""
    if isinstance(value, Properties):
        found = looking.finds(value)
        if found:
            yield value
        for name in value:
            if name in left_out:
                continue
            try:
                with secrets_read() as secrets:
                    inner = value[name]
            except UnknownValue as unknown:
                # What is of a pod says itself that it is not known.
                if name.lower().endswith(_PLACES) and not (found and _containers(value, name)):
                    yield unknown
            else:
                if type(inner) not in PLAIN:
                    if name.lower().endswith(_PLACES):
                        yield from (each for each in _items(inner) if isinstance(each, UnknownValue))
                    yield from _places_of(inner, looking)
                if looking.texts and name not in _PROGRAMS:
                    for text in [inner] if isinstance(inner, str) else _items(inner):
                        yield from _in_text(text, value.where(name), bool(secrets), looking)
    elif isinstance(value, Items):
        for item in _items(value):
            yield from _places_of(item, looking)


def _in_text(text: Any, path: str, secret: bool, looking: _Looking) -> Iterator[Properties | UnknownValue]:
    if not isinstance(text, str) or not _MAY_SAY_A_POD.search(text):
        return
    try:
        read = list(yaml.safe_load_all(text))
    except yaml.YAMLError:
        # With parameters in it, say, that are filled in later.
        if _SAYS_A_POD.search(text):
            yield UnknownValue(path)
        return
    for each in read:
        if isinstance(each, dict):
            yield from _places_of(Properties(each, path, secret), looking)


def _items(value: Any) -> list[Any]:
    """The items of a list, and those of lists in it; one that is not known stands for itself."""
    if not isinstance(value, Items):
        return []
    known = [_known(value, index) for index in range(len(value))]
    return [inner for item in known for inner in (_items(item) if isinstance(item, Items) else [item])]


def _known(items: Items, index: int) -> Any:
    try:
        return items[index]
    except UnknownValue as unknown:
        return unknown


def _containers(holder: Properties, name: str) -> list[Properties | UnknownValue]:
    """The containers that an object has under one name; none where something else is called so."""
    try:
        value = holder[name]
    except UnknownValue as unknown:
        return [unknown] if name in (*_LISTS[:3], *_ALONE) else []
    if type(value) in PLAIN:
        return []
    listed = name in _LISTS
    if isinstance(value, Items):
        items = _items(value)
        # Of Kubernetes' own lists an item is a container, with an image or not yet.
        own = name in _LISTS[:3]
        found = [each for each in items if isinstance(each, Properties) and (own or _is_container(each, listed))]
        unknown = [each for each in items if isinstance(each, UnknownValue)]
        return [*found, *unknown] if found or own else []
    if not isinstance(value, Properties):
        return []
    if _is_container(value, name in _ALONE):
        return [value]
    # By their names, which some kinds have as keys.
    inner = [_peek(value, each) for each in value]
    return [each for each in inner if isinstance(each, Properties) and _is_container(each, True)] if listed else []


def _peek(value: Properties, name: str) -> Any:
    try:
        return value[name]
    except UnknownValue as unknown:
        return unknown


def _is_container(value: Properties, called_one: bool) -> bool:
    """Whether an object is a container: of an image, being called one, and what containers alone say, it has two."""
    context = _peek(value, "securityContext") if "securityContext" in value else None
    says_so = _OF_A_CONTAINER & set(value) or (isinstance(context, Properties) and _OF_ITS_CONTEXT & set(context))
    has_image = "image" in value and isinstance(_peek(value, "image"), str | UnknownValue)
    return [called_one, bool(says_so), has_image].count(True) >= 2


def _says_something_of_the_node(value: Properties) -> bool:
    volumes = _items(_peek(value, "volumes")) if "volumes" in value else []
    mounted = any(isinstance(each, Properties) and "hostPath" in each for each in volumes)
    return mounted or any(each in value for each in _OF_THE_HOST)


def each_container(
    workload: Resource, check: Callable[[Properties, Properties], Verdict], *, ephemeral: bool = True
) -> Verdict:
    """The verdict over all containers, each judged by itself together with its pod's specification."""
    return each_pod(workload, lambda pod: each_container_of(pod, check, ephemeral=ephemeral))


def each_container_of(
    pod: Properties, check: Callable[[Properties, Properties], Verdict], *, ephemeral: bool = True
) -> Verdict:
    """The same over the containers of one pod."""
    found = [each for name in pod if ephemeral or name != _EPHEMERAL for each in _containers(pod, name)]
    verdicts: list[Verdict] = []
    for container in found:
        try:
            verdicts.append(check(container, pod) if isinstance(container, Properties) else undecided(container.path))
        except UnknownValue as unknown:
            verdicts.append(undecided(unknown.path))
    return all_of(*verdicts)


def runs_windows(pod: Properties) -> bool:
    """Whether the pod says that it is for Windows, whose containers know no Linux capabilities, seccomp or users."""
    return pod.at("os.name") == "windows"


def holder(container: Properties, pod: Properties, path: str) -> Properties:
    """Who decides a setting that a container takes from its pod where it has none of its own."""
    return pod if container.at(path) is None else container


def example(*, pod: dict[str, Any] | None = None, **container: Any) -> dict[str, Any]:
    """The properties of a Pod in an example, with one container."""
    return {"spec": {"containers": [{"name": "app"} | container]} | (pod or {})}
