"""What the API server refuses of a Rollout: another's traffic, and pods that its template does not tell of. What judges
a new version is in `rollout_analyses.py`."""

from typing import Final

from cluster import namespaces as ns
from cluster.guardrails.account_rules import PREFIX, ROLLOUTS_CONTROLLER
from cluster.guardrails.flows import PREDICTOR
from cluster.guardrails.object_rule import LABEL, PEOPLE, SPEC, ObjectRule, foreign
from cluster.guardrails.rollout_analyses import FEWEST, STRATEGY, judged_rule
from cluster.guardrails.rule import Check, cel
from cluster.roles import ROLLOUTS

HASH: Final = "rollouts-pod-template-hash"
"""The label by which the controller tells the pods of each version, and leads a Service to those of one."""
LEADER: Final = "argo-rollouts.argoproj.io/managed-by-rollouts"
"""The annotation by which it knows which Rollout leads a Service: of one that is not there it lets the Service go."""


_COMPONENT: Final = next(iter(PREDICTOR))


def rollout_rules() -> tuple[ObjectRule, ...]:
    """The rules."""
    return (_traffic(), _metadata(), _versions(), judged_rule(), _scales(), _autoscalers(), _controller())


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
        variables={
            **STRATEGY,
            "apart": " + ".join(said),
            "template": "dyn(object).?spec.?workloadRef.orValue({'apiVersion': 'apps/v1', 'kind': 'Deployment'})",
            "pods": "dyn(object).?spec.?template.orValue({})",
            "scraped": "variables.pods.?metadata.?annotations.orValue({})",
        },
        checks=(
            Check(
                # Of a kind that it may not read it waits a minute each time, and its watches add up (argo-rollouts
                # 1.9.1, rollout/templateref.go, `getInformer`).
                holds="variables.template.?kind.orValue('') == 'Deployment'"
                " && variables.template.?apiVersion.orValue('') == 'apps/v1'",
                found='"its template would be that of the " + variables.template.?kind.orValue("") + " "'
                " + variables.template.?name.orValue('')",
                fix="Write the template in the Rollout, or name a Deployment of apps/v1 in workloadRef.",
            ),
            Check(
                holds="size(variables.apart) == 0",
                found='variables.apart.join(", ") + " would label pods apart from their template"',
                fix="Write labels and annotations in template.metadata, where they are judged.",
            ),
            Check(
                # The proxy hands on what the model says where these tell it to, and from port 80 where they name none
                # (istio 1.31, pkg/kube/inject/webhook.go, `applyPrometheusMerge`).
                holds=f"variables.pods.?metadata.?labels[?{cel(_COMPONENT)}].orValue('')"
                f" != {cel(PREDICTOR[_COMPONENT])}"
                " || variables.scraped[?'prometheus.io/scrape'].orValue('') == 'true'"
                " && variables.pods.?spec.?containers.orValue([]).exists(c, c.?ports.orValue([]).exists(p,"
                " p.?name.orValue('') == 'metrics'"
                " && string(p.containerPort) == variables.scraped[?'prometheus.io/port'].orValue('')))",
                found='"what judges a version would find no numbers of these pods, and say no"',
                fix="Call the port of the model's metrics `metrics`, and say prometheus.io/scrape: 'true' and, as"
                " prometheus.io/port, its number in template.metadata.annotations.",
            ),
        ),
    )


def _versions() -> ObjectRule:
    """Who could say which version a pod is, or where a Service leads, would bring out one past all that judges it."""
    said = f"dyn({{0}}).?spec.?selector[?{cel(HASH)}].orValue('')"
    leader = f"dyn({{0}}).?metadata.?annotations[?{cel(LEADER)}].orValue('')"
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
            "leads": f"request.operation == 'DELETE' || {leader.format('object')}"
            f" == (request.operation == 'CREATE' ? '' : {leader.format('oldObject')})",
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
                holds="!variables.isService || variables.leads",
                found=f'"the Service\'s {LEADER} would change"',
                fix="Leave it as it is: by it the controller knows which Rollout leads the Service.",
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


def _scales() -> ObjectRule:
    """What is scaled so is a number alone: whether the Rollout has the mesh's routes is not seen."""
    return ObjectRule(
        name="rollouts-scale-with-their-routes",
        group=ROLLOUTS,
        resources=("rollouts/scale",),
        operations=("UPDATE",),
        only=PEOPLE,
        variables={"pods": "int(dyn(object).?spec.?replicas.orValue(0))"},
        checks=(
            Check(
                holds=f"variables.pods == 0 || variables.pods >= {FEWEST}",
                found='"the Rollout would have " + string(variables.pods) + " pods,'
                " of which one is a great share of the calls without the mesh's routes\"",
                fix=f"Ask for {FEWEST} or more, or for none; or say spec.replicas in the Rollout itself, where its"
                " routes are seen (kubectl edit rollout NAME).",
            ),
        ),
    )


def _autoscalers() -> ObjectRule:
    """One sees no routes either; and one over a ReplicaSet makes one version larger than its share."""
    return ObjectRule(
        name="autoscalers-keep-shares-small",
        group="autoscaling",
        resources=("horizontalpodautoscalers",),
        only=PEOPLE,
        variables={
            **SPEC,
            "kind": "variables.spec.scaleTargetRef.kind",
            "least": "int(variables.spec.?minReplicas.orValue(1))",
        },
        checks=(
            Check(
                holds="variables.kind in ['Deployment', 'StatefulSet', 'Rollout']",
                found='"it would scale the " + variables.kind + " " + variables.spec.scaleTargetRef.name',
                fix="Name the Deployment, the StatefulSet or the Rollout that makes the pods.",
            ),
            Check(
                holds=f"variables.kind != 'Rollout' || variables.least >= {FEWEST}",
                found='"it would leave the Rollout " + variables.spec.scaleTargetRef.name + " "'
                ' + string(variables.least) + " pods"',
                fix=f"Say minReplicas: {FEWEST} or more: of fewer, one pod is a great share of the calls where the"
                " Rollout has no routes, which an autoscaler does not show.",
            ),
        ),
    )


def _controller() -> ObjectRule:
    """One that somebody installs beside the stack's, no rule would hold to where models are (`account_rules.py`): so it
    gets no further than its first Rollout, and says so."""
    who = "request.userInfo.username"
    return ObjectRule(
        name="rollouts-have-one-controller",
        group=ROLLOUTS,
        resources=("rollouts/status", "analysisruns", "experiments"),
        only=f"{who}.startsWith({cel(PREFIX)}) && !{who}.startsWith({cel(f'{PREFIX}{ns.KUBE_SYSTEM}:')})"
        f" && {who} != {cel(PREFIX + ROLLOUTS_CONTROLLER.replace('/', ':'))}",
        checks=(
            Check(
                holds="false",
                found=f'{who} + " would roll out or judge"',
                fix=f"Leave it to {ROLLOUTS_CONTROLLER}, the stack's: the guardrails hold that account to where models"
                " are, and another installation of Argo Rollouts to nothing.",
            ),
        ),
    )
