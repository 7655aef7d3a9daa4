"""What the pods of the stack's own system software are (stack_pods.yaml), whoever makes them and whatever a webhook
made of them: the controller that asks for a pod has no say in what the API server's webhooks put into it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from cluster import images
from cluster import namespaces as ns
from cluster.guardrails.eks_pods import GIVEN, GIVEN_AT
from cluster.guardrails.mesh_words import STARTS
from cluster.guardrails.object_rule import ObjectRule
from cluster.guardrails.rule import Check, cel
from cluster.mesh_webhooks import AUTHORITY, REVOKED

SAYS: Final = (
    *("name", "image", "imagePullPolicy", "command", "args", "env", "envFrom", "ports", "resources", "resizePolicy"),
    *("volumeMounts", "securityContext", "livenessProbe", "readinessProbe", "startupProbe", "restartPolicy"),
    *("terminationMessagePath", "terminationMessagePolicy"),
)
"""What a container says: no hook, no folder to start in, no device, no terminal."""
PROBES: Final = ("livenessProbe", "readinessProbe", "startupProbe")
AUTHORITIES: Final = ("kube-root-ca.crt", AUTHORITY, REVOKED)
"""ConfigMaps with certificates that each namespace has, which nobody but their keepers writes (`people_rules.py`)."""


@dataclass(frozen=True, kw_only=True)
class Container:
    image: str
    command: Sequence[str] = ()
    args: Sequence[str] = ()
    capabilities: Sequence[str] = ()
    variables: Sequence[str] = ()
    configured: Sequence[str] = ()
    mounts: Sequence[str] = ()

    @property
    def started(self) -> str:
        """What it is started with, in one string."""
        return "\n".join((*self.command, "", *self.args))


@dataclass(frozen=True, kw_only=True)
class StackPod:
    together: bool = False
    volumes: Mapping[str, str] = field(default_factory=dict)
    containers: Mapping[str, Container] = field(default_factory=dict)


def _pod(read: Mapping[str, Any]) -> StackPod:
    containers = {name: Container(**each) for name, each in read.get("containers", {}).items()}
    return StackPod(together=read.get("together", False), volumes=read.get("volumes", {}), containers=containers)


def _read(text: str) -> dict[str, dict[str, StackPod]]:
    read: dict[str, dict[str, dict[str, dict[str, Any]]]] = yaml.load(text, yaml.CSafeLoader)
    return {
        f"{namespace}/{account}": {name: _pod(pod) for name, pod in pods.items()}
        for namespace, accounts in read.items()
        for account, pods in accounts.items()
    }


PODS: Final = _read((Path(__file__).parent / "stack_pods.yaml").read_text())
"""By namespace and account, and the pod's name."""
WHERE: Final = tuple(sorted({account.partition("/")[0] for account in PODS}))
"""All pods of these namespaces are the stack's."""
_CONTAINERS: Final = {
    f"{account}/{name}": each
    for account, pods in PODS.items()
    for pod in pods.values()
    for name, each in pod.containers.items()
}
_VOLUMES: Final = {
    f"{account}/{name}": each
    for account, pods in PODS.items()
    for pod in pods.values()
    for name, each in pod.volumes.items()
}
_TOGETHER: Final = [account for account, pods in PODS.items() if any(pod.together for pod in pods.values())]


def stack_pods_rule(registry: str, proxy: str) -> ObjectRule:
    """The rule, for a stack whose images are of this registry, the mesh's proxy this one.

    Of a pod that is there an update changes its images alone, and those that run by now may be noted on."""
    return ObjectRule(
        name="pods-of-the-stack-are-as-it-makes-them",
        group="",
        resources=("pods", "pods/ephemeralcontainers"),
        only=f"request.namespace in {cel(WHERE)}",
        variables={
            "pod": "dyn(object).spec",
            "account": "request.namespace + '/' + variables.pod.?serviceAccountName.orValue('default')",
            "made": "request.operation == 'CREATE' || has(request.subResource) && request.subResource != ''",
            "before": f"request.operation == 'UPDATE' ? {_listed('dyn(oldObject).spec')}"
            ".map(c, c.name + ' ' + c.?image.orValue('')) : []",
            "every": _listed("variables.pod"),
            "proxies": f"variables.every.filter(c, request.namespace in {cel(ns.MESH)} && c.name in {cel(STARTS)})",
            # The proxies are there besides, as the injector makes them.
            "own": f"variables.every.filter(c, !(request.namespace in {cel(ns.MESH)} && c.name in {cel(STARTS)}))",
            "volumes": "variables.pod.?volumes.orValue([])",
        },
        checks=(
            Check(
                holds=f"!variables.made || variables.account in {cel(sorted(PODS))}",
                found='"the stack has no pod that runs as " + variables.account',
                fix=_LISTED,
            ),
            *_checks(registry, proxy),
        ),
    )


