"""What a pod may say to the mesh: labels, annotations and names by which Istio takes a pod, or its proxy, for something
else.

People say little, in templates and pods alike. The injector writes its own words and containers into a pod before the
rules are asked, so in a pod those are admitted as it makes them (the chart `istiod`, files/injection-template.yaml).
"""

import json
from collections.abc import Sequence
from typing import Final

from cluster import namespaces as ns
from cluster.guardrails.flows import LINK_LOCAL, Range
from cluster.guardrails.rule import Check, PodRule, cel, names

EXCLUDED_RANGES: Final = LINK_LOCAL[Range.POD_IDENTITY]
"""What passes by every proxy: credentials of the pod's own AWS role come from the node by plain HTTP."""
PROXY_USER: Final = 1337
"""Whose packets the proxy's redirection leaves alone, by user and by group (Istio, "Application Requirements")."""
_ANY: Final[list[str]] = []
INJECT: Final = "sidecar.istio.io/inject"
"""The label, or the annotation, that says whether a pod gets a proxy."""
_OF_PEOPLE: Final = {INJECT: ["true"]}
_CPU: Final = "100m"
_MEMORY: Final = "128Mi"
"""What the chart's proxy asks for: with less it starves, and its pod with it."""
_AT_LEAST: Final = {
    "sidecar.istio.io/proxyCPU": _CPU,
    "sidecar.istio.io/proxyCPULimit": _CPU,
    "sidecar.istio.io/proxyMemory": _MEMORY,
    "sidecar.istio.io/proxyMemoryLimit": _MEMORY,
}
_OF_THE_INJECTOR: Final = {
    "sidecar.istio.io/status": _ANY,
    "sidecar.istio.io/interceptionMode": ["REDIRECT"],
    "traffic.sidecar.istio.io/includeInboundPorts": ["*"],
    "traffic.sidecar.istio.io/excludeInboundPorts": ["", "15020"],
    "traffic.sidecar.istio.io/includeOutboundIPRanges": ["*"],
    "traffic.sidecar.istio.io/excludeOutboundIPRanges": [EXCLUDED_RANGES],
    "istio.io/rev": ["default"],
    "security.istio.io/tlsMode": ["istio"],
    "networking.istio.io/tunnel": ["http"],
    "service.istio.io/canonical-name": _ANY,
    "service.istio.io/canonical-revision": _ANY,
    "service.istio.io/workload-name": _ANY,
}
PROXYS_VOLUME: Final = "istio-token"
"""Holds the token with which the proxy gets its certificate of istiod."""
PROXYS_AUDIENCE: Final = "istio-ca"
"""Whom that token is for (Istio, "Security", Identity and certificate management)."""
_VOLUMES: Final = (
    # The proxy's key and certificate, or the sockets at which it hands them out.
    *(PROXYS_VOLUME, "istio-envoy", "istio-data", "workload-socket", "credential-socket", "workload-certs"),
)
STARTS: Final = {"istio-proxy": "proxy", "istio-validation": "istio-iptables"}
INJECTED: Final = (*STARTS, "istio-init")
"""The containers that are the mesh's and not the pod's own."""
"""The injector's containers, and what each is told to do. All nodes have the CNI agent, so there is no `istio-init`."""
_NAMES: Final = (*STARTS, "istio-init")
_WHO: Final = ("runAsUser", "runAsGroup")
IS_INJECTED: Final = f"object.kind == 'Pod' && c.name in {cel(STARTS)}"
"""CEL: whether a container is the injector's, by its name, which `no-way-around-the-proxy` lets nothing else have."""


def proxy_rule(proxy: str) -> PodRule:
    """No pod of the mesh goes without its proxy or speaks for it, where the proxy's image is this one."""
    impostors = _impostors(proxy)
    mounts = f"has(c.volumeMounts) && c.volumeMounts.exists(m, m.name in {cel(_VOLUMES)})"
    readers = f"variables.containers.filter(c, !({IS_INJECTED}) && {mounts})"
    return PodRule(
        name="no-way-around-the-proxy",
        checks=(
            Check(
                holds="size(variables.meshWords) == 0",
                found='variables.meshWords.join(", ") + " would change what the mesh makes of the pod"',
                fix="Leave it out: every pod here has a proxy, as the mesh sets it up;"
                f" it may ask for more than {_CPU} of a CPU and {_MEMORY} of memory, not for less.",
            ),
            Check(
                holds=f"size({impostors}) == 0 && !({_POD_IS_PROXYS})",
                found=f'(({_POD_IS_PROXYS}) ? "the pod runs as the proxy\'s user"'
                f' : {names(impostors)} + " would stand for the proxy")',
                fix="Take another name, user and group: the proxy's packets alone pass it by.",
            ),
            Check(
                holds=f"size({_CHOSEN_BY_THE_IMAGE}) == 0",
                found=names(_CHOSEN_BY_THE_IMAGE) + ' + " runs as the user and group that its image names"',
                fix="Set runAsUser and runAsGroup, of the pod or the container: an image may name the proxy's.",
            ),
            Check(
                holds=f"size({readers}) == 0",
                found=names(readers) + ' + " mounts a volume of the proxy\'s"',
                fix="Leave it out: what is there is the proxy's to know. The pod's calls have its identity anyhow.",
            ),
            Check(
                holds="!has(variables.pod.shareProcessNamespace) || !variables.pod.shareProcessNamespace",
                found="\"the containers would see each other's processes, and the proxy's\"",
                fix="Leave shareProcessNamespace out; containers share files through an emptyDir.",
            ),
        ),
        exempt=(ns.INGRESS.name, *(each.name for each in ns.SYSTEM)),
        why_exempt="the gateway is a proxy itself, the system is outside of the mesh, and no team writes there",
    )


