"""What the API server refuses of a Rollout: another's traffic, pods that its template does not tell of, and a new
version that nobody judges."""

from typing import Final

from cluster.guardrails.object_rule import LABEL, PEOPLE, ObjectRule, foreign
from cluster.guardrails.rule import Check, cel
from cluster.roles import ROLLOUTS

_STRATEGY: Final = {
    "strategy": "dyn(object).?spec.?strategy.orValue({})",
    "canary": "variables.strategy.?canary.orValue({})",
    "blueGreen": "variables.strategy.?blueGreen.orValue({})",
    "steps": "variables.canary.?steps.orValue([])",
    "experiments": "variables.steps.filter(s, has(s.experiment)).map(s, s.experiment)",
}
"""CEL: the parts of a Rollout's strategy, empty where they are not told."""


def rollout_rules() -> tuple[ObjectRule, ...]:
    """The rules."""
    return (_traffic(), _metadata(), _analyses())


def _traffic() -> ObjectRule:
    """Argo Rollouts writes the routes that a Rollout names with its own rights, another namespace's too: it takes a
    name apart at a dot (argo-rollouts 1.9, utils/istio, `GetVirtualServiceNamespaceName`)."""
    named = f"n.matches({cel('^' + LABEL + '$')})"
    return ObjectRule(
        name="rollouts-shift-their-own-traffic",
        group=ROLLOUTS,
        resources=("rollouts",),
        variables={
            **_STRATEGY,
            "traffic": "variables.canary.?trafficRouting.orValue({})",
            "istio": "variables.traffic.?istio.orValue({})",
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
        variables={**_STRATEGY, "apart": " + ".join(said)},
        checks=(
            Check(
                holds="size(variables.apart) == 0",
                found='variables.apart.join(", ") + " would label pods apart from their template"',
                fix="Write labels and annotations in template.metadata, where they are judged.",
            ),
        ),
    )


def _analyses() -> ObjectRule:
    """An analysis is what lets a new version pass. People read ClusterAnalysisTemplates and write none (`roles`)."""
    ours = "has(t.clusterScope) && t.clusterScope && t.?templateName.orValue('') != ''"
    foreign_ones = f"a.?templates.orValue([]).filter(t, !({ours})).map(t, t.?templateName.orValue('no name'))"
    return ObjectRule(
        name="rollouts-are-judged",
        group=ROLLOUTS,
        resources=("rollouts",),
        only=PEOPLE,
        variables={
            **_STRATEGY,
            "all": "variables.canary.?trafficRouting.?maxTrafficWeight.orValue(100)",
            "path": "variables.steps.map(s, has(s.analysis) ? 'analysis'"
            " : has(s.setWeight) && s.setWeight >= variables.all ? 'all' : '')",
            "analyses": "variables.steps.filter(s, has(s.analysis)).map(s, s.analysis)"
            " + (has(variables.canary.analysis) ? [variables.canary.analysis] : [])"
            " + ['prePromotionAnalysis', 'postPromotionAnalysis'].filter(k, k in variables.blueGreen)"
            ".map(k, variables.blueGreen[k])",
            "others": f"(variables.analyses.map(a, {foreign_ones}.join(', '))"
            " + variables.analyses.filter(a, size(a.?templates.orValue([])) == 0).map(a, 'nothing')"
            f" + variables.experiments.map(e, e.?analyses.orValue([]).filter(t, !({ours}))"
            ".map(t, t.?templateName.orValue('no name')).join(', '))).filter(w, w != '')",
        },
        checks=(
            Check(
                holds="!('canary' in variables.strategy)"
                " || variables.path.indexOf('analysis') >= 0 && (variables.path.indexOf('all') < 0"
                " || variables.path.indexOf('analysis') < variables.path.indexOf('all'))",
                found='"the canary would get all calls with no step that judges it before"',
                fix="Give steps an analysis before the weight is full, of templates: [{templateName: NAME,"
                " clusterScope: true}]; NAME is one of: kubectl get clusteranalysistemplates.",
            ),
            Check(
                holds="!('blueGreen' in variables.strategy) || has(variables.blueGreen.prePromotionAnalysis)",
                found='"the new version would get all calls with nothing that judges it before"',
                fix="Give blueGreen a prePromotionAnalysis, of a ClusterAnalysisTemplate.",
            ),
            Check(
                holds="size(variables.others) == 0",
                found='"it would be judged by " + variables.others.join(", ")',
                fix="Name a ClusterAnalysisTemplate, with clusterScope: true: kubectl get clusteranalysistemplates.",
            ),
            Check(
                holds="variables.analyses.all(a, !has(a.dryRun))"
                " && variables.experiments.all(e, !has(e.dryRun)) && !has(dyn(object).spec.rollbackWindow)",
                found='"an analysis is a dry run, or a rollbackWindow passes it over"',
                fix="Leave dryRun and rollbackWindow out: what fails its analysis is aborted, and going back takes the"
                " same steps.",
            ),
        ),
    )