_LISTED: Final = (
    "What the stack's own pods are is listed in platform/cluster/guardrails/stack_pods.yaml, for review; what changed"
    " one on its way is a webhook: kubectl get mutatingwebhookconfigurations."
)


def _checks(registry: str, proxy: str) -> tuple[Check, ...]:
    known, found = f"variables.account + '/' + {{}}.name in {cel(_CONTAINERS)}", "variables.account + '/' + c.name"
    repositories = json.dumps({key: images.prefix(registry) + each.image for key, each in _CONTAINERS.items()})
    image = f"{repositories}[?{found}].orValue('-')"
    foreign = (
        f"!(c.?image.orValue('').startsWith({image} + ':') || c.?image.orValue('').startsWith({image} + '@'))"
        " && !(c.name + ' ' + c.?image.orValue('') in variables.before)"
    )
    started = json.dumps({key: each.started for key, each in _CONTAINERS.items()})
    starts = f"(c.?command.orValue([]) + [''] + c.?args.orValue([])).join('\\n') != {started}[?{found}].orValue('-')"
    exec_ = f"{cel(PROBES)}.exists(p, p in c && has(c[p].exec))"
    capabilities = _map({key: each.capabilities for key, each in _CONTAINERS.items()})
    powers = (
        "has(c.securityContext) && (c.securityContext.?privileged.orValue(false)"
        " || has(c.securityContext.procMount) && c.securityContext.procMount != 'Default'"
        " || has(c.securityContext.windowsOptions)"
        " || !c.securityContext.?capabilities.?add.orValue([])"
        f".all(a, (a.startsWith('CAP_') ? a.substring(4) : a) in {capabilities}[?{found}].orValue([])))"
        " || c.?ports.orValue([]).exists(p, p.?hostPort.orValue(0) != 0)"
    )
    variables = _map({key: (*GIVEN, *each.variables) for key, each in _CONTAINERS.items()})
    configured = _map({key: each.configured for key, each in _CONTAINERS.items()})
    set_ = (
        f"c.?env.orValue([]).exists(e, !(e.name in {variables}[?{found}].orValue([]))"
        " || has(e.valueFrom) && !has(e.valueFrom.fieldRef) && !has(e.valueFrom.resourceFieldRef))"
        " || c.?envFrom.orValue([]).exists(f, !has(f.configMapRef)"
        f" || !(f.configMapRef.name in {configured}[?{found}].orValue([])))"
    )
    mounts = _map({key: sorted({*each.mounts, *_read_only(each.mounts)}) for key, each in _CONTAINERS.items()})
    mounted = (
        "c.?volumeMounts.orValue([]).exists(m,"
        " !m.all(k, k in ['name', 'mountPath', 'readOnly', 'recursiveReadOnly'])"
        f" || !(m.mountPath in {cel(GIVEN_AT)} && m.?readOnly.orValue(false))"
        " && !(m.name + ' ' + m.mountPath + (m.?readOnly.orValue(false) ? '' : ' write')"
        f" in {mounts}[?{found}].orValue([])))"
    )
    proxys = (
        f"c.?image.orValue('') != {cel(proxy)} && !(c.name + ' ' + c.?image.orValue('') in variables.before)"
        " || has(c.command) || has(c.envFrom)"
        f" || size(c.?args.orValue([])) > 0 && c.args[0] != {json.dumps(STARTS)}[c.name] || {exec_}"
        " || ['postStart', 'preStop'].exists(h, has(c.lifecycle) && h in c.lifecycle && has(c.lifecycle[h].exec)"
        " && c.lifecycle[h].exec.command[0] != 'pilot-agent')"
    )
    return (
        _none(
            f"variables.own.filter(c, !({known.format('c')})).map(c, c.name)",
            '"it has a container that the stack does not make: "',
        ),
        _none(
            f"variables.own.filter(c, {foreign}).map(c, c.?image.orValue(''))",
            '"its container is of another image: "',
            always=True,
        ),
        _none(f"variables.own.filter(c, {starts} || {exec_}).map(c, c.name)", '"another program would be started in "'),
        _none(f"variables.own.filter(c, {powers}).map(c, c.name)", '"more privilege than the stack gives to "'),
        _none(f"variables.own.filter(c, {set_}).map(c, c.name)", '"a variable that the stack does not set is in "'),
        _none(f"variables.own.filter(c, {mounted}).map(c, c.name)", '"a mount that the stack does not make is in "'),
        _none(
            f"variables.own.map(c, c.filter(k, !(k in {cel(SAYS)})).map(k, string(k)).join(', ')).filter(w, w != '')",
            '"a container says what the stack does not: "',
        ),
        _none(f"variables.proxies.filter(c, {proxys}).map(c, c.name)", '"it is not the mesh\'s proxy: "', always=True),
        _none(f"variables.volumes.filter(v, {_FOREIGN_VOLUME}).map(v, v.name)", '"the stack has no such volume: "'),
        _none(
            "['hostNetwork', 'hostPID', 'hostIPC', 'shareProcessNamespace'].filter(f, variables.pod[?f].orValue(false)"
            f" && !(f == 'shareProcessNamespace' && variables.account in {cel(_TOGETHER)}))",
            '"it would share its node, or its containers each other\'s processes: "',
        ),
    )


