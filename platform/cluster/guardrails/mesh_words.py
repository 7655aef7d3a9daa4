"""What a pod may say to the mesh: labels and annotations by which Istio takes a pod, or its proxy, for something else.

The injector writes its own words into a pod before the rules are asked, so those are admitted with the values that it
gives them, and nothing else of Istio's is (the chart `istiod`, files/injection-template.yaml).
"""

import json
from typing import Final

from cluster.guardrails.flows import LINK_LOCAL, Range

EXCLUDED_RANGES: Final = LINK_LOCAL[Range.POD_IDENTITY]
"""What passes by every proxy: credentials of the pod's own AWS role come from the node by plain HTTP."""
PROXY_USER: Final = 1337
"""Whose packets the proxy's redirection leaves alone, by user and by group (Istio, "Application Requirements")."""
_ANY: Final[list[str]] = []
_WORDS: Final = {
    "sidecar.istio.io/inject": ["true"],
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
    # How much a proxy gets.
    "sidecar.istio.io/proxyCPU": _ANY,
    "sidecar.istio.io/proxyCPULimit": _ANY,
    "sidecar.istio.io/proxyMemory": _ANY,
    "sidecar.istio.io/proxyMemoryLimit": _ANY,
}
_WHO: Final = ("runAsUser", "runAsGroup")
_INJECTED: Final = ["istio-proxy", "istio-init", "istio-validation"]


def _foreign(words: str) -> str:
    """The keys of a map that are Istio's and not among the words, or have another value."""
    known = json.dumps(_WORDS)
    return (
        f"{words}.filter(k, k == 'istio' || k.matches('(^|[.])istio[.]io/')"
        f" && !(k in {known} && (size({known}[k]) == 0 || {words}[k] in {known}[k])))"
    )


FOREIGN_WORDS: Final = f"{_foreign('variables.labels')} + {_foreign('variables.annotations')}"
"""CEL: the pod's labels and annotations that the mesh would heed and that nobody may set."""
_IS_PROXYS: Final = " || ".join(
    f"has(c.securityContext) && has(c.securityContext.{who}) && c.securityContext.{who} == {PROXY_USER}" for who in _WHO
)
# In a pod, the injector's own containers have the names; a container that was there before, and that it merged into
# them, it tells in the annotation proxy.istio.io/overrides, which is no word of the list.
IMPOSTORS: Final = (
    f"variables.containers.filter(c, c.name in {json.dumps(_INJECTED)} ? object.kind != 'Pod' : ({_IS_PROXYS}))"
)
"""CEL: the containers that would stand for the proxy, or run as its user."""
POD_IS_PROXYS: Final = (
    "has(variables.pod.securityContext) && ["
    + ", ".join(f"'{who}'" for who in _WHO)
    + f"].exists(f, f in variables.pod.securityContext && variables.pod.securityContext[f] == {PROXY_USER})"
)
_SAYS: Final = " && ".join(
    f"(has(c.securityContext) && has(c.securityContext.{who})"
    f" || has(variables.pod.securityContext) && has(variables.pod.securityContext.{who}))"
    for who in _WHO
)
CHOSEN_BY_THE_IMAGE: Final = f"variables.containers.filter(c, !({_SAYS}))"
"""CEL: the containers whose user or group the pod does not say. The image then does, by its USER or, where the pod says
the user alone, by its /etc/passwd (containerd, pkg/oci, `WithUserID`), and no rule sees an image from within."""
