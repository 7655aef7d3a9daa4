"""What the API server refuses of a Rollout: another's traffic, and pods that its template does not tell of. What judges
a new version is in `rollout_analyses.py`."""

from typing import Final

from cluster.guardrails.object_rule import LABEL, PEOPLE, ObjectRule, foreign
from cluster.guardrails.rollout_analyses import STRATEGY, judged_rule
from cluster.guardrails.rule import Check, cel
from cluster.roles import ROLLOUTS

HASH: Final = "rollouts-pod-template-hash"
"""The label by which the controller tells the pods of each version, and leads a Service to those of one."""


def rollout_rules() -> tuple[ObjectRule, ...]:
    """The rules."""
    return (_traffic(), _metadata(), _versions(), judged_rule())


def _traffic() -> ObjectRule:
    """Argo Rollouts writes the routes that a Rollout names with its own rights, another namespace's too: it takes a
    name apart at a dot (argo-rollouts 1.9, utils/istio, `GetVirtualServiceNamespaceName`)."""
    named = f"n.matches({cel('^' + LABEL + '$')})"
    return ObjectRule(
        name="rollouts-shift-their-own-traffic",
        group=ROLLOUTS,
        resources=("rollouts",),
        variables={
            **STRATEGY,
            "routers": f"{foreign('variables.traffic', ('istio', 'managedRoutes', 'maxTrafficWeight'))}",
            "plugins": "variables.steps.filter(s, has(s.plugin)).map(s, 'a step by a plugin')",
            "names": "variables.istio.?virtualServices.orValue([]).map(v, string(v.name))"
            " + (has(variables.istio.virtualService) ? [string(variables.istio.virtualService.name)] : [])"
            " + (has(variables.istio.destinationRule) ? [string(variables.istio.destinationRule.name)] : [])",
        },
        checks=(
            Check(
                holds="variables.routers == '' && size(variables.plugins) == 0",
                found="\"traffic is shifted by \" + ([variables.routers] + variables.plugins).filter(w, w != '')"
                '.join(", ")',
                fix="Say trafficRouting.istio: the mesh is what routes here.",
            ),
            Check(
                holds=f"variables.names.all(n, {named})",
                found=f'variables.names.filter(n, !{named}).join(", ") + " is not a name of this namespace"',
                fix="Name a VirtualService and a DestinationRule of the Rollout's own namespace, without a dot.",
            ),
        ),
    )


def _metadata() -> ObjectRule:
    """What the controller puts on pods besides their template, no rule over pods sees in a Rollout."""
    parts = {"canary": ("canaryMetadata", "stableMetadata"), "blueGreen": ("activeMetadata", "previewMetadata")}
    said = [f"{cel(keys)}.filter(k, k in variables.{part})" for part, keys in parts.items()]
    said.append(
        "variables.experiments.filter(e, e.?templates.orValue([]).exists(t, has(t.metadata)))"
        ".map(e, 'an experiment\\'s metadata')"
    )
    return ObjectRule(
        name="rollouts-tell-of-their-pods",
        group=ROLLOUTS,
        resources=("rollouts",),
        variables={**STRATEGY, "apart": " + ".join(said)},
        checks=(
            Check(
                holds="size(variables.apart) == 0",
                found='variables.apart.join(", ") + " would label pods apart from their template"',
                fix="Write labels and annotations in template.metadata, where they are judged.",
            ),
        ),
    )


def _versions() -> ObjectRule:
    """Who could say which version a pod is, or where a Service leads, would bring out one past all that judges it."""
    said = f"dyn({{0}}).?spec.?selector[?{cel(HASH)}].orValue('')"
    return ObjectRule(
        name="versions-are-the-controllers",
        group="*",
        resources=("services", "deployments", "rollouts"),
        operations=("CREATE", "UPDATE", "DELETE"),
        only=PEOPLE,
        variables={
            "isService": "request.resource.resource == 'services'",
            "goes": "request.operation == 'DELETE'",
            "before": f"request.operation == 'CREATE' ? '' : {said.format('oldObject')}",
            "after": f"request.operation == 'DELETE' ? '' : {said.format('object')}",
            "pods": "request.operation == 'DELETE' ? ''"
            f" : dyn(object).?spec.?template.?metadata.?labels[?{cel(HASH)}].orValue('')",
        },
        checks=(
            Check(
                holds="!variables.isService || variables.goes || variables.before == variables.after",
                found=f'"the Service\'s {HASH} would change"',
                fix="Leave it as it is: the Rollout that names the Service leads it to one version's pods.",
            ),
            Check(
                # One that comes anew is led to the next version at once (`isBlueGreenFastTracked`).
                holds="!variables.isService || !variables.goes || variables.before == ''",
                found='"a Rollout leads the Service to one version\'s pods"',
                fix="Delete the Rollout first, or name another Service in it: a moment later nothing leads this one.",
            ),
            Check(
                holds="variables.isService || variables.pods == ''",
                found=f'"its pods would say {HASH}"',
                fix="Leave it out: the controller of Rollouts tells by it which version a pod is.",
            ),
        ),
    )
