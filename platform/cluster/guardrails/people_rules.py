"""What people may not write although their role may write the kind: RBAC knows kinds and names, and no fields."""

import json
from typing import Final

from cluster import namespaces as ns
from cluster.guardrails.account_names import RUNS, SUBMITTER
from cluster.guardrails.account_rules import PREFIX
from cluster.guardrails.callers import DEPLOYS
from cluster.guardrails.mesh_words import INJECTED
from cluster.guardrails.object_rule import PEOPLE, ObjectRule
from cluster.guardrails.rule import Check, cel
from cluster.guardrails.stacks_objects import stacks_objects_rule
from cluster.mesh_webhooks import AUTHORITY, REVOKED
from cluster.roles import PLATFORM_OPERATOR, ROLLOUTS

OWN_PREFIX: Final = "operators.parapet.dev/"
"""Labels, annotations and taints of nodes that are the operators' own. The others say what a node is, which the
scheduler, the device plugin and the autoscaler believe; or keep pods from one until what guards it is there."""
PUT_BACK: Final = "node.kubernetes.io/"
"""How the taints begin that Kubernetes' controllers put on a node, and back, by its conditions. An operator may take
them away, as `out-of-service` of a node that is back, and puts none there but a cordon: with `out-of-service`, by
whatever effect, a node counts as switched off, and its volumes go to others while its pods may write there still
(Kubernetes, "Node Shutdowns", Non-graceful node shutdown)."""
CORDON: Final = f"{PUT_BACK}unschedulable"
_CONTROLLERS: Final = f"{PREFIX}{ns.KUBE_SYSTEM}"
AUTHORITIES: Final = {
    "kube-root-ca.crt": [f"{_CONTROLLERS}:root-ca-cert-publisher", "system:kube-controller-manager"],
    AUTHORITY: [f"{PREFIX}{ns.ISTIO_SYSTEM.name}:istiod"],
    REVOKED: [f"{PREFIX}{ns.ISTIO_SYSTEM.name}:istiod"],
}
"""The ConfigMaps by which pods know the API server and the mesh, and the controllers that put each everywhere."""
_ENDS_NAMESPACES: Final = [f"{_CONTROLLERS}:namespace-controller", "system:kube-controller-manager"]
REPLICAS: Final = {
    f"{ns.ISTIO_SYSTEM.name}/istiod": 2,
    f"{ns.KARPENTER.name}/karpenter": 2,
    f"{ns.ROLLOUTS.name}/argo-rollouts": 2,
    f"{ns.KUBE_SYSTEM}/coredns": 2,
}
"""As many as the stack asks for (`mesh_values.py`, `autoscaling/`, `rollouts.py`, `add_ons.py`): one may fail."""
_AGENTS: Final = (ns.GUARDDUTY, ns.KUBE_SYSTEM, *(each.name for each in ns.SYSTEM))
_OF_A_DEPLOYMENT: Final = "-[bcdfghjklmnpqrstvwxz2456789]{5,10}-[bcdfghjklmnpqrstvwxz2456789]{5}$"
"""How Kubernetes names the pods of a Deployment: by its template's hash and at random. A DaemonSet's have no hash, and
an agent's own name has a vowel."""

_OPERATORS: Final = (
    f"has(request.userInfo.groups) && request.userInfo.groups.exists(g, g == {cel(PLATFORM_OPERATOR.group)})"
)
_META: Final = {
    "new": "[dyn(object).metadata.?labels.orValue({}), dyn(object).metadata.?annotations.orValue({})]",
    "old": "[dyn(oldObject).metadata.?labels.orValue({}), dyn(oldObject).metadata.?annotations.orValue({})]",
    "words": "[0, 1].map(i, (variables.new[i].filter(k, !(k in variables.old[i])"
    " || variables.old[i][k] != variables.new[i][k])"
    " + variables.old[i].filter(k, !(k in variables.new[i])))"
    f".filter(k, !k.startsWith({cel(OWN_PREFIX)})).join(', ')).filter(told, told != '')",
}
"""`words`: the labels and annotations that would change and are not the operators' own."""


def people_rules() -> tuple[ObjectRule, ...]:
    """The rules over what people write."""
    return (
        _pods(),
        _owners(),
        _nodes(),
        _pools(),
        _scales(),
        _evictions(),
        _gates(),
        _peers(),
        _authorities(),
        _disruptions(),
        _shells(),
        _tokens(),
        stacks_objects_rule(),
    )


