"""What the API server refuses of a new version that its own team brings out: one that nobody judges, or that is judged
where none of its calls are.

What is refused is what Argo Rollouts 1.9.1 makes of it (rollout/analysis.go, canary.go, bluegreen.go, sync.go). An
analysis judges the versions of a Rollout, and not whoever writes it: the first version of a new Rollout takes no step,
and a route may lead to pods that belong to none (docs/decisions/0006).
"""

from typing import Final

from cluster import namespaces as ns
from cluster.guardrails.object_rule import PEOPLE, SPEC, ObjectRule
from cluster.guardrails.rule import Check, cel
from cluster.roles import ROLLOUTS

FIRST_SHARE: Final = 20
"""Of a hundred calls, the most that a version answers before something has judged it: what the first step of a canary
usually is, and what is left of a service that has five pods when one is bad."""
FEWEST: Final = -(-100 // FIRST_SHARE)
"""Pods of which one is no greater share."""
STRATEGY: Final = {
    "strategy": "dyn(object).?spec.?strategy.orValue({})",
    "canary": "variables.strategy.?canary.orValue({})",
    "blueGreen": "variables.strategy.?blueGreen.orValue({})",
    "steps": "variables.canary.?steps.orValue([])",
    "experiments": "variables.steps.filter(s, has(s.experiment)).map(s, s.experiment)",
    "traffic": "variables.canary.?trafficRouting.orValue({})",
    "istio": "variables.traffic.?istio.orValue({})",
}
"""CEL: the parts of a Rollout's strategy, empty where they are not told."""

_OURS: Final = "has(t.clusterScope) && t.clusterScope && t.?templateName.orValue('') != ''"
_WHICH: Final = "^((canary|latest|next|new|preview|stable|active)-)?"
_HASHES: Final = f"{_WHICH}((pod-)?template-)?hash$"
_SERVICES: Final = f"{_WHICH}(service|svc|host)(-name)?$"
_OLD: Final = "g.name.matches('^(stable|active)-')"
"""Whether an argument is of the version that is there, which a template may compare with."""


def judged_rule() -> ObjectRule:
    """The rule. People read ClusterAnalysisTemplates and write none (`roles`)."""
    named = f"a.?templates.orValue([]).filter(t, !({_OURS})).map(t, t.?templateName.orValue('no name'))"
    others = "a.?args.orValue([]).filter(g, !({})).map(g, g.name).join(', ')"
    of_experiment = f"({_of_this('g')}) || {_of_experiment('g', 'e')}"
    return ObjectRule(
        name="rollouts-are-judged",
        group=ROLLOUTS,
        resources=("rollouts",),
        # What judges the stack's own is nobody's to write (`model_rules.py`).
        only=f"({PEOPLE}) && request.namespace != {cel(ns.MODELS.name)}",
        variables={
            **SPEC,
            **STRATEGY,
            "isNew": "request.operation == 'CREATE'",
            "old": "variables.isNew ? {} : dyn(oldObject)",
            "before": "variables.old.?spec.?strategy.orValue({})",
            "ways": "['canary', 'blueGreen'].filter(k, k in variables.strategy)",
            "all": "variables.traffic.?maxTrafficWeight.orValue(100)",
            # By subsets both versions are one Service's, which leads callers that are shown no route to both.
            "routed": "(has(variables.istio.virtualService)"
            " || size(variables.istio.?virtualServices.orValue([])) > 0) && !has(variables.istio.destinationRule)"
            " && ['canaryService', 'stableService'].all(k, variables.canary[?k].orValue('') != '')",
            "path": f"variables.steps.map(s, {_step('s')}).join('')",
            "analyses": "variables.steps.filter(s, has(s.analysis)).map(s, s.analysis)"
            " + (has(variables.canary.analysis) ? [variables.canary.analysis] : [])"
            " + ['prePromotionAnalysis', 'postPromotionAnalysis'].filter(k, k in variables.blueGreen)"
            ".map(k, variables.blueGreen[k])",
            "others": f"(variables.analyses.map(a, {named}.join(', '))"
            " + variables.analyses.filter(a, size(a.?templates.orValue([])) == 0).map(a, 'nothing')"
            f" + variables.experiments.map(e, e.?analyses.orValue([]).filter(t, !({_OURS}))"
            ".map(t, t.?templateName.orValue('no name')).join(', '))).filter(w, w != '')",
            "next": _services("variables.strategy", "canaryService", "previewService"),
            "stable": _services("variables.strategy", "stableService", "activeService"),
            "nextBefore": _services("variables.before", "canaryService", "previewService"),
            "stableBefore": _services("variables.before", "stableService", "activeService"),
            "args": f"(variables.analyses.map(a, {others.format(_of_this('g'))})"
            " + variables.experiments.map(e, e.?analyses.orValue([])"
            f".map(a, {others.format(of_experiment)})"
            ".filter(w, w != '').join(', '))).filter(w, w != '')",
        },
        checks=(*_ways(), *_canaries(), *_blue_greens(), *_judges(), *_places()),
    )


def _services(strategy: str, of_canary: str, of_blue_green: str) -> str:
    """CEL: the Service that a strategy has for this, in a list; none where it has none."""
    return (
        f"[{strategy}.?canary.?{of_canary}.orValue(''), {strategy}.?blueGreen.?{of_blue_green}.orValue('')]"
        ".filter(n, n != '')"
    )


def _step(step: str) -> str:
    """CEL: a letter for what a step does to a version that nobody has judged. A judges it; X gives it many calls, or
    takes away all its pods; W gives it a few, and 0 none; a dot does neither."""
    some = "has({0}.{1}) && size({0}.{1}.?match.orValue([])) > 0"
    routes = " || ".join(f"({some.format(step, kind)})" for kind in ("setHeaderRoute", "setMirrorRoute"))
    scale = f"{step}.?setCanaryScale"
    empty = f"{scale}.?replicas.orValue(1) == 0 || {scale}.?weight.orValue(1) == 0"
    # Of how many pods, a change of scale by another way may say later: so one is a small share, and two are not.
    large = (
        f"!variables.routed && ({scale}.?replicas.orValue(0) > {FEWEST * FIRST_SHARE // 100}"
        f" || {scale}.?weight.orValue(0) > {FIRST_SHARE})"
    )
    # Without the mesh's routes an experiment's pods are among those that a Service leads to.
    beside = (
        f"has({step}.experiment)"
        f" && (!variables.routed || {step}.experiment.?templates.orValue([]).exists(t, has(t.weight)))"
    )
    weight = (
        f"({step}.setWeight * 100 < variables.all || variables.all < 1 ? '0'"
        f" : {step}.setWeight * 100 <= {FIRST_SHARE} * variables.all ? 'W' : 'X')"
    )
    return (
        f"size({step}) != 1 || {routes} || {empty} || {large} || {beside} ? 'X'"
        f" : has({step}.analysis) ? 'A' : has({step}.setWeight) ? {weight} : '.'"
    )


def _of_this(argument: str) -> str:
    """CEL: whether an argument of an analysis can be of nothing else than this Rollout: any other would be the team's
    own word for what is looked at, or for what is good enough."""
    said = f"{argument}.?value.orValue('')"
    source = f"{argument}.?valueFrom"
    field = f"{source}.?fieldRef.?fieldPath.orValue('')"
    services = f"({_OLD} ? variables.stable : variables.next)"
    ways = (
        f"{argument}.name.matches({cel(_HASHES)})"
        f" && {source}.?podTemplateHashValue.orValue('') == ({_OLD} ? 'Stable' : 'Latest')",
        f"{argument}.name.matches({cel(_SERVICES)}) && {services}.exists(n, {said} == n"
        f" || {said} == n + '.' + request.namespace + '.svc.cluster.local')",
        f"{argument}.name.matches('^rollout(-name)?$') && {field} == 'metadata.name'",
        f"{argument}.name == 'namespace' && ({field} == 'metadata.namespace' || {said} == request.namespace)",
    )
    return f"(has({argument}.value) != has({argument}.valueFrom)) && ({' || '.join(f'({way})' for way in ways)})"


def _of_experiment(argument: str, experiment: str) -> str:
    """CEL: whether an argument is the hash of an experiment's pods of the version that it says."""
    said = f"{argument}.?value.orValue('')"
    return (
        f"!has({argument}.valueFrom) && {argument}.name.matches({cel(_HASHES)})"
        f" && {experiment}.?templates.orValue([]).exists(t, t.specRef == ({_OLD} ? 'stable' : 'canary')"
        f" && {said} == '{{{{templates.' + t.name + '.podTemplateHash}}}}')"
    )


def _ways() -> tuple[Check, ...]:
    """That a Rollout stays what it is: a version of one that leads and has nothing yet is not judged."""
    return (
        Check(
            holds="size(variables.ways) == 1",
            found='"the Rollout has " + (size(variables.ways) == 0 ? "no strategy" : "two strategies")',
            fix="Give it one strategy, canary or blueGreen: without one the controller lets go of its Services.",
        ),
        Check(
            # What a Service led to no version leads to is all pods that there are.
            holds="variables.isNew || variables.ways.all(k, k in variables.before)"
            " || variables.old.?status.?stableRS.orValue('') == variables.old.?status.?currentPodHash.orValue('')",
            found='"the strategy would change while a version is on its way"',
            fix="Promote it first, or go back to the version that was good (kubectl argo rollouts undo NAME).",
        ),
        Check(
            # Without it a Deployment's selector is taken, which comes anew with the next Deployment of that name.
            holds="!variables.isNew || has(variables.spec.selector)",
            found='"the Rollout does not say which pods it has"',
            fix="Say spec.selector, with workloadRef too: by it the controller knows the versions that are there.",
        ),
        Check(
            holds="variables.isNew || variables.spec[?'selector'] == variables.old.spec[?'selector']",
            found='"the selector would change, and its next version would count as the first, which nothing judges"',
            fix="Keep spec.selector; for other pods make another Rollout.",
        ),
    )


def _canaries() -> tuple[Check, ...]:
    return (
        Check(
            holds="!('canary' in variables.strategy) || variables.path.matches('^[^X]*W[^X0]*A')",
            found="(!variables.path.contains('A') ? 'the canary would get all calls with no step that judges it before'"
            " : variables.path.matches('^[^X]*A') ? 'the canary would be judged where it has no calls'"
            " : 'the canary would get many calls, or have no pod, before a step judges it')",
            fix=f"Begin with a setWeight of 1 to {FIRST_SHARE} in a hundred, then an analysis, of templates:"
            " [{templateName: NAME, clusterScope: true}]; greater weights, routes by header, mirrors and weighted"
            " experiments come after it. NAME is one of: kubectl get clusteranalysistemplates.",
        ),
        Check(
            holds="!('canary' in variables.strategy) || variables.routed"
            f" || dyn(object).spec.?replicas.orValue(1) >= {FEWEST}",
            found='"one pod of " + string(dyn(object).spec.?replicas.orValue(1)) + \' is a greater share of calls'
            " than its weight'",
            fix="Say canaryService, stableService and trafficRouting.istio, with a VirtualService that has routes to"
            f" both and no destinationRule, or replicas: {FEWEST} or more: otherwise a version gets calls by its pods.",
        ),
        Check(
            holds=f"variables.routed || variables.canary.?minPodsPerReplicaSet.orValue(1)"
            f" <= {FEWEST * FIRST_SHARE // 100}",
            found='"minPodsPerReplicaSet would make the canary a greater share of the pods than its weight"',
            fix="Leave minPodsPerReplicaSet out, or say routes to a canaryService and a stableService.",
        ),
    )


def _blue_greens() -> tuple[Check, ...]:
    return (
        Check(
            holds="!('blueGreen' in variables.strategy) || has(variables.blueGreen.prePromotionAnalysis)",
            found='"the new version would get all calls with nothing that judges it before"',
            fix="Give blueGreen a prePromotionAnalysis, of a ClusterAnalysisTemplate.",
        ),
        Check(
            holds="variables.blueGreen.?previewReplicaCount.orValue(1) > 0",
            found='"what judges the new version would find that it has no pod"',
            fix="Say a previewReplicaCount of 1 or more, or leave it out.",
        ),
        Check(
            # One that waits for its end counts as one that was good (`isBlueGreenFastTracked`).
            holds="!('blueGreen' in variables.strategy)"
            " || variables.blueGreen.?scaleDownDelayRevisionLimit.orValue(1) == 0"
            " && variables.blueGreen.?abortScaleDownDelaySeconds.orValue(30) == 0",
            found='"a version that was let go could come back with nothing that judges it"',
            fix="Give blueGreen scaleDownDelayRevisionLimit: 0 and abortScaleDownDelaySeconds: 0: old pods go when the"
            " new ones have the calls, and those of a version that failed when the next one comes.",
        ),
        Check(
            # To one that leads no Service yet, whatever comes is the first version (`shouldFullPromote`).
            holds="!('blueGreen' in variables.strategy) || variables.isNew || ('blueGreen' in variables.before"
            " && variables.before.blueGreen.activeService == variables.blueGreen.activeService)",
            found='"its next version would count as the first, which nothing judges"',
            fix="Keep the strategy and its activeService; for another make another Rollout.",
        ),
    )


def _places() -> tuple[Check, ...]:
    """The next version's Services are led to it before anything judges it: no Service becomes one that somebody calls
    for what serves."""
    return (
        Check(
            holds="!has(variables.canary.pingPong)",
            found='"by pingPong the Service of what serves and that of the next version change places"',
            fix="Say canaryService and stableService.",
        ),
        Check(
            holds="variables.isNew || variables.stable == variables.stableBefore"
            " && variables.next == variables.nextBefore",
            found='"its Services would lead to another version: " + (variables.stableBefore + variables.nextBefore)'
            ".join(', ') + ' would become ' + (variables.stable + variables.next).join(', ')",
            fix="Keep the names: stableService or activeService for what serves, canaryService or previewService for"
            " the next; for others make another Rollout.",
        ),
    )


def _judges() -> tuple[Check, ...]:
    return (
        Check(
            holds="size(variables.others) == 0",
            found='"it would be judged by " + variables.others.join(", ")',
            fix="Name a ClusterAnalysisTemplate, with clusterScope: true: kubectl get clusteranalysistemplates.",
        ),
        Check(
            holds="size(variables.args) == 0",
            found='"it tells what judges it " + variables.args.join(", ")',
            fix="Arguments say which Rollout, and nothing else: service-name or stable-service with the Service's name"
            " in this strategy, canary-hash or stable-hash from podTemplateHashValue (in an experiment also"
            " {{templates.NAME.podTemplateHash}}), rollout and namespace from metadata.name and metadata.namespace.",
        ),
        Check(
            holds="variables.analyses.all(a, !has(a.dryRun))"
            " && variables.experiments.all(e, !has(e.dryRun)) && !has(dyn(object).spec.rollbackWindow)",
            found='"an analysis is a dry run, or a rollbackWindow passes it over"',
            fix="Leave dryRun and rollbackWindow out: what fails its analysis is aborted, and going back takes the"
            " same steps.",
        ),
    )
