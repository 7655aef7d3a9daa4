"""What the API server refuses of a pod, whether it is named in person or in a controller's template.

Each rule is data: expressions in CEL over the variables of `admission.py`, where `pod` is the pod's specification.
"""

import json
from collections.abc import Sequence
from typing import Final

from cluster import images
from cluster import namespaces as ns
from cluster.guardrails import gpu_rules
from cluster.guardrails.account_names import PREFIX, WORKFLOW_CONTROLLER
from cluster.guardrails.mesh_words import FOREIGN_WORDS, PROXYS_AUDIENCE, PROXYS_VOLUME, proxy_rule
from cluster.guardrails.node_rules import system_nodes_rule
from cluster.guardrails.priorities import Purpose, priorities
from cluster.guardrails.rule import Check, PodRule, cel, names
from cluster.labels import DATA_CLASS, DATA_CLASSES, OWNER
from foundation.data_class import NO_DATA, DataClass

TOKEN_USERS: Final = (
    # Namespace and service account of pods that talk to the API server.
    f"{ns.ISTIO_SYSTEM.name}/istiod",
    f"{ns.ISTIO_CNI.name}/istio-cni",
    f"{ns.KARPENTER.name}/karpenter",
    f"{ns.ROLLOUTS.name}/{ns.ROLLOUTS.service_account}",
    f"{ns.KUBEFLOW.name}/{ns.KUBEFLOW.service_account}",
    f"{ns.KUBEFLOW.name}/persistence-agent",
    WORKFLOW_CONTROLLER,
    f"{ns.GPU_SOFTWARE.name}/nvidia-device-plugin-service-account",
    # By it one finds what to scrape (`monitor.py`, `mlops/prometheus.py`).
    f"{ns.JUDGING.name}/{ns.JUDGING.service_account}",
    f"{ns.MONITORING.name}/{ns.MONITORING.service_account}",
    # The gateway needs no token, but its chart cannot say so; the account may read the Secrets of `ingress`.
    f"{ns.INGRESS.name}/istio-ingress",
)
"""Nobody but a platform operator may start pods in these namespaces (`roles.py`)."""
AUDIENCE: Final = "pods.eks.amazonaws.com"
"""Whom a pod's projected tokens may be for, besides the proxy's own (Amazon EKS User Guide, "Understand how EKS Pod
Identity works"). The API server takes those for its own audiences, and each is a name like another (Kubernetes,
"Managing Service Accounts", --api-audiences), so it is named who may be and not who may not."""
CSI_DRIVER: Final = "secrets-store.csi.k8s.io"
"""What mounts secrets into pods. Another driver's volume in a pod is whatever the pod's author asks of that driver."""
SCHEDULERS: Final = ("", "default-scheduler")
ACCOUNT_BY_NAME: Final = " || ".join(
    f"request.namespace == {cel(namespace)} && variables.account.startsWith({cel(begins)})"
    for namespace, begins in ns.NAMED_ACCOUNTS.items()
)