def _shells() -> ObjectRule:
    """Who is in a proxy has its key, and speaks past all that the mesh asks of the pod."""
    return ObjectRule(
        name="proxies-are-nobodys-shell",
        group="",
        resources=("pods/exec", "pods/attach"),
        operations=("CONNECT",),
        only=PEOPLE,
        variables={"into": "dyn(object).?container.orValue('')"},
        checks=(
            Check(
                holds=f"!(variables.into in {cel(INJECTED)})",
                found='"the container " + variables.into + " is the mesh\'s"',
                fix="Name a container of the pod's own: kubectl exec --container=NAME.",
            ),
        ),
    )


def _tokens() -> ObjectRule:
    """Their roles name the account; whom a token is for and how long it lasts, whoever asks says."""
    return ObjectRule(
        name="people-ask-for-runs-alone",
        group="",
        resources=("serviceaccounts/token",),
        only=PEOPLE,
        variables={
            "audiences": "dyn(object).?spec.?audiences.orValue([])",
            "seconds": "int(dyn(object).?spec.?expirationSeconds.orValue(3600))",
        },
        checks=(
            Check(
                holds=f"request.namespace + '/' + request.name == {cel(SUBMITTER)}",
                found='"the token would be that of " + request.namespace + "/" + request.name',
                fix=f"Ask for one of {SUBMITTER}, which starts runs and does nothing else.",
            ),
            Check(
                holds=f"variables.audiences == {cel([RUNS])}",
                found='"the token would be for " + (size(variables.audiences) > 0'
                " ? variables.audiences.join(', ') : 'the API server')",
                fix=f"Say --audience={RUNS}, and no other.",
            ),
            Check(
                holds="variables.seconds <= 3600",
                found='"the token would last " + string(variables.seconds) + " seconds"',
                fix="Say --duration=1h at most, and ask again.",
            ),
        ),
    )


def _changed(part: str, *free: str) -> str:
    """The fields of a part of the object that would change and are not free."""
    new, old = (f"dyn({which}).?{part}.orValue({{}})" for which in ("object", "oldObject"))
    return (
        f"({new}.filter(k, !(k in {old}) || {new}[k] != {old}[k]) + {old}.filter(k, !(k in {new})))"
        f".filter(k, !(k in {cel(free)}))"
    )


def _pods() -> ObjectRule:
    # The VPC CNI applies network policies to pods that a controller owns (Amazon EKS User Guide, "Limit pod traffic
    # with Kubernetes network policies").
    return ObjectRule(
        name="people-make-no-bare-pods",
        group="",
        resources=("pods", "pods/ephemeralcontainers", "pods/resize", "pods/status", "pods/binding", "bindings"),
        only=PEOPLE,
        checks=(
            Check(
                holds="false",
                found='"a pod would be written by hand"',
                fix="Make a Job, a Deployment or a StatefulSet: no network policy guards a pod without one.",
            ),
        ),
    )


def _owners() -> ObjectRule:
    """Of whatever kind. Whoever may change a CronJob may run it too (`kubectl create job --from=cronjob/NAME`); and a
    check of a model operators may, who change none (`check_rules.py`)."""
    own = "authorizer.group('batch').resource('cronjobs').namespace(request.namespace).name(o.name)"
    return ObjectRule(
        name="owners-are-the-controllers",
        group="*",
        resources=("*",),
        only=PEOPLE,
        variables={
            "new": "dyn(object).?metadata.?ownerReferences.orValue([])",
            "old": "request.operation == 'UPDATE' ? dyn(oldObject).?metadata.?ownerReferences.orValue([]) : []",
            "instance": "request.operation == 'CREATE' && request.resource.group == 'batch'"
            " && request.resource.resource == 'jobs' && size(variables.new) == 1"
            " && variables.new.all(o, o.apiVersion == 'batch/v1' && o.kind == 'CronJob'"
            f" && (request.namespace == {cel(ns.MONITORING.name)} || {own}.check('update').allowed()))",
        },
        checks=(
            Check(
                holds="variables.new == variables.old || variables.instance",
                found="\"it would belong to \" + (size(variables.new) == 0 ? 'nothing'"
                " : variables.new.map(o, o.kind + ' ' + o.name).join(', '))",
                fix="Leave ownerReferences as they are: the controller that makes an object says whose it is.",
            ),
        ),
    )


