"""What the service accounts of charts and add-ons may not write although their RBAC lets them.

Charts and add-ons bring roles of their own. Where a value narrows one, it is set; this holds what no value does. Of
reading no policy is asked, nor of what configures admission itself.
"""

from typing import Final

from cluster import namespaces as ns
from cluster.guardrails.object_rule import ObjectRule, cel_map
from cluster.guardrails.rule import Check, cel
from cluster.mesh_webhooks import AUTHORITY
from cluster.node_labels import GPU, ROLE
from foundation.eks_registries import ACCOUNTS

PREFIX: Final = "system:serviceaccount:"
ROLLOUTS_CONTROLLER: Final = "argo-rollouts/argo-rollouts"
"""Namespace and account of Argo Rollouts' controller, as its release has them."""
_ROLLOUTS_HOME: Final = ROLLOUTS_CONTROLLER.partition("/")[0]
HOMES: Final = (*(each.name for each in ns.SYSTEM), ns.INGRESS.name, _ROLLOUTS_HOME)
"""Namespaces whose every account is a chart's or an add-on's."""
KUBE_SYSTEM_ADD_ONS: Final = (
    *("aws-node", "kube-proxy", "coredns", "ebs-csi-controller-sa", "ebs-csi-node-sa", "metrics-server"),
)
"""Those beside Kubernetes' own controllers."""
POD_MAKING: Final = (
    *("pods", "pods/ephemeralcontainers", "replicationcontrollers", "podtemplates", "deployments", "daemonsets"),
    *("statefulsets", "replicasets", "jobs", "cronjobs", "rollouts"),
)
BESIDE: Final = ("serviceaccounts", "secrets", "configmaps", "services")
"""What pods run as, read and are found by."""
AGENT: Final = "cloudwatch-agent"
AGENTS_IMAGE: Final = (
    f"^({'|'.join(ACCOUNTS)})[.]dkr[.]ecr[.][a-z0-9-]+[.]amazonaws[.]com([.]cn)?/eks/observability/cloudwatch-agent[:@]"
)
AGENTS_PATHS: Final = (
    *("/", "/var/lib/kubelet/pod-resources", "/run/containerd/containerd.sock", "/var/log/pods", "/sys", "/dev/disk/"),
)
MANAGER: Final = f"{ns.CLOUDWATCH.name}/amazon-cloudwatch-observability-controller-manager"
MAY: Final = {
    # By namespace and account: the resource, and the namespace and name of what it is.
    f"{ns.ISTIO_SYSTEM.name}/istiod": (
        f"configmaps .*/{AUTHORITY}",
        f"(configmaps|secrets) {ns.ISTIO_SYSTEM.name}/.*",
    ),
    MANAGER: (
        f"daemonsets {ns.CLOUDWATCH.name}/{AGENT}",
        f"(configmaps|services|serviceaccounts) {ns.CLOUDWATCH.name}/.*",
    ),
    f"{ns.CLOUDWATCH.name}/{AGENT}": (f"configmaps {ns.CLOUDWATCH.name}/.*",),
    # A Rollout's ReplicaSets, the jobs of its analyses, the Services of its experiments, and the Deployment whose place
    # it takes.
    ROLLOUTS_CONTROLLER: (f"(rollouts|replicasets|jobs|services|deployments) {ns.SERVING.name}/.*",),
}
AT_HOME: Final = ("leases", "events")
"""What Argo Rollouts' controller writes beside its deployment: who leads."""
KARPENTER: Final = f"{PREFIX}{ns.KARPENTER.name}:karpenter"
KARPENTERS: Final = "(^|[.])karpenter[.](sh|k8s[.]aws)/"
"""How its labels, annotations and taints begin."""
POOL: Final = "karpenter.sh/nodepool"
"""The label of a node that it launched, from the moment that it joins: the user data says it."""
REGISTERED: Final = "karpenter.sh/registered"
ENDS: Final = "karpenter.sh/termination"
EXCLUDED: Final = "node.kubernetes.io/exclude-from-external-load-balancers"
"""The label by which a node that is to go gets no calls of users any more."""
MANAGED: Final = "eks.amazonaws.com/nodegroup"
"""The label of a managed group's nodes."""
RESTRICTED: Final = "node-restriction.kubernetes.io/"
STARTUP_TAINT: Final = "ebs.csi.aws.com/agent-not-ready"
"""What a node may start with until it takes volumes (aws-ebs-csi-driver, docs/install.md)."""
DOORS: Final = (*("nodes/proxy", "services/proxy", "pods/proxy", "pods/exec", "pods/attach", "pods/portforward"),)
AWS_AUDIENCES: Final = ("pods.eks.amazonaws.com", "sts.amazonaws.com")