_SENSITIVE_NAME: Final = (
    "(?i)(passw(or)?d|passphrase|secret|(^|_|-)(pwd|token|credentials?|api_?key|[a-z0-9_]*_key|key)($|_|-))"
)
_POINTS_ELSEWHERE: Final = "(?i)_(file|path|dir|arn|name|uri|url)$"
"""Names of variables that say where a secret is and do not hold one, as AWS's own AWS_WEB_IDENTITY_TOKEN_FILE."""
_SENSITIVE_VALUE: Final = "(AKIA|ASIA)[0-9A-Z]{16}|-----BEGIN [A-Z ]*PRIVATE KEY-----|://[^/@:]*:[^/@$]+@"
_IS_LITERAL: Final = (
    # $(NAME) stands for another variable.
    "has(e.value) && e.value != '' && !e.value.matches('^[$][(][A-Za-z0-9_.-]+[)]$')"
)
_BY_NAME: Final = (
    f"{_IS_LITERAL} && e.name.matches({json.dumps(_SENSITIVE_NAME)})"
    f" && !e.name.matches({json.dumps(_POINTS_ELSEWHERE)})"
)
_BY_VALUE: Final = f"{_IS_LITERAL} && e.value.matches({json.dumps(_SENSITIVE_VALUE)})"
_FOR_WINDOWS: Final = "has({0}.securityContext) && has({0}.securityContext.windowsOptions)"
_OTHER_DRIVER: Final = f"has(v.csi) && v.csi.driver != {cel(CSI_DRIVER)}"
_IS_FOR_THE_POD: Final = (
    f"s.serviceAccountToken.audience == {cel(AUDIENCE)}"
    # The injector's volume; `no-way-around-the-proxy` sees to it that the proxy alone mounts it.
    f" || s.serviceAccountToken.audience == {cel(PROXYS_AUDIENCE)} && object.kind == 'Pod'"
    f" && v.name == {cel(PROXYS_VOLUME)}"
)
_FROM_SECRETS_MANAGER: Final = (
    "Mount it from Secrets Manager with the Secrets Store CSI driver (the setting workloadSecrets), or read it there by"
    " the pod's own role."
)
_BY_REFERENCE: Final = "has(e.valueFrom) && has(e.valueFrom.secretKeyRef)"
_FROM_KUBERNETES: Final = (
    "has(v.secret) || has(v.projected) && has(v.projected.sources) && v.projected.sources.exists(s, has(s.secret))"
    " || has(v.csi) && has(v.csi.nodePublishSecretRef)"
)


def _no_variable(where: str) -> str:
    return f"!variables.containers.exists(c, has(c.env) && c.env.exists(e, {where}))"


def _variables(where: str) -> str:
    """The names of the variables, never their values."""
    return (
        f"variables.containers.filter(c, has(c.env) && c.env.exists(e, {where}))"
        f'.map(c, c.env.filter(e, {where}).map(e, e.name).join(", ")).join(", ")'
    )


def _rank(data_class: str) -> str:
    """How much a class of data asks for (CEL): health information the most, no data the least."""
    return f"({data_class} == {cel(DataClass.PHI)} ? 2 : {data_class} == {cel(NO_DATA)} ? 0 : 1)"


def _for_its_purpose(name: str, purpose: Purpose) -> Check:
    """That a class comes before others for the work that it is for. A pod that belongs to nothing is what it says."""
    owners = "dyn(object).metadata.?ownerReferences.orValue([])"
    of_a_job = f"object.kind in ['Job', 'CronJob'] || object.kind == 'Pod' && {owners}.exists(o, o.kind == 'Job')"
    alone = f"object.kind == 'Pod' && size({owners}) == 0"
    holds = [f"({of_a_job} || {alone})" if purpose.ends else f"!({of_a_job})"]
    holds += [f"variables.labels[?{cel(key)}].orValue('') == {cel(value)}" for key, value in purpose.labels.items()]
    labelled = "".join(f" with the label {key}: {value}" for key, value in purpose.labels.items())
    return Check(
        holds=f"request.namespace != {cel(purpose.namespace)} || !has(variables.pod.priorityClassName)"
        f" || variables.pod.priorityClassName != {cel(name)} || {' && '.join(holds)}",
        found=f'"this is no work that the priority class {name} is for"',
        fix=f"It is for {'Jobs' if purpose.ends else 'pods that stand,'}{labelled}; leave it out, or use batch.",
    )


INJECTED_LATER: Final = "auto"
"""What stands for the proxy's image in the gateway's template. The mesh's injector puts the image there when the pod is
made, before the rules are asked; a pod that was not injected never runs."""