def _nodes() -> ObjectRule:
    taints = "dyn({0}).spec.?taints.orValue([])"
    return ObjectRule(
        name="operators-cordon-nodes",
        group="",
        resources=("nodes",),
        only=_OPERATORS,
        variables={
            **_META,
            "changed": _changed("spec", "unschedulable", "taints"),
            "held": "['finalizers', 'ownerReferences']"
            ".filter(k, dyn(object).metadata[?k] != dyn(oldObject).metadata[?k])",
            "before": taints.format("oldObject"),
            "after": taints.format("object"),
            "gone": "variables.before.filter(t, !(t in variables.after))",
            "come": "variables.after.filter(t, !(t in variables.before))",
            "taints": f"variables.gone.filter(t, !{cel((OWN_PREFIX, PUT_BACK))}.exists(p, t.key.startsWith(p)))"
            f" + variables.come.filter(t, !t.key.startsWith({cel(OWN_PREFIX)}) && t.key != {cel(CORDON)})",
            "emptied": "variables.come.filter(t, t.effect == 'NoExecute')",
        },
        checks=(
            Check(
                holds="size(variables.changed) == 0",
                found='"more of the spec changes than unschedulable and taints: " + variables.changed.join(", ")',
                fix="Cordon, drain or taint the node; what it is, its node group says.",
            ),
            Check(
                holds="size(variables.words) == 0",
                found='"labels or annotations change: " + variables.words.join(", ")',
                fix=f"Take a name that begins with {OWN_PREFIX}; the others say what the node is.",
            ),
            Check(
                holds="size(variables.held) == 0",
                found='variables.held.join(", ") + " would change"',
                fix="Let the node's controller end it: delete its NodeClaim, or drain it.",
            ),
            Check(
                holds="size(variables.taints) == 0",
                found='"the taint " + variables.taints.map(t, t.key).join(", ") + " would come or go"',
                fix=f"Take a key that begins with {OWN_PREFIX}. By this one a node is kept for what it is for, or empty"
                " until its agents are there.",
            ),
            Check(
                # It asks no budget, and takes the agents that guard the node along with the jobs.
                holds="size(variables.emptied) == 0",
                found='"the taint " + variables.emptied.map(t, t.key).join(", ") + " would end what runs there"',
                fix="Give it the effect NoSchedule, and drain the node (kubectl drain).",
            ),
        ),
    )


def _pools() -> ObjectRule:
    return ObjectRule(
        name="operators-time-disruption",
        group="karpenter.sh",
        resources=("nodepools",),
        only=_OPERATORS,
        variables={
            **_META,
            "changed": _changed("spec", "disruption"),
            "held": "dyn(object).metadata[?'finalizers'] != dyn(oldObject).metadata[?'finalizers']",
        },
        checks=(
            Check(
                holds="size(variables.changed) == 0",
                found='"more of the spec changes than disruption: " + variables.changed.join(", ")',
                fix="What nodes a pool makes and how many, the stack's gpuNodeGroups say, which are reviewed.",
            ),
            Check(
                holds="size(variables.words) == 0 && !variables.held",
                found='"labels, annotations or finalizers change: " + variables.words.join(", ")',
                fix=f"Take a name that begins with {OWN_PREFIX}; Karpenter reads the others.",
            ),
        ),
    )


def _scales() -> ObjectRule:
    return ObjectRule(
        name="operators-keep-the-platform-up",
        group="apps",
        resources=("deployments/scale",),
        operations=("UPDATE",),
        only=_OPERATORS,
        variables={
            "name": "request.namespace + '/' + request.name",
            "least": f"variables.name in {json.dumps(REPLICAS)} ? {json.dumps(REPLICAS)}[variables.name] : 1",
            "asked": "int(dyn(object).?spec.?replicas.orValue(0))",
        },
        checks=(
            Check(
                holds="variables.asked >= variables.least",
                found='variables.name + " would have " + string(variables.asked) + " replicas, and needs "'
                " + string(variables.least)",
                fix="Ask for that many or more; to restart, delete its pods one by one.",
            ),
        ),
    )


def _evictions() -> ObjectRule:
    return ObjectRule(
        name="operators-leave-agents-on-nodes",
        group="",
        resources=("pods/eviction",),
        operations=("CREATE",),
        only=f"({_OPERATORS}) && request.namespace in {cel(_AGENTS)}",
        checks=(
            Check(
                holds=f"request.name.matches({cel(_OF_A_DEPLOYMENT)})",
                found='request.namespace + "/" + request.name + " is an agent that each node has"',
                fix="Drain with --ignore-daemonsets: it guards or serves the node until that goes.",
            ),
        ),
    )