_WHO: Final = "request.userInfo.username"
_ARE_CHARTS: Final = (
    f"{cel(HOMES)}.exists(n, {_WHO}.startsWith({cel(PREFIX)} + n + ':'))"
    f" || {_WHO} in {cel([f'{PREFIX}{ns.KUBE_SYSTEM}:{each}' for each in KUBE_SYSTEM_ADD_ONS])}"
)


def account_rules() -> tuple[ObjectRule, ...]:
    """The rules over what service accounts write."""
    return (
        _start_nothing(),
        _roll_out_in_serving(),
        _nodes_are_the_stacks(),
        _karpenters(),
        _agents(),
        _namespaces(),
        _tokens(),
        _doors(),
    )


def _start_nothing() -> ObjectRule:
    known = cel_map({account: "^(" + "|".join(patterns) + ")$" for account, patterns in MAY.items()})
    return ObjectRule(
        name="controllers-start-nothing-else",
        group="*",
        resources=(*POD_MAKING, *BESIDE),
        only=_ARE_CHARTS,
        variables={
            "account": f"{_WHO}.split(':')[2] + '/' + {_WHO}.split(':')[3]",
            "what": "request.resource.resource + ' ' + request.namespace + '/'"
            " + (request.name != '' ? request.name : dyn(object).metadata.?name.orValue(''))",
            "agent": "dyn(object).?spec.?template.?spec.orValue({})",
        },
        checks=(
            Check(
                holds=f"variables.account in {known} && variables.what.matches({known}[variables.account])",
                found='variables.account + " is not to write " + variables.what',
                fix="What a chart's or an add-on's account makes is listed in guardrails/account_rules.py, for review.",
            ),
            Check(
                # Its agent reads the node, so that not even it makes a DaemonSet of what it likes.
                holds=f"variables.account != {cel(MANAGER)} || request.resource.resource != 'daemonsets'"
                f" || variables.agent.?serviceAccountName.orValue('') == {cel(AGENT)}"
                " && variables.agent.?containers.orValue([]).all(c,"
                f" c.image.matches({cel(AGENTS_IMAGE)}) && !c.?securityContext.?privileged.orValue(false)"
                " && size(c.?securityContext.?capabilities.?add.orValue([])) == 0)"
                " && size(variables.agent.?initContainers.orValue([])) == 0"
                " && !variables.agent.?hostPID.orValue(false) && !variables.agent.?hostIPC.orValue(false)"
                " && variables.agent.?volumes.orValue([]).all(v,"
                f" !has(v.hostPath) || v.hostPath.path in {cel(AGENTS_PATHS)})",
                found='"that is not the agent"',
                fix=f"The agent runs as {AGENT}, of EKS's image, without privilege, with the paths that it reads.",
            ),
        ),
    )


def _roll_out_in_serving() -> ObjectRule:
    """Its release gives it its rights in every namespace, and a team's object is what it acts on."""
    pod = "dyn(object).?spec.?template.?spec"
    held = f"{pod}.?containers.orValue([]) + {pod}.?initContainers.orValue([])"
    return ObjectRule(
        name="rollouts-are-in-serving",
        group="*",
        resources=("*/*",),
        operations=("CREATE", "UPDATE", "DELETE"),
        only=f"{_WHO} == {cel(PREFIX + ROLLOUTS_CONTROLLER.replace('/', ':'))}",
        variables={
            "what": "request.resource.resource + ' ' + request.namespace + '/' + request.name",
            # Pod Security refuses such a pod by its namespace's labels; this, whatever they say.
            "held": f"request.operation == 'DELETE' ? [] : ({held}).filter(c,"
            " c.?securityContext.?privileged.orValue(false)"
            " || size(c.?securityContext.?capabilities.?add.orValue([])) > 0).map(c, c.name)",
        },
        checks=(
            Check(
                holds=f"request.namespace == {cel(ns.SERVING.name)}"
                f" || request.namespace == {cel(_ROLLOUTS_HOME)} && request.resource.resource in {cel(AT_HOME)}",
                found=f'"{ROLLOUTS_CONTROLLER} is not to write " + variables.what',
                fix=f"Rollouts are in {ns.SERVING.name} alone, and what they make is too.",
            ),
            Check(
                holds="size(variables.held) == 0",
                found='variables.held.join(", ") + " could be the node"',
                fix="Leave privileged and added capabilities out of the Rollout's or the analysis' pods.",
            ),
        ),
    )


