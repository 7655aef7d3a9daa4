"""What the service accounts of charts and add-ons may not write although their RBAC lets them.

Charts and add-ons bring roles of their own. Where a value narrows one, it is set; this holds what no value does. Of
reading no policy is asked, nor of what configures admission itself.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from cluster import namespaces as ns
from cluster.guardrails.account_names import (
    AGENT,
    AGENTS,
    MANAGER,
    NODES,
    PREFIX,
    ROLLOUTS_CONTROLLER,
    WORKFLOW_CONTROLLER,
)
from cluster.guardrails.object_rule import PEOPLE, ObjectRule, cel_map
from cluster.guardrails.rule import Check, cel
from cluster.mesh_webhooks import AUTHORITY, REVOKED
from cluster.node_labels import GPU, ROLE

_ROLLOUTS_HOME: Final = ns.ROLLOUTS.name
_KARPENTER: Final = f"{ns.KARPENTER.name}/karpenter"
HOMES: Final = (*(each.name for each in ns.SYSTEM), ns.INGRESS.name)
"""Namespaces whose every account is a chart's or an add-on's."""
KUBE_SYSTEM_ADD_ONS: Final = (
    *("aws-node", "kube-proxy", "coredns", "ebs-csi-controller-sa", "ebs-csi-node-sa", "metrics-server"),
)
"""Those beside Kubernetes' own controllers."""
POD_MAKING: Final = (
    *("pods", "pods/ephemeralcontainers", "replicationcontrollers", "podtemplates", "deployments", "daemonsets"),
    *("statefulsets", "replicasets", "jobs", "cronjobs", "rollouts"),
)
BESIDE: Final = ("serviceaccounts", "secrets", "configmaps", "services", "ingresses", "poddisruptionbudgets")
"""What pods run as, read, are found by and are kept by."""
LEADERS: Final = ("leases",)
"""Who holds one leads: Kubernetes' scheduler and controllers too, and who else writes theirs stops them."""
WHERE_ROLLOUTS_ARE: Final = (ns.SERVING.name, ns.MODELS.name)
MAY: Final = {
    # By namespace and account: the resource, and the namespace and name of what it is.
    f"{ns.ISTIO_SYSTEM.name}/istiod": (
        f"configmaps .*/({AUTHORITY}|{REVOKED})",
        f"(configmaps|secrets|leases) {ns.ISTIO_SYSTEM.name}/.*",
    ),
    MANAGER: (
        f"daemonsets {ns.CLOUDWATCH.name}/({'|'.join(AGENTS)})",
        # Named after the agent that they are for (amazon-cloudwatch-agent-operator v3.6.0, internal/naming): one for
        # Fluent Bit would have that send what it reads elsewhere.
        f"(configmaps|services) {ns.CLOUDWATCH.name}/{AGENT}(-[a-z-]+)?",
        f"leases {ns.CLOUDWATCH.name}/.*",
    ),
    # Who leads among the agents (Amazon CloudWatch User Guide, "Set up the CloudWatch agent to collect cluster
    # metrics").
    f"{ns.CLOUDWATCH.name}/{AGENT}": (
        f"configmaps {ns.CLOUDWATCH.name}/(cwagent|otel-container-insight)-clusterleader",
        # What each says of its node (amazon-cloudwatch-agent, extension/entitystore/leasewriter.go).
        f"leases {ns.CLOUDWATCH.name}/cwagent-node-metadata-[a-z0-9.-]+",
    ),
    # A Rollout's ReplicaSets, the Services of its experiments, and the Deployment whose place it takes.
    ROLLOUTS_CONTROLLER: (
        f"(rollouts|replicasets|services|deployments) ({'|'.join(WHERE_ROLLOUTS_ARE)})/.*",
        f"leases {_ROLLOUTS_HOME}/.*",
    ),
    # A step of a run is a pod, whose owner is the Workflow.
    WORKFLOW_CONTROLLER: (f"pods {ns.PIPELINES.name}/.*",),
    _KARPENTER: (f"leases {ns.KARPENTER.name}/.*",),
    # Each of its sidecars leads by a Lease called after the driver (kubernetes-csi/csi-lib-utils, leaderelection).
    f"{ns.KUBE_SYSTEM}/ebs-csi-controller-sa": (f"leases {ns.KUBE_SYSTEM}/[a-z-]*ebs-csi-aws-com",),
}
MAY_END: Final = {
    # What it makes it may end; Karpenter ends pods whose node's time is over (kubernetes-sigs/karpenter v1.14,
    # node/termination/terminator), whosever they are.
    **MAY,
    _KARPENTER: (*MAY[_KARPENTER], "pods .*/.*"),
}
AT_HOME: Final = ("leases", "events")
"""What Argo Rollouts' controller writes beside its deployment: who leads."""
KARPENTER: Final = f"{PREFIX}{ns.KARPENTER.name}:karpenter"
KARPENTERS: Final = "(^|[.])karpenter[.](sh|k8s[.]aws)/"
"""How its labels, annotations and taints begin."""
POOL: Final = "karpenter.sh/nodepool"
"""The label of a node that it launched, from the moment that it joins: the user data says it."""
REGISTERED: Final = "karpenter.sh/registered"
"""The label that it puts there as the last thing of a node's joining."""
UNREGISTERED: Final = "karpenter.sh/unregistered"
"""The taint that a node starts with, and that goes as the label comes."""
DISRUPTED: Final = "karpenter.sh/disrupted"
"""The taint of a node that is to go."""
CAPACITY: Final = "karpenter.sh/capacity-type"
RESERVED: Final = "karpenter.k8s.aws/capacity-reservation-"
"""How the labels begin that go when a node's reservation is over (karpenter-provider-aws v1.14,
capacityreservation/capacitytype)."""
ENDS: Final = "karpenter.sh/termination"
EXCLUDED: Final = "node.kubernetes.io/exclude-from-external-load-balancers"
"""The label by which a node that is to go gets no calls of users any more."""
LATER: Final = ("karpenter.sh/initialized", "karpenter.k8s.aws/ec2nodeclass", CAPACITY, EXCLUDED)
"""What it says of a node after that has joined."""
MANAGED: Final = "eks.amazonaws.com/nodegroup"
"""The label of a managed group's nodes."""
RESTRICTED: Final = "node-restriction.kubernetes.io/"
KUBELETS: Final = "^([^/]*[.])?(kubernetes|k8s)[.]io/|^topology[.]"
"""How the labels begin that a kubelet writes of a node that is there."""
STARTUP_TAINT: Final = "ebs.csi.aws.com/agent-not-ready"
"""What a node may start with until it takes volumes (aws-ebs-csi-driver, docs/install.md)."""
DOORS: Final = (*("nodes/proxy", "services/proxy", "pods/proxy", "pods/exec", "pods/attach", "pods/portforward"),)
AWS_AUDIENCES: Final = ("pods.eks.amazonaws.com", "sts.amazonaws.com")
LASTING: Final = ("kubernetes.io/service-account-token", "bootstrap.kubernetes.io/token")
"""Types of Secrets that are somebody's name for as long as they are there."""
TOKENS_KEEPERS: Final = (
    *("legacy-service-account-token-cleaner", "generic-garbage-collector", "storage-version-migrator-controller"),
)
"""Kubernetes' own controllers that note something on one. Its maker, the controller of tokens, asks as the controller
manager itself (kubernetes v1.36, cmd/kube-controller-manager/app/controllermanager.go)."""

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
        _kubelets(),
        _namespaces(),
        _tokens(),
        _lasting_tokens(),
        _doors(),
    )