def _gates() -> ObjectRule:
    """What `kubectl argo rollouts` abort, retry and promote patch, without what skips a step or its analysis."""
    pauses = "dyn({0}).?status.?pauseConditions.orValue([])"
    waits = ["CanaryPauseStep", "BlueGreenPause"]
    return ObjectRule(
        name="rollouts-pass-their-gates",
        group=ROLLOUTS,
        resources=("rollouts/status",),
        operations=("UPDATE",),
        only=PEOPLE,
        variables={
            "changed": _changed("status", "abort", "pauseConditions"),
            "before": pauses.format("oldObject"),
            "after": pauses.format("object"),
            "promoted": f"size(variables.after) == 0 && variables.before.all(p, p.reason in {cel(waits)})",
        },
        checks=(
            Check(
                holds="size(variables.changed) == 0",
                found='"the controller\'s own would change: " + variables.changed.join(", ")',
                fix="Abort, retry, or promote what is paused; no step and no analysis is skipped.",
            ),
            Check(
                holds="variables.after == variables.before || variables.promoted",
                found='"it is paused for " + variables.before.map(p, p.reason).join(", ")',
                fix=f"Only {' and '.join(waits)} wait for a person; abort, and roll out what passes its analysis.",
            ),
        ),
    )


def _peers() -> ObjectRule:
    return ObjectRule(
        name="training-is-headless",
        group="",
        resources=("services",),
        only=f"({PEOPLE}) && request.namespace == {cel(ns.TRAINING.name)}",
        checks=(
            Check(
                holds="dyn(object).spec.?clusterIP.orValue('') == 'None'",
                found='"the Service would have an address of its own"',
                fix="Set clusterIP: None: the workers of a job find each other by name, and nobody else calls them.",
            ),
        ),
    )


def _authorities() -> ObjectRule:
    which = "(request.operation == 'DELETE' ? dyn(oldObject) : dyn(object)).?metadata.?name.orValue('')"
    return ObjectRule(
        name="authorities-are-the-controllers",
        group="",
        resources=("configmaps",),
        operations=("CREATE", "UPDATE", "DELETE"),
        only=f"{which} in {cel(AUTHORITIES)}",
        variables={
            "name": which,
            # The stack waits for one by an annotation (`mesh_webhooks.py`), before or after its controller has made it.
            "saysTheSame": "request.operation != 'DELETE' && !dyn(object).?immutable.orValue(false)"
            " && ['data', 'binaryData'].all(k, dyn(object)[?k] =="
            " (request.operation == 'CREATE' ? optional.none() : dyn(oldObject)[?k]))",
        },
        checks=(
            Check(
                holds=f"request.userInfo.username in {json.dumps(AUTHORITIES)}[variables.name]"
                f" || variables.saysTheSame && ({DEPLOYS})"
                f" || request.operation == 'DELETE' && request.userInfo.username in {cel(_ENDS_NAMESPACES)}",
                found='variables.name + " says whose certificates the pods here trust"',
                fix="Leave it to its controller; take another name.",
            ),
        ),
    )


def _disruptions() -> ObjectRule:
    return ObjectRule(
        name="disruption-budgets-let-go",
        group="policy",
        resources=("poddisruptionbudgets",),
        variables={
            "most": "has(object.spec.maxUnavailable) ? string(dyn(object).spec.maxUnavailable) : ''",
            "least": "has(object.spec.minAvailable) ? string(dyn(object).spec.minAvailable) : ''",
        },
        checks=(
            Check(
                holds="!variables.most.matches('^0+%?$')",
                found='"maxUnavailable is " + variables.most',
                fix="Say 1 or more: a node that no pod may leave stays unpatched.",
            ),
            Check(
                holds="!variables.least.matches('^0*100%$')",
                found='"minAvailable is " + variables.least',
                fix="Say maxUnavailable, of 1 or more: a node that no pod may leave stays unpatched.",
            ),
        ),
        exempt=(ns.KUBE_SYSTEM, ns.MLFLOW.name, ns.INGRESS.name, *(each.name for each in ns.SYSTEM)),
        why_exempt="the stack's own budgets, whose replicas it sets too; no team writes there",
    )