def pod_rules(registry: str, proxy: str, workspaces: Sequence[ns.Namespace] = ()) -> tuple[PodRule, ...]:
    """The rules, for a stack with these workspaces, whose images, the proxy among them, are of this registry."""
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
            # Whoever may start pods in a namespace has each Secret there, and none says who read it when.
            name="no-secrets-of-the-cluster",
            checks=(
                Check(
                    holds=_no_variable(_BY_REFERENCE)
                    + " && !variables.containers.exists(c, has(c.envFrom) && c.envFrom.exists(f, has(f.secretRef)))",
                    found=names(
                        f"variables.containers.filter(c, has(c.env) && c.env.exists(e, {_BY_REFERENCE})"
                        " || has(c.envFrom) && c.envFrom.exists(f, has(f.secretRef)))"
                    )
                    + ' + " has a variable from a Secret of Kubernetes"',
                    fix=_FROM_SECRETS_MANAGER,
                ),
                Check(
                    holds=f"!variables.volumes.exists(v, {_FROM_KUBERNETES})",
                    found=f"variables.volumes.filter(v, {_FROM_KUBERNETES}).map(v, v.name).join(', ')"
                    ' + " is of a Secret of Kubernetes"',
                    fix=_FROM_SECRETS_MANAGER,
                ),
            ),
            exempt=tuple(each.name for each in ns.SYSTEM),
            why_exempt="istiod has its own authority's key in one, and nobody starts pods there",
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
                    found=names(
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
            name="plain-linux-pods",
            checks=(
                Check(
                    # In a user namespace of its own, root is not the node's, and Pod Security lets a pod be root
                    # (Kubernetes, "User Namespaces", Integration with Pod security admission checks).
                    holds="!has(variables.pod.hostUsers) || variables.pod.hostUsers",
                    found='"the pod has a user namespace of its own (hostUsers is false)"',
                    fix="Leave hostUsers out, and run as another user than root.",
                ),
                Check(
                    # Pod Security asks less of it (Kubernetes, "Pod Security Standards", OS-specific policy controls).
                    holds="(!has(variables.pod.os) || variables.pod.os.name == 'linux')"
                    f" && !({_FOR_WINDOWS.format('variables.pod')})"
                    f" && !variables.containers.exists(c, {_FOR_WINDOWS.format('c')})",
                    found='"the pod is for Windows"',
                    fix="Nodes run Linux; leave out os and windowsOptions.",
                ),
                Check(
                    # Another runtime is another kernel's boundary, or none, and a device plugin's hooks.
                    holds="!has(variables.pod.runtimeClassName) || variables.pod.runtimeClassName == ''",
                    found='"the pod would be run by " + variables.pod.runtimeClassName',
                    fix="Leave runtimeClassName out: every node runs pods by its own containerd, GPU nodes too.",
                ),
                Check(
                    holds=f"!variables.volumes.exists(v, {_OTHER_DRIVER})",
                    found=f"variables.volumes.filter(v, {_OTHER_DRIVER})"
                    '.map(v, v.name + " is of the driver " + v.csi.driver).join(", ")',
                    fix=f"Of the drivers only {CSI_DRIVER} makes volumes in a pod; else use a PersistentVolumeClaim.",
                ),
            ),
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
                    fix=f"A pod's token is for {AUDIENCE}; name that, or leave the volume out.",
                ),
                Check(
                    holds="variables.needsToken || size(variables.certificates) == 0",
                    found='"volume " + variables.certificates.join(", ") + " asks for a certificate"',
                    fix="Leave the source podCertificate out: the mesh's proxy has the pod's certificate.",
                ),
            ),
        ),
        PodRule(
            name="one-identity-a-namespace",
            checks=(
                Check(
                    # A model's account, and its check's, is the stack's to name (`model_rules.py`, `check_rules.py`).
                    holds=f"variables.account in variables.accounts || {ACCOUNT_BY_NAME}",
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
                Check(
                    holds=f"!has(variables.pod.schedulerName) || variables.pod.schedulerName in {cel(SCHEDULERS)}",
                    found='"the pod would be placed by " + variables.pod.schedulerName',
                    fix=f"Leave schedulerName out: {SCHEDULERS[-1]} is the one that heeds taints and GPUs.",
                ),
            ),
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
                    holds=f"variables.dataClass in {cel(DATA_CLASSES)}",
                    found=f'"the label {DATA_CLASS} is "'
                    ' + (variables.dataClass == "" ? "missing" : variables.dataClass)',
                    fix=f"It must be one of {', '.join(DATA_CLASSES)}.",
                ),
                Check(
                    holds=f"variables.dataClass == '' || {_rank('variables.dataClass')}"
                    f" >= {_rank('variables.dataClassHere')}",
                    found=f'"the label {DATA_CLASS} is " + variables.dataClass + ", where the namespace is for "'
                    " + variables.dataClassHere",
                    fix="Label the pod as its namespace is, or run it in another: what is there, it may come to hold.",
                ),
            ),
            exempt=(ns.GPU_SOFTWARE.name,),
            why_exempt="the device plugin's chart can label its pods by their selector only, which cannot change",
        ),
        *gpu_rules.gpu_rules(workspaces),
        system_nodes_rule(),
        proxy_rule(proxy),
        PodRule(
            name="priority-by-purpose",
            checks=(
                Check(
                    holds="!has(variables.pod.priorityClassName) || variables.pod.priorityClassName == ''"
                    " || variables.pod.priorityClassName in variables.priorities",
                    found='"the priority class " + variables.pod.priorityClassName + " is not for this namespace"',
                    fix="Leave it out, or use one that is for this namespace: kubectl get priorityclasses.",
                ),
                *(_for_its_purpose(each.name, each.purpose) for each in priorities(workspaces) if each.purpose),
            ),
            exempt=tuple(each.name for each in ns.SYSTEM),
            why_exempt="the system's agents use Kubernetes' own classes",
        ),
    )