def _nodes_are_the_stacks() -> ObjectRule:
    """A node class holds what new nodes run as root, and a pool how many there may be."""
    return ObjectRule(
        name="node-classes-are-the-stacks",
        group="*",
        resources=("ec2nodeclasses", "nodepools"),
        only=f"{_WHO} == {cel(KARPENTER)}",
        checks=(
            Check(
                holds="request.operation == 'UPDATE' && dyn(object).spec == dyn(oldObject).spec",
                found='"the spec of the " + object.kind + " would change"',
                fix="Karpenter writes status, finalizers and annotations; the stack writes what nodes are.",
            ),
        ),
    )


def _karpenters() -> ObjectRule:
    """Its role names no node. What it writes of one: kubernetes-sigs/karpenter v1.14, in
    nodeclaim/lifecycle/registration.go, node/hydration/controller.go, node/termination."""

    def changed(part: str) -> str:
        new, old = (f"dyn({which}).metadata.?{part}.orValue({{}})" for which in ("object", "oldObject"))
        return f"({new}.filter(k, {old}[?k] != {new}[?k]) + {old}.filter(k, !(k in {new})))"

    def taints(which: str) -> str:
        return f"dyn({which}).spec.?taints.orValue([])"

    return ObjectRule(
        name="karpenter-keeps-to-its-nodes",
        group="",
        resources=("nodes",),
        operations=("CREATE", "UPDATE", "DELETE"),
        only=f"{_WHO} == {cel(KARPENTER)}",
        variables={
            "labels": "(request.operation == 'CREATE' ? dyn({}) : dyn(oldObject)).?metadata.?labels.orValue({})",
            "own": f"{cel(POOL)} in variables.labels && !({cel(MANAGED)} in variables.labels)"
            f" && variables.labels[?{cel(ROLE)}].orValue('gpu') == 'gpu'",
            # A node that has just joined takes the labels and taints of its NodeClaim.
            "joins": f"!({cel(REGISTERED)} in variables.labels)",
            "words": "request.operation != 'UPDATE' ? [] : "
            + changed("labels")
            + f".filter(k, !k.matches({cel(KARPENTERS)}) && k != {cel(EXCLUDED)}"
            f" && (!variables.joins || k.startsWith({cel(RESTRICTED)}) || k == {cel(MANAGED)}"
            f" || k in variables.labels || k == {cel(ROLE)} && dyn(object).metadata.labels[k] != 'gpu'))"
            + " + "
            + changed("annotations")
            + f".filter(k, !k.matches({cel(KARPENTERS)}))",
            "spec": "request.operation != 'UPDATE' ? [] : "
            "dyn(object).spec.filter(k, k != 'taints' && dyn(object).spec[k] != dyn(oldObject).spec[?k].orValue(''))"
            " + dyn(oldObject).spec.filter(k, k != 'taints' && !(k in dyn(object).spec))",
            "held": "request.operation == 'UPDATE' && (dyn(object).metadata.?finalizers.orValue([])"
            f".exists(f, f != {cel(ENDS)} && !(f in dyn(oldObject).metadata.?finalizers.orValue([])))"
            " || dyn(object).metadata.?ownerReferences.orValue([]).exists(o, o.kind != 'NodeClaim'"
            " && !(o in dyn(oldObject).metadata.?ownerReferences.orValue([]))))",
            "taints": "request.operation != 'UPDATE' ? [] : "
            f"{taints('oldObject')}.filter(t, !(t in {taints('object')}) && !t.key.matches({cel(KARPENTERS)}))"
            f" + {taints('object')}.filter(t, !(t in {taints('oldObject')}) && !t.key.matches({cel(KARPENTERS)})"
            f" && !(variables.joins && t.key == {cel(GPU)} && t.effect == 'NoSchedule'))",
        },
        checks=(
            Check(
                holds="request.operation != 'CREATE' && variables.own",
                found='"the node is none of its pools\'"',
                fix="Karpenter changes and deletes the nodes that it launched; the others are node groups'.",
            ),
            Check(
                holds="size(variables.words) == 0 && size(variables.spec) == 0 && !variables.held",
                found='"it would change what a node is: " + (variables.words + variables.spec).join(", ")',
                fix="Karpenter registers a node as its NodeClaim says, and then says of it what is Karpenter's.",
            ),
            Check(
                holds="size(variables.taints) == 0",
                found='"the taint " + variables.taints.map(t, t.key).join(", ") + " would come or go"',
                fix="By this one the platform keeps the node for what it is for.",
            ),
        ),
    )