def _patterns(known: Mapping[str, Sequence[str]]) -> str:
    return cel_map({account: "^(" + "|".join(patterns) + ")$" for account, patterns in known.items()})


def _start_nothing() -> ObjectRule:
    return ObjectRule(
        name="controllers-start-nothing-else",
        group="*",
        resources=(*POD_MAKING, *BESIDE, *LEADERS),
        operations=("CREATE", "UPDATE", "DELETE"),
        only=_ARE_CHARTS,
        variables={
            "account": f"{_WHO}.split(':')[2] + '/' + {_WHO}.split(':')[3]",
            "ends": "request.operation == 'DELETE'",
            # Of a collection that is deleted no name is in the request.
            "what": "request.resource.resource + ' ' + request.namespace + '/'"
            " + (request.?name.orValue('') != '' ? request.name"
            " : dyn(variables.ends ? oldObject : object).metadata.?name.orValue(''))",
            "known": f"variables.ends ? {_patterns(MAY_END)} : {_patterns(MAY)}",
        },
        checks=(
            Check(
                holds="variables.account in variables.known"
                " && variables.what.matches(variables.known[variables.account])",
                found='variables.account + " is not to " + (variables.ends ? "end " : "write ") + variables.what',
                fix="What a chart's or an add-on's account makes is listed in guardrails/account_rules.py, for review.",
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
                holds=f"request.namespace in {cel(WHERE_ROLLOUTS_ARE)}"
                f" || request.namespace == {cel(_ROLLOUTS_HOME)} && request.resource.resource in {cel(AT_HOME)}",
                found=f'"{ROLLOUTS_CONTROLLER} is not to write " + variables.what',
                fix=f"Rollouts are in {' and '.join(WHERE_ROLLOUTS_ARE)} alone, and what they make is too.",
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
    nodeclaim/lifecycle/registration.go and initialization.go, node/hydration/controller.go, node/termination,
    state/statenode.go (a taint comes and goes with a node's disruption); the taints, pkg/apis/v1/taints.go."""

    def changed(part: str) -> str:
        new, old = (f"dyn({which}).metadata.?{part}.orValue({{}})" for which in ("object", "oldObject"))
        return f"({new}.filter(k, {old}[?k] != {new}[?k]) + {old}.filter(k, !(k in {new})))"

    def taints(which: str) -> str:
        return f"dyn({which}).spec.?taints.orValue([])"

    joining = (
        f"(k.matches({cel(KARPENTERS)}) || !(k in variables.labels) && !k.startsWith({cel(RESTRICTED)})"
        f" && k != {cel(MANAGED)} && (k != {cel(ROLE)} || dyn(object).metadata.labels[k] == 'gpu'))"
    )
    joined = f"(k in {cel(LATER)} || k.startsWith({cel(RESERVED)}) && !(k in variables.after))"
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
            # A node that has just joined takes the labels and taints of its NodeClaim. That it has joined stays said.
            "joins": f"!({cel(REGISTERED)} in variables.labels)",
            "after": "request.operation == 'DELETE' ? dyn({}) : dyn(object).?metadata.?labels.orValue({})",
            "words": "request.operation != 'UPDATE' ? [] : "
            + changed("labels")
            + f".filter(k, k == {cel(POOL)} || !(variables.joins ? {joining} : {joined}))"
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
            f"{taints('oldObject')}.filter(t, !(t in {taints('object')}) && t.key != {cel(DISRUPTED)}"
            f" && !(t.key == {cel(UNREGISTERED)} && {cel(REGISTERED)} in variables.after))"
            f" + {taints('object')}.filter(t, !(t in {taints('oldObject')})"
            f" && !(t.key == {cel(DISRUPTED)} && t.effect == 'NoSchedule')"
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
                found='"the taint " + variables.taints.map(t, t.key + ":" + t.effect).join(", ") + " would come or go"',
                fix=f"Karpenter says {DISRUPTED}:NoSchedule, and takes {UNREGISTERED} away as a node joins.",
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


def _kubelets() -> ObjectRule:
    """By a node's labels pods of the platform come to it. A kubelet says those of its group as it registers, and later
    Kubernetes' own (kubernetes, pkg/kubelet/kubelet_node_status.go) and where a driver of volumes finds its node
    (pkg/volume/csi/nodeinfomanager); the API server's NodeRestriction holds some of Kubernetes' own, and taints."""
    new, old = (f"dyn({which}).metadata.?labels.orValue({{}})" for which in ("object", "oldObject"))
    return ObjectRule(
        name="a-node-stays-what-it-registered-as",
        group="",
        resources=("nodes", "nodes/status"),
        operations=("UPDATE",),
        only=f"{_WHO}.startsWith({cel(NODES)})",
        variables={
            "labels": f"({new}.filter(k, {old}[?k] != {new}[?k]) + {old}.filter(k, !(k in {new})))"
            f".filter(k, !k.matches({cel(KUBELETS)})).map(k, string(k))",
            "taints": "dyn(oldObject).spec.?taints.orValue([]).filter(t, !(t in dyn(object).spec.?taints.orValue([])))",
        },
        checks=(
            Check(
                holds="size(variables.labels) == 0",
                found='"the node would call itself another: " + variables.labels.join(", ")',
                fix="A node has its labels from its group or pool as it registers; replace the node for others.",
            ),
            Check(
                holds="size(variables.taints) == 0",
                found='"the node would lose the taint " + variables.taints.map(t, t.key).join(", ")',
                fix="A kubelet takes no taint of its node away.",
            ),
        ),
    )


def _namespaces() -> ObjectRule:
    """A namespace's labels are what Pod Security and the mesh hold there; by an annotation CloudWatch's manager would
    put its own containers into all its pods. Who ends one ends all that is in it."""
    return ObjectRule(
        name="namespaces-are-the-stacks",
        group="",
        resources=("namespaces", "namespaces/finalize", "namespaces/status"),
        operations=("CREATE", "UPDATE", "DELETE"),
        only=_ARE_CHARTS,
        checks=(
            Check(
                holds="false",
                found=f'{_WHO} + " would " + (request.operation == "DELETE" ? "end" : "change") + " the namespace "'
                " + request.name",
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


def _lasting_tokens() -> ObjectRule:
    """A Secret of the type is filled with a token of any account of its namespace, which no time ends (Kubernetes,
    "Managing Service Accounts", Manually create a long-lived API token)."""
    keepers = [f"{PREFIX}{ns.KUBE_SYSTEM}:{each}" for each in TOKENS_KEEPERS]
    return ObjectRule(
        name="no-lasting-tokens",
        group="",
        resources=("secrets",),
        only=f"({_WHO}.startsWith({cel(PREFIX)}) || {_WHO}.startsWith({cel(NODES)}) || {PEOPLE})"
        f" && !(request.operation == 'UPDATE' && {_WHO} in {cel(keepers)})",
        checks=(
            Check(
                holds=f"!(object.?type.orValue('') in {cel(LASTING)})",
                found='"a Secret of type " + object.type + " is a token without an end"',
                fix="A pod has its account's token by a projected volume, for an hour.",
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