def injected_rule(proxy: str, workspaces: Sequence[ns.Namespace] = ()) -> PodRule:
    """No pod of the mesh is made without a proxy, whatever the injector did: for a cluster whose injector is asked."""
    places = (*ns.MESH, *(each.name for each in workspaces if each.mesh))
    return PodRule(
        name="every-pod-of-the-mesh-has-its-proxy",
        checks=(
            Check(
                holds="object.kind != 'Pod' || request.operation != 'CREATE'"
                f" || !(request.namespace in {cel(places)})"
                " || variables.containers.exists(c, c.name == 'istio-proxy'"
                f" && has(c.image) && c.image == {cel(proxy)})",
                found='"the pod has no proxy: the mesh\'s injector put none in"',
                fix="Try again once istiod answers: kubectl get pods --namespace istio-system.",
            ),
        ),
    )


def _foreign(words: str) -> str:
    """The keys of a map that are Istio's and not among the words, or have another value."""
    people, least, injector = (json.dumps(each) for each in (_OF_PEOPLE, _AT_LEAST, _OF_THE_INJECTOR))
    return (
        f"{words}.filter(k, (k == 'istio' || k.matches('(^|[.])istio[.]io/'))"
        f" && !(k in {people} && {words}[k] in {people}[k])"
        f" && !(k in {least} && isQuantity({words}[k]) && !quantity({words}[k]).isLessThan(quantity({least}[k])))"
        f" && !(object.kind == 'Pod' && k in {injector}"
        f" && (size({injector}[k]) == 0 || {words}[k] in {injector}[k])))"
    )


_UNHEARD: Final = f"k == '{INJECT}' && '{INJECT}' in variables.labels && variables.labels['{INJECT}'] == 'true'"
"""CEL: whether an annotation is one that the mesh does not look at, since the label says that there is a proxy: so for
the injector and for the node's agent (istio 1.31, pkg/kube/inject/inject.go, `injectRequired`, and
cni/pkg/plugin/plugin.go, `doAddRun`). Kubeflow Pipelines writes one into each pod of its steps."""
FOREIGN_WORDS: Final = f"{_foreign('variables.labels')} + {_foreign('variables.annotations')}.filter(k, !({_UNHEARD}))"
"""CEL: the pod's labels and annotations that the mesh would heed and that nobody may set."""
_IS_PROXYS: Final = " || ".join(
    f"has(c.securityContext) && has(c.securityContext.{who}) && c.securityContext.{who} == {PROXY_USER}" for who in _WHO
)


def _impostors(proxy: str) -> str:
    """CEL: the containers that would stand for the proxy, run as its user, or look into it.

    In a pod the names are the injector's, for what it makes: its image, started as it starts it, and no other command
    of that user's. A container of a pod that it merged into its own it tells in an annotation, which is no word here.
    """
    is_the_proxy = (
        f"{IS_INJECTED} && has(c.image) && c.image == {cel(proxy)} && !has(c.command) && !has(c.envFrom)"
        f" && has(c.args) && c.args[0] == {json.dumps(STARTS)}[c.name]"
        " && has(variables.pod.initContainers) && variables.pod.initContainers.exists(i, i.name == c.name)"
        " && !['livenessProbe', 'readinessProbe', 'startupProbe'].exists(p, p in c && has(c[p].exec))"
        " && !['postStart', 'preStop'].exists(h, has(c.lifecycle) && h in c.lifecycle && has(c.lifecycle[h].exec)"
        " && c.lifecycle[h].exec.command[0] != 'pilot-agent')"
    )
    return (
        f"variables.containers.filter(c, has(c.targetContainerName) && c.targetContainerName in {cel(_NAMES)}"
        f" || (c.name in {cel(_NAMES)} ? !({is_the_proxy}) : ({_IS_PROXYS})))"
    )


_POD_IS_PROXYS: Final = (
    "has(variables.pod.securityContext) && ["
    + ", ".join(f"'{who}'" for who in _WHO)
    + f"].exists(f, f in variables.pod.securityContext && variables.pod.securityContext[f] == {PROXY_USER})"
)
_SAYS: Final = " && ".join(
    f"(has(c.securityContext) && has(c.securityContext.{who})"
    f" || has(variables.pod.securityContext) && has(variables.pod.securityContext.{who}))"
    for who in _WHO
)
_CHOSEN_BY_THE_IMAGE: Final = f"variables.containers.filter(c, !({_SAYS}))"
"""CEL: the containers whose user or group the pod does not say. The image then does, by its USER or, where the pod says
the user alone, by its /etc/passwd (containerd, pkg/oci, `WithUserID`), and no rule sees an image from within."""
