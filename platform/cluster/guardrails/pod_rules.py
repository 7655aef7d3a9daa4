"""What the API server refuses of a pod, whether it is named in person or in a controller's template.

Each rule is data: expressions in CEL over the variables of `admission.py`, where `pod` is the pod's specification.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from cluster import images
from cluster import namespaces as ns
from cluster.guardrails.mesh_words import CHOSEN_BY_THE_IMAGE, FOREIGN_WORDS, IMPOSTORS, POD_IS_PROXYS
from cluster.guardrails.priorities import PRIORITIES
from cluster.labels import DATA_CLASS, DATA_CLASSES, OWNER
from cluster.node_labels import GPU

TOKEN_USERS: Final = (
    # Namespace and service account of pods that talk to the API server.
    f"{ns.ISTIO_SYSTEM.name}/istiod",
    f"{ns.ISTIO_CNI.name}/istio-cni",
    f"{ns.KARPENTER.name}/karpenter",
    f"{ns.GPU_SOFTWARE.name}/nvidia-device-plugin-service-account",
    # The gateway needs no token, but its chart cannot say so; the account may read the Secrets of `ingress`.
    f"{ns.INGRESS.name}/istio-ingress",
)
"""Nobody but a platform operator may start pods in these namespaces (`roles.py`)."""
AUDIENCES: Final = (
    # Amazon EKS User Guide, "Understand how EKS Pod Identity works".
    "pods.eks.amazonaws.com",
    # What a proxy proves itself to istiod with (Istio, "Security", Identity and certificate management).
    "istio-ca",
)
"""Whom a pod's projected tokens may be for. The API server takes those for its own audiences, and each is a name like
another (Kubernetes, "Managing Service Accounts", --api-audiences), so the list is of those that are not."""
ACCOUNTS: Final = {each.name: (each.service_account, "default") for each in ns.WORKLOADS}
"""The accounts of each namespace of workloads: its own, and the one that has no right anywhere."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """What must hold, and, for whoever reads the refusal, what does not (CEL) and what to do about it."""

    holds: str
    found: str
    fix: str


@dataclass(frozen=True, kw_only=True)
class PodRule:
    """A ValidatingAdmissionPolicy over pods."""

    name: str
    checks: tuple[Check, ...]
    exempt: tuple[str, ...] = ()
    """Namespaces that it leaves alone, besides those that EKS owns."""
    why_exempt: str = ""


def cel(value: str | Iterable[str]) -> str:
    """A string or a list of strings, as CEL writes them."""
    return json.dumps(value if isinstance(value, str) else list(value))


def _names(containers: str) -> str:
    return f'{containers}.map(c, c.name).join(", ")'


_SENSITIVE_NAME: Final = (
    "(?i)(passw(or)?d|passphrase|secret|(^|_|-)(pwd|token|credentials?|api_?key|[a-z0-9_]*_key|key)($|_|-))"
)
_POINTS_ELSEWHERE: Final = "(?i)_(file|path|dir|arn|name|uri|url)$"
"""Names of variables that say where a secret is and do not hold one, as AWS's own AWS_WEB_IDENTITY_TOKEN_FILE."""
_SENSITIVE_VALUE: Final = "(AKIA|ASIA)[0-9A-Z]{16}|-----BEGIN [A-Z ]*PRIVATE KEY-----|://[^/@:]*:[^/@$]+@"
_IS_LITERAL: Final = (
    # $(NAME) stands for another variable, which may come from a Secret.
    "has(e.value) && e.value != '' && !e.value.matches('^[$][(][A-Za-z0-9_.-]+[)]$')"
)
_BY_NAME: Final = (
    f"{_IS_LITERAL} && e.name.matches({json.dumps(_SENSITIVE_NAME)})"
    f" && !e.name.matches({json.dumps(_POINTS_ELSEWHERE)})"
)
_BY_VALUE: Final = f"{_IS_LITERAL} && e.value.matches({json.dumps(_SENSITIVE_VALUE)})"
_OF_THE_GPU_RUNTIME: Final = "e.name in ['NVIDIA_VISIBLE_DEVICES', 'NVIDIA_DRIVER_CAPABILITIES']"
"""What the container runtime gives a container by: a pod's own value comes after the device plugin's (NVIDIA Container
Toolkit, "Specialized Configurations with Docker", environment variables)."""
_FROM_SECRETS_MANAGER: Final = (
    "Mount it from Secrets Manager with the Secrets Store CSI driver, or use valueFrom.secretKeyRef."
)


def _no_variable(where: str) -> str:
    return f"!variables.containers.exists(c, has(c.env) && c.env.exists(e, {where}))"