def _agents() -> ObjectRule:
    """A node's labels and taints say what it is for; the token of an agent on one node is good for all of them."""
    return ObjectRule(
        name="nodes-are-not-their-agents",
        group="",
        resources=("nodes",),
        only=f"({_ARE_CHARTS}) && {_WHO} != {cel(KARPENTER)}",
        variables={
            "before": "dyn(oldObject).spec.?taints.orValue([])",
            "after": "dyn(object).spec.?taints.orValue([])",
        },
        checks=(
            Check(
                holds="request.operation == 'UPDATE' && ['labels', 'annotations', 'finalizers', 'ownerReferences']"
                ".all(k, dyn(object).metadata[?k] == dyn(oldObject).metadata[?k])"
                " && dyn(object).spec.all(k, k == 'taints'"
                " || dyn(object).spec[k] == dyn(oldObject).spec[?k].orValue(''))"
                " && variables.after.all(t, t in variables.before)"
                f" && variables.before.all(t, t in variables.after || t.key == {cel(STARTUP_TAINT)})",
                found=f'{_WHO} + " would change what a node is"',
                fix=f"An agent takes the taint {STARTUP_TAINT} away and no more.",
            ),
        ),
    )


def _namespaces() -> ObjectRule:
    """A namespace's labels are what Pod Security and the mesh hold there; by an annotation CloudWatch's manager would
    put its own containers into all its pods."""
    return ObjectRule(
        name="namespaces-are-the-stacks",
        group="",
        resources=("namespaces",),
        only=_ARE_CHARTS,
        checks=(
            Check(
                holds="false",
                found=f'{_WHO} + " would change the namespace " + object.metadata.name',
                fix="The stack writes what namespaces are (namespaces.py).",
            ),
        ),
    )


def _tokens() -> ObjectRule:
    """Older providers of secrets show AWS a token of the pod's account; one for another audience is the account."""
    return ObjectRule(
        name="tokens-are-for-aws",
        group="",
        resources=("serviceaccounts/token",),
        only=f"{_WHO}.startsWith({cel(PREFIX)})",
        variables={"audiences": "dyn(object).?spec.?audiences.orValue([])"},
        checks=(
            Check(
                holds=f"size(variables.audiences) > 0 && variables.audiences.all(a, a in {cel(AWS_AUDIENCES)})",
                found='"the token would be for " + (size(variables.audiences) > 0'
                " ? variables.audiences.join(', ') : 'the API server')",
                fix=f"A service account asks for tokens for {' or '.join(AWS_AUDIENCES)} alone.",
            ),
        ),
    )


def _doors() -> ObjectRule:
    """By the API server's own hand, whom every kubelet obeys; of CloudWatch's agent AWS's role allows `nodes/proxy`."""
    return ObjectRule(
        name="accounts-come-by-the-network",
        group="",
        resources=DOORS,
        operations=("CONNECT",),
        only=f"{_WHO}.startsWith({cel(PREFIX)})",
        checks=(
            Check(
                holds="false",
                found=f'{_WHO} + " would come to " + request.resource.resource + "/" + request.subResource',
                fix="Call it by the network, as far as its policies let one: no program is the API server's guest.",
            ),
        ),
    )
