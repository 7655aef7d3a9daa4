"""What the API server refuses of pods that people have made: to stay when they are told to go, or to come where nothing
else may. Such a pod keeps its node from being patched and its GPUs from others, and no quota counts it: `pods` counts
none that has ended, nor one whose time to end is over (kubernetes, pkg/quota/v1/evaluator/core/pods.go, `QuotaV1Pod`).
"""

from typing import Final

from cluster.guardrails.object_rule import PEOPLE, ObjectRule
from cluster.guardrails.rule import Check, cel
from cluster.node_labels import GPU

LONGEST_GRACE: Final = 3600
"""Seconds that a pod may take to end: what a training job needs to write its last checkpoint, and less than anybody
waits who empties a node for a patch."""
MOST_KEPT: Final = 10
"""Versions that a controller keeps for who goes back: what Kubernetes keeps where nobody says a number. Each is a whole
template, in the store that all share."""
TEMPLATES: Final = (
    *("replicationcontrollers", "podtemplates", "deployments", "daemonsets", "statefulsets", "replicasets"),
    *("jobs", "cronjobs", "rollouts"),
)
"""Whatever makes pods, of any group. A pod itself people do not write (`people_rules.py`)."""
LOST: Final = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
"""A node's taints under which a pod may stay on it for a while, in case it comes back."""


def leaving_rules() -> tuple[ObjectRule, ...]:
    """The rules."""
    return (_templates(), _ends())


def _templates() -> ObjectRule:
    for_a_while = (
        f"t.?key.orValue('') in {cel(LOST)} && t.?effect.orValue('') == 'NoExecute'"
        f" && has(t.tolerationSeconds) && t.tolerationSeconds <= {LONGEST_GRACE}"
    )
    probes = ["c.?livenessProbe", "c.?startupProbe"]
    of_probes = " + ".join(f"[{each}.?terminationGracePeriodSeconds.orValue(0)]" for each in probes)
    return ObjectRule(
        name="pods-go-when-told",
        group="*",
        resources=TEMPLATES,
        only=PEOPLE,
        variables={
            "template": "dyn(object).kind == 'PodTemplate' ? dyn(object).?template.orValue({})"
            " : dyn(object).kind == 'CronJob' ? dyn(object).?spec.?jobTemplate.?spec.?template.orValue({})"
            " : dyn(object).?spec.?template.orValue({})",
            "pod": "variables.template.?spec.orValue({})",
            "finalizers": "variables.template.?metadata.?finalizers.orValue([])",
            "containers": "variables.pod.?containers.orValue([]) + variables.pod.?initContainers.orValue([])",
            "graces": "[variables.pod.?terminationGracePeriodSeconds.orValue(0)]"
            f" + variables.containers.map(c, ({of_probes}).exists(s, s > {LONGEST_GRACE}) ? {LONGEST_GRACE + 1} : 0)",
            "tolerated": "variables.pod.?tolerations.orValue([])"
            f".filter(t, t.?key.orValue('') != {cel(GPU)} && !({for_a_while}))"
            ".map(t, t.?key.orValue('') == '' ? 'every taint' : t.key)",
        },
        checks=(
            Check(
                holds="size(variables.finalizers) == 0",
                found='"its pods would be held by " + variables.finalizers.join(", ")',
                fix="Leave the template's finalizers out: a pod goes when it has ended.",
            ),
            Check(
                holds=f"variables.graces.all(s, s <= {LONGEST_GRACE})",
                found='"its pods would take longer to end than may be waited for"',
                fix=f"Say a terminationGracePeriodSeconds of {LONGEST_GRACE} at most, in probes too, and write"
                " checkpoints on the way.",
            ),
            Check(
                holds=f"dyn(object).?spec.?revisionHistoryLimit.orValue(0) <= {MOST_KEPT}",
                found='"it would keep " + string(dyn(object).spec.revisionHistoryLimit) + " versions of itself"',
                fix=f"Say a revisionHistoryLimit of {MOST_KEPT} at most, or none.",
            ),
            Check(
                holds="size(variables.tolerated) == 0",
                found='"its pods would tolerate " + variables.tolerated.join(", ")',
                fix=f"A pod tolerates {GPU}, and {' and '.join(LOST)} with the effect NoExecute and tolerationSeconds"
                f" of {LONGEST_GRACE} at most. By the others a node is emptied, or kept for what is to run there.",
            ),
        ),
    )


def _ends() -> ObjectRule:
    """Who ends a pod may give it another time than it says itself. A delete that is judged says the time that the pod
    gets: none, where no node runs it (kubernetes, pkg/registry/core/pod/strategy.go, `CheckGracefulDelete`)."""
    asked = (
        "request.operation == 'DELETE' ? dyn(request).?options.?gracePeriodSeconds.orValue(0)"
        " : dyn(object).?deleteOptions.?gracePeriodSeconds.orValue(0)"
    )
    return ObjectRule(
        name="pods-end-in-time",
        group="",
        resources=("pods", "pods/eviction"),
        operations=("CREATE", "DELETE"),
        only=PEOPLE,
        variables={"grace": f"int({asked})"},
        checks=(
            Check(
                holds=f"variables.grace <= {LONGEST_GRACE}",
                found='"the pod would have " + string(variables.grace) + " seconds to end"',
                fix=f"Say a grace period of {LONGEST_GRACE} seconds at most, or none: it has what its template says.",
            ),
        ),
    )