def _variables(where: str) -> str:
    """The names of the variables, never their values."""
    return (
        f"variables.containers.filter(c, has(c.env) && c.env.exists(e, {where}))"
        f'.map(c, c.env.filter(e, {where}).map(e, e.name).join(", ")).join(", ")'
    )


INJECTED_LATER: Final = "auto"
"""What stands for the proxy's image in the gateway's template. The mesh's injector puts the image there when the pod is
made, before the rules are asked; a pod that was not injected never runs."""


def pod_rules(registry: str) -> tuple[PodRule, ...]:
    """The rules, for a stack whose images come from this registry."""
    source = images.prefix(registry)
    from_registry = f"i.startsWith({cel(source)}) || (i == {cel(INJECTED_LATER)} && object.kind != 'Pod')"
    # A pod that still has the word is refused by the rule above.
    pinned = f"i.matches('@sha256:[0-9a-f]{{64}}$') || i == {cel(INJECTED_LATER)}"
    return (
        PodRule(
            name="images-from-the-registry",
            checks=(
                Check(
                    holds=f"variables.images.all(i, {from_registry})",
                    found=f'variables.images.filter(i, !({from_registry})).join(", ") + " is not from {source}"',
                    fix="Push the image there and name it by that address.",
                ),
            ),
        ),
        PodRule(
            name="images-pinned-by-digest",
            checks=(
                Check(
                    holds=f"variables.images.all(i, {pinned})",
                    found=f'variables.images.filter(i, !({pinned})).join(", ") + " has no digest"',
                    fix="A tag can be moved to another image; name the image by IMAGE@sha256:DIGEST.",
                ),
            ),
        ),
        PodRule(
            name="no-literal-secrets",
            checks=(
                Check(
                    holds=_no_variable(_BY_NAME),
                    found=_variables(_BY_NAME) + ' + " seems to hold a secret in plain text"',
                    fix=_FROM_SECRETS_MANAGER,
                ),
                Check(
                    holds=_no_variable(_BY_VALUE),
                    found=_variables(_BY_VALUE) + ' + " holds a key or a password in plain text"',
                    fix=_FROM_SECRETS_MANAGER,
                ),
            ),
        ),
        PodRule(
            name="no-host-access",
            checks=(
                Check(
                    holds="!['hostNetwork', 'hostPID', 'hostIPC'].exists(f, f in variables.pod && variables.pod[f])",
                    found="['hostNetwork', 'hostPID', 'hostIPC'].filter(f, f in variables.pod && variables.pod[f])"
                    '.join(", ") + " is true"',
                    fix="A pod keeps to namespaces of its own; leave the field out.",
                ),
                Check(
                    holds="!variables.volumes.exists(v, has(v.hostPath))",
                    found='variables.volumes.filter(v, has(v.hostPath)).map(v, v.name).join(", ") + " is a hostPath"',
                    fix="Use an emptyDir or a PersistentVolumeClaim.",
                ),
                Check(
                    holds="!variables.containers.exists(c, has(c.ports)"
                    " && c.ports.exists(p, has(p.hostPort) && p.hostPort != 0))",
                    found=_names(
                        "variables.containers.filter(c, has(c.ports)"
                        " && c.ports.exists(p, has(p.hostPort) && p.hostPort != 0))"
                    )
                    + ' + " asks for a port of the node"',
                    fix="Use a Service.",
                ),
            ),
            exempt=(ns.ISTIO_CNI.name, ns.GPU_SOFTWARE.name),
            why_exempt="agents of the node, whose namespaces say why they are privileged",
        ),
        PodRule(
            name="no-service-account-token",
            checks=(
                Check(
                    holds="variables.needsToken"
                    " || (has(variables.pod.automountServiceAccountToken)"
                    " && !variables.pod.automountServiceAccountToken)",
                    found='"the token of service account " + variables.account + " would be mounted"',
                    fix="Set automountServiceAccountToken: false. AWS is reached through EKS Pod Identity, without it.",
                ),
                Check(
                    holds="variables.needsToken || size(variables.audiences) == 0",
                    found='"a projected token of service account " + variables.account + " is for "'
                    ' + variables.audiences.join(", ")',
                    fix=f"A pod's tokens are for {' or '.join(AUDIENCES)}; name one, or leave the volume out.",
                ),
            ),
        ),
        PodRule(
            name="one-identity-a-namespace",
            checks=(
                Check(
                    holds="variables.account in variables.accounts",
                    found='"service account " + variables.account + " is not for " + request.namespace',
                    fix="Leave serviceAccountName out, or name the namespace's own: kubectl get serviceaccounts.",
                ),
            ),
            exempt=tuple(each.name for each in ns.SYSTEM),
            why_exempt="their charts bring accounts of their own, and nobody starts pods there",
        ),
        PodRule(
            name="nodes-by-the-scheduler",
            checks=(
                Check(
                    # What the scheduler has placed has the field, and is changed with it.
                    holds="object.kind == 'Pod' && request.operation == 'UPDATE' || !has(variables.pod.nodeName)"
                    " || variables.pod.nodeName == ''",
                    found='"the pod names the node " + variables.pod.nodeName',
                    fix="Say by nodeSelector or affinity what the node must have: the scheduler heeds taints and GPUs.",
                ),
            ),
        ),
        PodRule(
            name="gpus-by-the-device-plugin",
            checks=(
                Check(
                    holds=_no_variable(_OF_THE_GPU_RUNTIME),
                    found=_variables(_OF_THE_GPU_RUNTIME) + ' + " would choose GPUs past the device plugin"',
                    fix="Ask for GPUs by resources.limits; the device plugin says which they are.",
                ),
                Check(
                    holds="size(variables.gpuContainers) == 0 || !variables.containers.exists(c, has(c.envFrom))",
                    found=_names("variables.containers.filter(c, has(c.envFrom))")
                    + ' + " takes all variables of a ConfigMap or Secret, next to a GPU"',
                    fix="Name each variable by valueFrom: one of NVIDIA's could be among them.",
                ),
            ),
            exempt=(ns.GPU_SOFTWARE.name,),
            why_exempt="the device plugin and the exporter see every GPU of a node",
        ),
        PodRule(
            name="owner-and-data-class",
            checks=(
                Check(
                    holds=f"{cel(OWNER)} in variables.labels && variables.labels[{cel(OWNER)}] != ''",
                    found=f'"the label {OWNER} is missing"',
                    fix="Name who answers for the pod.",
                ),
                Check(
                    holds=f"{cel(DATA_CLASS)} in variables.labels"
                    f" && variables.labels[{cel(DATA_CLASS)}] in {cel(DATA_CLASSES)}",
                    found=f'"the label {DATA_CLASS} is " + ({cel(DATA_CLASS)} in variables.labels'
                    f' ? variables.labels[{cel(DATA_CLASS)}] : "missing")',
                    fix=f"It must be one of {', '.join(DATA_CLASSES)}.",
                ),
            ),
            exempt=(ns.GPU_SOFTWARE.name,),
            why_exempt="the device plugin's chart can label its pods by their selector only, which cannot change",
        ),
        PodRule(
            name="gpus-in-gpu-namespaces",
            checks=(
                Check(
                    holds="size(variables.gpuContainers) == 0",
                    found=_names("variables.gpuContainers") + ' + " asks for a GPU"',
                    fix=f"GPUs are to be had in {', '.join(ns.GPU)}.",
                ),
                Check(
                    holds="!has(variables.pod.resourceClaims) || size(variables.pod.resourceClaims) == 0",
                    found='"the pod claims devices"',
                    fix=f"GPUs are to be had in {', '.join(ns.GPU)}.",
                ),
            ),
            exempt=ns.GPU,
            why_exempt="they are the GPU namespaces",
        ),
        PodRule(
            name="gpu-pods-tolerate-the-taint",
            checks=(
                Check(
                    holds=f"size(variables.gpuContainers) == 0 || variables.tolerations.exists(t, {_TOLERATES_GPU})",
                    found=_names("variables.gpuContainers") + f' + " asks for a GPU and does not tolerate {GPU}"',
                    fix=f"Add the toleration with key {GPU}, operator Exists and effect NoSchedule.",
                ),
                Check(
                    holds=f"size(variables.gpuContainers) != 0"
                    f" || !variables.tolerations.exists(t, !has(t.key) || t.key == '' || t.key == {cel(GPU)})",
                    found=f'"the pod tolerates {GPU} and asks for no GPU"',
                    fix="GPU nodes are for GPU work; take the toleration away or ask for a GPU.",
                ),
            ),
            exempt=(ns.GPU_SOFTWARE.name, ns.ISTIO_CNI.name),
            why_exempt="agents that run on each GPU node and take no GPU",
        ),
        PodRule(
            name="no-way-around-the-proxy",
            checks=(
                Check(
                    holds="size(variables.meshWords) == 0",
                    found='variables.meshWords.join(", ") + " would change what the mesh makes of the pod"',
                    fix="Leave it out: every pod here has a proxy, as the mesh sets it up.",
                ),
                Check(
                    holds=f"size({IMPOSTORS}) == 0 && !({POD_IS_PROXYS})",
                    found=f'({POD_IS_PROXYS}) ? "the pod runs as the proxy\'s user"'
                    f' : {_names(IMPOSTORS)} + " would stand for the proxy"',
                    fix="Take another name, user and group: the proxy's packets alone pass it by.",
                ),
                Check(
                    holds=f"size({CHOSEN_BY_THE_IMAGE}) == 0",
                    found=_names(CHOSEN_BY_THE_IMAGE) + ' + " runs as the user and group that its image names"',
                    fix="Set runAsUser and runAsGroup, of the pod or the container: an image may name the proxy's.",
                ),
            ),
            exempt=(ns.INGRESS.name, *(each.name for each in ns.SYSTEM)),
            why_exempt="the gateway is a proxy itself, the system is outside of the mesh, and no team writes there",
        ),
        PodRule(
            name="priority-by-purpose",
            checks=(
                Check(
                    holds="!has(variables.pod.priorityClassName) || variables.pod.priorityClassName == ''"
                    " || variables.pod.priorityClassName in variables.priorities",
                    found='"the priority class " + variables.pod.priorityClassName + " is not for this namespace"',
                    fix="Leave it out, or use one that is for this namespace: kubectl get priorityclasses.",
                ),
            ),
            exempt=tuple(each.name for each in ns.SYSTEM),
            why_exempt="the system's agents use Kubernetes' own classes",
        ),
    )


