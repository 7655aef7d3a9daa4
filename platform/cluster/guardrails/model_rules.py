"""What runs in `models`: what the stack wrote there, and nothing else.

What was approved is what answers, and it alone has the calls, the record and the word about itself before those who
judge it. So nobody but the stack makes pods there or leads anybody to them: a team serves in `serving`. People say of a
Rollout that it waits, starts anew, goes on or goes back, and come to no port and into no pod of it. While a version is
on its way they start none of its pods anew, which would lose the calls by which it is judged; and what its judges let
go they do not bring again, which is a word of the settings.
"""

from typing import Final

from cluster import namespaces as ns
from cluster.guardrails.account_names import PREFIX, ROLLOUTS_CONTROLLER
from cluster.guardrails.account_rules import POD_MAKING
from cluster.guardrails.callers import meant
from cluster.guardrails.object_rule import PEOPLE, ObjectRule
from cluster.guardrails.rule import Check, cel

DOORS: Final = ("pods/exec", "pods/attach", "pods/portforward", "pods/proxy", "services/proxy")
_CONTROLLER: Final = f"request.userInfo.username == {cel(PREFIX + ROLLOUTS_CONTROLLER.replace('/', ':'))}"
_WAITS: Final = ("paused", "restartAt")
"""What people say of a Rollout that is there: that it waits, and that its pods start anew as they are."""
_META: Final = ("labels", "annotations", "finalizers", "ownerReferences")
_HERE: Final = f"has(request.namespace) && request.namespace == {cel(ns.MODELS.name)}"
_CHANGED: Final = {
    "said": "request.operation == 'DELETE' ? {} : dyn(object).?spec.orValue({})",
    "was": "request.operation == 'CREATE' ? {} : dyn(oldObject).?spec.orValue({})",
    "changed": "variables.said.filter(k, !(k in variables.was) || variables.said[k] != variables.was[k])"
    " + variables.was.filter(k, !(k in variables.said))",
}
"""CEL: the fields of a specification that come, go or become another."""
_NAMED: Final = "request.resource.resource + ' ' + request.name"
_FIX: Final = (
    "Of a model of the stack's people abort, promote, pause and restart a version; which one serves, and what"
    f" judges it, says the setting models. What a team serves by itself is in {ns.SERVING.name}."
)


def model_rules() -> tuple[ObjectRule, ...]:
    """The rules."""
    return (_runs(), _peoples(), _doors())


def _runs() -> ObjectRule:
    """Whoever asks, but the stack and the controllers that make pods of what it wrote."""
    return ObjectRule(
        name="models-run-as-the-stack-wrote-them",
        group="*",
        resources=POD_MAKING,
        operations=("CREATE", "UPDATE", "DELETE"),
        only=f"{_HERE} && !({meant()})",
        variables={
            **_CHANGED,
            "kind": "request.kind.kind",
            # The controller makes the ReplicaSets of what it was told.
            "handsOn": f"{_CONTROLLER} && (variables.kind == 'ReplicaSet' || request.operation == 'UPDATE'"
            " && variables.kind == 'Rollout' && !('template' in variables.changed))",
            "waits": "request.operation == 'UPDATE' && variables.kind != 'PodTemplate'"
            f" && variables.changed.all(k, variables.kind == 'Rollout' && k in {cel(_WAITS)})",
            "ends": f"request.operation == 'DELETE' && !({PEOPLE})",
        },
        checks=(
            Check(
                holds="variables.handsOn || variables.waits || variables.ends",
                found=f"{_NAMED} + (request.operation == 'DELETE' ? ' would end' : ' would be another\\'s word')",
                fix=_FIX,
            ),
        ),
    )


def _peoples() -> ObjectRule:
    """Of whatever kind: a route, a Service, a scale, a finalizer. What a change of status may say is in
    `rollouts-pass-their-gates`; a node is drained by an eviction."""
    return ObjectRule(
        name="models-are-the-stacks",
        group="*",
        resources=("*/*",),
        operations=("CREATE", "UPDATE", "DELETE"),
        only=f"({_HERE}) && ({PEOPLE})",
        variables={
            **_CHANGED,
            "sub": "has(request.subResource) ? request.subResource : ''",
            "what": "request.resource.resource + (variables.sub == '' ? '' : '/' + variables.sub)",
            "drained": "variables.what == 'pods/eviction'",
            "own": "request.operation == 'UPDATE' && request.resource.group == 'argoproj.io'"
            " && variables.what in ['rollouts', 'rollouts/status']"
            f" && variables.changed.all(k, k in {cel(_WAITS)})"
            f" && {cel(_META)}.all(k, dyn(object).metadata[?k] == dyn(oldObject).metadata[?k])",
            "old": "request.operation == 'UPDATE' ? dyn(oldObject) : {}",
            "aborted": "variables.old.?status.?abort.orValue(false)",
            # The last step of a canary is the reserve, where nothing looks at its calls any more.
            "steps": "size(variables.old.?spec.?strategy.?canary.?steps.orValue([]))",
            "onItsWay": "variables.old.?status.?stableRS.orValue('') != ''"
            " && variables.old.status.stableRS != variables.old.?status.?currentPodHash.orValue('')"
            " && !variables.aborted && !(variables.steps > 0"
            " && variables.old.?status.?currentStepIndex.orValue(0) >= variables.steps - 1)",
        },
        checks=(
            Check(
                holds="variables.drained || variables.own",
                found="variables.what + ' ' + request.name + (request.operation == 'DELETE' ? ' would end'"
                " : ' would be another\\'s word')",
                fix=_FIX,
            ),
            Check(
                holds="variables.what != 'rollouts' || !('restartAt' in variables.changed) || !variables.onItsWay",
                found="'a version of ' + request.name + ' is on its way, and its pods would begin to count anew'",
                fix="Abort it, or restart the pods when it has all calls.",
            ),
            Check(
                holds="variables.what != 'rollouts/status' || !variables.aborted"
                " || dyn(object).?status.?abort.orValue(false)",
                found="'the version of ' + request.name + ' that was let go would come again'",
                fix="Say another number as attempt of the model in the setting models: it comes anew, and is judged.",
            ),
        ),
    )


def _doors() -> ObjectRule:
    """By a port of its pod one comes to its proxy's administration, which writes callers' tokens into the log when it
    is told to; admission does not see which port."""
    return ObjectRule(
        name="models-are-asked-by-the-mesh",
        group="",
        resources=DOORS,
        operations=("CONNECT",),
        only=f"({_HERE}) && ({PEOPLE})",
        checks=(
            Check(
                holds="false",
                found="request.resource.resource + '/' + request.subResource + ' of ' + request.name"
                " + ' would come past the mesh'",
                fix="Ask it through the gateway (docs/asking-models.md); its logs and its metrics say how it fares.",
            ),
        ),
    )