_VARIABLES: Final = {
    # dyn: one policy speaks of many kinds, so their fields are looked up and not checked against one type.
    "template": "dyn(object).kind == 'Pod' ? dyn(object)"
    " : dyn(object).kind == 'PodTemplate' ? dyn(object).template"
    " : dyn(object).kind == 'CronJob' ? dyn(object).spec.jobTemplate.spec.template"
    " : dyn(object).spec.template",
    "pod": "variables.template.spec",
    "labels": "has(variables.template.metadata) && has(variables.template.metadata.labels)"
    " ? variables.template.metadata.labels : {}",
    "dataClass": f"variables.labels[?{cel(DATA_CLASS)}].orValue('')",
    "dataClassHere": f"dyn(namespaceObject).metadata.?labels[?{cel(DATA_CLASS)}].orValue({cel(NO_DATA)})",
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
    "projected": "variables.volumes.filter(v, has(v.projected) && has(v.projected.sources))",
    # Of the projected tokens, by volume, those that are for somebody else than may be.
    "audiences": "variables.projected.map(v, v.projected.sources.filter(s, has(s.serviceAccountToken)"
    f" && !(has(s.serviceAccountToken.audience) && ({_IS_FOR_THE_POD})))"
    ".map(s, has(s.serviceAccountToken.audience) ? s.serviceAccountToken.audience : 'the API server').join(', '))"
    ".filter(told, told != '')",
    "certificates": "variables.projected.filter(v, v.projected.sources.exists(s, has(s.podCertificate)))"
    ".map(v, v.name)",
    # A step of Kubeflow Pipelines says by its token how it ended (`mlops/pipelines/rights.py` has what else). That is
    # for pods that its controller makes; whoever starts a Job there has no token.
    "needsToken": f"(request.namespace + '/' + variables.account) in {cel(TOKEN_USERS)}"
    f" || request.namespace == {cel(ns.PIPELINES.name)} && variables.account == {cel(ns.PIPELINES.service_account)}"
    f" && object.kind == 'Pod' && (request.operation == 'UPDATE'"
    f" || request.userInfo.username == {cel(PREFIX + WORKFLOW_CONTROLLER.replace('/', ':'))})",
    "tolerations": "has(variables.pod.tolerations) ? variables.pod.tolerations : []",
    **gpu_rules.VARIABLES,
}


def variables(workspaces: Sequence[ns.Namespace] = ()) -> dict[str, str]:
    """What the rules' expressions speak of, for a stack with these workspaces (CEL)."""
    names = [each.name for each in workspaces]
    # Its own, and the one that has no right anywhere.
    accounts = json.dumps({each.name: (each.service_account, "default") for each in (*ns.WORKLOADS, *workspaces)})
    classes = json.dumps(
        {
            namespace: [each.name for each in priorities(workspaces) if namespace in each.namespaces]
            for namespace in (*ns.EVERY, *names)
        }
    )
    return {
        **_VARIABLES,
        "accounts": f"request.namespace in {accounts} ? {accounts}[request.namespace] : ['default']",
        "priorities": f"request.namespace in {classes} ? {classes}[request.namespace] : []",
    }