_TOLERATES_GPU: Final = (
    f"has(t.key) && t.key == {cel(GPU)} && (!has(t.effect) || t.effect in ['', 'NoSchedule'])"
    " && (has(t.operator) && t.operator == 'Exists' || has(t.value) && t.value == 'true')"
)
_PRIORITIES_BY_NAMESPACE: Final = {
    namespace: [each.name for each in PRIORITIES if namespace in each.namespaces] for namespace in ns.EVERY
}
_GPU_ASKED: Final = "exists(r, r.startsWith('nvidia.com/'))"

VARIABLES: Final = {
    # dyn: one policy speaks of many kinds, so their fields are looked up and not checked against one type.
    "template": "dyn(object).kind == 'Pod' ? dyn(object)"
    " : dyn(object).kind == 'PodTemplate' ? dyn(object).template"
    " : dyn(object).kind == 'CronJob' ? dyn(object).spec.jobTemplate.spec.template"
    " : dyn(object).spec.template",
    "pod": "variables.template.spec",
    "labels": "has(variables.template.metadata) && has(variables.template.metadata.labels)"
    " ? variables.template.metadata.labels : {}",
    "annotations": "has(variables.template.metadata) && has(variables.template.metadata.annotations)"
    " ? variables.template.metadata.annotations : {}",
    "meshWords": FOREIGN_WORDS,
    "containers": "variables.pod.containers"
    " + (has(variables.pod.initContainers) ? variables.pod.initContainers : [])"
    " + (has(variables.pod.ephemeralContainers) ? variables.pod.ephemeralContainers : [])",
    "volumes": "has(variables.pod.volumes) ? variables.pod.volumes : []",
    # A volume may be an image too.
    "images": "variables.containers.map(c, has(c.image) ? c.image : '')"
    " + variables.volumes.filter(v, has(v.image)).map(v, has(v.image.reference) ? v.image.reference : '')",
    "account": "has(variables.pod.serviceAccountName) ? variables.pod.serviceAccountName : 'default'",
    "accounts": f"request.namespace in {json.dumps(ACCOUNTS)}"
    f" ? {json.dumps(ACCOUNTS)}[request.namespace] : ['default']",
    # Of the projected tokens, by volume, those that are for somebody else than may be.
    "audiences": "variables.volumes.filter(v, has(v.projected) && has(v.projected.sources))"
    ".map(v, v.projected.sources.filter(s, has(s.serviceAccountToken)"
    f" && !(has(s.serviceAccountToken.audience) && s.serviceAccountToken.audience in {cel(AUDIENCES)}))"
    ".map(s, has(s.serviceAccountToken.audience) ? s.serviceAccountToken.audience : 'the API server').join(', '))"
    ".filter(told, told != '')",
    "needsToken": f"(request.namespace + '/' + variables.account) in {cel(TOKEN_USERS)}",
    "tolerations": "has(variables.pod.tolerations) ? variables.pod.tolerations : []",
    "gpuContainers": "variables.containers.filter(c, has(c.resources)"
    f" && (has(c.resources.requests) && c.resources.requests.{_GPU_ASKED}"
    f" || has(c.resources.limits) && c.resources.limits.{_GPU_ASKED}))",
    "priorities": f"request.namespace in {json.dumps(_PRIORITIES_BY_NAMESPACE)}"
    f" ? {json.dumps(_PRIORITIES_BY_NAMESPACE)}[request.namespace] : []",
}
