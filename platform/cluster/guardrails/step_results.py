"""How a step of a run ended says that step, and of itself alone.

All steps are one service account, and Argo takes a result by its name, whoever wrote it: code in one step could say
what came out of another, of anybody's run, and with it which pod comes next. But a step's token is its pod's, and the
API server says which that is.
"""

from typing import Final

from cluster import namespaces as ns
from cluster.guardrails.account_names import PREFIX
from cluster.guardrails.object_rule import ObjectRule
from cluster.guardrails.rule import Check, cel
from cluster.roles import ROLLOUTS

ARGO: Final = ROLLOUTS
"""Argo's kinds are all of one group."""
STEP: Final = f"{PREFIX}{ns.PIPELINES.name}:{ns.PIPELINES.service_account}"
POD: Final = "authentication.kubernetes.io/pod-name"
"""Which pod a token is bound to (Kubernetes, "Managing Service Accounts", Additional metadata in pod bound tokens)."""
WORKFLOW: Final = "workflows.argoproj.io/workflow"
"""The label by which the controller knows whose result it is."""
TEMPLATES: Final = "^(retry-|metadata-[0-9]{1,3}-[0-9]{1,3}-)*system-(dag-driver|container-[a-z]+|importer)(-[a-z]+)?$"
"""What Kubeflow's compiler calls what has a pod (kubeflow/pipelines 2.17, backend/src/v2/compiler/argocompiler). None
has a part of five letters and digits, as a Workflow's name ends in: so of `intake-x7k2p-retry-b4dk9` no pod is one of
`intake-x7k2p`, whoever called a pipeline so."""


def step_results_rule() -> ObjectRule:
    """The rule. A node is WORKFLOW-HASH, and its pod WORKFLOW-TEMPLATE-HASH (argo-workflows v4.0,
    workflow/util/pod_name.go)."""
    cut = "variables.name.lastIndexOf('-')"
    return ObjectRule(
        name="steps-speak-for-themselves",
        group=ARGO,
        resources=("workflowtaskresults",),
        only=f"request.userInfo.username == {cel(STEP)}",
        variables={
            "name": "dyn(object).metadata.?name.orValue('')",
            "pod": f"has(request.userInfo.extra) && {cel(POD)} in request.userInfo.extra"
            f" ? request.userInfo.extra[{cel(POD)}].join(' ') : ''",
            "run": f"{cut} > 0 ? variables.name.substring(0, {cut}) : ''",
            "hash": f"variables.name.substring({cut} + 1)",
            "template": "variables.pod.startsWith(variables.run + '-') && variables.pod.endsWith('-' + variables.hash)"
            " && size(variables.pod) > size(variables.run) + size(variables.hash) + 2"
            " ? variables.pod.substring(size(variables.run) + 1, size(variables.pod) - size(variables.hash) - 1) : ''",
        },
        checks=(
            Check(
                holds=f"variables.run != '' && variables.hash.matches('^[0-9]+$')"
                f" && variables.template.matches({cel(TEMPLATES)})",
                found="variables.name + ' is not the step of the pod ' + (variables.pod == '' ? 'without a name'"
                " : variables.pod)",
                fix="A step writes its own result, by the token of its pod.",
            ),
            Check(
                holds=f"dyn(object).metadata.?labels[?{cel(WORKFLOW)}].orValue('') == variables.run",
                found=f"variables.name + ' says that it is of ' + dyn(object).metadata.?labels[?{cel(WORKFLOW)}]"
                ".orValue('no run')",
                fix=f"Its label {WORKFLOW} is the run of the step's pod.",
            ),
        ),
    )
