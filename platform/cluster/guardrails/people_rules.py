"""What people may not write although their role may write the kind: RBAC knows kinds and names, and no fields."""

from typing import Final

from cluster import namespaces as ns
from cluster.guardrails.object_rules import ObjectRule
from cluster.guardrails.pod_rules import Check, cel
from cluster.roles import PLATFORM_OPERATOR, ROLES

OWN_PREFIX: Final = "operators.parapet.dev/"
"""Labels and annotations of nodes that are the operators' own. The others say what a node is: the scheduler, the
device plugin and the autoscaler believe them."""
AUTHORITIES: Final = ("kube-root-ca.crt", "istio-ca-root-cert")
"""The ConfigMaps by which pods know the API server and the mesh. Controllers put them everywhere."""


def people_rules() -> tuple[ObjectRule, ...]:
    """The rules over what people write."""
    return (_nodes(), _authorities(), _disruptions())


def _whose(*groups: str) -> str:
    """Whether the caller is of one of these groups."""
    return f"has(request.userInfo.groups) && request.userInfo.groups.exists(g, g in {cel(groups)})"


def _nodes() -> ObjectRule:
    kept = "['spec'].map(s, {0}[s]).map(s, s.filter(k, !(k in ['unschedulable', 'taints'])).map(k, [k, s[k]]))"
    return ObjectRule(
        name="operators-cordon-nodes",
        group="",
        resources=("nodes",),
        only=_whose(PLATFORM_OPERATOR.group),
        variables={
            "new": "[dyn(object).metadata.?labels.orValue({}), dyn(object).metadata.?annotations.orValue({})]",
            "old": "[dyn(oldObject).metadata.?labels.orValue({}), dyn(oldObject).metadata.?annotations.orValue({})]",
            "words": "[0, 1].map(i, (variables.new[i].filter(k, !(k in variables.old[i])"
            " || variables.old[i][k] != variables.new[i][k])"
            " + variables.old[i].filter(k, !(k in variables.new[i])))"
            f".filter(k, !k.startsWith({cel(OWN_PREFIX)})).join(', ')).filter(told, told != '')",
            "held": "['finalizers', 'ownerReferences']"
            ".filter(k, dyn(object).metadata[?k] != dyn(oldObject).metadata[?k])",
        },
        checks=(
            Check(
                holds=f"{kept.format('dyn(object)')} == {kept.format('dyn(oldObject)')}",
                found='"more of the spec changes than unschedulable and taints"',
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
        ),
    )


def _authorities() -> ObjectRule:
    return ObjectRule(
        name="authorities-are-the-controllers",
        group="",
        resources=("configmaps",),
        operations=("CREATE", "UPDATE", "DELETE"),
        only=_whose(*(role.group for role in ROLES)),
        variables={"name": "(request.operation == 'DELETE' ? dyn(oldObject) : dyn(object)).metadata.name"},
        checks=(
            Check(
                holds=f"!(variables.name in {cel(AUTHORITIES)})",
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