_DESCRIBED: Final = (
    "has(v.hostPath) ? 'hostPath ' + (v.hostPath.path.endsWith('/') && v.hostPath.path != '/'"
    " ? v.hostPath.path.substring(0, size(v.hostPath.path) - 1) : v.hostPath.path)"
    " : has(v.configMap) ? 'configMap ' + v.configMap.name : has(v.secret) ? 'secret ' + v.secret.secretName"
    " : has(v.emptyDir) ? 'emptyDir' : has(v.projected) ? 'projected'"
    # Of the Secrets Store CSI driver alone (the guardrail plain-linux-pods).
    " : has(v.csi) ? 'csi ' + v.csi.?volumeAttributes.?secretProviderClass.orValue('') : ''"
)
_OF_AUTHORITIES: Final = f"has({{0}}.configMap) && {{0}}.configMap.name in {cel(AUTHORITIES)}"
_FOREIGN_VOLUME: Final = (
    # Tokens, by the API server and EKS, and what the mesh's proxy has, which no other container mounts.
    f"!(has(v.projected) && v.projected.sources.all(s, has(s.serviceAccountToken) || has(s.downwardAPI)"
    f" || {_OF_AUTHORITIES.format('s')}))"
    f" && !(request.namespace in {cel(ns.MESH)} && (has(v.emptyDir) || has(v.downwardAPI)"
    f" || {_OF_AUTHORITIES.format('v')}))"
    f" && {json.dumps(_VOLUMES)}[?variables.account + '/' + v.name].orValue('-') != ({_DESCRIBED})"
)


def _listed(pod: str) -> str:
    lists = [f"{pod}.?{each}.orValue([])" for each in ("containers", "initContainers", "ephemeralContainers")]
    return f"({' + '.join(lists)})"


def _none(found: str, says: str, *, always: bool = False) -> Check:
    asked = "" if always else "!variables.made || "
    return Check(holds=f"{asked}size({found}) == 0", found=f'{says} + ({found}).join(", ")', fix=_LISTED)


def _map(lists: Mapping[str, Iterable[str]]) -> str:
    """CEL: a map of lists; an empty one is left out, as CEL knows no type of it."""
    return json.dumps({key: list(each) for key, each in lists.items() if each})


def _read_only(mounts: Iterable[str]) -> Iterable[str]:
    """What may be written may be only read, too."""
    return (each.removesuffix(" write") for each in mounts)
