"""What runs as a model: the stack writes it, since what does may write that model's record and read its key.

A team may start pods in `serving`, and who starts a pod is its service account. So a model's account is in no template
that a team, or a chart's controller, wrote: what the stack wrote is handed on by the controllers that make pods of it.
"""

from typing import Final

from cluster import namespaces as ns
from cluster.guardrails.account_names import PREFIX, ROLLOUTS_CONTROLLER
from cluster.guardrails.account_rules import POD_MAKING
from cluster.guardrails.callers import meant
from cluster.guardrails.object_rule import PEOPLE, ObjectRule
from cluster.guardrails.rule import Check, cel

_CONTROLLER: Final = f"request.userInfo.username == {cel(PREFIX + ROLLOUTS_CONTROLLER.replace('/', ':'))}"
_WAITS: Final = ("paused", "restartAt")
"""What people say of a Rollout that is there: that it waits, and that its pods start anew as they are."""


def model_rules() -> tuple[ObjectRule, ...]:
    """The rules."""
    return (
        ObjectRule(
            name="models-run-as-the-stack-wrote-them",
            group="*",
            resources=POD_MAKING,
            operations=("CREATE", "UPDATE", "DELETE"),
            only=f"request.namespace == {cel(ns.SERVING.name)} && !({meant()})",
            variables={
                "kind": "request.kind.kind",
                "new": "request.operation == 'DELETE' ? {} : dyn(object)",
                "old": "request.operation == 'CREATE' ? {} : dyn(oldObject)",
                "accounts": "[variables.new, variables.old].map(o, " + _pod("o") + ")"
                # A Rollout's template is nobody's to complete, and the older name of the field is not copied there.
                ".map(p, [p.?serviceAccountName.orValue(''), p.?serviceAccount.orValue('')])"
                f".map(n, n.filter(a, a.startsWith({cel(ns.MODEL_ACCOUNTS)})).join(', ')).filter(n, n != '')",
                "said": "variables.new.?spec.orValue({})",
                "was": "variables.old.?spec.orValue({})",
                "changed": "variables.said.filter(k, !(k in variables.was) || variables.said[k] != variables.was[k])"
                " + variables.was.filter(k, !(k in variables.said))",
                # The controller makes the ReplicaSets of what it was told.
                "handsOn": f"{_CONTROLLER} && (variables.kind == 'ReplicaSet' || request.operation == 'UPDATE'"
                " && variables.kind == 'Rollout' && !('template' in variables.changed))",
                "waits": "request.operation == 'UPDATE' && variables.kind != 'PodTemplate'"
                f" && variables.changed.all(k, variables.kind == 'Rollout' && k in {cel(_WAITS)})",
                "ends": f"request.operation == 'DELETE' && !(variables.kind == 'Rollout' && ({PEOPLE}))",
            },
            checks=(
                Check(
                    holds="size(variables.accounts) == 0 || variables.handsOn || variables.waits || variables.ends",
                    found='"what runs as " + variables.accounts[0] + " would "'
                    " + (request.operation == 'DELETE' ? 'end' : 'be another\\'s word')",
                    fix="Of a model of the stack's people abort, retry, promote, pause and restart a version; which one"
                    " serves, and what judges it, says the setting models. What a team serves by itself runs as"
                    f" {ns.SERVING.service_account}.",
                ),
            ),
        ),
    )


def _pod(of: str) -> str:
    """CEL: the specification of the pods that an object is, or makes."""
    return (
        f"variables.kind == 'Pod' ? {of}.?spec.orValue({{}})"
        f" : variables.kind == 'PodTemplate' ? {of}.?template.?spec.orValue({{}})"
        f" : variables.kind == 'CronJob' ? {of}.?spec.?jobTemplate.?spec.?template.?spec.orValue({{}})"
        f" : {of}.?spec.?template.?spec.orValue({{}})"
    )
